package slacktest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/simulated"
)

type (
	// Entry is one request that reached the simulated Slack: of the kind web, file or
	// hook, by bot, app or anonymous.
	Entry = simulated.Entry
	// Fault makes requests fail that match it.
	Fault = simulated.Fault
)

// Options configure a simulated Slack.
type Options struct {
	// Listen is the address to listen on; default 127.0.0.1:0.
	Listen string
	// Manifest is the manifest of the app that is installed, as YAML or JSON. Required.
	Manifest []byte
	// Log gets one line for each request and delivery. Default: discarded.
	Log *slog.Logger
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Retries are the pauses before what was not acknowledged is sent again. Default: as
	// on Slack, at once, after a minute and after five.
	Retries []time.Duration
	// Patience is how long an acknowledgement may take; default three seconds.
	Patience time.Duration
	// Pace is how many messages a channel takes; default as on Slack.
	Pace Pace
}

// Server is a simulated Slack. See the package comment.
type Server struct {
	URL string // without a trailing slash

	opts    Options
	log     *slog.Logger
	http    *http.Server
	client  *http.Client // delivers over HTTP
	ledger  *simulated.Ledger
	faults  *simulated.Faults
	sockets sockets

	ctx     context.Context // ends when Close begins
	stop    context.CancelFunc
	work    sync.WaitGroup // deliveries
	closing sync.Once

	// mu guards all of world, the whole time that a request reads or changes it. It
	// is never held while anything is sent.
	mu sync.Mutex
	world
}

// Start starts a simulated Slack and returns when it answers.
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
	if o.Retries == nil {
		o.Retries = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	if o.Patience == 0 {
		o.Patience = 3 * time.Second
	}
	if o.Pace == (Pace{}) {
		o.Pace = Pace{Every: time.Second, Burst: 5}
	}
	s := &Server{opts: o, log: o.Log}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("starting the simulated Slack: %w", err)
	}
	return s, nil
}

func (s *Server) open() (err error) {
	if s.world, err = newWorld(s.opts.Manifest, s.opts.Now); err != nil {
		return err
	}
	s.ledger = simulated.NewLedger(s.opts.Now, s.log)
	s.faults = simulated.NewFaults(s.ledger, func(status int) string {
		if status == http.StatusTooManyRequests {
			return `{"ok":false,"error":"ratelimited"}`
		}
		return `{"ok":false,"error":"internal_error"}`
	})
	s.client = &http.Client{Timeout: s.opts.Patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.sockets.init()
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
			s.log.Error("simulated Slack stopped serving", "error", err)
		}
	})
	return nil
}

func (s *Server) routes() http.Handler {
	record := func(kind, prefix string, h http.Handler) http.Handler {
		return s.ledger.Record(kind, prefix, kind != "file", s.faults.Inject(s.ctx, prefix, h))
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", record("web", "/api", s.webAPI()))
	mux.Handle("/files/", record("file", "", s.serveFiles()))
	mux.Handle("/hooks/", record("hook", "", http.HandlerFunc(s.respond)))
	mux.HandleFunc("GET /socket", s.serveSocket)
	mux.HandleFunc("GET /{$}", s.channelPage)
	mux.HandleFunc("POST /say", s.sayForm)
	return mux
}

// Close ends everything that the server does and waits for it: deliveries under way are
// given up, sockets are closed. It may be called more than once.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.stop()
		s.faults.Clear()
		s.sockets.close()
		_ = s.http.Close()
		s.work.Wait()
		s.client.CloseIdleConnections()
	})
	return nil
}

// Ledger returns a copy of all entries, in order of arrival.
func (s *Server) Ledger() []Entry { return s.ledger.Entries() }

// Calls returns the entries of one method of the Web API.
func (s *Server) Calls(method string) []Entry { return s.ledger.Requests("", "/"+method) }

// SetFault adds a fault and returns its id.
func (s *Server) SetFault(f Fault) int {
	f, err := s.faults.Set(f)
	if err != nil {
		panic("slacktest: " + err.Error())
	}
	return f.ID
}

// ReleaseFault ends a fault.
func (s *Server) ReleaseFault(id int) {
	if err := s.faults.Release(id); err != nil {
		panic("slacktest: " + err.Error())
	}
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() { s.faults.Clear() }

// WaitFault waits until the fault has met a request.
func (s *Server) WaitFault(ctx context.Context, id int) error { return s.faults.Wait(ctx, id) }
