package anvil

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Audit is one row of the audit trail: who did what to what, as it was written down
// before it was done. Rows are only ever added; each carries the hash of the one
// before it, so a row that was changed, taken out or put in shows.
type Audit struct {
	Seq     int64        `json:"seq"` // from 1 without gaps
	At      time.Time    `json:"at"`
	Task    TaskID       `json:"task,omitempty"`
	Run     RunID        `json:"run,omitempty"`
	Actor   string       `json:"actor"`            // agent, or server
	Action  string       `json:"action"`           // such as "tool ask_human" or "effect"
	Target  string       `json:"target,omitempty"` // what it is done to
	Digest  string       `json:"digest,omitempty"` // sha256 hex of the arguments, which are not kept
	Note    string       `json:"note,omitempty"`   // why it was denied; redacted
	Outcome AuditOutcome `json:"outcome"`
	Prev    string       `json:"prev"` // hash of the row before; empty for the first
	Hash    string       `json:"hash"` // see Seal
}

// AuditOutcome is what became of an act.
type AuditOutcome string

const (
	AuditAllowed AuditOutcome = "allowed" // written before the act
	AuditDenied  AuditOutcome = "denied"  // it was not done
	AuditDone    AuditOutcome = "done"    // written after the act
	AuditFailed  AuditOutcome = "failed"  // it was tried
)

// Seal returns the hash of a row: over every field but the hash itself, each with
// its length, so that no text can pass for another split of the same letters.
func (a Audit) Seal() string {
	h := sha256.New()
	for _, field := range []string{
		fmt.Sprint(a.Seq), fmt.Sprint(a.At.UnixMicro()), string(a.Task), string(a.Run), a.Actor, a.Action, a.Target, a.Digest, a.Note,
		string(a.Outcome), a.Prev,
	} {
		fmt.Fprintf(h, "%d:%s", len(field), field)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Use is an act of an agent by a tool: what is committed with its audit row.
type Use struct {
	Run RunID
	// Action, Target, Digest and Note are the audit row's.
	Action, Target, Digest, Note string
	// Effect is the key of an effect that is intended with it; empty: none.
	Effect string
	// Change amends the run; nil: not.
	Change func(*Run)
	// Event is recorded as the server's, unless its kind is empty.
	Event Event
	// Tell shows people that the task changed.
	Tell bool
}
