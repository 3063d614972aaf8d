package intake

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

// Codes of approvals and releases that do not count.
const (
	CodeApprovalTwice   anvil.Code = "APPROVAL_DUP"
	CodeApprovalSelf    anvil.Code = "APPROVAL_SELF"
	CodeApprovalChanged anvil.Code = "APPROVAL_CHANGED"
	CodeApprovalExpired anvil.Code = "APPROVAL_EXPIRED"
)

// approve lets a plan be carried out: the one that waits in the thread, and only as it
// was shown.
func (d *Decider) approve(ctx context.Context, c anvil.Command, latest anvil.Story) (anvil.Ruling, error) {
	run, task := latest.Run(), latest.Task.ID
	if run.State != anvil.Waiting || run.Question == nil || run.Question.Plan == "" {
		if planned, ok := latest.Approved(); ok && planned.Question.Delivery == c.Delivery { // deciding was interrupted after it
			return anvil.Ruling{Decision: anvil.Accepted, Task: task, Reply: d.answer(c, "+1", "")}, nil
		}
		return d.refuse(c, noApproval(latest), task), nil
	}
	plan := run.Question.Plan
	switch {
	case !policy.MayAsk(run.Rules, c.Role):
		return d.refuse(c, policy.NotAllowed(run.Rules, c.Role), task), nil
	case !strings.HasPrefix(plan, c.Argument):
		return d.refuse(c, anvil.Problemf(CodeApprovalChanged, "Read the plan as it is now, and approve that one",
			"the plan that waits is %.7s, not %.7s", plan, c.Argument), task), nil
	case run.Rules.OthersApprove && c.Requester.ID == latest.Task.Command.Requester.ID:
		return d.refuse(c, anvil.Problemf(CodeApprovalSelf, "Ask somebody else with write access to approve it",
			"the repository's rules want somebody else's approval than the requester's (approvals: others)"), task), nil
	}
	err := d.Store.Answer(ctx, run.ID, anvil.Answering{
		Text: "Approved. Carry out this plan.", By: c.Requester, Delivery: c.Delivery, Approves: plan, Reply: d.answer(c, "+1", ""),
	})
	var moved *anvil.MoveError
	switch {
	case errors.As(err, &moved):
		return d.refuse(c, anvil.Problemf(CodeApprovalTwice, "Wait for it", "the plan was approved or ended a moment ago"), task), nil
	case errors.Is(err, anvil.ErrNotFound):
		return d.refuse(c, anvil.Problemf(CodeApprovalChanged, "Read the plan as it is now, and approve that one", "the plan changed a moment ago"), task), nil
	}
	return anvil.Ruling{Decision: anvil.Accepted, Task: task}, err
}

// noApproval says why there is no plan to approve.
func noApproval(s anvil.Story) *anvil.Problem {
	_, approved := s.Approved()
	o := s.Task.Outcome
	switch {
	case approved:
		return anvil.Problemf(CodeApprovalTwice, "See the task's comment for where it is", "the plan was approved before")
	case o != nil && o.Problem != nil && o.Problem.Code == CodeApprovalExpired:
		return anvil.Problemf(CodeApprovalExpired, "Comment /anvil retry to have it planned again", "the plan waited for too long and was given up")
	}
	return anvil.Problemf(CodeNothing, "Comment /anvil plan and say what to plan", "no plan waits in this thread")
}

// release lets a held change go: the exact tree that was shown, and no other.
func (d *Decider) release(ctx context.Context, c anvil.Command, latest anvil.Story, came time.Time) (anvil.Ruling, error) {
	run, task := latest.Run(), latest.Task.ID
	thumb := anvil.Ruling{Decision: anvil.Accepted, Task: task, Reply: d.answer(c, "+1", "")}
	if released(latest, came) {
		return thumb, nil
	}
	switch {
	case run.State != anvil.Held || run.Verdict == nil:
		return d.refuse(c, anvil.Problemf(CodeNothing, "See the task's comment for where it is", "no held change waits in this thread"), task), nil
	case !policy.MayAsk(run.Rules, c.Role):
		return d.refuse(c, policy.NotAllowed(run.Rules, c.Role), task), nil
	case !strings.HasPrefix(run.Verdict.Tree, c.Argument):
		return d.refuse(c, anvil.Problemf(CodeApprovalChanged, "Read the change as it is now, and release that one",
			"the held change is tree %.12s, not %.12s", run.Verdict.Tree, c.Argument), task), nil
	case run.Rules.OthersApprove && c.Requester.ID == latest.Task.Command.Requester.ID:
		return d.refuse(c, anvil.Problemf(CodeApprovalSelf, "Ask somebody else with write access to release it",
			"the repository's rules want it released by somebody else than the requester (approvals: others)"), task), nil
	}
	tree := run.Verdict.Tree
	_, err := d.Store.Move(ctx, run.ID, anvil.Inspecting, func(r *anvil.Run) error {
		if r.Verdict == nil || r.Verdict.Tree != tree {
			return &anvil.MoveError{Run: r.ID, From: r.State, To: anvil.Inspecting}
		}
		verdict := *r.Verdict
		verdict.Released = &anvil.Release{Tree: tree, By: c.Requester, At: d.Now()}
		r.Verdict = &verdict
		return nil
	}, anvil.Job{Hop: anvil.HopInspect, Key: string(run.ID)})
	var moved *anvil.MoveError
	if errors.As(err, &moved) {
		return d.refuse(c, anvil.Problemf(CodeNothing, "See the task's comment for where it is", "the held change went on a moment ago"), task), nil
	}
	return thumb, err
}
