package anvil

import (
	"fmt"
	"slices"
	"time"
)

// State is where a [Run] is. The package comment draws the machine.
type State string

const (
	// Queued waits for a slot.
	Queued State = "queued"
	// Dispatching holds a slot; intent and nonce are committed, and the
	// provider may or may not have been asked.
	Dispatching State = "dispatching"
	// Uncertain was asked for, and the answer was lost: look before asking again.
	Uncertain State = "uncertain"
	// Dispatched has a place at the provider, and no claim yet.
	Dispatched State = "dispatched"
	// Working is claimed: a runner holds the lease.
	Working State = "working"
	// Stopping was told to stop; its runner may still hand over what there is.
	Stopping State = "stopping"
	// Waiting ended its runner's work with a question to a person; no runner is
	// held while it waits.
	Waiting State = "waiting"
	// Inspecting was finished by the runner; its proposal is being checked.
	Inspecting State = "inspecting"
	// Held passed inspection but touches protected files: a person decides.
	Held State = "held"
	// Delivering passed inspection and is being published.
	Delivering State = "delivering"

	// Succeeded ended with a published, read-back pull request.
	Succeeded State = "succeeded"
	// Unchanged ended with an answer and no change.
	Unchanged State = "unchanged"
	// Failed ended with a [Problem].
	Failed State = "failed"
	// Cancelled ended because a person asked for it.
	Cancelled State = "cancelled"
	// Lost ended because its runner never came, or went silent.
	Lost State = "lost"
	// Answered ended because its question was answered: the next attempt goes on
	// from where it was.
	Answered State = "answered"
)

// Moves is the state machine: from each state, the states it may move to.
// A state without moves is an end.
var Moves = map[State][]State{
	Queued:      {Dispatching, Cancelled, Failed},
	Dispatching: {Dispatched, Uncertain, Working, Stopping, Failed},
	Uncertain:   {Dispatching, Dispatched, Working, Stopping, Failed, Lost},
	Dispatched:  {Working, Stopping, Failed, Lost},
	Working:     {Inspecting, Waiting, Unchanged, Failed, Cancelled, Stopping, Lost},
	Stopping:    {Cancelled},
	Waiting:     {Answered, Failed, Cancelled},
	Inspecting:  {Delivering, Held, Unchanged, Failed, Cancelled},
	Held:        {Inspecting, Failed, Cancelled},
	Delivering:  {Succeeded, Failed},
	Succeeded:   {},
	Unchanged:   {},
	Failed:      {},
	Cancelled:   {},
	Lost:        {},
	Answered:    {},
}

// States lists every state in the order of a task's life.
var States = []State{
	Queued, Dispatching, Uncertain, Dispatched, Working, Stopping, Waiting, Inspecting, Held, Delivering,
	Succeeded, Unchanged, Failed, Cancelled, Lost, Answered,
}

// CanMove reports whether the machine leads from s to next.
func (s State) CanMove(next State) bool { return slices.Contains(Moves[s], next) }

// Ended reports whether s is an end.
func (s State) Ended() bool { return len(Moves[s]) == 0 }

// HoldsSlot reports whether a run in state s uses capacity at a provider.
func (s State) HoldsSlot() bool {
	switch s {
	case Dispatching, Uncertain, Dispatched, Working, Stopping:
		return true
	}
	return false
}

// Passing reports whether a run in state s usually moves on within seconds by itself.
func (s State) Passing() bool {
	switch s {
	case Queued, Dispatching, Uncertain, Stopping, Inspecting, Delivering:
		return true
	}
	return false
}

// Patience is how long a run may stay in a state whose next step is the server's
// own or a person's, before it is given up; 0 where somebody else's time limit counts. It is
// long, because a rate limit or an outage of GitHub may last for hours, and
// finite, because every task ends.
func (s State) Patience() time.Duration {
	switch s {
	case Queued, Waiting: // a person may be away for some days
		return 7 * 24 * time.Hour
	case Dispatching, Inspecting, Delivering:
		return 12 * time.Hour
	}
	return 0
}

// MoveError says that a run was not in a state from which the wanted move leads.
// It is how a late, second or fenced caller learns that the world went on.
type MoveError struct {
	Run  RunID
	From State // the state the run is in
	To   State // the state that was wanted
}

func (e *MoveError) Error() string {
	return fmt.Sprintf("run %s is %s: cannot become %s", e.Run, e.From, e.To)
}
