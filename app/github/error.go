package github

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what sort of failure an [Error] is.
type Kind string

const (
	NotFound     Kind = "not found"    // 404, or one answer that amounts to it
	Forbidden    Kind = "forbidden"    // 403: the token's rights do not reach that far
	Unauthorized Kind = "unauthorized" // 401: wrong key, or a clock that is off
	Uninstalled  Kind = "uninstalled"  // the installation is gone, suspended or without the repository
	RateLimited  Kind = "rate limited" // Until says for how long
	Invalid      Kind = "invalid"      // 400, 409, 422 and other answers that refuse the request itself
	Exists       Kind = "exists"       // what was to be made is there already
	Moved        Kind = "moved"        // a write to a repository's former name
	Archived     Kind = "archived"     // the repository takes no writes
	Unavailable  Kind = "unavailable"  // 5xx
	BadResponse  Kind = "bad response" // an answer we cannot read, or not the one asked for
	Unreachable  Kind = "unreachable"  // no answer: timeout, reset, refused connection
	NoWorkflow   Kind = "no workflow"  // nothing there that can be dispatched
	BadInputs    Kind = "bad inputs"   // the workflow and our inputs do not fit each other
	TooBig       Kind = "too big"      // a file over the cap
)

// Sentinels for errors.Is. ErrUncertain and ErrNotAccepted are about writes:
// every error of a write is exactly one of the two.
var (
	ErrNotFound    = errors.New("github: not found")
	ErrExists      = errors.New("github: exists already")
	ErrRateLimited = errors.New("github: rate limited")
	ErrUncertain   = errors.New("github: the call may have happened")
	ErrNotAccepted = errors.New("github: the call did not happen")
)

// Error is a call that failed.
type Error struct {
	Op      string // what was wanted, such as "start the workflow"
	Kind    Kind
	Status  int    // HTTP status; 0 without an answer
	Message string // GitHub's words, cleaned and cut
	// Rights is what the call's token asked for, as the App's settings name it.
	Rights string
	// Until is when calls for the installation make sense again, with RateLimited.
	Until time.Time

	write bool  // the call changes something
	sent  bool  // the request may have left
	cause error // without secrets: go-github removes them from addresses
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "github: %s: %s", e.Op, e.Kind)
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.Status)
	}
	if !e.Until.IsZero() {
		fmt.Fprintf(&b, " until %s", e.Until.UTC().Format(time.RFC3339))
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %s", clean(e.cause.Error(), 300))
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.cause }

// Uncertain reports whether the call may have happened all the same: it changes
// something, it may have left, and no answer says that it was refused.
func (e *Error) Uncertain() bool {
	if !e.write || !e.sent {
		return false
	}
	switch e.Kind {
	case Unavailable, BadResponse, Unreachable:
		return true
	}
	return false
}

// Is matches the sentinels.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Kind == NotFound
	case ErrExists:
		return e.Kind == Exists
	case ErrRateLimited:
		return e.Kind == RateLimited
	case ErrUncertain:
		return e.Uncertain()
	case ErrNotAccepted:
		return e.write && !e.Uncertain()
	}
	return false
}

// AsError returns the Error in err's chain, or nil.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// RetryAt returns when a call that failed with err makes sense again: GitHub's
// time if it named one, the zero time if waiting is no help.
func RetryAt(err error, now time.Time) time.Time {
	e := AsError(err)
	if e == nil {
		return time.Time{}
	}
	switch e.Kind {
	case RateLimited:
		return e.Until
	case Unauthorized:
		// A token that was revoked before its time is replaced with the next call. A
		// wrong key or clock is the operator's to mend; until then nobody's task
		// should be lost for it.
		return now.Add(time.Minute)
	case Unavailable, BadResponse, Unreachable:
		return now.Add(15 * time.Second)
	}
	return time.Time{}
}
