package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

const taskColumns = `id, session_id, command, version, outcome, created_at, closed_at`

func scanTask(r scanner) (anvil.Task, error) {
	var t anvil.Task
	var command, outcome string
	var created, closed int64
	if err := r.Scan(&t.ID, &t.Session, &command, &t.Version, &outcome, &created, &closed); err != nil {
		return t, err
	}
	t.CreatedAt, t.ClosedAt = fromMicros(created), fromMicros(closed)
	c, err := fromJSON[anvil.Command](command)
	if err != nil {
		return t, err
	}
	t.Command = *c
	t.Outcome, err = fromJSON[anvil.Outcome](outcome)
	return t, err
}

// OpenTask opens a task for a command: session, task and first run, and the
// decision on the delivery, in one transaction. A delivery opens one task; asked
// again, OpenTask returns that one.
func (s *Store) OpenTask(ctx context.Context, o anvil.Opening) (anvil.Task, error) {
	now := s.now()
	task := anvil.Task{ID: anvil.NewTaskID(), Command: o.Command, Version: 1, CreatedAt: now}
	jobs := []anvil.Job{{Hop: anvil.HopSchedule}, {Hop: anvil.HopAnnounce, Key: string(task.ID)}}
	errOpen := errors.New("open already")
	err := s.write(ctx, jobs, func(tx *sql.Tx) error {
		before, err := scanTask(tx.QueryRowContext(ctx, `SELECT `+taskColumns+` FROM tasks WHERE delivery = $1`, o.Command.Delivery))
		if err == nil {
			task = before
			return errOpen
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		thread := o.Command.Thread
		if err := s.saveRepository(ctx, tx, thread.Repository); err != nil {
			return err
		}
		session, err := currentSession(ctx, tx, thread.Repository.ID, thread.Issue)
		if errors.Is(err, anvil.ErrNotFound) || err == nil && o.NewSession {
			session, err = s.openSession(ctx, tx, thread, o.Onto)
		}
		if err != nil {
			return err
		}
		task.Session = session.ID
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO tasks (id, session_id, delivery, command, version, told, created_at) VALUES ($1, $2, $3, $4, $5, 0, $6)`,
			task.ID, task.Session, o.Command.Delivery, toJSON(&task.Command), task.Version, micros(now)); err != nil {
			return err
		}
		if err := s.insertRun(ctx, tx, task.ID, 1); err != nil {
			return err
		}
		return s.decide(ctx, tx, o.Command.Delivery, anvil.Ruling{Decision: anvil.Accepted, Task: task.ID})
	})
	if err != nil && !errors.Is(err, errOpen) {
		return task, fmt.Errorf("open task for delivery %s: %w", o.Command.Delivery, err)
	}
	return task, nil
}

// told reports whether people were shown a task's present version.
func told(ctx context.Context, q querier, id anvil.TaskID) (is bool, err error) {
	err = q.QueryRowContext(ctx, `SELECT told >= version FROM tasks WHERE id = $1`, id).Scan(&is)
	return is, err
}

// Told records that people were shown the given version of a task.
func (s *Store) Told(ctx context.Context, id anvil.TaskID, version int64) error {
	err := s.write(ctx, nil, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE tasks SET told = $1 WHERE id = $2 AND told < $1`, version, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("mark task %s told: %w", id, err)
	}
	return nil
}

// UntoldTasks lists tasks that changed since people were last told.
func (s *Store) UntoldTasks(ctx context.Context) ([]anvil.TaskID, error) {
	return collect(ctx, s.db, func(r scanner) (id anvil.TaskID, err error) { return id, r.Scan(&id) },
		`SELECT id FROM tasks WHERE told < version ORDER BY created_at LIMIT 500`)
}

// LatestTask returns the latest task of a session, or [anvil.ErrNotFound].
func (s *Store) LatestTask(ctx context.Context, session anvil.SessionID) (anvil.TaskID, error) {
	var id anvil.TaskID
	err := s.db.QueryRowContext(ctx, `SELECT id FROM tasks WHERE session_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1`, session).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = anvil.ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("latest task of session %s: %w", session, err)
	}
	return id, nil
}

// OpenTasks lists the tasks of a session that have not ended, in the order in
// which they were asked for.
func (s *Store) OpenTasks(ctx context.Context, session anvil.SessionID) ([]anvil.TaskID, error) {
	return collect(ctx, s.db, func(r scanner) (id anvil.TaskID, err error) { return id, r.Scan(&id) },
		`SELECT id FROM tasks WHERE session_id = $1 AND closed_at = 0 ORDER BY created_at, id`, session)
}

// TasksSince lists the tasks that were opened after a time, oldest first.
func (s *Store) TasksSince(ctx context.Context, t time.Time) ([]anvil.TaskID, error) {
	return collect(ctx, s.db, func(r scanner) (id anvil.TaskID, err error) { return id, r.Scan(&id) },
		`SELECT id FROM tasks WHERE created_at > $1 ORDER BY created_at, id`, micros(t))
}
