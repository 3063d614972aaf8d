package anvil

import (
	"errors"
	"time"
)

// ErrNotFound is returned where a row that was named does not exist.
var ErrNotFound = errors.New("not found")

// Receipt is what is known of a delivery that came in.
type Receipt struct {
	Duplicate bool   // the same delivery was here before
	Conflict  bool   // the same id was here before with another body
	Task      TaskID // what the earlier one led to, if anything
}

// Opening says how to open a task.
type Opening struct {
	Command Command
	// NewSession starts another session in the thread even if there is one, for
	// example because the pull request of the last one was merged.
	NewSession bool
	// Onto is the branch of the thread's own pull request, which a new session then
	// adds to. Empty: a new session has a branch of its own.
	Onto string
}

// PastCommand is a command that started work or was denied by the rules, as it is kept.
type PastCommand struct {
	Delivery DeliveryID
	At       time.Time
	Decision Decision
	Task     TaskID   // that it opened, if it did
	Command  Command  // without its words, if it was denied
	Files    []string // paths that its change touches, as far as it was inspected
}

// Answering is a person's answer to what a run waits with.
type Answering struct {
	Text     string
	By       Actor
	Delivery DeliveryID // that brought it
	Approves string     // the digest of the plan that it approves; empty: it is words
	Reply    *Reply     // to the delivery
}

// Contender is a run as the scheduler sees it: one that waits for a slot, or holds
// what others wait for.
type Contender struct {
	Run        RunID
	Task       TaskID
	Session    SessionID
	Repository int64
	State      State
	QueuedAt   time.Time
	// Waits keeps a queued run from getting a slot now.
	Waits bool
}

// Archive is what a run left for the next run of its session to go on from: the
// tree as it stood, or the engine's conversation. A session has one of each, the
// latest.
type Archive struct {
	Session   SessionID
	Name      string // runapi's name of the artifact
	Run       RunID  // that left it
	Digest    string // of the plain bytes, "sha256:HEX"
	Sealed    string // digest of the bytes as they are stored
	Size      int64  // of the plain bytes
	Base      string // base commit of the run
	Head      string // of a checkpoint: its commit on Base
	Engine    EngineInfo
	Reference string // of a conversation: the engine's own, such as a thread id
	StoredAt  time.Time
}
