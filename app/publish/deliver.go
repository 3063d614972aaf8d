package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/app/queue"
)

// Repository is what GitHub offers for permissions and contents.
type Repository interface {
	PermissionOf(ctx context.Context, repo anvil.Repository, who anvil.Actor) (now anvil.Actor, role string, err error)
	IssueIsThere(ctx context.Context, repo anvil.Repository, number int) (bool, error)
	Branch(ctx context.Context, repo anvil.Repository, name string) (sha string, err error)
	Commit(ctx context.Context, repo anvil.Repository, sha string) (tree string, parents []string, err error)
	PublishToken(ctx context.Context, repo anvil.Repository) (token string, expires time.Time, err error)
	CloneURL(repo anvil.Repository) string
}

// Pulls is what GitHub offers for pull requests.
type Pulls interface {
	PullRequest(ctx context.Context, repo anvil.Repository, number int) (github.PullRequest, error)
	CreatePullRequest(ctx context.Context, repo anvil.Repository, n github.NewPullRequest) (github.PullRequest, error)
	EditPullRequest(ctx context.Context, repo anvil.Repository, number int, edit github.PullRequestEdit) (github.PullRequest, error)
	FindPullRequest(ctx context.Context, repo anvil.Repository, head string) (github.PullRequest, bool, error)
}

// DeliverStore is what delivering reads and records.
type DeliverStore interface {
	Effects
	StoryOfRun(ctx context.Context, id anvil.RunID) (anvil.Story, error)
	Move(ctx context.Context, id anvil.RunID, to anvil.State, change func(*anvil.Run) error, next ...anvil.Job) (anvil.Run, error)
	SetPullRequest(ctx context.Context, id anvil.SessionID, number int) error
	// Succeeded returns the stories of a session's tasks that changed its pull
	// request, in the order in which they were asked for.
	Succeeded(ctx context.Context, id anvil.SessionID) ([]anvil.Story, error)
}

// Quarantine opens the repository that holds a run's checked tree and its base,
// inspecting again if it was cleared away.
type Quarantine func(ctx context.Context, story anvil.Story) (*git.Repository, error)

// Deliverer is the deliver hop.
type Deliverer struct {
	Store      DeliverStore
	GitHub     Repository
	Pulls      Pulls
	Signing    Signing
	Triage     Triage
	Checks     Checks
	Words      Words
	Markers    Markers
	Quarantine Quarantine
	// Screenshot returns a picture of a run's report, made safe.
	Screenshot func(ctx context.Context, run anvil.Run, index int) ([]byte, error)
	Done       func(run anvil.RunID) // clears the quarantine away
	// Bot returns the App's bot account, the author of the commit.
	Bot    func(ctx context.Context) (anvil.Actor, error)
	Server string
	Now    func() time.Time
	Log    *slog.Logger
	// Patience is how long it is tried before the run fails for what waiting was
	// hoped to cure.
	Patience time.Duration
}

// Deliver publishes a run's checked tree: branch, pull request, check run. One
// call at a time acts for a run; whoever wakes the hop sees to it.
func (d *Deliverer) Deliver(ctx context.Context, key string) error {
	story, err := d.Store.StoryOfRun(ctx, anvil.RunID(key))
	if err != nil {
		return err
	}
	story.Server = d.Server
	run := story.Run()
	if run.ID != anvil.RunID(key) || run.State != anvil.Delivering {
		return nil
	}
	err = d.deliver(ctx, story, run)
	var moved *anvil.MoveError
	if err == nil || errors.As(err, &moved) {
		d.Done(run.ID)
		return nil
	}
	if p := d.final(err, run); p != nil {
		return d.fail(ctx, run.ID, p)
	}
	return later(err, d.Now())
}

// final is the problem with which a run fails for err, or nil if it is to be tried
// again.
func (d *Deliverer) final(err error, run anvil.Run) *anvil.Problem {
	p := anvil.AsProblem(err)
	switch {
	case p != nil:
		return p
	case hopeless(err, d.Now()):
		return github.Problem(err)
	case d.Now().Before(run.ChangedAt.Add(d.Patience)):
		return nil
	case github.AsError(err) != nil:
		p := *github.Problem(err)
		p.Next = "Comment /anvil retry once GitHub is well again"
		return &p
	}
	return anvil.Problemf("OVERDUE", "Comment /anvil retry; if it stays so, the operator finds the reason in the server's log.",
		"the change could not be published within %s", d.Patience).Because(err)
}

func (d *Deliverer) fail(ctx context.Context, id anvil.RunID, p *anvil.Problem) error {
	d.Log.Warn("not published", "run", id, "code", p.Code, "what", p.What, "cause", p.Cause)
	_, err := d.Store.Move(ctx, id, anvil.Failed, func(r *anvil.Run) error { r.Problem = p; return nil })
	if err == nil {
		d.Done(id)
	}
	return err
}

