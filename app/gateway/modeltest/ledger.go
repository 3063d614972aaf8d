package modeltest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Request is one call that reached the server.
type Request struct {
	N      int       `json:"n"` // from 1, in order of arrival
	At     time.Time `json:"at"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	// Key is the value of the Authorization header, or else of X-Api-Key or X-Goog-Api-Key.
	Key     string      `json:"key,omitempty"`
	Header  http.Header `json:"header"`
	Session string      `json:"session,omitempty"` // by the agent's own header, if it has one

	Model        string `json:"model,omitempty"`
	Stream       bool   `json:"stream,omitempty"`
	Bytes        int64  `json:"bytes,omitempty"`        // of the body
	Instructions int    `json:"instructions,omitempty"` // in the history it brought
	Script       string `json:"script,omitempty"`       // that was followed
	Position     int    `json:"position"`               // in it: tool results so far
	Status       int    `json:"status"`                 // of the answer; 0: none yet
}

// Requests returns a copy of the ledger.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// begin enters a request and returns its number.
func (s *Server) begin(r *http.Request) int {
	key := cmp.Or(r.Header.Get("Authorization"), r.Header.Get("X-Api-Key"), r.Header.Get("X-Goog-Api-Key"))
	session := r.Header.Get("Session-Id") // Codex
	if session == "" {
		session = r.Header.Get("X-Claude-Code-Session-Id")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.requests) + 1
	s.requests = append(s.requests, Request{
		N: n, At: time.Now().UTC(), Method: r.Method, Path: r.URL.Path, Key: key, Header: r.Header.Clone(), Session: session,
	})
	return n
}

// learn adds what the body of request n said.
func (s *Server) learn(n int, c conversation, t Turn, size int64) {
	sight, _ := c.see()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.requests[n-1]
	r.Model, r.Stream, r.Bytes, r.Instructions = c.Model, c.Stream, size, len(sight.Instructions)
	r.Script, r.Position = t.script, t.position
}

// finish notes how request n is answered. It does so before the answer begins, so
// that who has the answer finds the entry complete.
func (s *Server) finish(n, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[n-1].Status = status
}

// happens reports whether a disturbance that happens a number of times in a
// conversation happens now; 0 times: always.
func (s *Server) happens(kind string, t Turn, times int) bool {
	if times == 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := fmt.Sprint(kind, t.conversation)
	s.times[at]++
	return s.times[at] <= times
}
