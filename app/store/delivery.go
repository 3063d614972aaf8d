package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Receive stores a delivery and the jobs it wakes, unless it is known: by its id,
// for ever, or, since GitHub signs the body and neither id nor event, by its body.
func (s *Store) Receive(ctx context.Context, d anvil.Delivery, next ...anvil.Job) (anvil.Receipt, error) {
	sum := sha256.Sum256(d.Body)
	digest := hex.EncodeToString(sum[:])
	var known anvil.Receipt
	errKnown := errors.New("known")
	err := s.write(ctx, next, func(tx *sql.Tx) error {
		var same bool
		err := tx.QueryRowContext(ctx, `SELECT digest = $1 AND event = $2, task_id FROM deliveries WHERE id = $3`, digest, d.Event, d.ID).Scan(&same, &known.Task)
		if errors.Is(err, sql.ErrNoRows) {
			same = true
			err = tx.QueryRowContext(ctx, `SELECT task_id FROM deliveries WHERE digest = $1 AND NOT (event = $2 AND $3) ORDER BY received_at LIMIT 1`,
				digest, d.Event, repeats(d.Event)).Scan(&known.Task)
		}
		if err == nil {
			known.Duplicate, known.Conflict = same, !same
			return errKnown
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO deliveries (id, event, body, digest, received_at, decision)
			VALUES ($1, $2, $3, $4, $5, 'pending')`,
			d.ID, d.Event, d.Body, digest, micros(d.ReceivedAt))
		return err
	})
	if errors.Is(err, errKnown) {
		return known, nil
	}
	if err != nil {
		return anvil.Receipt{}, fmt.Errorf("store delivery %s: %w", d.ID, err)
	}
	return anvil.Receipt{}, nil
}

// repeats reports whether two events of a kind may say the same in the same words.
// Comments and issues carry ids and times; these state a fact, and hearing it
// again does no harm.
func repeats(event string) bool {
	return event == "ping" || strings.HasPrefix(event, "installation")
}

// Delivery returns the delivery with the given id.
func (s *Store) Delivery(ctx context.Context, id anvil.DeliveryID) (anvil.Delivery, error) {
	d := anvil.Delivery{ID: id}
	var at int64
	var reply string
	err := s.db.QueryRowContext(ctx, `SELECT event, body, received_at, decision, reason, task_id, reply FROM deliveries WHERE id = $1`, id).
		Scan(&d.Event, &d.Body, &at, &d.Decision, &d.Reason, &d.Task, &reply)
	if errors.Is(err, sql.ErrNoRows) {
		err = anvil.ErrNotFound
	}
	if err != nil {
		return d, fmt.Errorf("read delivery %s: %w", id, err)
	}
	d.ReceivedAt = fromMicros(at)
	d.Reply, err = fromJSON[anvil.Reply](reply)
	return d, err
}

// Decide records what became of a delivery. A delivery is decided once: a second
// call changes nothing.
func (s *Store) Decide(ctx context.Context, id anvil.DeliveryID, ruling anvil.Ruling, next ...anvil.Job) error {
	err := s.write(ctx, next, func(tx *sql.Tx) error { return s.decide(ctx, tx, id, ruling) })
	if err != nil {
		return fmt.Errorf("decide delivery %s: %w", id, err)
	}
	return nil
}

func (s *Store) decide(ctx context.Context, tx *sql.Tx, id anvil.DeliveryID, r anvil.Ruling) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE deliveries SET decision = $1, reason = $2, task_id = $3, reply = $4, decided_at = $5
		WHERE id = $6 AND decision = 'pending'`, r.Decision, r.Reason, r.Task, toJSON(r.Reply), micros(s.now()), id)
	return err
}

// PendingDeliveries lists the deliveries that were received before a time and are
// still undecided, oldest first.
func (s *Store) PendingDeliveries(ctx context.Context, before time.Time) ([]anvil.DeliveryID, error) {
	return collect(ctx, s.db, func(r scanner) (id anvil.DeliveryID, err error) { return id, r.Scan(&id) },
		`SELECT id FROM deliveries WHERE decision = 'pending' AND received_at <= $1 ORDER BY received_at LIMIT 500`, micros(before))
}
