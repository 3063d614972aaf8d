package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// SaveInstallation records the state of an installation: "active", "suspended"
// or "deleted".
func (s *Store) SaveInstallation(ctx context.Context, id int64, account, state string) error {
	err := s.write(ctx, nil, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO installations (id, account, state, changed_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (id) DO UPDATE SET account = excluded.account, state = excluded.state, changed_at = excluded.changed_at`,
			id, account, state, micros(s.now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("save installation %d: %w", id, err)
	}
	return nil
}

// InstallationState returns what is recorded of an installation; one that was
// never heard of is "active", for GitHub may have told us before we listened.
func (s *Store) InstallationState(ctx context.Context, id int64) (string, error) {
	state := "active"
	err := s.db.QueryRowContext(ctx, `SELECT state FROM installations WHERE id = $1`, id).Scan(&state)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read installation %d: %w", id, err)
	}
	return state, nil
}

// AliveRuns lists the runs of an installation that have not ended.
func (s *Store) AliveRuns(ctx context.Context, installation int64) ([]anvil.RunID, error) {
	return collect(ctx, s.db, func(r scanner) (id anvil.RunID, err error) { return id, r.Scan(&id) }, `
		SELECT runs.id FROM runs
		JOIN tasks ON tasks.id = runs.task_id
		JOIN sessions ON sessions.id = tasks.session_id
		JOIN repositories ON repositories.id = sessions.repository_id
		WHERE repositories.installation_id = $1
		  AND runs.state NOT IN ('succeeded', 'unchanged', 'failed', 'cancelled', 'lost', 'answered')
		ORDER BY runs.created_at`, installation)
}

func (s *Store) saveRepository(ctx context.Context, tx *sql.Tx, r anvil.Repository) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO repositories (id, installation_id, owner, name, default_branch, private, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (id) DO UPDATE SET installation_id = excluded.installation_id, owner = excluded.owner,
			name = excluded.name, default_branch = excluded.default_branch, private = excluded.private,
			changed_at = excluded.changed_at`,
		r.ID, r.Installation, r.Owner, r.Name, r.DefaultBranch, r.Private, micros(s.now()))
	return err
}
