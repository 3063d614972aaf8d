package linear

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what sort of failure an [Error] is.
type Kind string

const (
	Unauthorized Kind = "unauthorized" // the app's credentials are refused, or it was taken off the workspace
	Forbidden    Kind = "forbidden"    // the app may not do that
	NotFound     Kind = "not found"
	Invalid      Kind = "invalid" // the request itself is refused
	RateLimited  Kind = "rate limited"
	Unavailable  Kind = "unavailable" // 5xx, or an answer that cannot be read
	Unreachable  Kind = "unreachable" // no answer
)

// Error is a call that failed.
type Error struct {
	Op      string // what was wanted, such as "create the activity"
	Kind    Kind
	Status  int       // HTTP status; 0 without an answer
	Message string    // Linear's words, cut
	Until   time.Time // when calls make sense again, with RateLimited
	cause   error     // without secrets: they are in no address
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "linear: %s: %s", e.Op, e.Kind)
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.Status)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %v", e.cause)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.cause }

// AsError returns the Error in err's chain, or nil.
func AsError(err error) *Error {
	e, _ := errors.AsType[*Error](err)
	return e
}

// IsNotFound reports whether err says that what was asked for is not there.
func IsNotFound(err error) bool {
	e := AsError(err)
	return e != nil && e.Kind == NotFound
}

// RetryAt returns when a call that failed with err makes sense again: Linear's time if it
// named one, the zero time if waiting is no help.
func RetryAt(err error, now time.Time) time.Time {
	e := AsError(err)
	if e == nil {
		return time.Time{}
	}
	switch e.Kind {
	case RateLimited:
		return e.Until
	case Unauthorized: // the operator's to mend; until then nothing should be lost for it
		return now.Add(time.Minute)
	case Unavailable, Unreachable:
		return now.Add(10 * time.Second)
	}
	return time.Time{}
}
