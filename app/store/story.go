package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Story returns all that is known about a task at one moment, or [anvil.ErrNotFound].
func (s *Store) Story(ctx context.Context, id anvil.TaskID) (anvil.Story, error) {
	var v anvil.Story
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return v, fmt.Errorf("story of task %s: %w", id, err)
	}
	defer tx.Rollback()
	if v, err = readStory(ctx, tx, id); err != nil {
		return v, fmt.Errorf("story of task %s: %w", id, err)
	}
	return v, nil
}

// StoryOfRun returns the story of the task that a run belongs to.
func (s *Store) StoryOfRun(ctx context.Context, id anvil.RunID) (anvil.Story, error) {
	run, err := s.Run(ctx, id)
	if err != nil {
		return anvil.Story{}, err
	}
	return s.Story(ctx, run.Task)
}

// Succeeded returns the stories of a session's tasks that were published, in the order
// in which they were asked for: the latest twenty.
func (s *Store) Succeeded(ctx context.Context, session anvil.SessionID) ([]anvil.Story, error) {
	ids, err := collect(ctx, s.db, func(r scanner) (id anvil.TaskID, err error) { return id, r.Scan(&id) }, `
		SELECT id FROM (SELECT id, created_at FROM tasks WHERE session_id = $1 AND outcome LIKE '{"state":"succeeded"%'
			ORDER BY created_at DESC, id DESC LIMIT 20) ORDER BY created_at, id`, session)
	if err != nil {
		return nil, fmt.Errorf("succeeded tasks of session %s: %w", session, err)
	}
	all := make([]anvil.Story, len(ids))
	for i, id := range ids {
		if all[i], err = s.Story(ctx, id); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func readStory(ctx context.Context, tx *sql.Tx, id anvil.TaskID) (v anvil.Story, err error) {
	v.Task, err = scanTask(tx.QueryRowContext(ctx, `SELECT `+taskColumns+` FROM tasks WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return v, anvil.ErrNotFound
	}
	if err != nil {
		return v, err
	}
	if v.Session, err = sessionByID(ctx, tx, v.Task.Session); err != nil {
		return v, err
	}
	if v.Runs, err = collect(ctx, tx, scanRun, `SELECT `+runColumns+` FROM runs WHERE task_id = $1 ORDER BY attempt`, id); err != nil {
		return v, err
	}
	if v.Events, err = eventsOf(ctx, tx, id); err != nil {
		return v, err
	}
	if v.Effects, err = effectsOf(ctx, tx, id); err != nil {
		return v, err
	}
	if v.Threads, err = threadsOf(ctx, tx, v.Session); err != nil {
		return v, err
	}
	if v.Usage, err = usageOf(ctx, tx, id); err != nil {
		return v, err
	}
	if v.Told, err = told(ctx, tx, id); err != nil {
		return v, err
	}
	if v.Earlier, err = earlier(ctx, tx, v); err != nil {
		return v, err
	}
	if run := v.Run(); run.State == anvil.Queued {
		err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM runs WHERE state = 'queued' AND created_at < $1`, micros(run.CreatedAt)).Scan(&v.Ahead)
	}
	return v, err
}

// mostEarlier is how many earlier tasks a story knows.
const mostEarlier = 5

// earlier lists the tasks of a session that were asked for before a task and have ended.
func earlier(ctx context.Context, tx *sql.Tx, of anvil.Story) ([]anvil.Story, error) {
	tasks, err := collect(ctx, tx, scanTask, `SELECT `+taskColumns+` FROM tasks
		WHERE session_id = $1 AND (created_at, id) < ($2, $3) AND closed_at <> 0 ORDER BY created_at DESC, id DESC LIMIT $4`,
		of.Session.ID, micros(of.Task.CreatedAt), of.Task.ID, mostEarlier)
	if err != nil {
		return nil, err
	}
	all := make([]anvil.Story, len(tasks))
	for i, t := range tasks {
		v := &all[len(tasks)-1-i]
		*v = anvil.Story{Session: of.Session, Task: t, Effects: map[string]anvil.Effect{}}
		if v.Runs, err = collect(ctx, tx, scanRun, `SELECT `+runColumns+` FROM runs WHERE task_id = $1 ORDER BY attempt DESC LIMIT 1`, t.ID); err != nil {
			return nil, err
		}
		made, err := collect(ctx, tx, scanEffect, `SELECT `+effectColumns+` FROM effects WHERE key = $1`, "comment/"+string(t.ID))
		if err != nil {
			return nil, err
		}
		for _, e := range made {
			v.Effects[e.Key] = e
		}
	}
	return all, nil
}
