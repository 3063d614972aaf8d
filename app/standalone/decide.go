package standalone

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/dispatch"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/intake"
	"github.com/seed-bc0cc349/anvil/app/rulebook"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
	"github.com/seed-bc0cc349/anvil/app/secret"
)

// promptBytes is how long a task's text may be.
const promptBytes = 64 << 10

// Ignored is why an event is not for us, or from somebody who may not ask. There is
// nothing to do, and nobody to tell.
type Ignored struct{ Reason string }

func (i *Ignored) Error() string { return i.Reason }

// hub is GitHub with the job's token.
type hub struct{ *github.App }

func connect(j Job) (hub, error) {
	app, err := github.New(github.Config{WebURL: j.Web, APIURL: j.API, Token: j.Token})
	return hub{app}, err
}

// IssueIsThere: a task that was started by hand has no issue that could go away.
func (h hub) IssueIsThere(ctx context.Context, repo anvil.Repository, number int) (bool, error) {
	if number == 0 {
		return true, nil
	}
	return h.App.IssueIsThere(ctx, repo, number)
}

// DefaultBranchCommit and the rest of [dispatch.Contents] are the App's.
var _ dispatch.Contents = hub{}

// decide reads who asks for what from the event, asks GitHub whether they may, and
// settles base and rules. An [*Ignored] or an [anvil.Problem] says why there is no task.
func decide(ctx context.Context, j Job, o Options, h hub) (anvil.Story, error) {
	command, err := commandOf(ctx, j, o, h)
	if err != nil {
		return anvil.Story{}, err
	}
	id := "w" + strconv.FormatInt(j.RunID, 10)
	story := anvil.Story{
		Session: anvil.Session{ID: anvil.SessionID(id), Repository: command.Thread.Repository, Issue: command.Thread.Issue, Ordinal: 1},
		Task:    anvil.Task{ID: anvil.TaskID(id), Session: anvil.SessionID(id), Command: command},
		Runs:    []anvil.Run{{ID: anvil.RunID(id), Task: anvil.TaskID(id), Attempt: 1}},
		Effects: map[string]anvil.Effect{},
	}
	offer, err := o.offer()
	if err != nil {
		return story, err
	}
	preparer := &dispatch.Preparer{GitHub: h, Book: bookOf(h), Offer: offer, Kinds: map[string]string{o.Engine: o.Engine}}
	settled, err := preparer.Settle(ctx, story)
	if err != nil {
		return story, err
	}
	run := &story.Runs[0]
	run.BaseRef, run.BaseCommit, run.Rules, run.Engine = settled.BaseRef, settled.BaseCommit, settled.Rules, settled.Engine
	run.Placement = anvil.Placement{Provider: "actions", Repository: j.Repository, WorkflowRun: j.RunID, URL: j.runURL()}
	return story, nil
}

// commandOf is the event's command, if its requester may have it.
func commandOf(ctx context.Context, j Job, o Options, h hub) (anvil.Command, error) {
	offer, err := o.offer()
	if err != nil {
		return anvil.Command{}, err
	}
	delivery, err := j.delivery(o)
	if err != nil {
		return anvil.Command{}, err
	}
	reader := intake.Reader{Offer: offer, PromptBytes: promptBytes, ValidRef: git.ValidateRef, Clean: sanitize.Prompt, Mask: secret.Mask}
	reading, err := reader.Parse(delivery)
	if err != nil {
		return anvil.Command{}, err
	}
	if reading.Request == nil {
		return anvil.Command{}, &Ignored{reading.Reason}
	}
	request := *reading.Request
	id, role, err := h.Permission(ctx, request.Command.Thread.Repository, request.Command.Requester.Login)
	if err != nil && !errors.Is(err, github.ErrNotFound) {
		return anvil.Command{}, err
	}
	command, problem, decision := intake.Judge(request, intake.Permission{UserID: id, Level: role, Role: role})
	switch {
	case decision == anvil.Ignored, problem != nil && problem.Code == intake.CodePermission:
		// Nobody can fill a thread, or somebody's bill, by commands they may not give.
		return command, &Ignored{problem.Error()}
	case problem != nil:
		return command, problem
	case command.Verb != anvil.VerbDo && command.Verb != anvil.VerbNew:
		return command, anvil.Problemf(CodeServerless, "Say what to do, or install Anvil's server", "/anvil %s needs a server, and this repository runs Anvil without one", command.Verb)
	case command.Thread.PullRequest:
		return command, anvil.Problemf(CodeServerless, "Comment on an issue, or install Anvil's server", "going on from a pull request needs a server, and this repository runs Anvil without one")
	}
	if problem := o.add(&command.Options); problem != nil {
		return command, problem
	}
	return command, nil
}

// branchOf names the branch of an attempt at the workflow run.
func branchOf(s anvil.Story, runID int64, attempt int) string {
	title := s.Task.Command.Thread.Title
	if s.Session.Issue == 0 {
		title = s.Task.Command.Prompt.IssueTitle
	}
	branch := fmt.Sprintf("anvil/%d-%s-%d", s.Session.Issue, anvil.Slug(title), runID)
	if attempt > 1 {
		branch += fmt.Sprintf("-%d", attempt)
	}
	return branch
}

// bookOf reads the repository's own rules. The job's token reaches no other repository,
// so an organisation's rules are not read.
func bookOf(h hub) *rulebook.Book {
	return &rulebook.Book{GitHub: h, Past: noPast{}, ValidRef: git.ValidateRef, Now: time.Now}
}

// noPast remembers no rules: every run reads its own.
type noPast struct{}

func (noPast) LastRules(context.Context, int64) (anvil.Rules, error) {
	return anvil.Rules{}, anvil.ErrNotFound
}
