package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/secret"
)

// Store is what the gateway reads and keeps.
type Store interface {
	Caller(ctx context.Context, id anvil.RunID) (anvil.Caller, error)
	SaveCalls(ctx context.Context, calls []anvil.ModelCall) error
	SettleCutCalls(ctx context.Context) error
	Spending(ctx context.Context, who anvil.Spender, day int64) (anvil.Spent, error)
	Amend(ctx context.Context, id anvil.RunID, change func(*anvil.Run) error, next ...anvil.Job) (anvil.Run, error)
	Tell(ctx context.Context, id anvil.RunID, kind, text string) error
}

// Config says what a gateway relays, and on which terms.
type Config struct {
	Store     Store
	Upstreams []Upstream // in the order in which they are asked
	// Models lists what a run of an engine may use, its own model first.
	Models  func(engine anvil.EngineInfo) []string
	Prices  []Price
	Budgets []Budget
	// Cheaper names for a model the one that takes its place once a budget that wants
	// it is low.
	Cheaper map[string]string
	// Hosted names the kinds of tools that a provider may carry out, such as
	// web_search. They reach what a run's own network may not.
	Hosted       []string
	BodyBytes    int64 // the largest request
	OutputTokens int64 // what a request that does not say so may let the model write
	Parallel     int   // calls of one run at a time
	// Silence is how long an upstream may take to begin an answer, and be silent in
	// the middle of one.
	Silence time.Duration
	// Keep stores what was said in a call; nil: nothing of it is kept.
	Keep func(ctx context.Context, run anvil.RunID, name string, content io.Reader) error
	// Metrics is where calls are counted; nil: nowhere.
	Metrics prometheus.Registerer
	Now     func() time.Time
	Log     *slog.Logger
}

// Gateway serves runapi.PathModel.
type Gateway struct {
	store     Store
	upstreams []*upstream
	models    func(anvil.EngineInfo) []string
	prices    []Price
	cheaper   map[string]string
	hosted    []string
	keys      secret.Keys // never go to an engine, should a provider repeat them
	bodyBytes int64
	output    int64
	parallel  int
	silence   time.Duration
	keep      func(ctx context.Context, run anvil.RunID, name string, content io.Reader) error
	now       func() time.Time
	sleep     func(context.Context, time.Duration) error
	log       *slog.Logger
	transport http.RoundTripper
	ledger    *ledger
	metrics   *metrics
	stop      func()

	// mu guards what is known of runs: it is held for moments.
	mu      sync.Mutex
	passes  map[anvil.RunID]*pass
	changes int64                              // grows with each change of a run
	live    map[anvil.RunID]map[*call]struct{} // calls under way
}

// New returns a gateway. It asks nobody anything yet.
func New(c Config) *Gateway {
	g := &Gateway{
		store: c.Store, models: c.Models, prices: c.Prices, cheaper: c.Cheaper, hosted: c.Hosted, bodyBytes: c.BodyBytes, output: c.OutputTokens,
		parallel: c.Parallel, silence: c.Silence, keep: c.Keep, now: c.Now, sleep: sleep, log: c.Log, stop: func() {},
		transport: newTransport(c.Silence),
		metrics:   newMetrics(c.Metrics),
		ledger:    newLedger(c.Store, c.Budgets, c.Now, c.Log),
		passes:    map[anvil.RunID]*pass{}, live: map[anvil.RunID]map[*call]struct{}{},
	}
	for _, u := range c.Upstreams {
		g.upstreams = append(g.upstreams, newUpstream(u, c.Log))
		g.keys.Add(u.Key)
	}
	return g
}

