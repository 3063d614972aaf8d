package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

const runColumns = `id, task_id, attempt, state, base_ref, base_commit, rules, engine, placement, workflow_run,
	nonce_hash, asked_at, asked_times, epoch, token_hash, lease_expires_at, runner, report, verdict, problem, question, views, merge,
	created_at, changed_at, deadline_at, stop_requested_at`

func scanRun(r scanner) (anvil.Run, error) {
	var v anvil.Run
	var rules, engine, placement, report, verdict, problem, question, views, merge string
	var asked, expires, created, changed, deadline, stop int64
	err := r.Scan(&v.ID, &v.Task, &v.Attempt, &v.State, &v.BaseRef, &v.BaseCommit, &rules, &engine, &placement, new(int64),
		&v.Dispatch.NonceHash, &asked, &v.Dispatch.Times, &v.Lease.Epoch, &v.Lease.TokenHash, &expires, &v.Lease.Runner, &report, &verdict, &problem, &question, &views, &merge,
		&created, &changed, &deadline, &stop)
	if err != nil {
		return v, err
	}
	v.Dispatch.AskedAt, v.Lease.ExpiresAt = fromMicros(asked), fromMicros(expires)
	v.CreatedAt, v.ChangedAt, v.Deadline, v.StopRequestedAt = fromMicros(created), fromMicros(changed), fromMicros(deadline), fromMicros(stop)
	if p, err := fromJSON[anvil.Rules](rules); err != nil {
		return v, err
	} else if p != nil {
		v.Rules = *p
	}
	if p, err := fromJSON[anvil.EngineInfo](engine); err != nil {
		return v, err
	} else if p != nil {
		v.Engine = *p
	}
	if p, err := fromJSON[anvil.Placement](placement); err != nil {
		return v, err
	} else if p != nil {
		v.Placement = *p
	}
	if v.Report, err = fromJSON[anvil.Report](report); err != nil {
		return v, err
	}
	if v.Verdict, err = fromJSON[anvil.Verdict](verdict); err != nil {
		return v, err
	}
	if v.Question, err = fromJSON[anvil.Question](question); err != nil {
		return v, err
	}
	if v.Merge, err = fromJSON[anvil.Merge](merge); err != nil {
		return v, err
	}
	if p, err := fromJSON[[]anvil.View](views); err != nil {
		return v, err
	} else if p != nil {
		v.Views = *p
	}
	v.Problem, err = fromJSON[anvil.Problem](problem)
	return v, err
}

func (s *Store) insertRun(ctx context.Context, tx *sql.Tx, task anvil.TaskID, attempt int) error {
	id := anvil.RunIDFor(task, attempt)
	now := s.now()
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO runs (id, task_id, attempt, state, was, created_at, changed_at, deadline_at) VALUES ($1, $2, $3, 'queued', '', $4, $4, $5)`,
		id, task, attempt, micros(now), micros(now.Add(anvil.Queued.Patience()))); err != nil {
		return err
	}
	return s.note(ctx, tx, id, "state", string(anvil.Queued))
}

// Run returns the run with the given id, or [anvil.ErrNotFound].
func (s *Store) Run(ctx context.Context, id anvil.RunID) (anvil.Run, error) {
	v, err := runByID(ctx, s.db, id)
	if err != nil {
		return v, fmt.Errorf("read run %s: %w", id, err)
	}
	return v, nil
}

func runByID(ctx context.Context, q querier, id anvil.RunID) (anvil.Run, error) {
	v, err := scanRun(q.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = anvil.ErrNotFound
	}
	return v, err
}

// Move moves a run to another state, if the state machine allows it. change may
// look at the run as it is inside the transaction, complete it for the new state,
// or refuse with an error, which Move returns as it is. The state's event, the
// announcement, and where a slot became free the scheduling, are committed
// with it. An end closes the task, or opens the next attempt where a lost run
// may be tried again.
//
// Every change of state goes through here.
func (s *Store) Move(ctx context.Context, id anvil.RunID, to anvil.State, change func(*anvil.Run) error, next ...anvil.Job) (anvil.Run, error) {
	var run anvil.Run
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return run, fmt.Errorf("move run %s: %w", id, err)
	}
	defer tx.Rollback()
	if run, err = s.move(ctx, tx, id, to, change, &next); err != nil {
		return run, err
	}
	if err := s.Queue.EnqueueTx(ctx, tx, next...); err != nil {
		return run, fmt.Errorf("move run %s: enqueue: %w", id, err)
	}
	if err := tx.Commit(); err != nil {
		return run, fmt.Errorf("move run %s: %w", id, err)
	}
	s.changed(id)
	s.log.Info("run moved", "run", id, "state", to)
	return run, nil
}

func (s *Store) move(ctx context.Context, tx *sql.Tx, id anvil.RunID, to anvil.State, change func(*anvil.Run) error, next *[]anvil.Job) (anvil.Run, error) {
	run, err := runByID(ctx, tx, id)
	if err != nil {
		return run, fmt.Errorf("move run %s: %w", id, err)
	}
	from := run.State
	run.Deadline = time.Time{} // a deadline belongs to one state
	if change != nil {
		if err := change(&run); err != nil {
			return run, err
		}
	}
	if !from.CanMove(to) {
		return run, &anvil.MoveError{Run: id, From: from, To: to}
	}
	run.State, run.ChangedAt = to, s.now()
	if patience := to.Patience(); run.Deadline.IsZero() && patience > 0 {
		run.Deadline = run.ChangedAt.Add(patience)
	}
	if err := s.saveRun(ctx, tx, run, from); err != nil {
		return run, fmt.Errorf("move run %s to %s: %w", id, to, err)
	}
	if err := s.note(ctx, tx, id, "state", string(to)); err != nil {
		return run, err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE tasks SET version = version + 1 WHERE id = $1`, run.Task); err != nil {
		return run, err
	}
	*next = append(*next, anvil.Job{Hop: anvil.HopAnnounce, Key: string(run.Task)})
	if from.HoldsSlot() && !to.HoldsSlot() || to.Ended() {
		*next = append(*next, anvil.Job{Hop: anvil.HopSchedule})
	}
	if to.Ended() {
		return run, s.end(ctx, tx, run)
	}
	return run, nil
}

