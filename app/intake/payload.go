package intake

import "github.com/seed-bc0cc349/anvil/app/anvil"

// payload holds the fields in use of all events together. The client library's
// own types lack performed_via_github_app of a comment, which decides who is
// speaking, so these are ours. Unknown fields are ignored: GitHub adds some
// every month.
type payload struct {
	Action       string        `json:"action"`
	Sender       *account      `json:"sender"`
	Installation *installation `json:"installation"`
	Repository   *repository   `json:"repository"`
	Issue        *issue        `json:"issue"`
	PullRequest  *issue        `json:"pull_request"` // of review comments
	Comment      *comment      `json:"comment"`
	Review       *review       `json:"review"`
	Label        *label        `json:"label"`
	Assignee     *account      `json:"assignee"`
	CheckRun     *checkRun     `json:"check_run"`
	CheckSuite   *checkSuite   `json:"check_suite"`
	// RequestedAction is the App's own button that was pressed.
	RequestedAction *struct {
		Identifier string `json:"identifier"`
	} `json:"requested_action"`
	Changes struct {
		Body *struct {
			From string `json:"from"`
		} `json:"body"`
	} `json:"changes"`

	Repositories        []repository `json:"repositories"`
	RepositoriesAdded   []repository `json:"repositories_added"`
	RepositoriesRemoved []repository `json:"repositories_removed"`
}

type account struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Type  string `json:"type"` // User, Bot, Organization or Mannequin
}

func (a *account) actor() anvil.Actor {
	return anvil.Actor{ID: a.ID, Login: a.Login, Bot: a.Type != "User"}
}

type installation struct {
	ID      int64    `json:"id"`
	AppID   int64    `json:"app_id"`
	Account *account `json:"account"`
}

type repository struct {
	ID            int64    `json:"id"`
	Name          string   `json:"name"`
	FullName      string   `json:"full_name"`
	Owner         *account `json:"owner"`
	DefaultBranch string   `json:"default_branch"`
	Private       bool     `json:"private"`
	Archived      bool     `json:"archived"`
}

type issue struct {
	Number      int       `json:"number"`
	Title       string    `json:"title"`
	Body        string    `json:"body"`
	State       string    `json:"state"`
	Locked      bool      `json:"locked"`
	PullRequest *struct{} `json:"pull_request"` // there if the issue is a pull request
	User        *account  `json:"user"`
}

type review struct {
	ID    int64    `json:"id"`
	State string   `json:"state"` // approved, changes_requested, commented or dismissed
	Body  string   `json:"body"`
	User  *account `json:"user"`
}

type comment struct {
	ID   int64    `json:"id"`
	Body string   `json:"body"`
	User *account `json:"user"`
	// Path, Line, OriginalLine and Hunk are where a review comment stands.
	Path         string `json:"path"`
	Line         int    `json:"line"`
	OriginalLine int    `json:"original_line"`
	Hunk         string `json:"diff_hunk"`
	ReplyTo      int64  `json:"in_reply_to_id"`
	// App is the App by which the comment was made in a person's name.
	App *app `json:"performed_via_github_app"`
}

type app struct {
	ID   int64  `json:"id"`
	Slug string `json:"slug"`
}

type label struct {
	Name string `json:"name"`
}

type checkRun struct {
	ExternalID string `json:"external_id"` // the App's own reference
	App        *app   `json:"app"`
}

type checkSuite struct {
	App        *app   `json:"app"`
	HeadSHA    string `json:"head_sha"`
	Conclusion string `json:"conclusion"`
	Pulls      []struct {
		Number int `json:"number"`
	} `json:"pull_requests"`
}
