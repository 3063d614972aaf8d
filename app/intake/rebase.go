package intake

import (
	"context"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// rebase opens a task that brings the branch of the session's pull request up to date with
// its base, unless it is. History is never rewritten: the base is merged into the branch.
func (d *Decider) rebase(ctx context.Context, c anvil.Command, reader Reader, latest anvil.Story) (anvil.Ruling, error) {
	repo, number, task := c.Thread.Repository, latest.Session.PullRequest, latest.Task.ID
	if number == 0 {
		return d.refuse(c, anvil.Problemf(CodeNothing, "Comment it once there is a pull request", "there is no pull request here that could be brought up to date"), task), nil
	}
	pull, err := d.GitHub.PullRequest(ctx, repo, number)
	if err != nil {
		return anvil.Ruling{}, err
	}
	if pull.State != "open" {
		return d.refuse(c, anvil.Problemf(CodeNothing, "Comment /anvil and say what to do; that begins another pull request", "pull request #%d was merged or closed", number), task), nil
	}
	tip, err := d.GitHub.Branch(ctx, repo, pull.Base)
	if err != nil {
		return anvil.Ruling{}, err
	}
	has, err := d.GitHub.Contains(ctx, repo, pull.HeadSHA, tip)
	if err != nil {
		return anvil.Ruling{}, err
	}
	if has {
		return anvil.Ruling{Decision: anvil.Accepted, Task: task, Reply: d.answer(c, "+1", fmt.Sprintf("Pull request #%d is up to date: its branch has all of `%s`, which is at %.7s. Nothing was started.", number, pull.Base, tip))}, nil
	}
	about := &issue{Title: latest.Task.Command.Prompt.IssueTitle, Body: latest.Task.Command.Prompt.IssueBody}
	if problem := reader.snapshot(&c, "Merge "+pull.Base+" into "+latest.Session.Branch, about); problem != nil {
		return d.refuse(c, problem, task), nil
	}
	return d.open(ctx, c, reader.Offer)
}

// rebaseForeign answers for a pull request that is none of ours: its branch is its author's.
func (d *Decider) rebaseForeign(ctx context.Context, c anvil.Command) (anvil.Ruling, error) {
	pull, err := d.GitHub.PullRequest(ctx, c.Thread.Repository, c.Thread.Issue)
	if err != nil {
		return anvil.Ruling{}, err
	}
	whose := "its branch is a person's"
	if pull.HeadRepository != c.Thread.Repository.ID {
		whose = "it comes from a fork, whose branches are not written to"
	}
	return d.refuse(c, anvil.Problemf(CodeTarget, "Ask its author to merge "+pull.Base+" into it",
		"Anvil did not open this pull request, so it does not bring it up to date: %s", whose), ""), nil
}
