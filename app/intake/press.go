package intake

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// CodeSuperseded says that what was pressed belongs to an older task of its thread.
const CodeSuperseded anvil.Code = "TASK_SUPERSEDED"

// Press is a button that somebody pressed on a check run of ours. It is a command like
// one in a comment, said in the thread of the check run's task.
type Press struct {
	Task       anvil.TaskID // empty: the latest of the pull request Pull
	Pull       int
	Repository anvil.Repository
	By         anvil.Actor
	Delivery   anvil.DeliveryID
	Verb       anvil.Verb
	Argument   string // of the verb: which plan, which tree
	Words      string // of VerbDo
}

// fixWords is what the button Fix asks for.
const fixWords = "The verification of your last change failed. Find out why, and make its checks pass."

// press reads a button of a check run, and GitHub's own Re-run beside it.
func (r Reader) press(d anvil.Delivery, p *payload) Reading {
	check := p.CheckRun
	if check == nil || check.App == nil || r.Self.AppID == 0 || check.App.ID != r.Self.AppID {
		return ignored(CodeUnhandled, "the check run is not this App's")
	}
	c := r.command(d, p, &issue{})
	press := Press{Task: anvil.TaskID(check.ExternalID), Repository: c.Thread.Repository, By: c.Requester, Delivery: d.ID}
	button := ""
	switch {
	case p.Action == "rerequested":
		button = "retry"
	case p.Action == "requested_action" && p.RequestedAction != nil:
		button = p.RequestedAction.Identifier
	default:
		return ignored(CodeUnhandled, "this change of a check run asks for nothing")
	}
	verb, argument, _ := strings.Cut(button, " ")
	switch press.Verb = anvil.Verb(verb); press.Verb {
	case anvil.VerbStop, anvil.VerbRetry:
	case anvil.VerbApprove, anvil.VerbRelease:
		press.Argument = argument
	case "fix":
		press.Verb, press.Words = anvil.VerbDo, fixWords
	default:
		return ignored(CodeUnhandled, "the check run has no such button")
	}
	return Reading{Decision: anvil.Pending, Press: &press}
}

// pressAll reads the request to run all checks of a commit once more.
func (r Reader) pressAll(d anvil.Delivery, p *payload) Reading {
	suite := p.CheckSuite
	if p.Action != "rerequested" || suite == nil || suite.App == nil || r.Self.AppID == 0 || suite.App.ID != r.Self.AppID || len(suite.Pulls) == 0 {
		return ignored(CodeUnhandled, "this change of a check suite asks for nothing")
	}
	c := r.command(d, p, &issue{})
	return Reading{Decision: anvil.Pending, Press: &Press{
		Pull: suite.Pulls[0].Number, Repository: c.Thread.Repository, By: c.Requester, Delivery: d.ID, Verb: anvil.VerbRetry,
	}}
}

// pressed takes a press as the command that it stands for. Who pressed is asked for as
// who comments is: that GitHub shows the button says nothing about our own rules.
func (d *Decider) pressed(ctx context.Context, p Press, reader Reader, came time.Time) (anvil.Ruling, error) {
	latest, err := d.pressedOn(ctx, p)
	if errors.Is(err, anvil.ErrNotFound) || err == nil && latest.Session.Repository.ID != p.Repository.ID {
		return anvil.Ruling{Decision: anvil.Ignored, Reason: ignored(CodeUnhandled, "the check run names no task of its repository").Reason}, nil
	}
	if err != nil {
		return anvil.Ruling{}, err
	}
	asked := latest.Task.Command
	c := anvil.Command{Delivery: p.Delivery, Thread: asked.Thread, Requester: p.By, Verb: p.Verb, Argument: p.Argument, Origin: asked.Origin, Pressed: true}
	c.Thread.Repository = p.Repository
	request := Request{Command: c}
	newest, err := d.latest(ctx, c.Thread)
	switch {
	case err != nil:
		return anvil.Ruling{}, err
	case newest.Task.ID != latest.Task.ID && p.Verb != anvil.VerbStop && p.Delivery != newest.Task.Command.Delivery:
		request.Refusal = anvil.Problemf(CodeSuperseded, "Look at the newest task's comment, or comment /anvil and say what to do",
			"the button belongs to an older task of this thread")
	case p.Verb == anvil.VerbDo:
		request.Command.Options = asked.Options // the same checks, above all
		request.Refusal = reader.snapshot(&request.Command, p.Words, &issue{Title: asked.Prompt.IssueTitle, Body: asked.Prompt.IssueBody})
	}
	ruling, err := d.Take(ctx, request, reader, came)
	if ruling.Reply != nil {
		// There is no comment of theirs to react to; words have a place in the thread.
		if ruling.Reply.Reaction = ""; ruling.Reply.Text == "" {
			ruling.Reply = nil
		}
	}
	return ruling, err
}

// pressedOn is the task that a press is about.
func (d *Decider) pressedOn(ctx context.Context, p Press) (anvil.Story, error) {
	if p.Task == "" {
		return d.latest(ctx, anvil.Thread{Repository: p.Repository, Issue: p.Pull})
	}
	return d.Store.Story(ctx, p.Task)
}
