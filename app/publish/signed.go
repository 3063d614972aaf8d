package publish

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// Signing is what GitHub offers for commits that it signs.
type Signing interface {
	CreateCommit(ctx context.Context, repo anvil.Repository, n github.NewCommit) (sha string, signed bool, err error)
	CreateBranch(ctx context.Context, repo anvil.Repository, name, sha string) error
	MoveBranch(ctx context.Context, repo anvil.Repository, name, sha string) error
	DeleteRef(ctx context.Context, repo anvil.Repository, ref string) error
}

// CodeUnsigned says that GitHub made a commit and did not sign it.
const CodeUnsigned anvil.Code = "SIGNING_FAILED"

// pushSigned is push, with a commit that GitHub makes and signs. The tree travels by
// git, so that files of every kind and size keep what they are: on a commit of no
// branch, which starts no workflow and is taken away again.
func (d *Deliverer) pushSigned(ctx context.Context, story anvil.Story, run anvil.Run, quarantine *git.Repository, carrier string) (anvil.Effect, error) {
	repo, branch, old := story.Session.Repository, story.Session.Branch, startOf(story, run)
	return once(ctx, d.Store, keyPush(story.Task.ID), story.Task.ID,
		func(time.Time) (made, bool, error) {
			tip, err := d.GitHub.Branch(ctx, repo, branch)
			if errors.Is(err, github.ErrNotFound) {
				return made{}, false, nil
			}
			if err != nil {
				return made{}, false, err
			}
			tree, parents, err := d.GitHub.Commit(ctx, repo, tip)
			return made{url: tip}, tree == run.Verdict.Tree && slices.Equal(parents, run.Parents()), err
		},
		func() (made, error) {
			token, _, err := d.GitHub.PublishToken(ctx, repo)
			if err != nil {
				return made{}, err
			}
			ref := "anvil/" + string(story.Task.ID)
			if err := quarantine.Push(ctx, d.GitHub.CloneURL(repo), token, carrier, "refs/"+ref, ""); err != nil {
				return made{}, d.pushProblem(err, run, branch, old)
			}
			defer func() { // its commit has done its duty, whatever became of the other
				if err := d.Signing.DeleteRef(ctx, repo, ref); err != nil {
					d.Log.Warn("a ref is left behind", "run", run.ID, "ref", "refs/"+ref, "error", err)
				}
			}()
			sha, signed, err := d.Signing.CreateCommit(ctx, repo, github.NewCommit{Tree: run.Verdict.Tree, Parents: run.Parents(), Message: d.Words.CommitMessage(story)})
			if err != nil {
				return made{}, err
			}
			if !signed {
				return made{}, anvil.Problemf(CodeUnsigned, "Set signing: app in the rules, or have GitHub sign what Apps commit; then comment /anvil retry",
					"GitHub made the commit and did not sign it (signing: api)")
			}
			if old == "" {
				err = d.Signing.CreateBranch(ctx, repo, branch, sha)
			} else {
				err = d.Signing.MoveBranch(ctx, repo, branch, sha)
			}
			if e := github.AsError(err); errors.Is(err, github.ErrExists) || e != nil && e.Kind == github.Invalid {
				return made{}, d.pushProblem(&git.PushError{Stale: true, Reason: e.Message, Cause: err}, run, branch, old)
			}
			if err != nil {
				return made{}, err
			}
			return made{url: sha}, nil
		})
}