func (d *Deliverer) deliver(ctx context.Context, story anvil.Story, run anvil.Run) error {
	task := story.Task.ID
	if story.Effects[keyPull(task)].State != anvil.Done { // else all is published, and only to be told
		if err := d.stillAllowed(ctx, story); err != nil {
			return err
		}
		if err := d.stillThere(ctx, story); err != nil {
			return err
		}
		if err := d.stillOpen(ctx, story); err != nil {
			return err
		}
	}
	pushed, err := d.push(ctx, story, run)
	if err != nil {
		return err
	}
	// What was compared once is not compared again: people may push to the branch
	// as soon as there is a pull request.
	if _, compared := story.Effects[keyPull(task)]; !compared {
		if err := d.readBack(ctx, story, run, pushed); err != nil {
			return err
		}
	}
	if err := d.screenshots(ctx, story, run); err != nil {
		return err
	}
	if story.Session.PullRequest, err = d.pullRequest(ctx, story, run); err != nil {
		return err
	}
	story.Task.Outcome = &anvil.Outcome{State: anvil.Succeeded} // as it is when this is told
	check := d.Words.CheckRun(story)
	check.HeadSHA = pushed.URL
	if err := postCheck(ctx, d.Store, d.Checks, story, check); err != nil {
		if !hopeless(err, d.Now()) {
			return err
		}
		// The pull request is there, and it says what the check would.
		d.Log.Warn("no check run", "run", run.ID, "error", err)
	}
	var next []anvil.Job
	if run.Rules.Independent {
		next = append(next, anvil.Job{Hop: anvil.HopReview, Key: string(story.Session.ID)})
	}
	_, err = d.Store.Move(ctx, run.ID, anvil.Succeeded, nil, next...)
	return err
}

// stillAllowed asks again what the requester may do: a role may have been taken
// away since the task was asked for, and a login changed.
func (d *Deliverer) stillAllowed(ctx context.Context, story anvil.Story) error {
	_, role, err := d.GitHub.PermissionOf(ctx, story.Session.Repository, story.Task.Command.Requester)
	if err != nil {
		return err
	}
	if !policy.MayAsk(story.Run().Rules, role) {
		return anvil.Problemf("NO_PERMISSION", "Ask somebody with write access to comment /anvil retry.", "the requester no longer has write access to this repository, so nothing was published")
	}
	return nil
}

// stillThere makes sure that there is a thread to publish for. Its webhook may have
// been missed.
func (d *Deliverer) stillThere(ctx context.Context, story anvil.Story) error {
	if story.Session.Number() == 0 {
		return nil
	}
	there, err := d.GitHub.IssueIsThere(ctx, story.Session.Repository, story.Session.Issue)
	if err != nil || there {
		return err
	}
	return anvil.Problemf("TARGET_GONE", "Ask again where the issue is now.", "the issue was deleted or transferred to another repository, so nothing was published")
}

// stillOpen makes sure that the session's pull request, if it has one, can take
// another commit. Nobody would see a commit on the branch of one that is merged.
func (d *Deliverer) stillOpen(ctx context.Context, story anvil.Story) error {
	number := story.Session.PullRequest
	if number == 0 {
		return nil
	}
	pull, err := d.Pulls.PullRequest(ctx, story.Session.Repository, number)
	if err != nil && !errors.Is(err, github.ErrNotFound) {
		return err
	}
	if err != nil || pull.State != "open" {
		return anvil.Problemf("PR_CLOSED", "Comment /anvil retry to do it again, on a branch and a pull request of its own.",
			"pull request #%d was merged or closed while the agent was at work on it", number)
	}
	return nil
}

// commitOf describes the one commit that is published. It depends on nothing but
// the story, so that making it twice gives the same commit.
func (d *Deliverer) commitOf(story anvil.Story, run anvil.Run, author anvil.Actor) git.Commit {
	bot := git.Identity{
		Name:  author.Login,
		Email: fmt.Sprintf("%d+%s@users.noreply.github.com", author.ID, author.Login),
		When:  run.CreatedAt,
	}
	return git.Commit{Tree: run.Verdict.Tree, Parents: run.Parents(), Message: d.Words.CommitMessage(story), Author: bot, Committer: bot}
}

