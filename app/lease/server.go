package lease

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Store is what the server's side of a run reads and changes.
type Store interface {
	Run(ctx context.Context, id anvil.RunID) (anvil.Run, error)
	StoryOfRun(ctx context.Context, id anvil.RunID) (anvil.Story, error)
	Move(ctx context.Context, id anvil.RunID, to anvil.State, change func(*anvil.Run) error, next ...anvil.Job) (anvil.Run, error)
	Amend(ctx context.Context, id anvil.RunID, change func(*anvil.Run) error, next ...anvil.Job) (anvil.Run, error)
	Append(ctx context.Context, id anvil.RunID, events []anvil.Event, allow func(anvil.Run) error) (next int64, err error)
	SaveArtifact(ctx context.Context, id anvil.RunID, name, digest string, size int64, allow func(anvil.Run) error) error
	Artifact(ctx context.Context, id anvil.RunID, name string) (digest string, err error)
	SaveArchive(ctx context.Context, a anvil.Archive, allow func(anvil.Run) error) (replaced string, err error)
	Archives(ctx context.Context, id anvil.RunID) (map[string]anvil.Archive, error)
	UseToken(ctx context.Context, jti string, expires time.Time) (first bool, err error)
}

// Verifier checks an OIDC token's signature, issuer, audience and times.
type Verifier interface {
	Verify(ctx context.Context, token string) (github.Claims, error)
}

// GitHub is what a claim needs of it.
type GitHub interface {
	ReadToken(ctx context.Context, repo anvil.Repository) (token string, expires time.Time, err error)
	CloneURL(repo anvil.Repository) string
}

// Blobs stores artifacts by digest.
type Blobs interface {
	PutExpect(ctx context.Context, r io.Reader, digest string, max int64) (size int64, err error)
}

// Workplace says which workflow may claim the runs of a repository.
type Workplace struct {
	// Home returns the repository whose workflow serves a task's repository.
	Home               func(ctx context.Context, repo anvil.Repository) (anvil.Repository, error)
	Workflow           string // file name in .github/workflows
	Ref                string // branch; empty: the home's default branch
	RunnerEnvironments []string
	// MayStay names public repositories, as OWNER/NAME, that a self-hosted runner may
	// serve which stays after its job.
	MayStay []string
}

// Terms are the times and sizes of a lease.
type Terms struct {
	Lease       time.Duration // how long a runner may be silent
	RenewEvery  time.Duration
	Work        time.Duration
	Verify      time.Duration
	BundleBytes int64
	LogBytes    int64

	RepairRounds int // how often an engine is told of failed checks
	// Compare is how long a verification may take to be done before the change too.
	Compare time.Duration

	// Checkpoint is how often unfinished work is saved; 0: only at the end.
	Checkpoint        time.Duration
	ConversationBytes int64         // of an engine's conversation
	AnswerWithin      time.Duration // how long a question waits for a person
}

// Server serves runapi.
type Server struct {
	Store    Store
	Verifier Verifier
	GitHub   GitHub
	Blobs    Blobs
	Sealed   Sealed
	Engines  map[string]runapi.Engine // as configured, by name
	Relays   func(kind string) bool   // whether the gateway serves engines of a kind; nil: none
	Place    Workplace
	Terms    Terms
	Tools    bool // agents may use tools of this server
	// Containment is what every run's untrusted programs run in.
	Containment runapi.Containment
	// MayAllow reports whether a repository may allow a host for itself.
	MayAllow func(host string) bool
	// Environment says whether runs work in dev containers.
	Environment runapi.Environment
	// Images is where every run keeps the images of environments.
	Images runapi.ImageCache
	Now    func() time.Time
	Log    *slog.Logger
}

// Register adds the paths of runapi to mux.
func (s *Server) Register(mux *http.ServeMux) {
	mux.Handle("POST "+runapi.PathClaim, s.handle(s.claim))
	mux.Handle("POST "+runapi.PathRenew, s.handle(s.renew))
	mux.Handle("POST "+runapi.PathEvents, s.handle(s.events))
	mux.Handle("PUT "+runapi.PathArtifact, s.handle(s.artifact))
	mux.Handle("POST "+runapi.PathFinish, s.handle(s.finish))
	mux.HandleFunc("GET "+runapi.PathRestore, s.restore)
}

// handle turns a function of a request into a handler that answers with JSON.
func (s *Server) handle(f func(r *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, max(s.Terms.BundleBytes, s.Terms.LogBytes, s.Terms.ConversationBytes)+1<<20)
		answer, err := f(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store") // a claim's answer holds tokens
		_ = json.NewEncoder(w).Encode(answer)       // a runner that has gone reads nothing
	})
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := refusal(err)
	level := slog.LevelInfo
	if e.Status >= 500 {
		level = slog.LevelError
	}
	s.Log.Log(r.Context(), level, "runner refused", "path", r.URL.Path, "run", r.PathValue("run"), "code", e.Code, "what", e.What, "cause", err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status)
	_ = json.NewEncoder(w).Encode(e)
}

// refusal is err as the runner is told of it.
func refusal(err error) *runapi.Error {
	var e *runapi.Error
	var moved *anvil.MoveError
	switch p := anvil.AsProblem(err); {
	case errors.As(err, &e):
		return e
	case p != nil:
		return &runapi.Error{Code: string(p.Code), What: p.What, Next: p.Next, Status: statusOf(string(p.Code))}
	case errors.As(err, &moved):
		return stale(moved.From)
	case errors.Is(err, anvil.ErrNotFound):
		return &runapi.Error{Code: runapi.CodeNonce, What: "there is no such run here.", Status: http.StatusForbidden}
	}
	return &runapi.Error{Code: runapi.CodeBusy, What: "the server could not do it now.", Next: "Try again.", Status: http.StatusServiceUnavailable}
}

func statusOf(code string) int {
	switch code {
	case runapi.CodeToken, runapi.CodeTime:
		return http.StatusUnauthorized
	case runapi.CodeClaim, runapi.CodeNonce:
		return http.StatusForbidden
	case runapi.CodeReplay, runapi.CodeTaken, runapi.CodeAttempt, runapi.CodeLost, runapi.CodeStale, runapi.CodeSeq:
		return http.StatusConflict
	}
	return http.StatusServiceUnavailable
}

func stale(state anvil.State) *runapi.Error {
	if state == anvil.Lost {
		return &runapi.Error{Code: runapi.CodeLost, What: "the lease ran out and the run was given up.", Next: "Stop; another attempt may be on its way.", Status: http.StatusConflict}
	}
	return &runapi.Error{Code: runapi.CodeStale, What: "the run is " + string(state) + " and goes on without this lease.", Next: "Stop.", Status: http.StatusConflict}
}

func bearer(r *http.Request) string {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	return strings.TrimSpace(token)
}

// decode reads a JSON body of at most max bytes.
func decode[T any](r *http.Request, max int64) (T, error) {
	var v T
	body, err := io.ReadAll(io.LimitReader(r.Body, max+1))
	if err == nil && int64(len(body)) > max {
		err = errors.New("too large")
	}
	if err == nil {
		err = json.Unmarshal(body, &v)
	}
	if err != nil {
		return v, &runapi.Error{Code: runapi.CodeBody, What: "the request's body is not what it should be.", Next: "Use an anvil-runner of this server's version.", Status: http.StatusBadRequest}
	}
	return v, nil
}
