package githubtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/simulated"
)

// Options configure a simulated GitHub.
type Options struct {
	// Listen is the address to listen on; default 127.0.0.1:0.
	Listen string
	// Dir keeps repositories, workspaces and job logs. Default: a temporary
	// directory that Close removes.
	Dir string
	// Log gets one line per request and per job. Default: discarded.
	Log *slog.Logger
	// Runner carries out jobs. With an empty Command they wait in "queued"
	// for the control API.
	Runner Runner
	// CancelGrace replaces the pauses of a cancellation. Default: as on GitHub,
	// 7.5 s from SIGINT to SIGTERM and 2.5 s more to SIGKILL.
	CancelGrace Grace
	// Dispatch is how workflow_dispatch behaves; default DispatchDetails.
	Dispatch DispatchMode
	// API, if set, wraps the REST API. Requests reach it with the path that
	// GitHub's documentation shows, such as /repos/OWNER/NAME/pulls. Package
	// openapi puts its validator here.
	API func(http.Handler) http.Handler
	// Violations, if set, is served at /_sim/violations.
	Violations func() []string
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Grace is how long a cancelled job has between the signals.
type Grace struct {
	Interrupt time.Duration // from SIGINT to SIGTERM
	Terminate time.Duration // from SIGTERM to SIGKILL
}

// Server is a simulated GitHub. See the package comment.
type Server struct {
	URL string // without a trailing slash

	opts   Options
	dir    string
	log    *slog.Logger
	git    gitProgram
	http   *http.Server
	issuer *issuer
	ledger *simulated.Ledger
	faults *simulated.Faults
	pages  *pages
	hooks  *http.Client // delivers webhooks

	ctx     context.Context // ends when Close begins
	stop    context.CancelFunc
	work    sync.WaitGroup // jobs and deliveries
	closing sync.Once
	ownDir  bool

	// mu guards all of world, the whole time that a request reads or changes it.
	// It is never held while git runs or while anything is sent.
	mu sync.Mutex
	world
}

// Start starts a simulated GitHub and returns when it answers.
func Start(o Options) (*Server, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CancelGrace == (Grace{}) {
		o.CancelGrace = Grace{Interrupt: 7500 * time.Millisecond, Terminate: 2500 * time.Millisecond}
	}
	if o.Dispatch == "" {
		o.Dispatch = DispatchDetails
	}
	if !o.Dispatch.known() {
		return nil, fmt.Errorf("starting the simulated GitHub: there is no dispatch mode %q; the modes are %v", o.Dispatch, dispatchModes)
	}
	s := &Server{opts: o, log: o.Log, dir: o.Dir}
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "anvil-sim-")
		if err != nil {
			return nil, fmt.Errorf("starting the simulated GitHub: %w", err)
		}
		s.dir, s.ownDir = dir, true
	}
	if err := s.open(); err != nil {
		if s.ownDir {
			_ = os.RemoveAll(s.dir)
		}
		return nil, fmt.Errorf("starting the simulated GitHub: %w", err)
	}
	return s, nil
}

func (s *Server) open() error {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return err
	}
	s.dir = dir
	for _, d := range []string{"git", "jobs", "home"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o755); err != nil {
			return err
		}
	}
	if s.git, err = findGit(s.dir); err != nil {
		return err
	}
	if s.issuer, err = newIssuer(); err != nil {
		return err
	}
	if s.pages, err = newPages(); err != nil {
		return err
	}
	s.world = newWorld(s.opts.Dispatch)
	s.ledger = simulated.NewLedger(s.opts.Now, s.log)
	s.faults = simulated.NewFaults(s.ledger, faultBody)
	s.hooks = newHookClient()
	s.ctx, s.stop = context.WithCancel(context.Background())

	l, err := net.Listen("tcp", s.opts.Listen)
	if err != nil {
		return err
	}
	s.URL = "http://" + l.Addr().String()
	s.http = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.work.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("simulated GitHub stopped serving", "error", err)
		}
	})
	return nil
}

// routes says what lives where. The ledger is outside the faults, so that it
// shows what a client was told; the faults are outside the validator, so that an
// answer that is wrong on purpose is no violation.
func (s *Server) routes() http.Handler {
	rest := http.Handler(s.restAPI())
	if s.opts.API != nil {
		rest = s.opts.API(rest)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/v3/", s.record("rest", http.StripPrefix("/api/v3", rest)))
	// It has no OpenAPI description to be validated against.
	mux.Handle("/api/graphql", s.record("graphql", http.StripPrefix("/api", s.restAPI())))
	mux.Handle("/_services/token/", s.record("oidc", http.StripPrefix("/_services/token", s.oidcAPI())))
	mux.Handle("/login/oauth/", s.record("oauth", s.oauthAPI()))
	mux.Handle("/_sim/", s.control())
	git, pages := s.record("git", http.HandlerFunc(s.serveGit)), s.servePages()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if isGitPath(r.URL.Path) {
			git.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
	return mux
}

// record writes a request into the ledger and lets faults have their way with it.
func (s *Server) record(kind string, next http.Handler) http.Handler {
	const prefix = "/api/v3"
	return s.ledger.Record(kind, prefix, kind != "git", s.faults.Inject(s.ctx, prefix, next))
}

// Close ends everything that the server does and waits for it: jobs are
// interrupted and then killed, deliveries under way are given up, stalled answers
// are released. It may be called more than once.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.stop()
		s.faults.Clear()
		_ = s.http.Close()
	})
	s.work.Wait()
	s.hooks.CloseIdleConnections()
	if s.ownDir {
		return os.RemoveAll(s.dir)
	}
	return nil
}

// now is the time with the precision that GitHub shows.
func (s *Server) now() time.Time { return s.opts.Now().UTC() }

// addr returns an absolute address below the web root.
func (s *Server) addr(parts ...any) string {
	var b strings.Builder
	b.WriteString(s.URL)
	for _, p := range parts {
		fmt.Fprintf(&b, "/%v", p)
	}
	return b.String()
}

// api returns an absolute address of the REST API.
func (s *Server) api(parts ...any) string {
	return s.addr(append([]any{"api/v3"}, parts...)...)
}

// WaitFor waits until something is so. It looks again at every change, and holds
// nothing while it looks.
func (s *Server) WaitFor(ctx context.Context, so func() bool) error {
	for {
		s.mu.Lock()
		changing := s.changing
		s.mu.Unlock()
		if so() {
			return nil
		}
		select {
		case <-changing:
		case <-ctx.Done():
			return fmt.Errorf("waiting for a change: %w", ctx.Err())
		}
	}
}
