package simulated

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Entry is one request that reached a simulated service.
type Entry struct {
	N      int       `json:"n"` // from 1, in order of arrival
	Time   time.Time `json:"time"`
	Kind   string    `json:"kind"` // which part of the service, such as rest or git
	Method string    `json:"method"`
	Path   string    `json:"path"` // without the part's prefix
	Query  string    `json:"query,omitempty"`
	// Actor says who asked, such as app:SLUG or user:LOGIN; anonymous if nobody
	// found out.
	Actor string `json:"actor"`
	// Permissions are those of the token that was shown.
	Permissions map[string]string `json:"permissions,omitempty"`
	UserAgent   string            `json:"user_agent,omitempty"`

	RequestDigest  string `json:"request_digest,omitempty"` // sha256 hex, with a body
	ResponseDigest string `json:"response_digest,omitempty"`
	// Request is the body, if it is JSON of at most 128 KiB.
	Request json.RawMessage `json:"request,omitempty"`
	// Form is the body, if it is a form of at most 128 KiB, without its token.
	Form url.Values `json:"form,omitempty"`
	// Error is the error that was answered, where a service answers 200 with errors.
	Error string `json:"error,omitempty"`

	// Status is what was answered; 0 while there is no answer, or if the
	// connection was cut.
	Status int           `json:"status"`
	Took   time.Duration `json:"took_ns"`
	Fault  int           `json:"fault,omitempty"` // the fault that it met
	Done   bool          `json:"done"`            // the answer is out, or never will be
}

// Ledger is the list of all requests.
type Ledger struct {
	now func() time.Time
	log *slog.Logger

	mu      sync.Mutex
	entries []*Entry
}

// NewLedger returns an empty ledger that logs each request.
func NewLedger(now func() time.Time, log *slog.Logger) *Ledger { return &Ledger{now: now, log: log} }

// Entries returns a copy of all entries, in order of arrival.
func (l *Ledger) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Entry, 0, len(l.entries))
	for _, e := range l.entries {
		c := *e
		c.Permissions = maps.Clone(e.Permissions)
		c.Request = slices.Clone(e.Request)
		c.Form = maps.Clone(e.Form)
		out = append(out, c)
	}
	return out
}

// Requests returns the entries with the method and a path that matches the
// pattern (see [Fault.Path]); an empty method or pattern matches all.
func (l *Ledger) Requests(method, pattern string) []Entry {
	return slices.DeleteFunc(l.Entries(), func(e Entry) bool {
		return method != "" && e.Method != method || pattern != "" && !Match(pattern, e.Path)
	})
}

type entryKey struct{}

// Note notes facts about the request's entry.
func (l *Ledger) Note(r *http.Request, note func(*Entry)) {
	if e, ok := r.Context().Value(entryKey{}).(*Entry); ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		note(e)
	}
}

const keepRequest = 128 << 10

// Record enters each request when it arrives and completes the entry when it is
// answered, or when it is clear that it won't be. The path is entered without prefix;
// bodies are kept if keepBody is set.
func (l *Ledger) Record(kind, prefix string, keepBody bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := &Entry{Kind: kind, Method: r.Method, Path: strings.TrimPrefix(r.URL.Path, prefix), Query: r.URL.RawQuery, Actor: "anonymous",
			UserAgent: r.UserAgent()}
		l.mu.Lock()
		e.N, e.Time = len(l.entries)+1, l.now()
		l.entries = append(l.entries, e)
		l.mu.Unlock()

		ctx := context.WithValue(r.Context(), entryKey{}, e)
		r = r.WithContext(ctx)
		if keepBody && r.Body != nil {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 32<<20))
			if err != nil {
				http.Error(w, `{"message":"body too large"}`, http.StatusRequestEntityTooLarge)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			l.Note(r, func(e *Entry) { e.keep(r.Header.Get("Content-Type"), body) })
		}
		rec := &recorder{ResponseWriter: w, sum: sha256.New()}
		defer func() {
			failed := recover()
			l.mu.Lock()
			e.Took, e.Done, e.Status = l.now().Sub(e.Time), true, rec.status
			if failed != nil || rec.cutOff {
				e.Status = 0
			} else if rec.n > 0 {
				e.ResponseDigest = hex.EncodeToString(rec.sum.Sum(nil))
			}
			done := *e
			l.mu.Unlock()
			l.log.Debug("request", "n", done.N, "method", done.Method, "path", done.Path, "status", done.Status,
				"actor", done.Actor, "took", done.Took)
			if failed != nil {
				panic(failed)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

// keep notes a request's body.
func (e *Entry) keep(contentType string, body []byte) {
	if len(body) > 0 {
		sum := sha256.Sum256(body)
		e.RequestDigest = hex.EncodeToString(sum[:])
	}
	if len(body) > keepRequest {
		return
	}
	if strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
		if form, err := url.ParseQuery(string(body)); err == nil {
			form.Del("token")
			e.Form = form
		}
		return
	}
	if json.Valid(body) {
		e.Request = body
	}
}
