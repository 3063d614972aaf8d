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
