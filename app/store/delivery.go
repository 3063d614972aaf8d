package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Delivery returns the delivery with the given id, without its body once it is decided.
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

// decide also drops the body: it was there to be decided by, and it is as it was
// signed, with whatever people have pasted into it. Its digest stays, by which the
// delivery is known for ever.
func (s *Store) decide(ctx context.Context, tx *sql.Tx, id anvil.DeliveryID, r anvil.Ruling) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE deliveries SET decision = $1, reason = $2, task_id = $3, reply = $4, decided_at = $5, asked = $6, body = x''
		WHERE id = $7 AND decision = 'pending'`, r.Decision, r.Reason, r.Task, toJSON(r.Reply), micros(s.now()), toJSON(r.Asked), id)
	return err
}

// PendingDeliveries lists the deliveries that were received before a time and are
// still undecided, oldest first.
func (s *Store) PendingDeliveries(ctx context.Context, before time.Time) ([]anvil.DeliveryID, error) {
	return collect(ctx, s.db, func(r scanner) (id anvil.DeliveryID, err error) { return id, r.Scan(&id) },
		`SELECT id FROM deliveries WHERE decision = 'pending' AND received_at <= $1 ORDER BY received_at LIMIT 500`, micros(before))
}

// Unreceived returns those of ids that never arrived, in the order given.
func (s *Store) Unreceived(ctx context.Context, ids []anvil.DeliveryID) ([]anvil.DeliveryID, error) {
	var missing []anvil.DeliveryID
	for chunk := range slices.Chunk(ids, 500) {
		given, err := json.Marshal(chunk)
		if err != nil {
			return nil, err
		}
		part, err := collect(ctx, s.db, func(r scanner) (id anvil.DeliveryID, err error) { return id, r.Scan(&id) },
			`SELECT value FROM json_each($1) WHERE value NOT IN (SELECT id FROM deliveries) ORDER BY key`, string(given))
		if err != nil {
			return nil, fmt.Errorf("look for %d deliveries: %w", len(chunk), err)
		}
		missing = append(missing, part...)
	}
	return missing, nil
}
