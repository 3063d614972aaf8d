// Package schedule decides which queued run gets capacity next.
//
// Capacity is slots: so many at once in all, and so many for each repository. A
// run holds its slot from the moment it is chosen until its runner has handed it
// back. [Next] is the whole rule, a pure function: instructions of one session
// are served in their order; who waits for a budget keeps its place; among those who may go, the repository that holds
// the fewest slots comes first, and within it who has waited longest. So one
// repository with a hundred tasks does not keep another from its first.
package schedule

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Capacity is how many runs may hold a slot at once.
type Capacity struct {
	Total         int
	PerRepository int
}

// Next returns the runs that get a slot now, in that order. alive holds all runs
// that have not ended, in the order of their tasks.
func Next(alive []anvil.Contender, capacity Capacity) []anvil.RunID {
	held := map[int64]int{}
	total := 0
	busy := map[anvil.SessionID]bool{} // sessions whose earlier instruction is not done
	var ready []anvil.Contender
	for _, w := range alive {
		switch {
		case w.State == anvil.Held: // waits for a person, perhaps for days: does not block the thread
			continue
		case w.State != anvil.Queued:
			if w.State.HoldsSlot() {
				held[w.Repository]++
				total++
			}
		case !w.Waits && !busy[w.Session]:
			ready = append(ready, w)
		}
		busy[w.Session] = true
	}
	var chosen []anvil.RunID
	for total < capacity.Total {
		ready = slices.DeleteFunc(ready, func(w anvil.Contender) bool { return held[w.Repository] >= capacity.PerRepository })
		if len(ready) == 0 {
			break
		}
		best := slices.MinFunc(ready, func(a, b anvil.Contender) int {
			return cmp.Or(cmp.Compare(held[a.Repository], held[b.Repository]), a.QueuedAt.Compare(b.QueuedAt))
		})
		chosen = append(chosen, best.Run)
		held[best.Repository]++
		total++
		ready = slices.DeleteFunc(ready, func(w anvil.Contender) bool { return w.Run == best.Run })
	}
	return chosen
}

// Store is what the hop needs to read and change.
type Store interface {
	Alive(ctx context.Context) ([]anvil.Contender, error)
	Move(ctx context.Context, id anvil.RunID, to anvil.State, change func(*anvil.Run) error, next ...anvil.Job) (anvil.Run, error)
	Tell(ctx context.Context, id anvil.RunID, kind, text string) error
}

// Scheduler is the schedule hop.
type Scheduler struct {
	Store    Store
	Capacity Capacity
	// Waits says until when a run has to wait for a budget, and why; zero: it need
	// not. nil: nothing is waited for.
	Waits func(ctx context.Context, id anvil.RunID) (until time.Time, why string, err error)
	Log   *slog.Logger

	// one lets one round choose at a time: two rounds that read the same free
	// slot would both give it away.
	one sync.Mutex
	// told is until when people know that a run waits. Guarded by one.
	told map[anvil.RunID]time.Time
}

// Schedule gives the free slots to those whose turn it is, and wakes their
// dispatch.
func (s *Scheduler) Schedule(ctx context.Context, _ string) error {
	s.one.Lock()
	defer s.one.Unlock()
	alive, err := s.Store.Alive(ctx)
	if err != nil {
		return err
	}
	s.hold(ctx, alive)
	for _, id := range Next(alive, s.Capacity) {
		_, err := s.Store.Move(ctx, id, anvil.Dispatching, nil, anvil.Job{Hop: anvil.HopDispatch, Key: string(id)})
		var moved *anvil.MoveError
		if err != nil && !errors.As(err, &moved) { // one that was stopped meanwhile no longer wants the slot
			return err
		}
	}
	return nil
}

// hold marks the queued runs that wait for a budget, and tells people once for each
// time. Runs that cannot be looked at now wait for the next round.
func (s *Scheduler) hold(ctx context.Context, alive []anvil.Contender) {
	if s.Waits == nil {
		return
	}
	told := map[anvil.RunID]time.Time{}
	for i := range alive {
		w := &alive[i]
		if w.State != anvil.Queued {
			continue
		}
		until, why, err := s.Waits(ctx, w.Run)
		if err == nil && !until.IsZero() && !s.told[w.Run].Equal(until) {
			err = s.Store.Tell(ctx, w.Run, anvil.KindBudgetWait, why)
		}
		if err != nil {
			s.Log.Error("a budget could not be looked at", "run", w.Run, "error", err)
			w.Waits = true
			continue
		}
		if !until.IsZero() {
			w.Waits, told[w.Run] = true, until
		}
	}
	s.told = told
}
