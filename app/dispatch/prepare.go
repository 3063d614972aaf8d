package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

// Contents reads branches and files of a repository.
type Contents interface {
	DefaultBranchCommit(ctx context.Context, repo anvil.Repository) (branch, sha string, err error)
	Branch(ctx context.Context, repo anvil.Repository, name string) (sha string, err error)
	File(ctx context.Context, repo anvil.Repository, path, ref string) ([]byte, error)
	PullRequest(ctx context.Context, repo anvil.Repository, number int) (github.PullRequest, error)
	Contains(ctx context.Context, repo anvil.Repository, tip, sha string) (bool, error)
	MergeBase(ctx context.Context, repo anvil.Repository, one, other string) (string, error)
}

// Book gives the rules in force for a repository whose default branch is at tip.
type Book interface {
	At(ctx context.Context, repo anvil.Repository, tip string) (anvil.Rules, error)
}

// Preparer settles what a run works on and by which rules, just before it starts:
// a run that waited for a day starts from today's commit.
type Preparer struct {
	GitHub Contents
	Book   Book
	Offer  policy.Offer
	Kinds  map[string]string // adapter of each engine
}

// Settled is what a run works on.
type Settled struct {
	BaseRef    string
	BaseCommit string
	Rules      anvil.Rules
	Engine     anvil.EngineInfo
	Merge      *anvil.Merge // with which the base is merged; nil: with nothing
}

// Settle reads the repository's rules from its default branch and resolves the
// base. A thread that has a pull request goes on from its branch.
func (p *Preparer) Settle(ctx context.Context, story anvil.Story) (Settled, error) {
	s, err := p.settle(ctx, story)
	if err != nil {
		return s, err
	}
	return s, approved(story, s)
}

// approved makes sure that what is carried out is what was approved, if it had to be.
func approved(story anvil.Story, s Settled) error {
	run, ok := story.Approved()
	if !ok || run.Question.Plan == anvil.ApprovalDigest(story.Task.Command.Prompt, s.BaseCommit, run.Question.Text, s.Rules) {
		return nil
	}
	what := "the rules in " + policy.Path + " changed"
	if s.BaseCommit != run.BaseCommit {
		what = fmt.Sprintf("the work would begin at %.7s and not at %.7s any more", s.BaseCommit, run.BaseCommit)
	}
	return anvil.Problemf("APPROVAL_CHANGED", "Comment /anvil retry to have it planned again.", "the plan was approved for another state of things: %s", what)
}

func (p *Preparer) settle(ctx context.Context, story anvil.Story) (Settled, error) {
	var s Settled
	repo := story.Session.Repository
	branch, tip, err := p.GitHub.DefaultBranchCommit(ctx, repo)
	if errors.Is(err, github.ErrNotFound) {
		return s, anvil.Problemf("REPO_EMPTY", "Push a first commit, then comment /anvil retry.", "the repository has no commit on its default branch").Because(err)
	}
	if err != nil {
		return s, err
	}
	if s.Rules, err = p.Book.At(ctx, repo, tip); err != nil {
		return s, err
	}
	// What intake decided is decided again, by the rules as they are at this commit.
	decided := policy.Decide(policy.Case{Command: story.Task.Command, Rules: s.Rules, Offer: p.Offer, DefaultBranch: branch})
	if problem := decided.Problem(); problem != nil {
		return s, problem
	}
	plan := decided.Plan
	s.Engine = anvil.EngineInfo{Name: plan.Engine.Value, Kind: p.Kinds[plan.Engine.Value], Model: plan.Model.Value}
	s.BaseRef = plan.Base.Value
	if number := story.Session.PullRequest; number != 0 {
		s.BaseRef = story.Session.Branch
		// It was open when the task was; a task may wait for long.
		pull, err := p.GitHub.PullRequest(ctx, repo, number)
		if err != nil && !errors.Is(err, github.ErrNotFound) {
			return s, err
		}
		if err != nil || pull.State != "open" {
			return s, anvil.Problemf("PR_CLOSED", "Comment /anvil retry to start on a branch and a pull request of its own.",
				"pull request #%d was merged or closed before this task's turn came", number)
		}
		if story.Task.Command.Verb == anvil.VerbRebase {
			err = p.merge(ctx, story, pull, &s)
			return s, err
		}
	}
	if s.BaseRef == branch {
		s.BaseCommit, err = p.sameBase(ctx, story, s.BaseRef, tip)
		return s, err
	}
	s.BaseCommit, err = p.GitHub.Branch(ctx, repo, s.BaseRef)
	if errors.Is(err, github.ErrNotFound) && s.BaseRef == story.Session.Branch {
		return s, anvil.Problemf("BASE_MISSING", "Restore the branch at the pull request's page, or close the pull request, then comment /anvil retry.",
			"the branch %s of this thread's pull request is gone", policy.Shown(s.BaseRef)).Because(err)
	}
	if errors.Is(err, github.ErrNotFound) {
		return s, anvil.Problemf("BASE_MISSING", "Name a branch that is there: /anvil base=BRANCH …", "there is no branch %s in this repository", policy.Shown(s.BaseRef)).Because(err)
	}
	if err != nil {
		return s, err
	}
	if err := p.ignored(ctx, repo, &s, branch, tip); err != nil {
		return s, err
	}
	s.BaseCommit, err = p.sameBase(ctx, story, s.BaseRef, s.BaseCommit)
	return s, err
}

