package runner

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/seed-bc0cc349/anvil/action/agent"
	"github.com/seed-bc0cc349/anvil/action/verify"
	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// repair tells the agent of failed checks and lets it go on, collects and verifies
// again, as often as the assignment says. It takes what is to be handed back, f, and
// returns what is to be handed back now. A round that fails in itself, or changes
// nothing, leaves the result of the one before.
func (j *job) repair(work, life context.Context, w *workspace.Workspace, e *engagement, f runapi.FinishRequest) runapi.FinishRequest {
	for round := 1; round <= j.assignment.RepairRounds && f.Verification.Status == runapi.VerifyFailed; round++ {
		if e == nil { // a merge that nobody had to work at
			engaged, err := j.engage(work, w)
			defer engaged.close()
			if err != nil {
				j.warn("The engine could not be started to repair the merge, and the result stays as it was: %v", err)
				return f
			}
			e = engaged
		}
		j.enter(phaseWork, fmt.Sprintf("Repair, round %d of %d", round, j.assignment.RepairRounds))
		j.journal.add(runapi.KindNote, fmt.Sprintf("The checks failed; the engine is told, round %d of %d.", round, j.assignment.RepairRounds), nil)
		if f.Engine.Resume != "" {
			e.task.Resume = f.Engine.Resume
		}
		e.task.Prompt = agent.Repair(j.assignment.Prompt, rand.Text(), f.Verification.Checks)
		answer, err := e.turn(work)
		answer = j.tell(answer)
		if haltOf(work) != nil {
			return j.repairHalted(work, life, w, answer, f)
		}
		if err != nil {
			j.warn("The engine failed at the repair, and the result stays as it was: %v", err)
			return f
		}
		asked := j.asked(work)
		result, err := j.collect(work, life, w)
		if err == nil && result != nil {
			j.saver.save(life, result)
			// By its tree: the same tree makes another commit a second later, and the
			// bundle that is there must be the one that is handed back.
			if !asked && !j.isVerified(result) {
				if err = j.solved(w, result); err == nil {
					err = j.propose(life, result)
				}
			}
		}
		next := j.handOver(answer, runapi.Proposed)
		switch {
		case err != nil:
			return j.failed(work, answer, err)
		case asked || result == nil:
			why := "nothing is changed any more"
			if asked {
				why = "the agent has asked a person, and goes on with the answer"
			}
			next.Result = runapi.Unchanged
			next.Verification = verify.Unverified("", why).Summary()
			j.uploaded, j.record = "", nil
			return next
		case j.isVerified(result):
			j.warn("The engine changed nothing, and the checks still fail.")
			return f
		}
		j.attach(&next, result)
		j.enter(phaseVerify, "Verify again")
		record, err := j.verify(work, w, result)
		if err != nil {
			next = j.failed(work, answer, err)
			j.attach(&next, result)
			return next
		}
		next.Verification = record.Summary()
		f = next
	}
	return f
}

// isVerified reports whether the checks were last run on the result's tree.
func (j *job) isVerified(r *workspace.Result) bool {
	return j.verified.result != nil && r.Tree == j.verified.result.Tree
}

// repairHalted hands back a run that was stopped in a repair round.
func (j *job) repairHalted(work, life context.Context, w *workspace.Workspace, answer agent.Answer, before runapi.FinishRequest) runapi.FinishRequest {
	result, err := j.collect(work, life, w)
	if err == nil && result != nil {
		j.saver.save(life, result)
	}
	f := j.failed(work, answer, haltOf(work))
	f.Head, f.Bundle = before.Head, before.Bundle
	return f
}
