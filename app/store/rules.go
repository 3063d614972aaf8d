package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// LastRules returns the rules of the repository's last run that had any from a
// file, or [anvil.ErrNotFound].
func (s *Store) LastRules(ctx context.Context, repository int64) (anvil.Rules, error) {
	var text string
	err := s.db.QueryRowContext(ctx, `
		SELECT runs.rules FROM runs JOIN tasks ON tasks.id = runs.task_id JOIN sessions ON sessions.id = tasks.session_id
		WHERE sessions.repository_id = $1 AND runs.rules LIKE '%"written":true%'
		ORDER BY runs.created_at DESC, runs.id DESC LIMIT 1`, repository).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		err = anvil.ErrNotFound
	}
	if err != nil {
		return anvil.Rules{}, fmt.Errorf("read the last rules of repository %d: %w", repository, err)
	}
	rules, err := fromJSON[anvil.Rules](text)
	if err != nil {
		return anvil.Rules{}, fmt.Errorf("read the last rules of repository %d: %w", repository, err)
	}
	rules.Notices = nil // they were about that run
	return *rules, nil
}