// merge settles a run that brings the session's branch up to date with the base of its pull
// request: it begins at the base, and merges the branch into it. The two are the parents of
// what comes of it.
func (p *Preparer) merge(ctx context.Context, story anvil.Story, pull github.PullRequest, s *Settled) error {
	repo := story.Session.Repository
	at := func(branch string) (string, error) {
		sha, err := p.GitHub.Branch(ctx, repo, branch)
		if errors.Is(err, github.ErrNotFound) {
			err = anvil.Problemf("BASE_MISSING", "Restore the branch, then comment /anvil retry.", "the branch %s is gone", policy.Shown(branch)).Because(err)
		}
		return sha, err
	}
	var m anvil.Merge
	var err error
	s.BaseRef = pull.Base
	if s.BaseCommit, err = at(pull.Base); err != nil {
		return err
	}
	if m.Head, err = at(story.Session.Branch); err != nil {
		return err
	}
	if m.Ancestor, err = p.GitHub.MergeBase(ctx, repo, s.BaseCommit, m.Head); err != nil {
		return err
	}
	switch m.Ancestor {
	case "":
		return anvil.Problemf("BASE_CONFLICT", "Merge them by hand: git merge --allow-unrelated-histories.", "%s and %s have no commit in common", policy.Shown(pull.Base), policy.Shown(story.Session.Branch))
	case s.BaseCommit:
		return anvil.Problemf("NO_TASK", "Nothing is to be done.", "the pull request's branch has all of %s by now", policy.Shown(pull.Base))
	}
	s.Merge = &m
	return nil
}

// sameBase is the commit that an earlier attempt at the task began from, so that
// this one can go on with its unfinished work, or else tip. A branch that has moved
// on meanwhile is no matter, since a pull request need not begin at its tip; one
// from which the commit was taken out again is. A thread's own branch always counts
// as it is: what is published is pushed on top of it.
func (p *Preparer) sameBase(ctx context.Context, story anvil.Story, ref, tip string) (string, error) {
	if story.Session.PullRequest != 0 {
		return tip, nil
	}
	before := ""
	for _, run := range story.Runs {
		if run.BaseRef == ref && run.Lease.Epoch > 0 && run.State.Ended() {
			before = run.BaseCommit
		}
	}
	if before == "" || before == tip {
		return tip, nil
	}
	has, err := p.GitHub.Contains(ctx, story.Session.Repository, tip, before)
	if err != nil || !has {
		return tip, err
	}
	return before, nil
}

// ignored tells of rules that are on the branch that is worked on and nowhere else:
// rules count on the default branch, where a pull request can't bring its own.
func (p *Preparer) ignored(ctx context.Context, repo anvil.Repository, s *Settled, branch, tip string) error {
	if s.Rules.Written {
		return nil
	}
	_, err := p.GitHub.File(ctx, repo, policy.Path, s.BaseCommit)
	if errors.Is(err, github.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Rules.Notices = append(s.Rules.Notices, anvil.Problemf("POLICY_IGNORED", "Bring the file to the default branch if it is to count.",
		"the branch %s has a %s, and it does not count: rules are read from default branch %s at %.7s", policy.Shown(s.BaseRef), policy.Path, policy.Shown(branch), tip))
	return nil
}
