package github

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Review is a submitted review of a pull request.
type Review struct {
	ID     int64
	State  string // APPROVED, CHANGES_REQUESTED, COMMENTED or DISMISSED
	Body   string
	Author anvil.Actor
	Commit string // that was reviewed
}

// Reviews lists the reviews of a pull request, oldest first.
func (a *App) Reviews(ctx context.Context, repo anvil.Repository, number int) (all []Review, err error) {
	for page := 1; page <= maxPages; page++ {
		var answer []struct {
			ID     int64  `json:"id"`
			State  string `json:"state"`
			Body   string `json:"body"`
			Commit string `json:"commit_id"`
			User   *user  `json:"user"`
		}
		c := onRepo("list the reviews", repo, mayReadPulls, http.MethodGet, "pulls", itoa(number), "reviews")
		c.query, c.out = url.Values{"per_page": {"100"}, "page": {itoa(page)}}, &answer
		if _, err := a.do(ctx, c); err != nil {
			return nil, err
		}
		for _, r := range answer {
			if r.User != nil { // a deleted account's reviews have none
				all = append(all, Review{ID: r.ID, State: r.State, Body: r.Body, Author: r.User.actor(), Commit: r.Commit})
			}
		}
		if len(answer) < 100 {
			break
		}
	}
	return all, nil
}

// user is an account as every answer has it.
type user struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Type  string `json:"type"`
}

func (u user) actor() anvil.Actor {
	return anvil.Actor{ID: u.ID, Login: u.Login, Bot: u.Type != "User"}
}

// ReviewComments lists what a review says of single lines.
func (a *App) ReviewComments(ctx context.Context, repo anvil.Repository, number int, review int64) ([]anvil.ReviewComment, error) {
	var answer []struct {
		ID           int64  `json:"id"`
		Path         string `json:"path"`
		Line         int    `json:"line"`
		OriginalLine int    `json:"original_line"`
		Hunk         string `json:"diff_hunk"`
		Body         string `json:"body"`
		ReplyTo      int64  `json:"in_reply_to_id"`
	}
	c := onRepo("read the review's comments", repo, mayReadPulls, http.MethodGet, "pulls", itoa(number), "reviews", itoa(review), "comments")
	c.query, c.out = url.Values{"per_page": {"100"}}, &answer
	if _, err := a.do(ctx, c); err != nil {
		return nil, err
	}
	var all []anvil.ReviewComment
	for _, m := range answer {
		if m.ReplyTo == 0 {
			all = append(all, anvil.ReviewComment{ID: m.ID, Path: m.Path, Line: max(m.Line, m.OriginalLine), Hunk: m.Hunk, Body: m.Body})
		}
	}
	return all, nil
}

// ReplyToReview answers in the thread of a review comment.
func (a *App) ReplyToReview(ctx context.Context, repo anvil.Repository, number int, comment int64, body string) (Comment, error) {
	c := onRepo("answer the review comment", repo, mayWritePulls, http.MethodPost, "pulls", itoa(number), "comments", itoa(comment), "replies")
	return a.sendComment(ctx, c, body)
}

// ReviewThread is the thread that a review comment began.
type ReviewThread struct {
	ID       string // GraphQL's
	Comment  int64  // that began it
	Resolved bool
	Bodies   []string // of its comments, up to fifty
}

// ReviewThreads lists the first hundred threads of a pull request. Only GraphQL knows
// threads.
func (a *App) ReviewThreads(ctx context.Context, repo anvil.Repository, number int) ([]ReviewThread, error) {
	const query = `query($owner: String!, $name: String!, $number: Int!) { repository(owner: $owner, name: $name) { pullRequest(number: $number) {
		reviewThreads(first: 100) { nodes { id isResolved comments(first: 50) { nodes { databaseId body } } } } } } }`
	var answer struct {
		Repository struct {
			PullRequest struct {
				ReviewThreads struct {
					Nodes []struct {
						ID         string `json:"id"`
						IsResolved bool   `json:"isResolved"`
						Comments   struct {
							Nodes []struct {
								DatabaseID int64  `json:"databaseId"`
								Body       string `json:"body"`
							} `json:"nodes"`
						} `json:"comments"`
					} `json:"nodes"`
				} `json:"reviewThreads"`
			} `json:"pullRequest"`
		} `json:"repository"`
	}
	err := a.graphQL(ctx, "list the review's threads", repo, mayReadPulls, query, map[string]any{"owner": repo.Owner, "name": repo.Name, "number": number}, &answer)
	var all []ReviewThread
	for _, n := range answer.Repository.PullRequest.ReviewThreads.Nodes {
		if len(n.Comments.Nodes) > 0 {
			t := ReviewThread{ID: n.ID, Comment: n.Comments.Nodes[0].DatabaseID, Resolved: n.IsResolved}
			for _, c := range n.Comments.Nodes {
				t.Bodies = append(t.Bodies, c.Body)
			}
			all = append(all, t)
		}
	}
	return all, err
}

// ResolveThread marks a thread as resolved. Doing it twice is the same as once.
func (a *App) ResolveThread(ctx context.Context, repo anvil.Repository, id string) error {
	const query = `mutation($id: ID!) { resolveReviewThread(input: {threadId: $id}) { thread { id isResolved } } }`
	return a.graphQL(ctx, "resolve the review's thread", repo, mayPublish, query, map[string]any{"id": id}, &struct{}{})
}

// graphQL asks what REST has no call for. GraphQL tells errors with status 200.
func (a *App) graphQL(ctx context.Context, op string, repo anvil.Repository, r rights, query string, variables map[string]any, out any) error {
	answer := struct {
		Data   any `json:"data"`
		Errors []struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"errors"`
	}{Data: out}
	c := call{op: op, grant: grantOn(repo, r), method: http.MethodPost, graphQL: true, out: &answer}
	c.body = struct {
		Query     string         `json:"query"`
		Variables map[string]any `json:"variables"`
	}{strings.Join(strings.Fields(query), " "), variables}
	if _, err := a.do(ctx, c); err != nil {
		return err
	}
	if len(answer.Errors) == 0 {
		return nil
	}
	first, kind := answer.Errors[0], Invalid
	switch first.Type {
	case "NOT_FOUND":
		kind = NotFound
	case "FORBIDDEN":
		kind = Forbidden
	case "RATE_LIMITED":
		kind = RateLimited
	}
	return &Error{Op: op, Kind: kind, Status: http.StatusOK, Message: Fit(first.Message, maxMessage, ""), Rights: r.String(), sent: true}
}

// LatestRequest returns the last review of a person that asks for changes and was not
// followed by their approval.
func LatestRequest(all []Review) (found Review, ok bool) {
	settled := map[int64]bool{}
	for _, r := range slices.Backward(all) {
		switch {
		case r.Author.Bot || settled[r.Author.ID]:
		case r.State == "CHANGES_REQUESTED":
			return r, true
		case r.State == "APPROVED" || r.State == "DISMISSED":
			settled[r.Author.ID] = true
		}
	}
	return found, false
}
