package intake

import (
	"context"
	"errors"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// CodeFork says that a pull request's branch is in another repository.
const CodeFork anvil.Code = "FORK_DISABLED"

// stack lets a command on a pull request that is not ours work from its head: the
// change comes as a pull request of its own onto that branch, so that nobody's branch
// is written to. Comments don't say where a branch is, so GitHub is asked.
func (d *Decider) stack(ctx context.Context, c *anvil.Command) (*anvil.Problem, error) {
	pull, err := d.GitHub.PullRequest(ctx, c.Thread.Repository, c.Thread.Issue)
	switch {
	case errors.Is(err, github.ErrNotFound):
		return Unsupported("a pull request that is gone"), nil
	case err != nil:
		return nil, err
	case pull.HeadRepository != c.Thread.Repository.ID:
		return anvil.Problemf(CodeFork, "Ask on an issue of this repository instead",
			"the pull request comes from a fork, and work on forks is off (the server's setting github.forks)"), nil
	case pull.State != "open":
		return Unsupported("a closed pull request"), nil
	}
	if c.Options.Base == "" {
		c.Options.Base = pull.Head
	}
	return nil, nil
}

// refuse is the ruling on a command that is answered with a problem.
func (d *Decider) refuse(c anvil.Command, p *anvil.Problem, task anvil.TaskID) anvil.Ruling {
	if p == nil {
		return anvil.Ruling{}
	}
	return anvil.Ruling{Decision: anvil.Refused, Reason: p.Error(), Task: task, Reply: d.answer(c, "confused", d.Tell(p))}
}
