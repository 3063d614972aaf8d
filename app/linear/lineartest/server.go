package lineartest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/simulated"
)

type (
	// Entry is one request that reached the simulated Linear, by agent or anonymous.
	Entry = simulated.Entry
	// Fault makes requests fail that match it.
	Fault = simulated.Fault
)

// Options configure a simulated Linear.
type Options struct {
	// Listen is the address to listen on; default 127.0.0.1:0.
	Listen string
	// WebhookURL is where the agent takes webhooks. Default: nowhere yet; see [Server.Listen].
	WebhookURL string
	// Log gets one line for each request and delivery. Default: discarded.
	Log *slog.Logger
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Retries are the pauses before what was not answered with 200 is sent again.
	// Default: as on Linear, a minute, an hour and six hours.
	Retries []time.Duration
	// Patience is how long an answer may take; default five seconds.
	Patience time.Duration
	// Budget is how many requests the agent may make; default as on Linear.
	Budget Budget
	// TokenLives is how long a token is good for; default 30 days.
	TokenLives time.Duration
}

// Server is a simulated Linear. See the package comment.
type Server struct {
	URL string // without a trailing slash

	opts   Options
	log    *slog.Logger
	http   *http.Server
	client *http.Client // delivers
	ledger *simulated.Ledger
	faults *simulated.Faults

	ctx     context.Context // ends when Close begins
	stop    context.CancelFunc
	work    sync.WaitGroup // deliveries
	closing sync.Once

	// mu guards all of world, the whole time that a request reads or changes it. It
	// is never held while anything is sent.
	mu sync.Mutex
	world
}

// Start starts a simulated Linear and returns when it answers.
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
		o.Retries = []time.Duration{time.Minute, time.Hour, 6 * time.Hour}
	}
	if o.Patience == 0 {
		o.Patience = 5 * time.Second
	}
	if o.Budget == (Budget{}) {
		o.Budget = Budget{Requests: 5000, Within: time.Hour}
	}
	if o.TokenLives == 0 {
		o.TokenLives = 30 * 24 * time.Hour
	}
	s := &Server{opts: o, log: o.Log, world: newWorld(o)}
	s.ledger = simulated.NewLedger(o.Now, s.log)
	s.faults = simulated.NewFaults(s.ledger, func(int) string {
		return `{"errors":[{"message":"Internal server error","extensions":{"type":"internal error","code":"INTERNAL_SERVER_ERROR"}}]}`
	})
	s.client = &http.Client{Timeout: o.Patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.ctx, s.stop = context.WithCancel(context.Background())
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("starting the simulated Linear: %w", err)
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
			s.log.Error("simulated Linear stopped serving", "error", err)
		}
	})
	return s, nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /graphql", named(s.ledger.Record("graphql", "", true, s.faults.Inject(s.ctx, "", http.HandlerFunc(s.graphql)))))
	mux.Handle("POST /oauth/token", s.ledger.Record("oauth", "", false, s.faults.Inject(s.ctx, "", http.HandlerFunc(s.token))))
	return mux
}

// named puts the field that a GraphQL request asks for behind its path, for the ledger
// and the faults.
func named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
		if err != nil {
			http.Error(w, "body too large", http.StatusRequestEntityTooLarge)
			return
		}
		var asked request
		_ = json.Unmarshal(body, &asked) // what is no JSON is answered further in
		c := r.Clone(r.Context())
		c.Body = io.NopCloser(bytes.NewReader(body))
		c.URL.Path = "/graphql/" + asked.field()
		next.ServeHTTP(w, c)
	})
}

// Close ends everything that the server does and waits for it; deliveries under way are
// given up. It may be called more than once.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.stop()
		s.faults.Clear()
		_ = s.http.Close()
		s.work.Wait()
		s.client.CloseIdleConnections()
	})
	return nil
}

// Ledger returns a copy of all entries, in order of arrival.
func (s *Server) Ledger() []Entry { return s.ledger.Entries() }

// Calls returns the entries of requests for one field, such as agentActivityCreate.
func (s *Server) Calls(field string) []Entry { return s.ledger.Requests("", "/graphql/"+field) }

// SetFault adds a fault and returns its id.
func (s *Server) SetFault(f Fault) int {
	f, err := s.faults.Set(f)
	if err != nil {
		panic("lineartest: " + err.Error())
	}
	return f.ID
}

// ReleaseFault ends a fault.
func (s *Server) ReleaseFault(id int) {
	if err := s.faults.Release(id); err != nil {
		panic("lineartest: " + err.Error())
	}
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() { s.faults.Clear() }

// WaitFault waits until the fault has met a request.
func (s *Server) WaitFault(ctx context.Context, id int) error { return s.faults.Wait(ctx, id) }
