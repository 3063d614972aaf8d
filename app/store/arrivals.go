package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// What one commit takes at most: enough to spread its wait for the disk, and not so
// much that the first of a batch waits long for the last.
const (
	batchDeliveries = 64
	batchBytes      = 16 << 20
	batchWithin     = 10 * time.Second // and how long it may take
)

// Receive stores a delivery and the jobs it wakes, unless it is known: by its id,
// for ever, or, since GitHub signs the body and neither id nor event, by its body or
// what stands for that.
//
// Deliveries that come while others are being written are committed together: a
// commit waits for the disk, and one wait serves them all. Each caller still hears of
// its own only after the commit that holds it, and one that can't be stored keeps no
// other out. Once it is being written, the end of ctx no longer stops it.
func (s *Store) Receive(ctx context.Context, d anvil.Delivery, next ...anvil.Job) (anvil.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return anvil.Receipt{}, fmt.Errorf("store delivery %s: %w", d.ID, err)
	}
	sum := sha256.Sum256(d.Body)
	if d.Known != "" {
		sum = sha256.Sum256([]byte(d.Event + "\x00" + d.Known))
	}
	a := &arrival{delivery: d, digest: hex.EncodeToString(sum[:]), next: next, turn: make(chan bool, 1)}
	s.arrivals.join(a)
	if leads := <-a.turn; leads {
		batch := s.arrivals.take()
		s.receive(context.WithoutCancel(ctx), batch)
		s.arrivals.pass(batch)
	}
	if a.err != nil {
		return anvil.Receipt{}, fmt.Errorf("store delivery %s: %w", d.ID, a.err)
	}
	return a.receipt, nil
}

// arrival is a delivery on its way into the database.
type arrival struct {
	delivery anvil.Delivery
	digest   string
	next     []anvil.Job

	receipt anvil.Receipt
	err     error
	turn    chan bool // true: write the waiting ones, itself the first; false: it was written
}

// arrivals are the deliveries that wait to be written. One of them writes at a time,
// for itself and those behind it, and then hands over to the next: so nobody works
// for others once its own delivery is safe.
type arrivals struct {
	mu      sync.Mutex
	waiting []*arrival // guarded by mu, like all below
	writing bool       // somebody has the turn
}

// join puts a at the end, and gives it the turn if nobody has it.
func (q *arrivals) join(a *arrival) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, a)
	if !q.writing {
		q.writing = true
		a.turn <- true
	}
}

// take takes what one commit can hold, the caller's own first.
func (q *arrivals) take() []*arrival {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.waiting) && n < batchDeliveries {
		if size += len(q.waiting[n].delivery.Body); n > 0 && size > batchBytes {
			break
		}
		n++
	}
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return batch
}

// pass tells those of a batch behind the first that they were written, and gives the
// turn to the next one.
func (q *arrivals) pass(batch []*arrival) {
	for _, a := range batch[1:] {
		a.turn <- false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.waiting, q.writing = nil, false // the array holds bodies
		return
	}
	q.waiting[0].turn <- true
}

// receive writes a batch in one transaction; if that fails, each in its own.
func (s *Store) receive(ctx context.Context, batch []*arrival) {
	if len(batch) > 1 && s.commitArrivals(ctx, batch) == nil {
		return
	}
	for i, a := range batch {
		a.err = s.commitArrivals(ctx, batch[i:i+1])
	}
}

func (s *Store) commitArrivals(ctx context.Context, batch []*arrival) error {
	ctx, cancel := context.WithTimeout(ctx, batchWithin)
	defer cancel()
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	var next []anvil.Job
	for _, a := range batch {
		known, err := a.insert(ctx, tx)
		if err != nil {
			return err
		}
		if !known {
			next = append(next, a.next...)
		}
	}
	if err := s.Queue.EnqueueTx(ctx, tx, next...); err != nil {
		return fmt.Errorf("enqueue: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// insert writes the delivery's row, or finds that it is known.
func (a *arrival) insert(ctx context.Context, tx *sql.Tx) (known bool, err error) {
	a.receipt = anvil.Receipt{}
	d, same := a.delivery, false
	err = tx.QueryRowContext(ctx, `SELECT digest = $1 AND event = $2, task_id FROM deliveries WHERE id = $3`, a.digest, d.Event, d.ID).Scan(&same, &a.receipt.Task)
	if errors.Is(err, sql.ErrNoRows) {
		same = true
		err = tx.QueryRowContext(ctx, `SELECT task_id FROM deliveries WHERE digest = $1 AND NOT (event = $2 AND $3) ORDER BY received_at LIMIT 1`,
			a.digest, d.Event, repeats(d.Event)).Scan(&a.receipt.Task)
	}
	if err == nil {
		a.receipt.Duplicate, a.receipt.Conflict = same, !same
		return true, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO deliveries (id, event, body, digest, received_at, decision)
		VALUES ($1, $2, $3, $4, $5, 'pending')`,
		d.ID, d.Event, d.Body, a.digest, micros(d.ReceivedAt))
	return false, err
}

// repeats reports whether two events of a kind may say the same in the same words.
// Comments and issues carry ids and times; these state a fact, and hearing it
// again does no harm.
func repeats(event string) bool {
	return event == "ping" || strings.HasPrefix(event, "installation")
}