// end closes the task of a run that ended, or opens the next attempt.
func (s *Store) end(ctx context.Context, tx *sql.Tx, run anvil.Run) error {
	again := run.State == anvil.Answered
	if run.State == anvil.Lost && run.StopRequestedAt.IsZero() {
		var lost int // attempts that ended with an answered question do not count
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM runs WHERE task_id = $1 AND state = 'lost'`, run.Task).Scan(&lost); err != nil {
			return err
		}
		again = lost < s.Attempts
	}
	if again {
		return s.insertRun(ctx, tx, run.Task, run.Attempt+1)
	}
	outcome := anvil.Outcome{State: run.State, Problem: run.Problem}
	if run.Report != nil {
		outcome.Answer = run.Report.Answer
	}
	_, err := tx.ExecContext(ctx, `UPDATE tasks SET outcome = $1, closed_at = $2 WHERE id = $3 AND closed_at = 0`,
		toJSON(&outcome), micros(s.now()), run.Task)
	return err
}

// Amend changes a run without moving it. change may refuse with an error, which
// Amend returns as it is.
func (s *Store) Amend(ctx context.Context, id anvil.RunID, change func(*anvil.Run) error, next ...anvil.Job) (anvil.Run, error) {
	var run anvil.Run
	err := s.write(ctx, next, func(tx *sql.Tx) (err error) {
		if run, err = runByID(ctx, tx, id); err != nil {
			return fmt.Errorf("amend run %s: %w", id, err)
		}
		state := run.State
		if err := change(&run); err != nil {
			return err
		}
		run.State = state
		return s.saveRun(ctx, tx, run, "")
	})
	if err == nil {
		s.changed(id)
	}
	return run, err
}

func (s *Store) changed(id anvil.RunID) {
	if s.Changed != nil {
		s.Changed(id)
	}
}

// saveRun writes a whole run row; from is the state it moved from, empty for
// none.
func (s *Store) saveRun(ctx context.Context, tx *sql.Tx, v anvil.Run, from anvil.State) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE runs SET was = CASE WHEN $1 = '' THEN was ELSE $1 END, state = $2,
			base_ref = $3, base_commit = $4, rules = $5, engine = $6, placement = $7, workflow_run = $8,
			nonce_hash = $9, asked_at = $10, epoch = $11, token_hash = $12, lease_expires_at = $13, runner = $14,
			report = $15, verdict = $16, problem = $17, changed_at = $18, deadline_at = $19, stop_requested_at = $20, asked_times = $21, question = $22, views = $23, merge = $24
		WHERE id = $25`,
		from, v.State,
		v.BaseRef, v.BaseCommit, toJSON(&v.Rules), toJSON(&v.Engine), toJSON(&v.Placement), v.Placement.WorkflowRun,
		v.Dispatch.NonceHash, micros(v.Dispatch.AskedAt), v.Lease.Epoch, v.Lease.TokenHash, micros(v.Lease.ExpiresAt), v.Lease.Runner,
		toJSON(v.Report), toJSON(v.Verdict), toJSON(v.Problem), micros(v.ChangedAt), micros(v.Deadline), micros(v.StopRequestedAt),
		v.Dispatch.Times, toJSON(v.Question), viewsJSON(v.Views), toJSON(v.Merge), v.ID)
	return err
}

// UseToken records that an OIDC token was used, and reports whether this was
// the first time.
func (s *Store) UseToken(ctx context.Context, jti string, expires time.Time) (first bool, err error) {
	err = s.write(ctx, nil, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM oidc_tokens WHERE expires_at < $1`, micros(s.now().Add(-24*time.Hour))); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO oidc_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING`, jti, micros(expires))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		first = n == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("record OIDC token: %w", err)
	}
	return first, nil
}

// viewsJSON is empty for none, as the other columns are.
func viewsJSON(views []anvil.View) string {
	if len(views) == 0 {
		return ""
	}
	return toJSON(&views)
}
