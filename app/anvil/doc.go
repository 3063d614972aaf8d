// Package anvil holds the nouns of the product and its one state machine.
//
// A [Delivery] is one webhook call. What intake makes of it is a [Command].
// A command opens a [Task] (one instruction) in a [Session] (one thread: one
// branch, one pull request). A [Run] is one attempt at a task on a runner; it
// leaves [Event]s behind, and ends with an [Outcome]. Every change to the
// outside world is an [Effect], written down before it is made.
//
// The state machine is that of a run. A task has no states of its own: it is
// as its latest run is, and it is closed once, with that run's outcome, when
// no further attempt follows.
//
//	                ┌──────────────── next attempt (a new run) ◀───────────────┐
//	                ▼                                                          │
//	command ──▶  queued ──▶ dispatching ──▶ dispatched ──▶ working ──▶ lost ───┘
//	                         │      ▲            ▲            │
//	                         ▼      │            │            ├──▶ unchanged
//	                       uncertain┴────────────┘            ├──▶ failed
//	                                                          ▼
//	                             succeeded ◀── delivering ◀── inspecting ◀──▶ held
//
//	the agent asks a person:          working ──▶ waiting ──▶ answered, then the next attempt
//	stop, while no runner works:      queued, waiting, inspecting, held ──▶ cancelled
//	stop, afterwards:                 dispatching … working ──▶ stopping ──▶ cancelled
//	any state that is not an end ──▶ failed, with a cause and a next step
//
// A claim may arrive before the answer to the dispatch that caused it, so
// dispatching and uncertain lead to working too. [Moves] is the table; the
// database enforces the same table with a CHECK on the pair of the previous and
// the present state, and a test holds the two together.
//
// After a crash the rows are as the last commit left them: each state says what
// may already have happened outside, and the hop that owns the state finds out
// before it acts again.
package anvil
