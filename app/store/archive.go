package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

const archiveColumns = `session_id, name, run_id, digest, sealed, size, base_commit, head, engine_kind, engine_version, reference, stored_at`

func scanArchive(r scanner) (anvil.Archive, error) {
	var a anvil.Archive
	var stored int64
	err := r.Scan(&a.Session, &a.Name, &a.Run, &a.Digest, &a.Sealed, &a.Size, &a.Base, &a.Head, &a.Engine.Kind, &a.Engine.Version, &a.Reference, &stored)
	a.StoredAt = fromMicros(stored)
	return a, err
}

// SaveArchive records what the run of a has left, in place of what its session had
// of that name. It returns the digest under which that was stored, which nothing
// refers to any more; empty if there was none. allow looks at the run inside the
// transaction and may refuse. Session, base and kind of engine are the run's,
// whatever a says.
func (s *Store) SaveArchive(ctx context.Context, a anvil.Archive, allow func(anvil.Run) error) (replaced string, err error) {
	err = s.write(ctx, nil, func(tx *sql.Tx) error {
		run, err := runByID(ctx, tx, a.Run)
		if err != nil {
			return fmt.Errorf("save %s of run %s: %w", a.Name, a.Run, err)
		}
		if err := allow(run); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `SELECT session_id FROM tasks WHERE id = $1`, run.Task).Scan(&a.Session); err != nil {
			return err
		}
		err = tx.QueryRowContext(ctx, `SELECT sealed FROM archives WHERE session_id = $1 AND name = $2`, a.Session, a.Name).Scan(&replaced)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if replaced == a.Sealed {
			replaced = ""
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO archives (`+archiveColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (session_id, name) DO UPDATE SET
				run_id = excluded.run_id, digest = excluded.digest, sealed = excluded.sealed, size = excluded.size,
				base_commit = excluded.base_commit, head = excluded.head, engine_kind = excluded.engine_kind,
				engine_version = excluded.engine_version, reference = excluded.reference, stored_at = excluded.stored_at`,
			a.Session, a.Name, a.Run, a.Digest, a.Sealed, a.Size, run.BaseCommit, a.Head, run.Engine.Kind, a.Engine.Version, a.Reference, micros(s.now()))
		return err
	})
	return replaced, err
}

// Archives returns what the session of a run has to go on from, by name.
func (s *Store) Archives(ctx context.Context, id anvil.RunID) (map[string]anvil.Archive, error) {
	all, err := collect(ctx, s.db, scanArchive, `SELECT `+archiveColumns+` FROM archives WHERE session_id =
		(SELECT tasks.session_id FROM runs JOIN tasks ON tasks.id = runs.task_id WHERE runs.id = $1)`, id)
	if err != nil {
		return nil, fmt.Errorf("archives for run %s: %w", id, err)
	}
	byName := map[string]anvil.Archive{}
	for _, a := range all {
		byName[a.Name] = a
	}
	return byName, nil
}

// ForgetArchives drops what was stored before a time, and reports how many there
// were. The stored bytes are for whoever clears away what nothing refers to.
func (s *Store) ForgetArchives(ctx context.Context, before time.Time) (int64, error) {
	n, err := s.remove(ctx, `DELETE FROM archives WHERE stored_at < $1`, micros(before))
	if err != nil {
		return 0, fmt.Errorf("forget archives: %w", err)
	}
	return n, nil
}

// StoredDigests returns the digests of all stored bytes that a row refers to.
func (s *Store) StoredDigests(ctx context.Context) (map[string]bool, error) {
	all, err := collect(ctx, s.db, func(r scanner) (d string, err error) { return d, r.Scan(&d) },
		`SELECT digest FROM artifacts UNION SELECT sealed FROM archives UNION SELECT digest FROM images`)
	if err != nil {
		return nil, fmt.Errorf("list stored digests: %w", err)
	}
	set := make(map[string]bool, len(all))
	for _, d := range all {
		set[d] = true
	}
	return set, nil
}
