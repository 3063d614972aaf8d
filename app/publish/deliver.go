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
	"github.com/seed-bc0cc349/anvil/app/queue"
)

// Repository is what GitHub offers for permissions and contents.
type Repository interface {
	Permission(ctx context.Context, repo anvil.Repository, login string) (userID int64, role string, err error)
	Branch(ctx context.Context, repo anvil.Repository, name string) (sha string, err error)
	Commit(ctx context.Context, repo anvil.Repository, sha string) (tree string, parents []string, err error)
	PublishToken(ctx context.Context, repo anvil.Repository) (token string, expires time.Time, err error)
	CloneURL(repo anvil.Repository) string
}

// Pulls is what GitHub offers for pull requests.
type Pulls interface {
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
}

// Quarantine opens the repository that holds a run's checked tree and its base,
// inspecting again if it was cleared away.
type Quarantine func(ctx context.Context, story anvil.Story) (*git.Repository, error)

// Deliverer is the deliver hop.
type Deliverer struct {
	Store      DeliverStore
	GitHub     Repository
	Pulls      Pulls
	Checks     Checks
	Words      Words
	Markers    Markers
	Quarantine Quarantine
	Done       func(run anvil.RunID) // clears the quarantine away
	// Bot returns the App's bot account, the author of the commit.
	Bot    func(ctx context.Context) (anvil.Actor, error)
	Server string
	Now    func() time.Time
	Log    *slog.Logger

	serial serial
}

// Deliver publishes a run's checked tree: branch, pull request, check run.
func (d *Deliverer) Deliver(ctx context.Context, key string) error {
	defer d.serial.lock(key)()
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
	if p := anvil.AsProblem(err); p != nil {
		return d.fail(ctx, run.ID, p)
	}
	if at := github.RetryAt(err, d.Now()); !at.IsZero() {
		return &queue.Later{At: at, Reason: err.Error()}
	}
	if hopeless(err, d.Now()) {
		return d.fail(ctx, run.ID, github.Problem(err))
	}
	return err
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
	if err := d.stillAllowed(ctx, story); err != nil {
		return err
	}
	commit, err := d.push(ctx, story, run)
	if err != nil {
		return err
	}
	if err := d.readBack(ctx, story, run, commit); err != nil {
		return err
	}
	pull, err := d.pullRequest(ctx, story, run, commit)
	if err != nil {
		return err
	}
	story.Session.PullRequest = pull.Number
	check := d.Words.CheckRun(story)
	check.HeadSHA = commit
	if err := postCheck(ctx, d.Store, d.Checks, story, check); err != nil {
		return err
	}
	if _, err := d.Store.Move(ctx, run.ID, anvil.Succeeded, nil); err != nil {
		return err
	}
	d.Done(run.ID)
	return nil
}

