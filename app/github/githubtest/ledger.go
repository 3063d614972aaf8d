package githubtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Entry is one request that reached the simulated GitHub.
type Entry struct {
	N      int       `json:"n"` // from 1, in order of arrival
	Time   time.Time `json:"time"`
	Kind   string    `json:"kind"` // rest, git or oidc
	Method string    `json:"method"`
	Path   string    `json:"path"` // without the prefix of the REST API
	Query  string    `json:"query,omitempty"`
	// Actor says who asked: app:SLUG, installation:ID, user:LOGIN, job:ID or
	// anonymous.
	Actor string `json:"actor"`
	// Permissions are those of the token that was shown.
	Permissions map[string]string `json:"permissions,omitempty"`
	UserAgent   string            `json:"user_agent,omitempty"`

	RequestDigest  string `json:"request_digest,omitempty"` // sha256 hex, with a body
	ResponseDigest string `json:"response_digest,omitempty"`
	// Request is the body, if it is JSON of at most 128 KiB.
	Request json.RawMessage `json:"request,omitempty"`

	// Status is what was answered; 0 while there is no answer, or if the
	// connection was cut.
	Status int           `json:"status"`
	Took   time.Duration `json:"took_ns"`
	Fault  int           `json:"fault,omitempty"` // the fault that it met
	Done   bool          `json:"done"`            // the answer is out, or never will be
}

// ledger is the list of all requests.
type ledger struct {
	now func() time.Time

	mu      sync.Mutex
	entries []*Entry
}

func newLedger(now func() time.Time) *ledger { return &ledger{now: now} }

// Ledger returns a copy of all entries, in order of arrival.
func (s *Server) Ledger() []Entry {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	out := make([]Entry, 0, len(s.ledger.entries))
	for _, e := range s.ledger.entries {
		c := *e
		c.Permissions = maps.Clone(e.Permissions)
		c.Request = slices.Clone(e.Request)
		out = append(out, c)
	}
	return out
}

// Requests returns the entries with the method and a path that matches the
// pattern (see [Fault.Path]); an empty method or pattern matches all.
func (s *Server) Requests(method, pattern string) []Entry {
	return slices.DeleteFunc(s.Ledger(), func(e Entry) bool {
		return method != "" && e.Method != method || pattern != "" && !matchPath(pattern, e.Path)
	})
}

type entryKey struct{}

// seen notes facts about the request's entry.
func (l *ledger) seen(r *http.Request, note func(*Entry)) {
	if e, ok := r.Context().Value(entryKey{}).(*Entry); ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		note(e)
	}
}

// note is seen for handlers.
func (s *Server) note(r *http.Request, f func(*Entry)) { s.ledger.seen(r, f) }

const keepRequest = 128 << 10

// record enters each request when it arrives and completes the entry when it is
// answered, or when it is clear that it won't be.
func (l *ledger) record(kind string, log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if kind == "rest" {
			path = strings.TrimPrefix(path, "/api/v3")
		}
		e := &Entry{Kind: kind, Method: r.Method, Path: path, Query: r.URL.RawQuery, Actor: "anonymous",
			UserAgent: r.UserAgent()}
		l.mu.Lock()
		e.N, e.Time = len(l.entries)+1, l.now()
		l.entries = append(l.entries, e)
		l.mu.Unlock()

		ctx := context.WithValue(r.Context(), entryKey{}, e)
		r = r.WithContext(ctx)
		if kind != "git" && r.Body != nil {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 32<<20))
			if err != nil {
				http.Error(w, `{"message":"body too large"}`, http.StatusRequestEntityTooLarge)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			l.seen(r, func(e *Entry) {
				if len(body) > 0 {
					e.RequestDigest = digest(body)
				}
				if len(body) <= keepRequest && json.Valid(body) {
					e.Request = body
				}
			})
		}
		rec := &recordingWriter{ResponseWriter: w, sum: sha256.New()}
		defer func() {
			failed := recover()
			l.mu.Lock()
			e.Took, e.Done, e.Status = l.now().Sub(e.Time), true, rec.status
			if failed != nil || rec.hijacked {
				e.Status = 0
			} else if rec.n > 0 {
				e.ResponseDigest = hex.EncodeToString(rec.sum.Sum(nil))
			}
			done := *e
			l.mu.Unlock()
			log.Debug("request", "n", done.N, "method", done.Method, "path", done.Path, "status", done.Status,
				"actor", done.Actor, "took", done.Took)
			if failed != nil {
				panic(failed)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// recordingWriter notes what is answered while it passes.
type recordingWriter struct {
	http.ResponseWriter
	status   int
	n        int64
	hijacked bool
	sum      interface {
		io.Writer
		Sum([]byte) []byte
	}
}

func (w *recordingWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recordingWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.n += int64(n)
	_, _ = w.sum.Write(b[:n])
	return n, err
}

// cut resets the connection: the client gets no answer at all.
func (w *recordingWriter) cut() {
	w.hijacked = true
	conn, _, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recordingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
