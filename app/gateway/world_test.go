package gateway

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/store"
)

// world is a gateway on a real store, in front of upstreams that a test writes, as
// handlers that see what reaches them.
type world struct {
	t       *testing.T
	store   *store.Store
	gateway *Gateway
	http    *httptest.Server
	clock   *clock
	log     *lines
}

const (
	token  = "anvil_lease_of_the_run"
	ourKey = "sk-upstream-0123456789abcdef"
)

// newWorld makes a world; edit may change its configuration.
func newWorld(t *testing.T, edit ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}, log: &lines{}}
	var err error
	if w.store, err = store.Open(t.Context(), t.TempDir(), w.clock.Now, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	w.store.Queue = nobody{}
	c := Config{
		Store: w.store, Now: w.clock.Now, Log: slog.New(slog.NewTextHandler(w.log, nil)),
		Models:    func(e anvil.EngineInfo) []string { return []string{e.Model, "small"} },
		Prices:    []Price{{Model: "large", Input: 10, Cached: 1, CacheWrite: 12.5, Output: 50}, {Model: "small", Input: 1, Output: 5}},
		BodyBytes: 1 << 20, OutputTokens: 1000, Parallel: 100, Silence: time.Minute,
	}
	for _, e := range edit {
		e(&c)
	}
	w.gateway = New(c)
	w.gateway.sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	w.store.Changed = w.gateway.Forget
	if err := w.gateway.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.gateway.Stop)
	w.http = httptest.NewServer(w.gateway.Front(http.NewServeMux()))
	t.Cleanup(w.http.Close)
	return w
}

// upstreamAt is an upstream that a handler plays.
func upstreamAt(t *testing.T, name string, handler http.HandlerFunc) Upstream {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL + "/v1")
	if err != nil {
		t.Fatal(err)
	}
	return Upstream{Name: name, Protocols: []string{"responses", "chat", "messages", "generate"}, BaseURL: base, Key: ourKey, Auth: "bearer"}
}

// with sets the upstreams of a world.
func with(all ...Upstream) func(*Config) { return func(c *Config) { c.Upstreams = all } }

// working opens a task and brings its run to work, under the given token.
func (w *world) working(name, token string) anvil.RunID {
	w.t.Helper()
	ctx := w.t.Context()
	d := anvil.Delivery{ID: anvil.DeliveryID(name), Event: "issue_comment", Body: []byte(`{"for":"` + name + `"}`), ReceivedAt: w.clock.Now()}
	if _, err := w.store.Receive(ctx, d); err != nil {
		w.t.Fatal(err)
	}
	task, err := w.store.OpenTask(ctx, anvil.Opening{NewSession: true, Command: anvil.Command{
		Delivery: d.ID, Verb: anvil.VerbDo, Requester: anvil.Actor{ID: 1, Login: "mona"},
		Thread: anvil.Thread{Repository: anvil.Repository{ID: 7, Installation: 9, Owner: "acme", Name: "web", DefaultBranch: "main"}, Issue: 12, Title: name},
		Prompt: anvil.Prompt{Instruction: "fix it", IssueTitle: name},
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	run := anvil.RunIDFor(task.ID, 1)
	w.move(run, anvil.Dispatching, nil)
	w.move(run, anvil.Dispatched, func(r *anvil.Run) {
		r.BaseRef, r.BaseCommit, r.Engine = "main", strings.Repeat("a", 40), anvil.EngineInfo{Name: "codex", Kind: "codex", Model: "large"}
	})
	w.move(run, anvil.Working, func(r *anvil.Run) {
		r.Lease = anvil.Lease{Epoch: 1, TokenHash: anvil.Fingerprint(token), ExpiresAt: w.clock.Now().Add(time.Minute)}
	})
	return run
}

func (w *world) move(run anvil.RunID, to anvil.State, change func(*anvil.Run)) {
	w.t.Helper()
	if _, err := w.store.Move(w.t.Context(), run, to, func(r *anvil.Run) error {
		if change != nil {
			change(r)
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) amend(run anvil.RunID, change func(*anvil.Run)) {
	w.t.Helper()
	if _, err := w.store.Amend(w.t.Context(), run, func(r *anvil.Run) error { change(r); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

// post makes a call and returns status and answer.
func (w *world) post(run anvil.RunID, token, path, body string) (int, string) {
	w.t.Helper()
	status, text, err := w.try(run, token, path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	return status, text
}

func (w *world) try(run anvil.RunID, token, path, body string) (int, string, error) {
	resp, err := w.start(w.t.Context(), run, token, path, body)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// start makes a call and returns the answer as it begins.
func (w *world) start(ctx context.Context, run anvil.RunID, token, path, body string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, "POST", fmt.Sprintf("%s/api/v1/runs/%s/model/%s", w.http.URL, run, path), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return http.DefaultClient.Do(r)
}

// flush has the gateway write down what it knows.
func (w *world) flush() {
	w.t.Helper()
	if err := w.gateway.ledger.flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// accounts are those in memory.
func (w *world) accounts() map[accountKey]account {
	l := w.gateway.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[accountKey]account{}
	for key, a := range l.accounts {
		all[key] = *a
	}
	return all
}

// calls are the calls of a run's task as they are in the database.
func (w *world) calls(run anvil.RunID) []anvil.ModelCall {
	w.t.Helper()
	w.flush()
	r, err := w.store.Run(w.t.Context(), run)
	if err != nil {
		w.t.Fatal(err)
	}
	calls, err := w.store.Calls(w.t.Context(), r.Task)
	if err != nil {
		w.t.Fatal(err)
	}
	return calls
}

// the clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// nobody takes jobs and does nothing.
type nobody struct{}

func (nobody) EnqueueTx(context.Context, *sql.Tx, ...anvil.Job) error { return nil }

// lines is a log that can be written and read at once.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
