package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

const effectColumns = `key, task_id, state, external_id, url, digest, changed_at`

func scanEffect(r scanner) (anvil.Effect, error) {
	var e anvil.Effect
	var at int64
	err := r.Scan(&e.Key, &e.Task, &e.State, &e.ExternalID, &e.URL, &e.Digest, &at)
	e.ChangedAt = fromMicros(at)
	return e, err
}

// Intend writes an effect down before it is made, with its row of the audit trail,
// and returns it as it was before this call: fresh is true if nobody had intended it
// yet. An effect that was intended and is not done may have happened: look before
// making it again.
func (s *Store) Intend(ctx context.Context, key string, task anvil.TaskID) (e anvil.Effect, fresh bool, err error) {
	err = s.write(ctx, nil, func(tx *sql.Tx) error {
		if e, fresh, err = s.intend(ctx, tx, key, task); err != nil || !fresh {
			return err
		}
		return s.audit(ctx, tx, anvil.Audit{Task: task, Actor: "server", Action: "effect", Target: key, Outcome: anvil.AuditAllowed})
	})
	if err != nil {
		return e, false, fmt.Errorf("intend %s: %w", key, err)
	}
	return e, fresh, nil
}

func (s *Store) intend(ctx context.Context, tx *sql.Tx, key string, task anvil.TaskID) (e anvil.Effect, fresh bool, err error) {
	res, err := tx.ExecContext(ctx, `
		INSERT INTO effects (key, task_id, state, changed_at) VALUES ($1, $2, 'intended', $3) ON CONFLICT (key) DO NOTHING`,
		key, task, micros(s.now()))
	if err != nil {
		return e, false, err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return e, false, err
	}
	e, err = scanEffect(tx.QueryRowContext(ctx, `SELECT `+effectColumns+` FROM effects WHERE key = $1`, key))
	return e, n == 1, err
}

// Effected records that an effect was made, with GitHub's id of it, its address
// and the digest of its content.
func (s *Store) Effected(ctx context.Context, e anvil.Effect) error {
	err := s.write(ctx, nil, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `
			UPDATE effects SET state = 'done', external_id = $1, url = $2, digest = $3, changed_at = $4 WHERE key = $5`,
			e.ExternalID, e.URL, e.Digest, micros(s.now()), e.Key); err != nil {
			return err
		}
		return s.audit(ctx, tx, anvil.Audit{Task: e.Task, Actor: "server", Action: "effect", Target: e.Key, Digest: e.Digest, Outcome: anvil.AuditDone})
	})
	if err != nil {
		return fmt.Errorf("record %s: %w", e.Key, err)
	}
	return nil
}

func effectsOf(ctx context.Context, q querier, task anvil.TaskID) (map[string]anvil.Effect, error) {
	all, err := collect(ctx, q, scanEffect, `SELECT `+effectColumns+` FROM effects WHERE task_id = $1`, task)
	if err != nil {
		return nil, err
	}
	byKey := make(map[string]anvil.Effect, len(all))
	for _, e := range all {
		byKey[e.Key] = e
	}
	return byKey, nil
}
