package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// gate is a queue that counts transactions, stops the first until it is opened, and
// refuses the job of one key.
type gate struct {
	commits atomic.Int64
	began   chan struct{}
	open    chan struct{}
	refuses string
}

func (g *gate) EnqueueTx(_ context.Context, _ *sql.Tx, jobs ...anvil.Job) error {
	if g.commits.Add(1) == 1 {
		close(g.began)
		<-g.open
	}
	for _, j := range jobs {
		if j.Key == g.refuses {
			return errors.New("not this one")
		}
	}
	return nil
}

// What comes while a commit is under way is committed together, and each is told what
// became of its own: stored, known, in conflict, or not stored.
func TestArrivalsShareACommit(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), t.TempDir(), time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	g := &gate{began: make(chan struct{}), open: make(chan struct{}), refuses: "none"}
	s.Queue = g
	receive := func(id, body string) (anvil.Receipt, error) {
		return s.Receive(t.Context(), anvil.Delivery{ID: anvil.DeliveryID(id), Event: "issues", Body: []byte(body), ReceivedAt: time.Now()},
			anvil.Job{Hop: anvil.HopDecide, Key: id})
	}
	const n = 50
	receipts, failures := make([]anvil.Receipt, n), make([]error, n)
	var all sync.WaitGroup
	one := func(i int, id, body string) {
		all.Go(func() { receipts[i], failures[i] = receive(id, body) })
	}
	one(0, "first", `{"first":1}`)
	<-g.began
	for i := 1; i < n-3; i++ {
		one(i, fmt.Sprint("d", i), fmt.Sprintf(`{"n":%d}`, i))
	}
	one(n-3, "first", `{"first":1}`)         // sent twice
	one(n-2, "first", `{"first":"another"}`) // another under its name
	one(n-1, "copy", `{"first":1}`)          // its body under another name
	for {                                    // until all wait behind the first
		s.arrivals.mu.Lock()
		waiting := len(s.arrivals.waiting)
		s.arrivals.mu.Unlock()
		if waiting == n-1 {
			break
		}
		select {
		case <-t.Context().Done():
			t.Fatal("they never came")
		default:
		}
	}
	close(g.open)
	all.Wait()
	if commits := g.commits.Load(); commits != 2 {
		t.Errorf("%d commits", commits)
	}
	for i, r := range receipts {
		want := anvil.Receipt{Duplicate: i == n-3 || i == n-1, Conflict: i == n-2}
		if failures[i] != nil || r != want {
			t.Errorf("%d: %+v, %v", i, r, failures[i])
		}
	}
}

// One that can't be stored fails alone.
func TestAnArrivalFailsAlone(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), t.TempDir(), time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	g := &gate{began: make(chan struct{}), open: make(chan struct{}), refuses: "d1"}
	close(g.open)
	s.Queue = g
	batch := make([]*arrival, 3)
	for i := range batch {
		id := fmt.Sprint("d", i)
		batch[i] = &arrival{digest: id, delivery: anvil.Delivery{ID: anvil.DeliveryID(id), Event: "issues", Body: []byte(id), ReceivedAt: time.Now()},
			next: []anvil.Job{{Hop: anvil.HopDecide, Key: id}}}
	}
	s.receive(t.Context(), batch)
	for i, a := range batch {
		if _, err := s.Delivery(t.Context(), a.delivery.ID); (a.err != nil) != (i == 1) || (err != nil) != (i == 1) || a.receipt != (anvil.Receipt{}) {
			t.Errorf("%d: %v, %v, %+v", i, a.err, err, a.receipt)
		}
	}
}
