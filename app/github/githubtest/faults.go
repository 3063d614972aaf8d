package githubtest

import (
	"context"
	"fmt"
	"net/http"

	"github.com/seed-bc0cc349/anvil/app/simulated"
)

type (
	// Entry is one request that reached the simulated GitHub: of the kind rest, git or
	// oidc, by app:SLUG, installation:ID, user:LOGIN, job:ID or anonymous.
	Entry = simulated.Entry
	// Fault makes requests fail that match it. With the method DELIVER it concerns
	// webhooks, with their event as path.
	Fault = simulated.Fault
	// Do is what a fault does.
	Do = simulated.Do
)

// What a fault does; see package simulated.
const (
	DoStatus      = simulated.DoStatus
	DoDrop        = simulated.DoDrop
	DoAcceptDrop  = simulated.DoAcceptDrop
	DoAcceptFail  = simulated.DoAcceptFail
	DoAcceptStall = simulated.DoAcceptStall
	DoStall       = simulated.DoStall
	DoDelay       = simulated.DoDelay
	DoTruncate    = simulated.DoTruncate
	DoDuplicate   = simulated.DoDuplicate
)

// Ledger returns a copy of all entries, in order of arrival.
func (s *Server) Ledger() []Entry { return s.ledger.Entries() }

// Requests returns the entries with the method and a path that matches the
// pattern; an empty method or pattern matches all.
func (s *Server) Requests(method, pattern string) []Entry { return s.ledger.Requests(method, pattern) }

// note notes facts about the request's entry.
func (s *Server) note(r *http.Request, f func(*Entry)) { s.ledger.Note(r, f) }

// SetFault adds a fault and returns its id.
func (s *Server) SetFault(f Fault) int { return must(s.faults.Set(f)).ID }

// Faults returns all faults that were ever set.
func (s *Server) Faults() []Fault { return s.faults.List() }

// ReleaseFault ends a fault: what it holds goes on, and it hits no more.
func (s *Server) ReleaseFault(id int) { must(id, s.faults.Release(id)) }

// ClearFaults ends all faults.
func (s *Server) ClearFaults() { s.faults.Clear() }

// WaitFault waits until the fault has met a request and, if it lets things
// happen, until that has happened.
func (s *Server) WaitFault(ctx context.Context, id int) error { return s.faults.Wait(ctx, id) }

// faultBody is GitHub's answer with a status that nothing explains.
func faultBody(status int) string {
	return fmt.Sprintf(`{"message":%q,"documentation_url":"https://docs.github.com/rest","status":"%d"}`, http.StatusText(status), status)
}
