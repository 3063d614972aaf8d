// Package images serves what a run needs to keep the image of its environment: a
// login at a registry, or the archive of its repository.
//
// A credential is given to the holder of a working run's lease, and that is written
// into the audit trail first. It is asked of the operator's credential helper, or read
// from the operator's secret, when it is asked for, and not kept. The agent has no
// lease token, so it can ask for nothing here.
//
// The archive is a place by repository and key, and the repository is the run's: there
// is no way to name another one. What is stored under a key takes the place of what was
// there, in one step.
package images

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Store is what is read and changed here.
type Store interface {
	StoryOfRun(ctx context.Context, id anvil.RunID) (anvil.Story, error)
	Audit(ctx context.Context, a anvil.Audit) error
	SaveImage(ctx context.Context, i anvil.Image, allow func(anvil.Run) error) error
	Image(ctx context.Context, id anvil.RunID, key string) (anvil.Image, error)
}

// Blobs stores packed images by digest.
type Blobs interface {
	PutExpect(ctx context.Context, r io.Reader, digest string, max int64) (size int64, err error)
	Open(digest string) (io.ReadSeekCloser, error)
}

// Credentials gives a login at the configured registry.
type Credentials interface {
	Get(ctx context.Context) (runapi.RegistryCredential, error)
}

// Server serves the images' part of runapi.
type Server struct {
	Store Store
	Blobs Blobs
	// Credentials is nil where the server has no login to give.
	Credentials Credentials
	// MaxBytes bounds a packed image; 0: there is no archive.
	MaxBytes int64
	// Transfer is how long a packed image may take on its way.
	Transfer time.Duration
	Log      *slog.Logger
}

// Register adds the paths to mux.
func (s *Server) Register(mux *http.ServeMux) {
	mux.HandleFunc("POST "+runapi.PathRegistry, s.held(s.credential))
	mux.HandleFunc("GET "+runapi.PathImage, s.held(s.fetch)) // HEAD too
	mux.HandleFunc("PUT "+runapi.PathImage, s.held(s.store))
}

// held lets the holder of a working run's present lease in.
func (s *Server) held(next func(w http.ResponseWriter, r *http.Request, story anvil.Story) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := anvil.RunID(r.PathValue("run"))
		story, err := s.Store.StoryOfRun(r.Context(), id)
		switch {
		case errors.Is(err, anvil.ErrNotFound):
			err = &runapi.Error{Code: runapi.CodeNonce, What: "there is no such run here.", Status: http.StatusForbidden}
		case err == nil && story.Run().ID != id:
			err = stale()
		case err == nil:
			err = holds(r)(story.Run())
		}
		if err == nil {
			err = next(w, r, story)
		}
		if err != nil {
			s.refuse(w, r, err)
		}
	}
}

// holds returns a check that the request shows the run's present lease token and that
// the run is at work.
func holds(r *http.Request) func(anvil.Run) error {
	return func(run anvil.Run) error {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		same := subtle.ConstantTimeCompare([]byte(anvil.Fingerprint(strings.TrimSpace(token))), []byte(run.Lease.TokenHash)) == 1
		if run.Lease.TokenHash == "" || !same || run.State != anvil.Working && run.State != anvil.Stopping {
			return stale()
		}
		return nil
	}
}

func stale() error {
	return &runapi.Error{Code: runapi.CodeStale, What: "the run goes on without this lease.", Next: "Stop.", Status: http.StatusConflict}
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var e *runapi.Error
	if !errors.As(err, &e) {
		e = &runapi.Error{Code: runapi.CodeBusy, What: "the server could not do it now.", Next: "Try again.", Status: http.StatusServiceUnavailable}
	}
	level := slog.LevelInfo
	if e.Status >= 500 {
		level = slog.LevelError
	}
	s.Log.Log(r.Context(), level, "runner refused", "path", r.URL.Path, "run", r.PathValue("run"), "code", e.Code, "what", e.What, "cause", err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(e)
}

func answer(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // a runner that has gone reads nothing
	return nil
}
