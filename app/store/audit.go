package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

const auditColumns = `seq, at, task_id, run_id, actor, action, target, digest, note, outcome, prev, hash`

func scanAudit(r scanner) (anvil.Audit, error) {
	var a anvil.Audit
	var at int64
	err := r.Scan(&a.Seq, &at, &a.Task, &a.Run, &a.Actor, &a.Action, &a.Target, &a.Digest, &a.Note, &a.Outcome, &a.Prev, &a.Hash)
	a.At = fromMicros(at)
	return a, err
}

// audit adds a row to the trail.
func (s *Store) audit(ctx context.Context, tx *sql.Tx, a anvil.Audit) error {
	err := tx.QueryRowContext(ctx, `SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1`).Scan(&a.Seq, &a.Prev)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read the audit trail: %w", err)
	}
	a.Seq++
	if a.At.IsZero() {
		a.At = s.now()
	}
	a.At = fromMicros(micros(a.At))
	a.Hash = a.Seal()
	_, err = tx.ExecContext(ctx, `INSERT INTO audit (`+auditColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		a.Seq, micros(a.At), a.Task, a.Run, a.Actor, a.Action, a.Target, a.Digest, a.Note, a.Outcome, a.Prev, a.Hash)
	if err != nil {
		return fmt.Errorf("write the audit trail: %w", err)
	}
	return nil
}

// deniedMost is how many denials of a run are written down one by one: an agent that
// tries for ever must not fill the disk.
const deniedMost = 100

// redact is text as it may be written down for good. It may take a while, so it is
// not done while the database is held. What the server itself made up (actions,
// targets, digests) needs none.
func (s *Store) redact(text string) string {
	if s.Redact == nil || text == "" {
		return text
	}
	return s.Redact(text)
}

// Audit adds a row for an act that was denied, done or tried in vain.
func (s *Store) Audit(ctx context.Context, a anvil.Audit) error {
	a.Note = s.redact(a.Note)
	err := s.write(ctx, nil, func(tx *sql.Tx) error {
		if a.Outcome == anvil.AuditDenied {
			var n int64
			if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM audit WHERE run_id = $1 AND outcome = 'denied'`, a.Run).Scan(&n); err != nil {
				return err
			}
			if n >= deniedMost {
				return nil
			}
			if n == deniedMost-1 {
				a.Note += " (further denials of this run are not recorded)"
			}
		}
		return s.audit(ctx, tx, a)
	})
	if err != nil {
		return fmt.Errorf("audit %s: %w", a.Action, err)
	}
	return nil
}

// AuditTrail lists the rows after a number, in order.
func (s *Store) AuditTrail(ctx context.Context, after int64, limit int) ([]anvil.Audit, error) {
	return collect(ctx, s.db, scanAudit, `SELECT `+auditColumns+` FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limit)
}

// VerifyAudit checks the trail of the database in dir from its first row to its
// last, while a server may be using it, and returns how many rows there are and the
// hash of the last. A trail that was cut at its end is whole as far as it goes: keep
// the answer elsewhere, and give it as seen the next time; the empty string if there
// is none yet. An error names the first row that is wrong.
func VerifyAudit(ctx context.Context, dir, seen string) (rows int64, head string, err error) {
	db, err := readOnly(dir)
	if err != nil {
		return 0, "", err
	}
	defer db.Close()
	found := seen == ""
	for {
		page, err := collect(ctx, db, scanAudit, `SELECT `+auditColumns+` FROM audit WHERE seq > $1 ORDER BY seq LIMIT 1000`, rows)
		if err != nil {
			return rows, head, notOpened(err)
		}
		for _, a := range page {
			switch {
			case a.Seq != rows+1:
				return rows, head, broken(rows+1, "is missing")
			case a.Prev != head:
				return rows, head, broken(a.Seq, "does not follow on the one before it")
			case a.Hash != a.Seal():
				return rows, head, broken(a.Seq, "is not what was written")
			}
			rows, head = a.Seq, a.Hash
			found = found || head == seen
		}
		if len(page) < 1000 {
			break
		}
	}
	if !found {
		return rows, head, anvil.Problemf("AUDIT_BROKEN", "Compare with a backup, and find out who could write to the database",
			"the trail has %d rows, and none with the hash that was seen before: its end was cut off", rows)
	}
	return rows, head, nil
}

func broken(seq int64, how string) error {
	return anvil.Problemf("AUDIT_BROKEN", "Compare with a backup, and find out who could write to the database", "row %d of the audit trail %s", seq, how)
}
