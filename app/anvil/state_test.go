package anvil_test

import (
	"slices"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Every state is listed, is reached from queued, and leads to an end: so every
// task ends, whatever happens to it.
func TestEveryStateIsReachedAndEnds(t *testing.T) {
	t.Parallel()
	if len(anvil.States) != len(anvil.Moves) {
		t.Fatalf("%d states are listed and %d have moves", len(anvil.States), len(anvil.Moves))
	}
	reached := map[anvil.State]bool{}
	var walk func(anvil.State)
	walk = func(s anvil.State) {
		if reached[s] {
			return
		}
		reached[s] = true
		for _, next := range anvil.Moves[s] {
			if !slices.Contains(anvil.States, next) {
				t.Errorf("%s leads to %q, which is no state", s, next)
			}
			walk(next)
		}
	}
	walk(anvil.Queued)
	for _, s := range anvil.States {
		if !reached[s] {
			t.Errorf("%s cannot be reached", s)
		}
		if s.Ended() && s.HoldsSlot() {
			t.Errorf("%s is an end and holds a slot", s)
		}
		if !endsFrom(s, map[anvil.State]bool{}) {
			t.Errorf("%s leads to no end", s)
		}
	}
}

func endsFrom(s anvil.State, seen map[anvil.State]bool) bool {
	if s.Ended() {
		return true
	}
	seen[s] = true
	for _, next := range anvil.Moves[s] {
		if !seen[next] && endsFrom(next, seen) {
			return true
		}
	}
	return false
}

func TestProblemReadsAsASentenceWithItsNextStep(t *testing.T) {
	t.Parallel()
	p := anvil.Problemf("BASE_MISSING", "Name a branch that is there", "there is no branch %q", "x")
	p.IDs = []string{"delivery 1"}
	if got, want := p.Error(), `BASE_MISSING: there is no branch "x". Name a branch that is there. (delivery 1)`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSlug(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"Greet leaves people out":   "greet-leaves-people-out",
		"  `x`: the *worst* bug!! ": "x-the-worst-bug",
		"日本語":                       "task",
		"":                          "task",
		"a very long title that goes on and on and on and on": "a-very-long-title-that-goes-on-and-on-an",
	} {
		if got := anvil.Slug(title); got != want {
			t.Errorf("Slug(%q) = %q, want %q", title, got, want)
		}
	}
}
