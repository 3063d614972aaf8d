package gateway

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// ledger holds what is spent and reserved, and is the authority on it: the
// database follows some milliseconds behind.
//
// A call is let through if all that it can cost at most fits beside what is used and
// reserved. If it does not fit, but there is something left, it waits for the calls
// under way, and goes alone: so a budget can be used to its end, and what goes
// beyond it is one request, however many are made at once.
type ledger struct {
	store   Store
	budgets []Budget
	log     *slog.Logger
	now     func() time.Time
	wake    chan struct{} // holds one: there is something to write

	writing sync.Mutex                // held while a batch is written: one at a time, in order
	spare   map[int64]anvil.ModelCall // empty, the next unsaved; guarded by writing; may be nil

	mu       sync.Mutex
	lastID   int64
	accounts map[accountKey]*account
	freed    chan struct{} // closed and made anew when a call has settled; nil while nobody waits
	unsaved  map[int64]anvil.ModelCall
	notices  []notice
	swept    time.Time
}

// notice is something that people should be told of a run.
type notice struct {
	run  anvil.RunID
	text string
}

// reservation is what a call holds of the accounts it spends from.
type reservation struct {
	budgets []Budget     // the server's, and what the run's rules add
	keys    []accountKey // one for each budget
	most    anvil.Spent
}

func newLedger(store Store, budgets []Budget, now func() time.Time, log *slog.Logger) *ledger {
	return &ledger{
		store: store, budgets: sharing(budgets), now: now, log: log, wake: make(chan struct{}, 1),
		accounts: map[accountKey]*account{}, unsaved: map[int64]anvil.ModelCall{},
	}
}

// verdict is what the budgets say to a call.
type verdict int

const (
	granted verdict = iota
	tooMuch         // a budget is used up
	cheaper         // a budget is low, and wants a cheaper model
)

// reserve begins a call that takes most, waiting for its turn if need be. thrifty says
// that it is a cheaper model's already. With tooMuch comes the budget that is used up.
// Limit is what the rules let the call's task take.
func (l *ledger) reserve(ctx context.Context, row *anvil.ModelCall, limit anvil.Limit, most anvil.Spent, thrifty bool) (*reservation, verdict, *Budget, error) {
	r := &reservation{most: most, budgets: within(l.budgets, limit)}
	r.keys = make([]accountKey, len(r.budgets))
	for i, b := range r.budgets {
		r.keys[i] = accountKey{row.Spender(b.Scope), b.On(row.StartedAt)}
	}
	for {
		if err := l.open(ctx, r); err != nil {
			return nil, tooMuch, nil, err
		}
		said, over, wait := l.book(row, r, thrifty)
		if wait == nil {
			if said == granted {
				l.signal()
			}
			return r, said, over, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, tooMuch, nil, ctx.Err()
		}
	}
}

// book reserves, if all budgets allow. wait is closed when it is worth asking again.
func (l *ledger) book(row *anvil.ModelCall, r *reservation, thrifty bool) (said verdict, over *Budget, wait <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	busy := false
	for i := range r.budgets {
		b, a := &r.budgets[i], l.accounts[r.keys[i]]
		if a == nil { // swept since it was opened
			again := make(chan struct{})
			close(again)
			return granted, nil, again
		}
		switch {
		case b.over(a):
			return tooMuch, b, nil
		case b.Cheaper && !thrifty && b.low(a):
			said = cheaper
		case !b.fits(a, r.most) && a.reserved.Calls > 0:
			busy = true
		}
	}
	switch {
	case said == cheaper:
		return cheaper, nil, nil
	case busy:
		if l.freed == nil {
			l.freed = make(chan struct{})
		}
		return granted, nil, l.freed
	}
	for i, key := range r.keys {
		if r.budgets[i].shared {
			continue
		}
		a := l.accounts[key]
		a.reserved.Add(r.most)
		a.touched = row.StartedAt
	}
	// Times grow, across restarts too, so they make ids.
	l.lastID = max(l.lastID+1, row.StartedAt.UnixMicro())
	row.ID, row.State = l.lastID, anvil.CallReserved
	l.unsaved[row.ID] = *row
	return granted, nil, nil
}

// open reads the accounts that are not in memory. Nothing of theirs is under way then,
// so the database knows all.
func (l *ledger) open(ctx context.Context, r *reservation) error {
	for _, i := range l.closed(r) {
		key := r.keys[i]
		used, err := l.store.Spending(ctx, key.Spender, key.day)
		if err != nil {
			return err
		}
		l.mu.Lock()
		if _, known := l.accounts[key]; !known {
			a := &account{used: used, touched: l.now()}
			for place := range r.budgets {
				if r.keys[place] == key && r.budgets[place].low(a) {
					a.warned = append(a.warned, place)
				}
			}
			l.accounts[key] = a
		}
		l.mu.Unlock()
	}
	return nil
}

// closed returns a place of each account that is not in memory.
func (l *ledger) closed(r *reservation) (places []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, key := range r.keys {
		if !r.budgets[i].shared && l.accounts[key] == nil {
			places = append(places, i)
		}
	}
	return places
}

// settle ends a call: what it held is given back, and what it used is booked. It is
// called once for each.
func (l *ledger) settle(row *anvil.ModelCall, r *reservation) {
	l.mu.Lock()
	for i, key := range r.keys {
		a, b := l.accounts[key], &r.budgets[i]
		if !b.shared {
			a.reserved.Sub(r.most)
			a.used.Add(row.Spent())
		}
		if b.low(a) && !slices.Contains(a.warned, i) {
			a.warned = append(a.warned, i)
			l.notices = append(l.notices, notice{row.Run, b.warning(a.used, row.StartedAt)})
		}
	}
	l.unsaved[row.ID] = *row
	if l.freed != nil {
		close(l.freed)
		l.freed = nil
	}
	l.mu.Unlock()
	l.signal()
}

// refused writes down a call that a budget stopped.
func (l *ledger) refused(row *anvil.ModelCall) {
	l.mu.Lock()
	l.lastID = max(l.lastID+1, row.StartedAt.UnixMicro())
	row.ID, row.State, row.SettledAt, row.Code = l.lastID, anvil.CallRefused, l.now(), CodeBudget
	l.unsaved[row.ID] = *row
	l.mu.Unlock()
	l.signal()
}

// used returns what is used of the account that a budget counts for a spender.
func (l *ledger) used(ctx context.Context, i int, who anvil.Spender) (over bool, err error) {
	key := accountKey{who, l.budgets[i].On(l.now())}
	used, err := l.store.Spending(ctx, key.Spender, key.day)
	if err != nil {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.accounts[key]; a != nil {
		return l.budgets[i].over(a), nil
	}
	return l.budgets[i].over(&account{used: used}), nil
}