// Start settles what a crash cut off and begins to write calls down.
func (g *Gateway) Start(ctx context.Context) error {
	if err := g.store.SettleCutCalls(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var writing sync.WaitGroup
	writing.Go(func() { g.ledger.run(ctx) })
	g.stop = sync.OnceFunc(func() { cancel(); writing.Wait() })
	return nil
}

// Stop writes down what is left. It may be called more than once, and without
// Start.
func (g *Gateway) Stop() { g.stop() }

// Serves reports whether an engine of the kind finds its protocol here.
func (g *Gateway) Serves(kind string) bool {
	want := map[string]protocol{"codex": responses, "claude": messages}[kind]
	return slices.ContainsFunc(g.upstreams, func(u *upstream) bool {
		return want == "" || slices.Contains(u.Protocols, string(want))
	})
}

// call is one request of a run, under way.
type call struct {
	ctx     context.Context
	cut     func(*refusal) // ends it
	route   route
	header  http.Header // the engine's
	epoch   int64       // of the run's lease
	request *request
	price   Price
	priced  bool
	most    anvil.Usage // that it can take
	limit   anvil.Limit // of its task, by the rules
	held    *reservation
	row     anvil.ModelCall
	began   time.Time     // by the real clock: for the estimate of what was cut
	first   time.Duration // until the answer began
	answer  *bytes.Buffer // what the engine got, if that is kept; else nil
	broken  bool          // the connection to the engine has to break
}

// Front answers what is below a run's model path before next sees it: a mux would
// first clean the path, and redirect.
func (g *Gateway) Front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := mine(r); ok {
			g.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ServeHTTP answers one call.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, rest, ok := mine(r)
	rt, no := routeOf(r, rest)
	if !ok {
		no = refuse(http.StatusNotFound, CodePath, "this path is not relayed.")
	}
	if no != nil {
		g.refuse(w, id, rt, no)
		return
	}
	cause, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	c := &call{ctx: cause, cut: func(r *refusal) { cancel(r) }, route: rt, header: r.Header}
	p, no := g.begin(id, c, tokenOf(r))
	if no == nil {
		defer g.leave(id, c)
		if rt.relay == "" {
			answerHere(w, r, rt, p)
			return
		}
		no = g.serve(w, r, c, p)
	}
	if no != nil {
		if p != nil {
			no = no.heardBy(p.caller.Run.Engine.Kind)
		}
		g.refuse(w, id, rt, no)
	}
	if c.broken {
		panic(http.ErrAbortHandler)
	}
}

// begin admits a call, and counts it among those under way. The pass is there with a
// refusal too, if the token was the run's.
func (g *Gateway) begin(id anvil.RunID, c *call, token string) (*pass, *refusal) {
	for range 10 {
		p, no := g.admit(c.ctx, id, token)
		if no != nil {
			return p, no
		}
		c.epoch, c.limit = p.caller.Run.Lease.Epoch, p.caller.Run.Rules.Budget
		if entered, no := g.enter(id, p, c); entered {
			return p, no
		}
	}
	return nil, refuse(http.StatusServiceUnavailable, CodeStore, "the run changes all the time. Try again.")
}

// serve relays a call. It returns why the engine has got no answer, or nil.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, c *call, p *pass) (no *refusal) {
	if c.request, no = g.read(r, c.route); no != nil {
		return no
	}
	defer c.request.done()
	if !p.may(c.request.model) {
		return refuse(http.StatusForbidden, CodeModel, "the run may not use this model. It may use: %s.", list(p.models))
	}
	// From here on the answer takes as long as it takes.
	deadlines := http.NewResponseController(w)
	_ = deadlines.SetReadDeadline(time.Time{}) // not every writer has deadlines
	_ = deadlines.SetWriteDeadline(time.Time{})
	c.row = rowOf(p.caller)
	c.row.Protocol, c.row.Model, c.row.StartedAt = string(c.route.protocol), c.request.model, g.now()
	if no = g.reserve(c, p); no != nil {
		return no
	}
	c.began = time.Now()
	if g.keep != nil {
		c.answer = new(bytes.Buffer)
	}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	a, no := g.ask(c.ctx, c, *buffer)
	if no != nil {
		g.settle(c, nil, no)
		return no
	}
	c.first = time.Since(c.began)
	m := &meter{protocol: c.route.protocol, stream: streams(a), status: a.StatusCode}
	no = g.relay(w, c, a, *buffer, m)
	g.settle(c, m, no)
	g.file(c)
	if no != nil {
		g.log.Info("model call cut", "run", id(p), "model", c.row.Model, "upstream", c.row.Upstream, "code", no.code, "cause", no.cause)
	}
	return nil
}

// refuse tells an engine why its call is not answered.
func (g *Gateway) refuse(w http.ResponseWriter, id anvil.RunID, rt route, no *refusal) {
	if rt.relay == "" || no.status < 500 && no.code != CodeUpstream && no.code != CodeKey && no.code != CodeGone {
		g.metrics.refused(no.code)
	}
	g.log.Info("model call refused", "run", string(id[:min(len(id), 100)]), "code", no.code, "what", no.what, "cause", no.cause)
	no.write(w, rt.protocol)
}

// cutBy is why the context of a call has ended: what it was cut by, or else that the
// engine went away.
func cutBy(ctx context.Context) *refusal {
	var no *refusal
	if errors.As(context.Cause(ctx), &no) {
		return no
	}
	return refuse(http.StatusBadRequest, CodeGone, "the engine went away.").because(context.Cause(ctx))
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
