package gateway

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// gather is how long a call waits for others, to be written down with them: a write has
// to wait for the disk and takes a processor for about a millisecond, in which the events
// of every stream stand behind it.
const gather = 50 * time.Millisecond

func (l *ledger) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run writes until ctx ends, and then what is left.
func (l *ledger) run(ctx context.Context) {
	pause := gather
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			continue
		case <-l.wake:
		}
		if sleep(ctx, pause) != nil {
			continue
		}
		pause = gather
		if err := l.flush(ctx); err != nil && ctx.Err() == nil {
			l.log.Error("model calls could not be saved yet", "error", err)
			pause = time.Second
			l.signal()
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := l.flush(last); err != nil {
		l.log.Error("model calls are lost", "error", err)
	}
}

// flush writes down what is not yet, and tells people what they should hear of.
func (l *ledger) flush(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	next := l.spare // calls wait for mu: no memory is made under it
	if next == nil {
		next = make(map[int64]anvil.ModelCall, 64)
	}
	l.spare = nil
	l.mu.Lock()
	batch, notices := l.unsaved, l.notices
	l.unsaved, l.notices = next, nil
	l.mu.Unlock()
	if len(batch) > 0 {
		calls := make([]anvil.ModelCall, 0, len(batch))
		for _, c := range batch {
			calls = append(calls, c)
		}
		slices.SortFunc(calls, func(a, b anvil.ModelCall) int { return cmp.Compare(a.ID, b.ID) })
		// It takes milliseconds and is bounded by the database. A context that can end
		// would cost a goroutine for each row.
		if err := l.store.SaveCalls(context.WithoutCancel(ctx), calls); err != nil {
			l.putBack(batch, notices)
			return err
		}
	}
	if len(batch) <= 1024 {
		clear(batch)
		l.spare = batch
	}
	for i, n := range notices {
		if err := l.store.Tell(ctx, n.run, anvil.KindBudgetLow, n.text); err != nil {
			l.putBack(nil, notices[i:])
			return err
		}
	}
	l.sweep()
	return nil
}

func (l *ledger) putBack(batch map[int64]anvil.ModelCall, notices []notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, c := range batch {
		if _, newer := l.unsaved[id]; !newer {
			l.unsaved[id] = c
		}
	}
	l.notices = append(notices, l.notices...)
}

// sweep drops accounts that nobody has used for a while, when the database knows all
// of them.
func (l *ledger) sweep() {
	const idle = 10 * time.Minute
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if len(l.unsaved) > 0 || now.Sub(l.swept) < idle {
		return
	}
	l.swept = now
	for key, a := range l.accounts {
		if a.reserved.Calls == 0 && now.Sub(a.touched) > idle {
			delete(l.accounts, key)
		}
	}
}