// push brings the checked tree, as one commit of ours on top of the base, to the
// session's branch. What commits the agent made are not published: their author,
// dates and messages are its own invention. The effect's address is the commit.
func (d *Deliverer) push(ctx context.Context, story anvil.Story, run anvil.Run) (anvil.Effect, error) {
	repo, branch := story.Session.Repository, story.Session.Branch
	if e := story.Effects[keyPush(story.Task.ID)]; e.State == anvil.Done {
		return e, nil
	}
	quarantine, err := d.Quarantine(ctx, story)
	if err != nil {
		return anvil.Effect{}, err
	}
	author, err := d.Bot(ctx)
	if err != nil {
		return anvil.Effect{}, err
	}
	commit, err := quarantine.CommitTree(ctx, d.commitOf(story, run, author))
	if err != nil {
		return anvil.Effect{}, err
	}
	if run.Rules.Signing == "api" {
		return d.pushSigned(ctx, story, run, quarantine, commit)
	}
	return once(ctx, d.Store, keyPush(story.Task.ID), story.Task.ID,
		func(time.Time) (made, bool, error) {
			tip, err := d.GitHub.Branch(ctx, repo, branch)
			if errors.Is(err, github.ErrNotFound) {
				err = nil
			}
			return made{url: tip}, tip == commit, err
		},
		func() (made, error) {
			token, _, err := d.GitHub.PublishToken(ctx, repo)
			if err != nil {
				return made{}, err
			}
			old := startOf(story, run)
			err = quarantine.Push(ctx, d.GitHub.CloneURL(repo), token, commit, "refs/heads/"+branch, old)
			return made{url: commit}, d.pushProblem(err, run, branch, old)
		})
}

// startOf is where the session's branch must be for a push: where the agent
// started from, or empty if there must be no such branch.
func startOf(story anvil.Story, run anvil.Run) string {
	if run.Merge != nil {
		return run.Merge.Head
	}
	if run.BaseRef == story.Session.Branch {
		return run.BaseCommit
	}
	return ""
}

// freshToken is how long GitHub may take to know a new token or commit everywhere.
const freshToken = 2 * time.Minute

// pushProblem tells people why GitHub did not take the branch.
func (d *Deliverer) pushProblem(err error, run anvil.Run, branch, old string) error {
	var refused *git.PushError
	switch {
	case errors.As(err, &refused) && refused.Stale && old != "":
		return anvil.Problemf("BRANCH_TAKEN", "Comment /anvil retry: it then goes on from what is there now. Anvil never overwrites a branch.",
			"somebody changed the branch %s while the agent was at work on it", branch).Because(err)
	case errors.As(err, &refused) && refused.Stale:
		return anvil.Problemf("BRANCH_TAKEN", "Delete or rename that branch if it is not wanted, then comment /anvil retry; Anvil never overwrites a branch.",
			"the branch %s is there already, with commits that are not this task's", branch).Because(err)
	case errors.As(err, &refused):
		return rejected(refused.Reason+"; "+refused.Remote, err)
	case errors.Is(err, git.ErrUnauthorized):
		said := ""
		if failed, ok := errors.AsType[*git.Error](err); ok {
			said = failed.Stderr
		}
		// A token that was made a moment ago may not be known yet where git asks.
		if strings.Contains(said, "403") || !d.Now().Before(run.ChangedAt.Add(freshToken)) {
			return rejected(said, err)
		}
	}
	return err
}

// rejected tells of a refusal in GitHub's own words. A rule that wants signed
// commits has a code of its own, because no permission cures it.
func rejected(said string, cause error) error {
	if strings.Contains(strings.ToLower(said), "verified signature") {
		return anvil.Problemf("SIGNING_REQUIRED", "Write signing: api in the rules, which has GitHub sign the commits; then comment /anvil retry.",
			"a rule of the repository takes signed commits only").Because(cause)
	}
	return anvil.Problemf("PUSH_REJECTED", "Change the rule or the permission that GitHub names, then comment /anvil retry.",
		"GitHub did not take the branch: %s", plain(strings.Trim(said, "; \n"))).Because(cause)
}

// readBack compares what GitHub has with what was inspected, before anybody is
// asked to look at it. GitHub may take a moment to show what it has taken.
func (d *Deliverer) readBack(ctx context.Context, story anvil.Story, run anvil.Run, pushed anvil.Effect) error {
	repo, branch, commit := story.Session.Repository, story.Session.Branch, pushed.URL
	tip, err := d.GitHub.Branch(ctx, repo, branch)
	if err != nil && !errors.Is(err, github.ErrNotFound) {
		return err
	}
	shown := err == nil && tip != startOf(story, run)
	var tree string
	var parents []string
	if shown {
		tree, parents, err = d.GitHub.Commit(ctx, repo, commit)
		if err != nil && !errors.Is(err, github.ErrNotFound) {
			return err
		}
		shown = err == nil
	}
	if now := d.Now(); !shown && now.Before(pushed.ChangedAt.Add(freshToken)) {
		return &queue.Later{At: now.Add(3 * time.Second), Reason: "GitHub does not show yet what was pushed"}
	}
	if tip != commit || tree != run.Verdict.Tree || !slices.Equal(parents, run.Parents()) {
		return anvil.Problemf("PUBLISH_MISMATCH", "Look at the branch and delete it; then comment /anvil retry.",
			"the branch %s at GitHub is not what was inspected", branch)
	}
	return nil
}
