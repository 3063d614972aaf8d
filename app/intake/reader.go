package intake

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

// Self is who this server is at GitHub. Ids decide, for logins change hands.
type Self struct {
	AppID int64
	BotID int64  // the account id of the App's bot, APP[bot]
	Label string // the label that asks for work; empty means "anvil"
}

// Reader reads deliveries. Its fields are set once and not changed afterwards.
type Reader struct {
	Self  Self
	Offer policy.Offer
	// PromptBytes bounds a task's text; 0 means that nothing is too long.
	PromptBytes int
	// ValidRef says which rule a branch name breaks.
	ValidRef func(name string) error
	// Clean removes hidden text. Where is what the text is, such as "comment".
	Clean func(where, text string) (string, []anvil.RemovedHidden)
	// Mask takes out what looks like a secret, and says of which kinds it was.
	Mask func(text string) (string, []string)
}

// Reading is what a delivery says.
type Reading struct {
	// Decision is Pending if Request, Press or Broken is to be judged, Accepted if Change or
	// Gone is set, else Ignored.
	Decision anvil.Decision
	// Reason is why it is ignored, as `CODE: sentence.`
	Reason  string
	Request *Request
	Press   *Press
	Broken  *Broken
	Change  *Change
	Gone    *Gone
	// Pull is a pull request that got another review or another head, whatever else the
	// delivery says.
	Pull *Pull
}

// Request is a command that nobody has permitted yet.
type Request struct {
	Command anvil.Command
	// Refusal is what a requester who may ask is answered, instead of the command
	// being run.
	Refusal *anvil.Problem
}

// Parse reads d. An error is a payload that is not what GitHub sends.
func (r Reader) Parse(d anvil.Delivery) (Reading, error) {
	if !handled(d.Event) {
		return ignored(CodeUnhandled, "event %s is not one of ours", policy.Shown(d.Event)), nil
	}
	var p payload
	if err := json.Unmarshal(d.Body, &p); err != nil {
		problem := anvil.Problemf(CodePayload, "Redeliver it from the App's settings, and report it if it stays", "the payload of a %s event cannot be read", d.Event)
		problem.IDs = []string{"delivery " + string(d.ID)}
		return Reading{}, problem.Because(err)
	}
	reading := r.read(d, &p)
	reading.Pull = pullOf(d.Event, &p)
	return reading, nil
}

// read reads what a payload says.
func (r Reader) read(d anvil.Delivery, p *payload) Reading {
	switch d.Event {
	case "ping":
		return ignored(CodeUnhandled, "a ping; the webhook works")
	case "installation", "installation_repositories":
		return r.installation(d.Event, p)
	}
	if reading := gone(d.Event, p); reading != nil {
		return *reading
	}
	if reading := r.broken(d, p); reading != nil {
		return *reading
	}
	if reading := r.speaker(p); reading != nil {
		return *reading
	}
	switch d.Event {
	case "issue_comment":
		return r.comment(d, p)
	case "issues":
		return r.issue(d, p)
	case "pull_request":
		return ignored(CodeUnhandled, "a change of a pull request opens no task")
	case "pull_request_review":
		return r.review(d, p)
	case "check_run":
		return r.press(d, p)
	case "check_suite":
		return r.pressAll(d, p)
	default:
		return r.elsewhere(d, p)
	}
}

func handled(event string) bool {
	switch event {
	case "ping", "installation", "installation_repositories", "issue_comment", "issues", "pull_request", "pull_request_review",
		"pull_request_review_comment", "check_run", "check_suite", "commit_comment", "discussion_comment":
		return true
	}
	return false
}

// speaker returns a reading if p is not from a person of an installation.
func (r Reader) speaker(p *payload) *Reading {
	var reading Reading
	switch {
	case p.Sender == nil || p.Repository == nil || p.Repository.Owner == nil:
		reading = ignored(CodeUnhandled, "the payload names no sender or no repository")
	case r.Self.BotID != 0 && p.Sender.ID == r.Self.BotID:
		reading = ignored(CodeBot, "it is this App's own doing")
	case p.Sender.Type != "User":
		reading = ignored(CodeBot, "the sender is a %s, not a person", policy.Shown(strings.ToLower(p.Sender.Type)))
	case p.Comment != nil && p.Comment.App != nil && p.Comment.App.ID == r.Self.AppID:
		reading = ignored(CodeBot, "the comment was made by this App")
	case p.Comment != nil && p.Comment.App != nil:
		reading = ignored(CodeBot, "the comment was made by the App %s in a person's name", policy.Shown(p.Comment.App.Slug))
	case p.Installation == nil || p.Installation.ID == 0:
		reading = ignored(CodeGone, "the payload names no installation")
	default:
		return nil
	}
	return &reading
}

func ignored(code anvil.Code, reason string, args ...any) Reading {
	return Reading{Decision: anvil.Ignored, Reason: fmt.Sprintf("%s: %s.", code, fmt.Sprintf(reason, args...))}
}

func pending(request Request) Reading {
	return Reading{Decision: anvil.Pending, Request: &request}
}

// command begins a command with what every payload says alike.
func (r Reader) command(d anvil.Delivery, p *payload, i *issue) anvil.Command {
	title, _ := r.Clean("issue title", i.Title)
	title, _ = r.Mask(title)
	return anvil.Command{
		Delivery: d.ID,
		Thread: anvil.Thread{
			Repository: anvil.Repository{
				ID:            p.Repository.ID,
				Installation:  p.Installation.ID,
				Owner:         p.Repository.Owner.Login,
				Name:          p.Repository.Name,
				DefaultBranch: p.Repository.DefaultBranch,
				Private:       p.Repository.Private,
			},
			Issue:       i.Number,
			Title:       title,
			PullRequest: i.PullRequest != nil,
		},
		Requester: p.Sender.actor(),
	}
}

// refusal adds the delivery's id to a problem, by which its log lines are found.
func refusal(d anvil.Delivery, p *anvil.Problem) *anvil.Problem {
	if p == nil || len(p.IDs) > 0 {
		return p
	}
	q := *p
	q.IDs = []string{"delivery " + string(d.ID)}
	return &q
}
