package store

import (
	"context"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Alive lists all runs that have not ended, oldest first: those that wait and
// those that hold what they wait for.
func (s *Store) Alive(ctx context.Context) ([]anvil.Contender, error) {
	return collect(ctx, s.db, func(r scanner) (w anvil.Contender, err error) {
		var created int64
		err = r.Scan(&w.Run, &w.Task, &w.Session, &w.Repository, &w.State, &created)
		w.QueuedAt = fromMicros(created)
		return w, err
	}, `SELECT runs.id, runs.task_id, tasks.session_id, sessions.repository_id, runs.state, runs.created_at
		FROM runs JOIN tasks ON tasks.id = runs.task_id JOIN sessions ON sessions.id = tasks.session_id
		WHERE runs.state NOT IN ('succeeded', 'unchanged', 'failed', 'cancelled', 'lost', 'answered')
		ORDER BY tasks.created_at, runs.created_at, runs.id`)
}

// Overdue lists the alive runs whose deadline has passed.
func (s *Store) Overdue(ctx context.Context, now time.Time) ([]anvil.Run, error) {
	return collect(ctx, s.db, scanRun, `SELECT `+runColumns+` FROM runs
		WHERE state NOT IN ('succeeded', 'unchanged', 'failed', 'cancelled', 'lost', 'answered') AND deadline_at > 0 AND deadline_at <= $1
		ORDER BY deadline_at LIMIT 200`, micros(now))
}

// Resting lists the alive runs that have not changed since a time. Those whose
// next step is the server's own have lost their job, and are woken.
func (s *Store) Resting(ctx context.Context, since time.Time) ([]anvil.Run, error) {
	return collect(ctx, s.db, scanRun, `SELECT `+runColumns+` FROM runs
		WHERE state NOT IN ('succeeded', 'unchanged', 'failed', 'cancelled', 'lost', 'answered') AND changed_at <= $1
		ORDER BY changed_at LIMIT 500`, micros(since))
}
