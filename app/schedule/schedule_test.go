package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

func waiting(n int, session string, repository int64, state anvil.State) anvil.Contender {
	return anvil.Contender{
		Run: anvil.RunID(fmt.Sprintf("r%d", n)), Task: anvil.TaskID(fmt.Sprintf("t%d", n)),
		Session: anvil.SessionID(session), Repository: repository, State: state,
		QueuedAt: time.Unix(int64(n), 0),
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	four := Capacity{Total: 4, PerRepository: 2}
	for _, test := range []struct {
		name     string
		alive    []anvil.Contender
		capacity Capacity
		want     []anvil.RunID
	}{
		{"nobody waits", nil, four, nil},
		{"one waits, one goes", []anvil.Contender{waiting(1, "a", 1, anvil.Queued)}, four, []anvil.RunID{"r1"}},
		{"a repository has its limit", []anvil.Contender{
			waiting(1, "a", 1, anvil.Working), waiting(2, "b", 1, anvil.Stopping), waiting(3, "c", 1, anvil.Queued),
		}, four, nil},
		{"the server has its limit", []anvil.Contender{
			waiting(1, "a", 1, anvil.Working), waiting(2, "b", 2, anvil.Queued),
		}, Capacity{Total: 1, PerRepository: 1}, nil},
		{"who has nothing comes before who waits longer", []anvil.Contender{
			waiting(1, "a", 1, anvil.Working), waiting(2, "b", 1, anvil.Queued), waiting(3, "c", 2, anvil.Queued),
		}, Capacity{Total: 2, PerRepository: 2}, []anvil.RunID{"r3"}},
		{"a thread is served in order", []anvil.Contender{
			waiting(1, "a", 1, anvil.Queued), waiting(2, "a", 1, anvil.Queued),
		}, four, []anvil.RunID{"r1"}},
		{"a publication under way keeps its thread busy but no slot", []anvil.Contender{
			waiting(1, "a", 1, anvil.Delivering), waiting(2, "a", 1, anvil.Queued), waiting(3, "b", 1, anvil.Queued),
		}, Capacity{Total: 1, PerRepository: 1}, []anvil.RunID{"r3"}},
		{"who waits for a budget keeps its thread waiting, and no other", []anvil.Contender{
			func() anvil.Contender { w := waiting(1, "a", 1, anvil.Queued); w.Waits = true; return w }(),
			waiting(2, "a", 1, anvil.Queued), waiting(3, "b", 1, anvil.Queued),
		}, four, []anvil.RunID{"r3"}},
		{"what a person has to decide does not block the thread", []anvil.Contender{
			waiting(1, "a", 1, anvil.Held), waiting(2, "a", 1, anvil.Queued),
		}, four, []anvil.RunID{"r2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := Next(test.alive, test.capacity); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// Whatever the order of arrivals, a thousand random worlds stay within capacity,
// leave no slot idle that somebody could have had, and starve no repository.
func TestNextKeepsItsPromisesInRandomWorlds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 1))
		capacity := Capacity{Total: 1 + r.IntN(5), PerRepository: 1 + r.IntN(3)}
		var alive []anvil.Contender
		for n := range r.IntN(30) {
			state := anvil.Queued
			if r.IntN(8) == 0 {
				state = anvil.States[r.IntN(9)]
			}
			alive = append(alive, waiting(n, fmt.Sprint(r.IntN(12)), int64(r.IntN(4)), state))
		}
		held, total := map[int64]int{}, 0
		for _, w := range alive {
			if w.State.HoldsSlot() {
				held[w.Repository]++
				total++
			}
		}
		chosen := Next(alive, capacity)
		sessions := map[anvil.SessionID]bool{}
		for _, id := range chosen {
			w := alive[slices.IndexFunc(alive, func(w anvil.Contender) bool { return w.Run == id })]
			if sessions[w.Session] {
				t.Fatalf("seed %d: two runs of session %s at once", seed, w.Session)
			}
			sessions[w.Session] = true
			held[w.Repository]++
			total++
			if held[w.Repository] > capacity.PerRepository || total > capacity.Total {
				t.Fatalf("seed %d: %v goes beyond %+v", seed, chosen, capacity)
			}
		}
		if total >= capacity.Total {
			continue
		}
		for i, w := range alive {
			first := !slices.ContainsFunc(alive[:i], func(e anvil.Contender) bool { return e.Session == w.Session && e.State != anvil.Held })
			if w.State == anvil.Queued && first && held[w.Repository] < capacity.PerRepository && !slices.Contains(chosen, w.Run) {
				t.Fatalf("seed %d: a slot is idle while %s waits", seed, w.Run)
			}
		}
	}
}
