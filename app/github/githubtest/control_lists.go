package githubtest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/seed-bc0cc349/anvil/app/simulated"
)

func (s *Server) controlFaults(mux *http.ServeMux) {
	on(mux, "GET /_sim/faults", func(*http.Request, none) (any, error) { return s.Faults(), nil })
	on(mux, "POST /_sim/faults", func(_ *http.Request, in Fault) (any, error) { return s.faults.Set(in) })
	on(mux, "DELETE /_sim/faults", func(*http.Request, none) (any, error) { s.ClearFaults(); return nil, nil })
	on(mux, "GET /_sim/faults/{fault}", func(r *http.Request, _ none) (any, error) {
		id := int(pathInt(r, "fault"))
		if text := r.URL.Query().Get("wait"); text != "" {
			patience, err := time.ParseDuration(text)
			if err != nil {
				return nil, fmt.Errorf("wait: %w", err)
			}
			ctx, done := context.WithTimeout(r.Context(), patience)
			defer done()
			if err := s.WaitFault(ctx, id); err != nil {
				return nil, err
			}
		}
		list := s.Faults()
		if id < 1 || id > len(list) {
			return nil, simulated.NoFaultError(id)
		}
		return list[id-1], nil
	})
	on(mux, "DELETE /_sim/faults/{fault}", func(r *http.Request, _ none) (any, error) {
		return nil, s.faults.Release(int(pathInt(r, "fault")))
	})
}

// controlLists are the ledger and the typed lists.
func (s *Server) controlLists(mux *http.ServeMux) {
	on(mux, "GET /_sim/ledger", func(r *http.Request, _ none) (any, error) {
		q := r.URL.Query()
		after, _ := strconv.Atoi(q.Get("after"))
		return slices.DeleteFunc(s.Requests(q.Get("method"), q.Get("path")), func(e Entry) bool {
			return e.N <= after || q.Get("actor") != "" && q.Get("actor") != e.Actor
		}), nil
	})
	on(mux, "GET /_sim/deliveries", func(r *http.Request, _ none) (any, error) {
		if q := r.URL.Query(); q.Get("wait") != "" {
			patience, err := time.ParseDuration(q.Get("wait"))
			if err != nil {
				return nil, fmt.Errorf("wait: %w", err)
			}
			ctx, done := context.WithTimeout(r.Context(), patience)
			defer done()
			if err := s.WaitDeliveries(ctx); err != nil {
				return nil, err
			}
		}
		return s.Deliveries(), nil
	})
	on(mux, "GET /_sim/violations", func(*http.Request, none) (any, error) {
		if s.opts.Violations == nil {
			return []string{}, nil
		}
		return nonNil(s.opts.Violations()), nil
	})
	for name, list := range map[string]func(Repository, int) any{
		"issues":   func(repo Repository, _ int) any { return nonNil(s.Issues(repo)) },
		"comments": func(repo Repository, n int) any { return nonNil(s.Comments(repo, n)) },
		"review-comments": func(repo Repository, _ int) any {
			s.mu.Lock()
			defer s.mu.Unlock()
			list := []ReviewComment{}
			for _, c := range s.repos[repo.ID].reviewComments {
				list = append(list, *c)
			}
			return list
		},
		"pulls":      func(repo Repository, _ int) any { return nonNil(s.PullRequests(repo)) },
		"check-runs": func(repo Repository, _ int) any { return nonNil(s.CheckRuns(repo)) },
		"refs":       func(repo Repository, _ int) any { return s.Refs(repo) },
		"pushes":     func(repo Repository, _ int) any { return nonNil(s.Pushes(repo)) },
		"reactions":  func(repo Repository, _ int) any { return nonNil(s.Reactions(repo)) },
		"runs":       func(repo Repository, _ int) any { return nonNil(s.WorkflowRuns(repo)) },
	} {
		on(mux, "GET /_sim/repositories/{owner}/{repo}/"+name, func(r *http.Request, _ none) (any, error) {
			repo, err := s.where(r)
			if err != nil {
				return nil, err
			}
			number, _ := strconv.Atoi(r.URL.Query().Get("issue"))
			return list(repo, number), nil
		})
	}
	on(mux, "GET /_sim/repositories/{owner}/{repo}/file", func(r *http.Request, _ none) (any, error) {
		repo, err := s.where(r)
		if err != nil {
			return nil, err
		}
		q := r.URL.Query()
		ref := q.Get("ref")
		if ref == "" {
			ref = repo.DefaultBranch
		}
		content, there := s.File(repo, ref, q.Get("path"))
		if !there {
			return nil, notFound("%s at %s", q.Get("path"), ref)
		}
		return obj{"content": content}, nil
	})
}

// serveChanges streams the number of the latest change, for pages that show what
// is now (Server-Sent Events).
func (s *Server) serveChanges(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	for {
		s.mu.Lock()
		version, changing := s.version, s.changing
		s.mu.Unlock()
		if _, err := fmt.Fprintf(w, "data: %d\n\n", version); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-changing:
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
		// Several changes at once are one to those who watch.
		select {
		case <-time.After(100 * time.Millisecond):
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
}