// stillAllowed asks again what the requester may do: a role may have been taken
// away since the task was asked for.
func (d *Deliverer) stillAllowed(ctx context.Context, story anvil.Story) error {
	who := story.Task.Command.Requester
	id, role, err := d.GitHub.Permission(ctx, story.Session.Repository, who.Login)
	if err != nil {
		return err
	}
	if id != who.ID || !slices.Contains([]string{"admin", "maintain", "write"}, role) {
		return anvil.Problemf("NO_PERMISSION", "Ask somebody with write access to comment /anvil retry.", "the requester no longer has write access to this repository, so nothing was published")
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
	return git.Commit{Tree: run.Verdict.Tree, Parent: run.BaseCommit, Message: d.Words.CommitMessage(story), Author: bot, Committer: bot}
}

// push brings the checked tree, as one commit of ours on top of the base, to the
// session's branch. What commits the agent made are not published: their author,
// dates and messages are its own invention.
func (d *Deliverer) push(ctx context.Context, story anvil.Story, run anvil.Run) (string, error) {
	repo, branch := story.Session.Repository, story.Session.Branch
	quarantine, err := d.Quarantine(ctx, story)
	if err != nil {
		return "", err
	}
	author, err := d.Bot(ctx)
	if err != nil {
		return "", err
	}
	commit, err := quarantine.CommitTree(ctx, d.commitOf(story, run, author))
	if err != nil {
		return "", err
	}
	var expected string // the branch must not be there …
	if run.BaseRef == branch {
		expected = run.BaseCommit // … or be where the agent started from
	}
	_, err = once(ctx, d.Store, keyPush(story.Task.ID), story.Task.ID,
		func() (made, bool, error) {
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
			return made{url: commit}, pushProblem(quarantine.Push(ctx, d.GitHub.CloneURL(repo), token, commit, "refs/heads/"+branch, expected), branch)
		})
	return commit, err
}

// pushProblem tells people why GitHub did not take the branch.
func pushProblem(err error, branch string) error {
	var refused *git.PushError
	if !errors.As(err, &refused) {
		return err
	}
	if refused.Stale {
		return anvil.Problemf("BRANCH_TAKEN", "Delete or rename that branch if it is not wanted, then comment /anvil retry; Anvil never overwrites a branch.",
			"the branch %s has commits that are not this session's", branch).Because(err)
	}
	said := refused.Reason
	if refused.Remote != "" {
		said += "; " + refused.Remote
	}
	return anvil.Problemf("PUSH_REJECTED", "Change the rule or the permission that GitHub names, then comment /anvil retry.",
		"GitHub did not take the branch: %s", plain(said)).Because(err)
}

// readBack compares what GitHub has with what was inspected, before anybody is
// asked to look at it.
func (d *Deliverer) readBack(ctx context.Context, story anvil.Story, run anvil.Run, commit string) error {
	repo := story.Session.Repository
	tip, err := d.GitHub.Branch(ctx, repo, story.Session.Branch)
	if err != nil {
		return err
	}
	tree, parents, err := d.GitHub.Commit(ctx, repo, commit)
	if err != nil {
		return err
	}
	if tip != commit || tree != run.Verdict.Tree || !slices.Equal(parents, []string{run.BaseCommit}) {
		return anvil.Problemf("PUBLISH_MISMATCH", "Look at the branch and delete it; then comment /anvil retry.",
			"the branch %s at GitHub is not what was inspected", story.Session.Branch)
	}
	return nil
}

// pullRequest opens the session's pull request, or brings the text of the one it
// has up to date.
func (d *Deliverer) pullRequest(ctx context.Context, story anvil.Story, run anvil.Run, commit string) (github.PullRequest, error) {
	repo, session := story.Session.Repository, story.Session
	title, body := d.Words.PullRequest(story)
	bot, err := d.Bot(ctx)
	if err != nil {
		return github.PullRequest{}, err
	}
	marker := d.Markers.Of(anvil.TaskID(session.ID))
	body += "\n\n" + marker
	var pull github.PullRequest
	find := func() (made, bool, error) {
		var found bool
		var err error
		pull, found, err = d.Pulls.FindPullRequest(ctx, repo, session.Branch)
		if found && pull.AuthorID != bot.ID && !strings.Contains(pull.Body, marker) {
			err = anvil.Problemf("PR_CONFLICT", "Close that pull request, then comment /anvil retry.", "somebody else opened pull request %d from %s", pull.Number, session.Branch)
		}
		return made{int64(pull.Number), pull.URL}, found, err
	}
	_, err = once(ctx, d.Store, keyPull(story.Task.ID), story.Task.ID, find, func() (made, error) {
		var err error
		if session.PullRequest != 0 {
			pull, err = d.Pulls.EditPullRequest(ctx, repo, session.PullRequest, github.PullRequestEdit{Body: &body})
			return made{int64(pull.Number), pull.URL}, err
		}
		pull, err = d.Pulls.CreatePullRequest(ctx, repo, github.NewPullRequest{
			Title: title, Body: body, Head: session.Branch, Base: base(story, run), Draft: !run.Rules.Ready,
		})
		if errors.Is(err, github.ErrExists) {
			m, found, err := find()
			if err == nil && !found {
				err = anvil.Problemf("PR_CONFLICT", "Close the other pull request from that branch, then comment /anvil retry.", "GitHub says that %s has a pull request already, and shows none", session.Branch)
			}
			return m, err
		}
		return made{int64(pull.Number), pull.URL}, err
	})
	if err != nil {
		return pull, err
	}
	if pull.Number == 0 { // it was made before: by an earlier try of this very hop
		if _, found, err := find(); err != nil || !found {
			return pull, errors.Join(err, fmt.Errorf("pull request of %s is not there", session.Branch))
		}
	}
	if pull.HeadRepository != repo.ID {
		return pull, anvil.Problemf("PR_CONFLICT", "Close that pull request, then comment /anvil retry.", "the pull request from %s is not from this repository", session.Branch)
	}
	return pull, d.Store.SetPullRequest(ctx, session.ID, pull.Number)
}

// base is the branch that the pull request is for. A run that went on from the
// session's own branch keeps the pull request's base as it is.
func base(story anvil.Story, run anvil.Run) string {
	if run.BaseRef == story.Session.Branch {
		return story.Session.Repository.DefaultBranch
	}
	return run.BaseRef
}
