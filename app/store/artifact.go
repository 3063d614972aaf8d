package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// SaveArtifact records that a run handed over an artifact of the given digest;
// the bytes are in package blob. A later upload of the same name replaces it.
// allow looks at the run inside the transaction and may refuse.
func (s *Store) SaveArtifact(ctx context.Context, id anvil.RunID, name, digest string, size int64, allow func(anvil.Run) error) error {
	return s.write(ctx, nil, func(tx *sql.Tx) error {
		run, err := runByID(ctx, tx, id)
		if err != nil {
			return fmt.Errorf("save artifact of run %s: %w", id, err)
		}
		if err := allow(run); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO artifacts (run_id, name, digest, size, stored_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (run_id, name) DO UPDATE SET digest = excluded.digest, size = excluded.size, stored_at = excluded.stored_at`,
			id, name, digest, size, micros(s.now()))
		return err
	})
}

// ForgetPrompts drops what was said to models, of calls before a time, and reports how many
// artifacts there were. The stored bytes are for whoever clears away what nothing refers to.
func (s *Store) ForgetPrompts(ctx context.Context, before time.Time) (int64, error) {
	n, err := s.remove(ctx, `DELETE FROM artifacts WHERE substr(name, 1, length($1)) = $1 AND stored_at < $2`, anvil.PromptArtifact, micros(before))
	if err != nil {
		return 0, fmt.Errorf("forget prompts: %w", err)
	}
	return n, nil
}

// Artifact returns the digest of a run's artifact, or [anvil.ErrNotFound].
func (s *Store) Artifact(ctx context.Context, id anvil.RunID, name string) (digest string, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT digest FROM artifacts WHERE run_id = $1 AND name = $2`, id, name).Scan(&digest)
	if errors.Is(err, sql.ErrNoRows) {
		err = anvil.ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("artifact %s of run %s: %w", name, id, err)
	}
	return digest, nil
}
