package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// repositoryOfRun is the repository whose run $1 is.
const repositoryOfRun = `(SELECT sessions.repository_id FROM runs JOIN tasks ON tasks.id = runs.task_id
	JOIN sessions ON sessions.id = tasks.session_id WHERE runs.id = $1)`

// SaveImage records an image that a run has stored for its repository, in place of
// what was there under the key. allow looks at the run inside the transaction and may
// refuse.
func (s *Store) SaveImage(ctx context.Context, i anvil.Image, allow func(anvil.Run) error) error {
	return s.write(ctx, nil, func(tx *sql.Tx) error {
		run, err := runByID(ctx, tx, i.Run)
		if err != nil {
			return fmt.Errorf("save image of run %s: %w", i.Run, err)
		}
		if err := allow(run); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO images (repository_id, run_id, key, digest, size, used_at) VALUES (`+repositoryOfRun+`, $1, $2, $3, $4, $5)
			ON CONFLICT (repository_id, key) DO UPDATE SET
				run_id = excluded.run_id, digest = excluded.digest, size = excluded.size, used_at = excluded.used_at`,
			i.Run, i.Key, i.Digest, i.Size, micros(s.now()))
		return err
	})
}

// Image returns what the repository of a run has under a key, or [anvil.ErrNotFound],
// and notes that it was used.
func (s *Store) Image(ctx context.Context, id anvil.RunID, key string) (anvil.Image, error) {
	i := anvil.Image{Key: key}
	err := s.write(ctx, nil, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `UPDATE images SET used_at = $3 WHERE key = $2 AND repository_id = `+repositoryOfRun+` RETURNING run_id, digest, size`,
			id, key, micros(s.now())).Scan(&i.Run, &i.Digest, &i.Size)
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = anvil.ErrNotFound
	}
	if err != nil {
		return anvil.Image{}, fmt.Errorf("image %s for run %s: %w", key, id, err)
	}
	return i, nil
}

// ForgetImages drops what was not used since a time, and reports how many there were.
// The stored bytes are for whoever clears away what nothing refers to.
func (s *Store) ForgetImages(ctx context.Context, since time.Time) (int64, error) {
	n, err := s.remove(ctx, `DELETE FROM images WHERE used_at < $1`, micros(since))
	if err != nil {
		return 0, fmt.Errorf("forget images: %w", err)
	}
	return n, nil
}
