package simulated

import (
	"context"
	"fmt"
	"net/http"
	"sync"
)

// Fault makes requests fail that match it.
type Fault struct {
	ID     int    `json:"id"`               // given by Set
	Method string `json:"method,omitempty"` // empty: any. DELIVER: a webhook, with its event as Path
	// Path is a pattern for the request's path as the ledger shows it: * stands
	// for anything within one element, ** at the end for any rest.
	Path string `json:"path"`
	// After lets that many matching requests pass first.
	After int `json:"after,omitempty"`
	// Times is how many requests it hits; 0 means one, negative means all.
	Times int `json:"times,omitempty"`
	Do    Do  `json:"do"`

	Status     int               `json:"status,omitempty"`      // with DoStatus and DoAcceptFail; default 500
	RetryAfter int               `json:"retry_after,omitempty"` // seconds, as a Retry-After header
	Header     map[string]string `json:"header,omitempty"`      // more headers, with DoStatus
	Body       string            `json:"body,omitempty"`        // with DoStatus; default a JSON error
	DelayMS    int               `json:"delay_ms,omitempty"`    // with DoDelay
	Hits       int               `json:"hits"`                  // how many requests it has met
	Stalled    int               `json:"stalled"`               // answers that it holds now
	Over       bool              `json:"over"`                  // it will not hit again
}

// Do is what a fault does.
type Do string

const (
	DoStatus      Do = "status"             // answer with Status; nothing happens
	DoDrop        Do = "drop"               // cut the connection; nothing happens
	DoAcceptDrop  Do = "accept-then-drop"   // it happens; the connection is cut
	DoAcceptFail  Do = "accept-then-status" // it happens; the answer is Status
	DoAcceptStall Do = "accept-then-stall"  // it happens; the answer is held until the fault is released
	DoStall       Do = "stall"              // held until the fault is released; then it happens
	DoDelay       Do = "delay"              // it happens later, by DelayMS
	DoTruncate    Do = "truncate"           // it happens; half of the answer arrives
	DoDuplicate   Do = "duplicate"          // DELIVER only: the same delivery twice
)

// Deliver is the Method of faults that concern what the service itself sends.
const Deliver = "DELIVER"

// Met is a fault that something ran into.
type Met struct {
	Fault
	seen    int
	release chan struct{} // closed when released
	met     chan struct{} // closed and replaced at each hit
}

// Faults are those of one service.
type Faults struct {
	ledger *Ledger
	body   func(status int) string

	mu   sync.Mutex
	list []*Met
}

// NewFaults returns no faults yet. Body is the service's own answer with a status.
func NewFaults(l *Ledger, body func(status int) string) *Faults {
	return &Faults{ledger: l, body: body}
}

// Set adds a fault and returns it with its id.
func (x *Faults) Set(f Fault) (Fault, error) {
	switch f.Do {
	case DoStatus, DoDrop, DoAcceptDrop, DoAcceptFail, DoAcceptStall, DoStall, DoDelay, DoTruncate:
	case DoDuplicate:
		if f.Method != Deliver {
			return f, fmt.Errorf("a fault with do %q needs method %s", f.Do, Deliver)
		}
	default:
		return f, fmt.Errorf("a fault does not know how to %q", f.Do)
	}
	if (f.Do == DoStatus || f.Do == DoAcceptFail) && f.Status == 0 {
		f.Status = http.StatusInternalServerError
	}
	if f.Times == 0 {
		f.Times = 1
	}
	f.Hits, f.Stalled, f.Over = 0, 0, false
	x.mu.Lock()
	defer x.mu.Unlock()
	f.ID = len(x.list) + 1
	x.list = append(x.list, &Met{Fault: f, release: make(chan struct{}), met: make(chan struct{})})
	return f, nil
}

// List returns all faults that were ever set.
func (x *Faults) List() []Fault {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := make([]Fault, 0, len(x.list))
	for _, f := range x.list {
		out = append(out, f.Fault)
	}
	return out
}

// Release ends a fault: what it holds goes on, and it hits no more.
func (x *Faults) Release(id int) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if id < 1 || id > len(x.list) {
		return NoFaultError(id)
	}
	x.list[id-1].end()
	return nil
}

// Clear ends all faults.
func (x *Faults) Clear() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range x.list {
		f.end()
	}
}

func (f *Met) end() {
	if !f.Over || f.Stalled > 0 {
		select {
		case <-f.release:
		default:
			close(f.release)
		}
	}
	f.Over = true
}

// Wait waits until the fault has met a request and, if it lets things
// happen, until that has happened.
func (x *Faults) Wait(ctx context.Context, id int) error {
	for {
		x.mu.Lock()
		if id < 1 || id > len(x.list) {
			x.mu.Unlock()
			return NoFaultError(id)
		}
		f := x.list[id-1]
		hits, met := f.Hits, f.met
		x.mu.Unlock()
		if hits > 0 {
			return nil
		}
		select {
		case <-met:
		case <-ctx.Done():
			return fmt.Errorf("waiting for fault %d: %w", id, ctx.Err())
		}
	}
}

// Meet returns the fault that a request runs into, if any. It counts as hit only
// after Hit is called, when its effect is there to be seen.
func (x *Faults) Meet(method, path string) *Met {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range x.list {
		if f.Over || f.Method != "" && f.Method != method || (f.Method == "") && method == Deliver || !Match(f.Path, path) {
			continue
		}
		f.seen++
		if f.seen <= f.After {
			continue
		}
		if f.Times > 0 && f.seen-f.After >= f.Times {
			f.Over = true // for the requests after this one
		}
		return f
	}
	return nil
}

// Hit counts that a fault has acted.
func (x *Faults) Hit(f *Met) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f.Hits++
	close(f.met)
	f.met = make(chan struct{})
}

// Hold waits until the fault is released, the client is gone or the server ends.
func (x *Faults) Hold(f *Met, gone ...context.Context) {
	x.mu.Lock()
	f.Stalled++
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		f.Stalled--
		x.mu.Unlock()
	}()
	done := context.Background()
	other := done
	if len(gone) > 0 {
		done = gone[0]
	}
	if len(gone) > 1 {
		other = gone[1]
	}
	select {
	case <-f.release:
	case <-done.Done():
	case <-other.Done():
	}
}

// NoFaultError is the number of a fault that was never set.
type NoFaultError int

func (e NoFaultError) Error() string { return fmt.Sprintf("fault %d does not exist", int(e)) }
