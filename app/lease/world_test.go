package lease_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/blob"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/lease"
	"github.com/seed-bc0cc349/anvil/app/runapi"
	"github.com/seed-bc0cc349/anvil/app/seal"
	"github.com/seed-bc0cc349/anvil/app/store"
)

// world is a server of runs with a real store and real blobs, a clock that stands
// still, and tokens that say what the test wants.
type world struct {
	t      *testing.T
	store  *store.Store
	jobs   *jobs
	blobs  *blob.Store
	clock  *clock
	tokens *tokens
	log    *lines
	leases *lease.Server
	reaper *lease.Reaper
	http   *httptest.Server
	client *runapi.Client
}

var home = anvil.Repository{ID: 7, Installation: 9, Owner: "acme", Name: "web", DefaultBranch: "main"}

const (
	leaseFor  = time.Minute
	nonce     = "the nonce of the dispatch"
	workflow  = 4711 // the workflow run that was started
	logBytes  = 1 << 10
	bundleCap = 4 << 10

	conversationCap = 8 << 10
)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, jobs: &jobs{}, clock: &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}, tokens: &tokens{known: map[string]github.Claims{}}, log: &lines{}}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	var err error
	if w.store, err = store.Open(t.Context(), t.TempDir(), w.clock.Now, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	w.store.Queue = w.jobs
	if w.blobs, err = blob.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.blobs.Close() })
	w.leases = &lease.Server{
		Store: w.store, Verifier: w.tokens, GitHub: hub{}, Blobs: w.blobs, Now: w.clock.Now, Log: log,
		Engines: map[string]runapi.Engine{"sample": {Name: "sample", Kind: "command", Command: []string{"agent"}}},
		Place: lease.Workplace{
			Home:     func(_ context.Context, r anvil.Repository) (anvil.Repository, error) { return r, nil },
			Workflow: "anvil.yml", RunnerEnvironments: []string{"github-hosted"},
		},
		Containment: runapi.Containment{Network: "proxy", Allow: []string{"operator.example"}},
		MayAllow:    func(host string) bool { return strings.HasSuffix(host, ".may.example") },
		Terms:       lease.Terms{Lease: leaseFor, RenewEvery: 15 * time.Second, Work: time.Hour, Verify: time.Minute, BundleBytes: bundleCap, LogBytes: logBytes},
	}
	w.reaper = &lease.Reaper{Store: w.store, Now: w.clock.Now, Log: log, Lease: leaseFor, StartWithin: 10 * time.Minute, HoldFor: time.Hour}
	key, _, err := seal.OwnKey(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	w.leases.Sealed = &seal.Store{Blobs: w.blobs, Key: key}
	w.leases.Terms.ConversationBytes, w.leases.Terms.AnswerWithin = conversationCap, 7*24*time.Hour
	w.reaper.AnswerWithin = 7 * 24 * time.Hour
	mux := http.NewServeMux()
	w.leases.Register(mux)
	w.http = httptest.NewServer(mux)
	t.Cleanup(w.http.Close)
	if w.client, err = runapi.NewClient(w.http.URL); err != nil {
		t.Fatal(err)
	}
	return w
}

