package anvil

import "time"

// Caller is who a model call is made for: the run that makes it, and all that the
// run belongs to.
type Caller struct {
	Run          Run
	Session      SessionID
	User         int64 // GitHub's id of who asked for the task
	Repository   int64
	Installation int64 // of the App: one for each organisation
}

// ModelCall is one request that a run made to a model. It never holds what was
// said.
type ModelCall struct {
	ID           int64
	Run          RunID
	Task         TaskID
	Session      SessionID
	User         int64
	Repository   int64
	Installation int64

	Protocol  string // responses, chat or messages
	Upstream  string // as configured; empty if none was asked
	Model     string // that was asked of the upstream, by the name that runs use
	StartedAt time.Time
	SettledAt time.Time // zero while it is under way

	State CallState
	// Usage has the tokens and the price; Calls and Unpriced are 1 or 0.
	Usage Usage
	// Estimated says that the provider did not tell the tokens, because the call was
	// cut: they are then guessed from bytes and time, high rather than low.
	Estimated bool
	// ReservedMicros is the most that the call was expected to cost.
	ReservedMicros int64
	Code           Code // why it was refused or failed
}

// CallState is how far a model call got.
type CallState string

const (
	CallReserved CallState = "reserved" // under way, or cut off by a crash: counts as used
	CallSettled  CallState = "settled"
	CallRefused  CallState = "refused" // never left the server
	CallFailed   CallState = "failed"  // no upstream gave a whole answer
)

// Add adds v to u.
func (u *Usage) Add(v Usage) {
	u.Calls += v.Calls
	u.Input += v.Input
	u.Cached += v.Cached
	u.CacheWrite += v.CacheWrite
	u.Output += v.Output
	u.Reasoning += v.Reasoning
	u.CostMicros += v.CostMicros
	u.Unpriced += v.Unpriced
}

// Tokens is all that went in and came out.
func (u Usage) Tokens() int64 { return u.Input + u.Cached + u.CacheWrite + u.Output }
