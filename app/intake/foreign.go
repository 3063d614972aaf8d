package intake

import (
	"context"
	"errors"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

// foreign lets a command on a pull request that is not ours work from its head. The
// change comes as a pull request of its own onto that branch, or is added to it: the
// rules say which. Comments don't say where a branch is, so GitHub is asked.
func (d *Decider) foreign(ctx context.Context, o *anvil.Opening) (*anvil.Problem, error) {
	c := &o.Command
	pull, err := d.GitHub.PullRequest(ctx, c.Thread.Repository, c.Thread.Issue)
	switch {
	case errors.Is(err, github.ErrNotFound):
		return Unsupported("a pull request that is gone"), nil
	case err != nil:
		return nil, err
	case pull.HeadRepository != c.Thread.Repository.ID:
		c.Foreign = anvil.ForeignFork
		return nil, nil
	case pull.State != "open":
		return Unsupported("a closed pull request"), nil
	}
	c.Foreign = anvil.ForeignBranch
	if pull.Head != c.Thread.Repository.DefaultBranch { // which is nobody's to write to
		o.Onto = pull.Head
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

// permits asks the rules about a command that starts work. Rules that cannot be read
// are no answer here: dispatch reads them again, and tells people what is wrong.
func (d *Decider) permits(ctx context.Context, o *anvil.Opening, offer policy.Offer) (*anvil.Problem, error) {
	c := o.Command
	rules, err := d.Rules(ctx, c.Thread.Repository)
	if anvil.AsProblem(err) == nil && err != nil && !errors.Is(err, github.ErrNotFound) {
		return nil, err
	}
	if rules.PullRequests != "push" {
		o.Onto = ""
	}
	if err != nil {
		return nil, nil
	}
	return policy.Decide(policy.Case{Command: c, Rules: rules, Offer: offer, DefaultBranch: c.Thread.Repository.DefaultBranch}).Problem(), nil
}

// asked is what is kept of a command, so that other rules can be asked about it.
func asked(c anvil.Command) *anvil.Command {
	c.Prompt, c.Review, c.Notices = anvil.Prompt{}, nil, nil
	c.Thread.Title = ""
	return &c
}
