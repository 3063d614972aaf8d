package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

const threadColumns = `place, thread, url, subject, repository_id, issue, request, stopped_at`

func scanThread(r scanner) (anvil.PlaceThread, error) {
	var t anvil.PlaceThread
	var stopped int64
	err := r.Scan(&t.Place, &t.Thread, &t.URL, &t.Subject, &t.Repository, &t.Issue, &t.Request, &stopped)
	t.StoppedAt = fromMicros(stopped)
	return t, err
}

// PlaceThread returns a thread outside of GitHub, or [anvil.ErrNotFound].
func (s *Store) PlaceThread(ctx context.Context, place, thread string) (anvil.PlaceThread, error) {
	t, err := scanThread(s.db.QueryRowContext(ctx, `SELECT `+threadColumns+` FROM threads WHERE place = $1 AND thread = $2`, place, thread))
	if errors.Is(err, sql.ErrNoRows) {
		err = anvil.ErrNotFound
	}
	if err != nil {
		return t, fmt.Errorf("thread %s of %s: %w", thread, place, err)
	}
	return t, nil
}

// KeepPlaceThread writes a thread down as it is now. Once it has its issue it keeps it,
// and once it is stopped it stays so.
func (s *Store) KeepPlaceThread(ctx context.Context, t anvil.PlaceThread) error {
	err := s.write(ctx, nil, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO threads (`+threadColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (place, thread) DO UPDATE SET url = excluded.url, subject = excluded.subject, request = excluded.request,
				repository_id = CASE WHEN threads.issue = 0 THEN excluded.repository_id ELSE threads.repository_id END,
				issue = CASE WHEN threads.issue = 0 THEN excluded.issue ELSE threads.issue END,
				stopped_at = CASE WHEN threads.stopped_at = 0 THEN excluded.stopped_at ELSE threads.stopped_at END`,
			t.Place, t.Thread, t.URL, t.Subject, t.Repository, t.Issue, t.Request, micros(t.StoppedAt))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep thread %s of %s: %w", t.Thread, t.Place, err)
	}
	return nil
}

// OpenPlaceTasks lists the open tasks whose session has a thread in a place.
func (s *Store) OpenPlaceTasks(ctx context.Context, place string) ([]anvil.TaskID, error) {
	return collect(ctx, s.db, func(r scanner) (id anvil.TaskID, err error) { return id, r.Scan(&id) }, `
		SELECT DISTINCT tasks.id FROM tasks JOIN sessions ON sessions.id = tasks.session_id
		JOIN threads ON threads.repository_id = sessions.repository_id AND threads.issue = sessions.issue
		WHERE threads.place = $1 AND tasks.closed_at = 0 ORDER BY tasks.id`, place)
}

// threadsOf lists the threads outside of GitHub of a session.
func threadsOf(ctx context.Context, q querier, v anvil.Session) ([]anvil.PlaceThread, error) {
	return collect(ctx, q, scanThread, `SELECT `+threadColumns+` FROM threads WHERE repository_id = $1 AND issue = $2 ORDER BY place, thread`,
		v.Repository.ID, v.Issue)
}
