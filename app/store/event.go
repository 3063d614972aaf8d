package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// note appends a server event to a run.
func (s *Store) note(ctx context.Context, tx *sql.Tx, run anvil.RunID, kind, text string) error {
	return s.noteData(ctx, tx, run, kind, text, "")
}

// noteData appends a server event that has more to it than a text; data is JSON.
func (s *Store) noteData(ctx context.Context, tx *sql.Tx, run anvil.RunID, kind, text, data string) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO events (run_id, source, seq, at, kind, text, data)
		SELECT $1, 'server', COALESCE(MAX(seq), 0) + 1, $2, $3, $4, $5 FROM events WHERE run_id = $1 AND source = 'server'`,
		run, micros(s.now()), kind, text, data)
	return err
}

// Note appends a server event to a run.
func (s *Store) Note(ctx context.Context, run anvil.RunID, kind, text string) error {
	err := s.write(ctx, nil, func(tx *sql.Tx) error { return s.note(ctx, tx, run, kind, text) })
	if err != nil {
		return fmt.Errorf("note event of run %s: %w", run, err)
	}
	return nil
}

// Tell appends a server event to a run that people should see: the task is
// announced again.
func (s *Store) Tell(ctx context.Context, id anvil.RunID, kind, text string) error {
	run, err := s.Run(ctx, id)
	if err != nil {
		return fmt.Errorf("tell of run %s: %w", id, err)
	}
	err = s.write(ctx, []anvil.Job{{Hop: anvil.HopAnnounce, Key: string(run.Task)}}, func(tx *sql.Tx) error {
		if err := s.note(ctx, tx, id, kind, text); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE tasks SET version = version + 1 WHERE id = $1`, run.Task)
		return err
	})
	if err != nil {
		return fmt.Errorf("tell of run %s: %w", id, err)
	}
	return nil
}

// Append adds a runner's events, numbered without gaps, and returns the number
// that is expected next. Those that are there already are skipped; after a gap
// nothing is added. Their times do not go back, so that a story told in the order of
// time keeps the order of their numbers. What an agent says is told on where the session is
// shown outside of GitHub; the engine's version that is told first becomes the run's. allow looks at the run inside the
// transaction and may refuse.
func (s *Store) Append(ctx context.Context, id anvil.RunID, events []anvil.Event, allow func(anvil.Run) error) (next int64, err error) {
	err = s.write(ctx, nil, func(tx *sql.Tx) error {
		run, err := runByID(ctx, tx, id)
		if err != nil {
			return fmt.Errorf("append events of run %s: %w", id, err)
		}
		if err := allow(run); err != nil {
			return err
		}
		var last int64
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) + 1, COALESCE(MAX(at), 0) FROM events WHERE run_id = $1 AND source = 'runner'`, id).Scan(&next, &last); err != nil {
			return err
		}
		spoke := false
		for _, e := range events {
			if e.Seq < next {
				continue
			}
			if e.Seq > next {
				break
			}
			spoke = spoke || e.Kind == anvil.KindMessage
			last = max(last, micros(e.At))
			if _, err := tx.ExecContext(ctx, `
				INSERT INTO events (run_id, source, seq, at, kind, text, data) VALUES ($1, 'runner', $2, $3, $4, $5, $6)`,
				id, e.Seq, last, e.Kind, e.Text, string(e.Data)); err != nil {
				return err
			}
			next++
			if e.Kind == anvil.KindEngine && run.Engine.Version == "" && e.Text != "" {
				run.Engine.Version = e.Text
				if err := s.saveRun(ctx, tx, run, ""); err != nil {
					return fmt.Errorf("engine of run %s: %w", id, err)
				}
			}
		}
		if !spoke {
			return nil
		}
		return s.speak(ctx, tx, run)
	})
	return next, err
}

// speak has an agent's words told on, if there is a place for them.
func (s *Store) speak(ctx context.Context, tx *sql.Tx, run anvil.Run) error {
	var places int
	if err := tx.QueryRowContext(ctx, `
		SELECT COUNT(*) FROM tasks JOIN sessions ON sessions.id = tasks.session_id
		JOIN threads ON threads.repository_id = sessions.repository_id AND threads.issue = sessions.issue
		WHERE tasks.id = $1`, run.Task).Scan(&places); err != nil {
		return err
	}
	if places == 0 {
		return nil
	}
	return s.Queue.EnqueueTx(ctx, tx, anvil.Job{Hop: anvil.HopSpeak, Key: string(run.ID)})
}

func eventsOf(ctx context.Context, q querier, task anvil.TaskID) ([]anvil.Event, error) {
	return collect(ctx, q, func(r scanner) (e anvil.Event, err error) {
		var at int64
		var data string
		err = r.Scan(&e.Run, &e.Source, &e.Seq, &at, &e.Kind, &e.Text, &data)
		e.At = fromMicros(at)
		if data != "" {
			e.Data = []byte(data)
		}
		return e, err
	}, `SELECT events.run_id, events.source, events.seq, events.at, events.kind, events.text, events.data
		FROM events JOIN runs ON runs.id = events.run_id
		WHERE runs.task_id = $1 ORDER BY runs.attempt, events.at, events.source, events.seq`, task)
}
