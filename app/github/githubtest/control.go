package githubtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/simulated"
)

// control is the API with which tests and people make things happen that on
// GitHub happen by other people's hands. docs/simulator.md is its manual. It has
// no credentials, so the simulator belongs on a loopback address; pages of other
// origins are kept out.
func (s *Server) control() http.Handler {
	mux := http.NewServeMux()
	s.controlAccounts(mux)
	s.controlRepositories(mux)
	s.controlIssues(mux)
	s.controlActions(mux)
	s.controlFaults(mux)
	s.controlLists(mux)
	mux.Handle("GET /_sim/static/", http.StripPrefix("/_sim/static/", s.pages.static()))
	mux.HandleFunc("GET /_sim/changes", s.serveChanges)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		replyError(w, notFound("%s %s", r.Method, r.URL.Path))
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

// on adds an operation: a JSON body in, a JSON value out.
func on[In any](mux *http.ServeMux, pattern string, do func(*http.Request, In) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		var in In
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 32<<20))
		if err == nil && len(body) > 0 {
			dec := json.NewDecoder(strings.NewReader(string(body)))
			dec.DisallowUnknownFields()
			err = dec.Decode(&in)
		}
		if err != nil {
			replyError(w, fmt.Errorf("the body of %s: %w", pattern, err))
			return
		}
		out, err := do(r, in)
		if err != nil {
			replyError(w, err)
			return
		}
		if out == nil {
			out = obj{"ok": true}
		}
		if field := r.URL.Query().Get("field"); field != "" {
			replyField(w, out, field)
			return
		}
		replyJSON(w, http.StatusOK, out)
	})
}

type none struct{}

func replyJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v)
}

// replyField answers with one field of an object alone, as plain text, so that a
// shell needs nothing to take answers apart with.
func replyField(w http.ResponseWriter, v any, field string) {
	var fields map[string]json.RawMessage
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &fields)
	}
	value, has := fields[field]
	if err != nil || !has {
		replyError(w, fmt.Errorf("the answer has no field %q", field))
		return
	}
	text := string(value)
	var s string
	if json.Unmarshal(value, &s) == nil {
		text = s
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, text)
}

func replyError(w http.ResponseWriter, err error) {
	status := http.StatusUnprocessableEntity
	var m missing
	var noFault simulated.NoFaultError
	switch {
	case errors.As(err, &m), errors.As(err, &noFault):
		status = http.StatusNotFound
	case errors.Is(err, errConflict):
		status = http.StatusConflict
	case errors.Is(err, context.DeadlineExceeded):
		status = http.StatusGatewayTimeout
	}
	replyJSON(w, status, obj{"error": err.Error()})
}

// who finds the account with a login.
func (s *Server) who(login string) (Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(login)
	if err != nil {
		return Account{}, err
	}
	return *a, nil
}

// where finds the repository in the path.
func (s *Server) where(r *http.Request) (Repository, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.repository(r.PathValue("owner") + "/" + r.PathValue("repo"))
	if err != nil {
		return Repository{}, err
	}
	return repo.Repository, nil
}

// whereAndWho finds the repository in the path and the user of the body.
func (s *Server) whereAndWho(r *http.Request, login string) (Repository, Account, error) {
	repo, err := s.where(r)
	if err != nil {
		return repo, Account{}, err
	}
	user, err := s.who(login)
	return repo, user, err
}

func pathInt(r *http.Request, name string) int64 {
	n, _ := strconv.ParseInt(r.PathValue(name), 10, 64)
	return n
}
