package githubtest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
)

// Fault makes requests fail that match it.
type Fault struct {
	ID     int    `json:"id"`               // given by SetFault
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

// deliverMethod is the Method of faults that concern webhooks.
const deliverMethod = "DELIVER"

type fault struct {
	Fault
	seen    int
	release chan struct{} // closed when released
	met     chan struct{} // closed and replaced at each hit
}

type faults struct {
	ledger *ledger

	mu   sync.Mutex
	list []*fault
}

func newFaults(l *ledger) *faults { return &faults{ledger: l} }

// SetFault adds a fault and returns its id.
func (s *Server) SetFault(f Fault) int { return must(s.setFault(f)).ID }

func (s *Server) setFault(f Fault) (Fault, error) {
	switch f.Do {
	case DoStatus, DoDrop, DoAcceptDrop, DoAcceptFail, DoAcceptStall, DoStall, DoDelay, DoTruncate:
	case DoDuplicate:
		if f.Method != deliverMethod {
			return f, fmt.Errorf("a fault with do %q needs method %s", f.Do, deliverMethod)
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
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	f.ID = len(s.faults.list) + 1
	s.faults.list = append(s.faults.list, &fault{Fault: f, release: make(chan struct{}), met: make(chan struct{})})
	return f, nil
}

// Faults returns all faults that were ever set.
func (s *Server) Faults() []Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	out := make([]Fault, 0, len(s.faults.list))
	for _, f := range s.faults.list {
		out = append(out, f.Fault)
	}
	return out
}

// ReleaseFault ends a fault: what it holds goes on, and it hits no more.
func (s *Server) ReleaseFault(id int) { must(id, s.releaseFault(id)) }

func (s *Server) releaseFault(id int) error {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if id < 1 || id > len(s.faults.list) {
		return notFound("fault %d", id)
	}
	s.faults.list[id-1].end()
	return nil
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() { s.faults.releaseAll() }

func (x *faults) releaseAll() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range x.list {
		f.end()
	}
}

func (f *fault) end() {
	if !f.Over || f.Stalled > 0 {
		select {
		case <-f.release:
		default:
			close(f.release)
		}
	}
	f.Over = true
}

// WaitFault waits until the fault has met a request and, if it lets things
// happen, until that has happened.
func (s *Server) WaitFault(ctx context.Context, id int) error {
	for {
		s.faults.mu.Lock()
		if id < 1 || id > len(s.faults.list) {
			s.faults.mu.Unlock()
			return notFound("fault %d", id)
		}
		f := s.faults.list[id-1]
		hits, met := f.Hits, f.met
		s.faults.mu.Unlock()
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

// meet returns the fault that a request runs into, if any. It counts as hit only
// after hit is called, when its effect is there to be seen.
func (x *faults) meet(method, path string) *fault {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range x.list {
		if f.Over || f.Method != "" && f.Method != method || (f.Method == "") && method == deliverMethod || !matchPath(f.Path, path) {
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

func (x *faults) hit(f *fault) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f.Hits++
	close(f.met)
	f.met = make(chan struct{})
}

// hold waits until the fault is released, the client is gone or the server ends.
func (x *faults) hold(f *fault, gone ...context.Context) {
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
