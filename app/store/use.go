package store

import (
	"context"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Use commits what an agent does by a tool, with its audit row and before anything
// else happens. allow looks at the run inside the transaction, and at how often the
// run has used the action already; its refusal is returned as it is, and nothing is
// written. For a use with an effect, the effect is returned as it was before:
// fresh if nobody had intended it yet.
func (s *Store) Use(ctx context.Context, u anvil.Use, allow func(run anvil.Run, used int64) error) (e anvil.Effect, fresh bool, err error) {
	u.Note = s.redact(u.Note)
	var next []anvil.Job
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return e, false, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	run, err := runByID(ctx, tx, u.Run)
	if err != nil {
		return e, false, fmt.Errorf("use of run %s: %w", u.Run, err)
	}
	var used int64
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM audit WHERE run_id = $1 AND action = $2 AND outcome = 'allowed'`, u.Run, u.Action).Scan(&used); err != nil {
		return e, false, err
	}
	if err := allow(run, used); err != nil {
		return e, false, err
	}
	if err := s.audit(ctx, tx, anvil.Audit{
		Task: run.Task, Run: run.ID, Actor: "agent", Action: u.Action, Target: u.Target, Digest: u.Digest, Note: u.Note, Outcome: anvil.AuditAllowed,
	}); err != nil {
		return e, false, err
	}
	if u.Effect != "" {
		if e, fresh, err = s.intend(ctx, tx, u.Effect, run.Task); err != nil {
			return e, false, err
		}
	}
	if u.Change != nil {
		state := run.State
		u.Change(&run)
		run.State = state
		if err := s.saveRun(ctx, tx, run, ""); err != nil {
			return e, false, err
		}
	}
	if u.Event.Kind != "" {
		if err := s.noteData(ctx, tx, run.ID, u.Event.Kind, u.Event.Text, string(u.Event.Data)); err != nil {
			return e, false, err
		}
	}
	if u.Tell {
		if _, err := tx.ExecContext(ctx, `UPDATE tasks SET version = version + 1 WHERE id = $1`, run.Task); err != nil {
			return e, false, err
		}
		next = append(next, anvil.Job{Hop: anvil.HopAnnounce, Key: string(run.Task)})
	}
	if err := s.Queue.EnqueueTx(ctx, tx, next...); err != nil {
		return e, false, fmt.Errorf("enqueue: %w", err)
	}
	return e, fresh, tx.Commit()
}
