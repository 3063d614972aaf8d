package gateway

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// batchPause is the least time between two writes: calls that come meanwhile are
// written together, and others get at the database.
const batchPause = 10 * time.Millisecond

// ledger holds the calls under way, and writes them down in batches.
type ledger struct {
	store Store
	log   *slog.Logger
	now   func() time.Time
	wake  chan struct{} // holds one: there is something to write

	mu      sync.Mutex
	lastID  int64
	unsaved map[int64]anvil.ModelCall
}

func newLedger(store Store, now func() time.Time, log *slog.Logger) *ledger {
	return &ledger{store: store, now: now, log: log, wake: make(chan struct{}, 1), unsaved: map[int64]anvil.ModelCall{}}
}

// reserve begins a call.
func (l *ledger) reserve(row *anvil.ModelCall) {
	l.mu.Lock()
	// Times grow, across restarts too, so they make ids.
	l.lastID = max(l.lastID+1, row.StartedAt.UnixMicro())
	row.ID, row.State = l.lastID, anvil.CallReserved
	l.unsaved[row.ID] = *row
	l.mu.Unlock()
	l.signal()
}

// settle ends a call. It is called once for each.
func (l *ledger) settle(row *anvil.ModelCall) {
	l.mu.Lock()
	l.unsaved[row.ID] = *row
	l.mu.Unlock()
	l.signal()
}

func (l *ledger) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run writes until ctx ends, and then what is left.
func (l *ledger) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := l.flush(last); err != nil {
				l.log.Error("model calls are lost", "error", err)
			}
			return
		case <-l.wake:
		}
		rest := batchPause
		if err := l.flush(ctx); err != nil {
			l.log.Error("model calls could not be saved yet", "error", err)
			rest = time.Second
			l.signal()
		}
		timer.Reset(rest)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
}

// flush writes down what is not yet.
func (l *ledger) flush(ctx context.Context) error {
	l.mu.Lock()
	batch := l.unsaved
	l.unsaved = make(map[int64]anvil.ModelCall, len(batch))
	l.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	calls := make([]anvil.ModelCall, 0, len(batch))
	for _, c := range batch {
		calls = append(calls, c)
	}
	slices.SortFunc(calls, func(a, b anvil.ModelCall) int { return int(a.ID - b.ID) })
	err := l.store.SaveCalls(ctx, calls)
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		for id, c := range batch {
			if _, newer := l.unsaved[id]; !newer {
				l.unsaved[id] = c
			}
		}
	}
	return err
}