// task opens a task and returns its first run, queued.
func (w *world) task(name string) anvil.RunID {
	w.t.Helper()
	d := anvil.Delivery{ID: anvil.DeliveryID(name), Event: "issue_comment", Body: []byte(`{"for":"` + name + `"}`), ReceivedAt: w.clock.Now()}
	if _, err := w.store.Receive(w.t.Context(), d); err != nil {
		w.t.Fatal(err)
	}
	task, err := w.store.OpenTask(w.t.Context(), anvil.Opening{Command: anvil.Command{
		Delivery: d.ID, Verb: anvil.VerbDo, Requester: anvil.Actor{ID: 1, Login: "mona"},
		Thread:  anvil.Thread{Repository: home, Issue: 12, Title: "It is broken"},
		Options: anvil.Options{Verify: []string{"make test"}},
		Prompt:  anvil.Prompt{Instruction: "fix it", IssueTitle: "It is broken", IssueBody: "very", Digest: "d1"},
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	return anvil.RunIDFor(task.ID, 1)
}

// intend brings a queued run to where its dispatch has been asked for.
func (w *world) intend(run anvil.RunID, nonce string) {
	w.t.Helper()
	w.move(run, anvil.Dispatching, nil)
	w.amend(run, func(r *anvil.Run) {
		r.BaseRef, r.BaseCommit, r.Engine = "main", strings.Repeat("a", 40), anvil.EngineInfo{Name: "sample", Kind: "command", Model: "small"}
		r.Dispatch = anvil.Dispatch{NonceHash: digestOf(nonce), AskedAt: w.clock.Now(), Times: 1}
	})
}

// dispatched returns a run that was started as the given workflow run.
func (w *world) dispatched(name string) anvil.RunID {
	w.t.Helper()
	run := w.task(name)
	w.start(run)
	return run
}

func (w *world) start(run anvil.RunID) {
	w.t.Helper()
	w.intend(run, nonce)
	w.move(run, anvil.Dispatched, func(r *anvil.Run) {
		r.Placement = anvil.Placement{Provider: "actions", Repository: "acme/web", Workflow: "anvil.yml", WorkflowRun: workflow, URL: "https://github.example/told"}
		r.Deadline = w.clock.Now().Add(10 * time.Minute)
	})
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

func (w *world) run(id anvil.RunID) anvil.Run {
	w.t.Helper()
	run, err := w.store.Run(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

// asked is what the right job of the right workflow run asks with.
func asked(run anvil.RunID) runapi.ClaimRequest {
	return runapi.ClaimRequest{Run: string(run), Nonce: nonce, Runner: runapi.RunnerInfo{Name: "runner 1", OS: "linux", Arch: "amd64"}}
}

// claim claims a run with a fresh token that says what edit leaves of the truth.
func (w *world) claim(run anvil.RunID, edit ...func(*github.Claims)) (runapi.Assignment, error) {
	return w.client.Claim(w.t.Context(), with(w.tokens.mint(edit...)), asked(run))
}

// working is the holder of a run that has just been claimed.
func (w *world) working(name string) (anvil.RunID, *runapi.Holder) {
	w.t.Helper()
	run := w.dispatched(name)
	a, err := w.claim(run)
	if err != nil {
		w.t.Fatal(err)
	}
	return run, w.client.Holder(a)
}

// refused checks the code and status of a refusal.
func refused(t *testing.T, what string, err error, code string, status int) *runapi.Error {
	t.Helper()
	var e *runapi.Error
	if !errors.As(err, &e) || e.Code != code || e.Status != status {
		t.Errorf("%s: got %v; want %d %s", what, err, status, code)
		return &runapi.Error{}
	}
	return e
}

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// clock stands still until it is moved.
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

// jobs is a queue that remembers what was given to it.
type jobs struct {
	mu  sync.Mutex
	all []anvil.Job
}

func (j *jobs) EnqueueTx(_ context.Context, _ *sql.Tx, next ...anvil.Job) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = append(j.all, next...)
	return nil
}

// count is how many jobs of a hop there were for a run.
func (j *jobs) count(hop string, run anvil.RunID) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, job := range j.all {
		if job.Hop == hop && job.Key == string(run) {
			n++
		}
	}
	return n
}

// tokens is a verifier that knows the tokens it made.
type tokens struct {
	mu    sync.Mutex
	known map[string]github.Claims
}

// mint makes a token of the job that was started, changed by the edits.
func (v *tokens) mint(edit ...func(*github.Claims)) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := github.Claims{
		JTI: fmt.Sprintf("token %d", len(v.known)), ExpiresAt: time.Date(2026, 11, 22, 12, 5, 0, 0, time.UTC),
		RepositoryID: home.ID, Repository: "acme/web", WorkflowRef: "acme/web/.github/workflows/anvil.yml@refs/heads/main",
		EventName: "workflow_dispatch", RunID: workflow, RunAttempt: 1, RunnerEnvironment: "github-hosted", Ref: "refs/heads/main",
	}
	for _, e := range edit {
		e(&c)
	}
	v.known[c.JTI] = c
	return c.JTI
}

func (v *tokens) Verify(_ context.Context, token string) (github.Claims, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c, ok := v.known[token]; ok {
		return c, nil
	}
	return github.Claims{}, anvil.Problemf(github.CodeOIDCToken, "", "the OIDC token cannot be accepted")
}

// hub gives tokens for reading.
type hub struct{}

func (hub) ReadToken(context.Context, anvil.Repository) (string, time.Time, error) {
	return "ghs_read", time.Time{}, nil
}

func (hub) CloneURL(r anvil.Repository) string {
	return "https://github.example/" + r.FullName() + ".git"
}

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

// with is an identity that is one token and no other.
func with(token string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}
