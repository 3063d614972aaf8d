package dispatch_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/dispatch"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/app/queue"
	"github.com/seed-bc0cc349/anvil/app/rulebook"
	"github.com/seed-bc0cc349/anvil/app/store"
)

const tip = "1111111111111111111111111111111111111111"

// contents is a repository with a default branch and nothing else, but perhaps a
// pull request in a state.
type contents struct {
	empty       bool // the repository has no commit
	rules, pull string
	has         string // a commit in the history of every branch
}

func (c contents) PullRequest(context.Context, anvil.Repository, int) (github.PullRequest, error) {
	return github.PullRequest{Number: 3, State: c.pull}, nil
}

func (c contents) Contains(_ context.Context, _ anvil.Repository, _, sha string) (bool, error) {
	return sha == c.has, nil
}

func (c contents) MergeBase(context.Context, anvil.Repository, string, string) (string, error) {
	return c.has, nil
}

func (c contents) DefaultBranchCommit(context.Context, anvil.Repository) (string, string, error) {
	if c.empty {
		return "", "", fmt.Errorf("branch main: %w", github.ErrNotFound)
	}
	return "main", tip, nil
}

func (c contents) Branch(_ context.Context, _ anvil.Repository, name string) (string, error) {
	return "", fmt.Errorf("branch %s: %w", name, github.ErrNotFound)
}

func (c contents) File(context.Context, anvil.Repository, string, string) ([]byte, error) {
	if c.rules == "" {
		return nil, github.ErrNotFound
	}
	return []byte(c.rules), nil
}

// provider answers as it is told to, and remembers what it was asked.
type provider struct {
	mu      sync.Mutex
	starts  []dispatch.Order
	answers []error // of Start, in order; then nil
	listed  anvil.Placement
	shows   bool    // Find finds listed
	stops   []int64 // workflow runs that were to be cancelled
	refuses error   // of Stop
	ended   string  // answer of Ended
	// during is called while Start is at work.
	during func(o dispatch.Order)
}

func (p *provider) Start(_ context.Context, o dispatch.Order) (anvil.Placement, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starts = append(p.starts, o)
	if p.during != nil {
		p.during(o)
	}
	var err error
	if len(p.answers) > 0 {
		err, p.answers = p.answers[0], p.answers[1:]
	}
	return anvil.Placement{Provider: "actions", WorkflowRun: int64(100 + len(p.starts))}, err
}

func (p *provider) Find(context.Context, dispatch.Order, time.Time) (anvil.Placement, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.listed, p.shows, nil
}

func (p *provider) Ended(context.Context, dispatch.Order, anvil.Placement) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended, nil
}

func (p *provider) Stop(_ context.Context, _ dispatch.Order, place anvil.Placement) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stops = append(p.stops, place.WorkflowRun)
	return p.refuses
}

type nowhere struct{}

func (nowhere) EnqueueTx(context.Context, *sql.Tx, ...anvil.Job) error { return nil }

// world is a dispatcher with a real store, a provider that is told what to do, and
// a clock that moves when it is told to.
type world struct {
	t        *testing.T
	store    *store.Store
	provider *provider
	hop      *dispatch.Dispatcher
	run      anvil.RunID
	now      time.Time
}

func begin(t *testing.T, c contents, options anvil.Options) *world {
	t.Helper()
	w := &world{t: t, provider: &provider{}, now: time.Now()}
	clock := func() time.Time { return w.now }
	var err error
	if w.store, err = store.Open(t.Context(), t.TempDir(), clock, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	w.store.Queue = nowhere{}
	w.hop = &dispatch.Dispatcher{
		Store: w.store, Provider: w.provider, Server: "http://server", Now: clock, Log: slog.New(slog.DiscardHandler),
		StartWithin: 10 * time.Minute, Settle: 20 * time.Second, Times: 2, Patience: 24 * time.Hour,
		Prepare: &dispatch.Preparer{
			GitHub: c, Offer: policy.Offer{Default: "sample", Models: map[string][]string{"sample": nil}},
			Book:  &rulebook.Book{GitHub: c, Past: w.store, ValidRef: func(string) error { return nil }, Now: clock},
			Kinds: map[string]string{"sample": "command"},
		},
	}
	if _, err := w.store.Receive(t.Context(), anvil.Delivery{ID: "d", Event: "issue_comment", Body: []byte("{}"), ReceivedAt: w.now}); err != nil {
		t.Fatal(err)
	}
	task, err := w.store.OpenTask(t.Context(), anvil.Opening{Command: anvil.Command{
		Delivery: "d", Thread: anvil.Thread{Repository: anvil.Repository{ID: 1, Owner: "acme", Name: "web", DefaultBranch: "main"}, Issue: 1},
		Requester: anvil.Actor{ID: 1, Login: "mona"}, Verb: anvil.VerbDo, Options: options,
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.run = anvil.RunIDFor(task.ID, 1)
	w.move(anvil.Dispatching)
	return w
}

func (w *world) move(to anvil.State) {
	w.t.Helper()
	if _, err := w.store.Move(w.t.Context(), w.run, to, nil); err != nil {
		w.t.Fatal(err)
	}
}

// hopOnce wakes the hop; one that asks to come later is no failure.
func (w *world) hopOnce() *queue.Later {
	w.t.Helper()
	err := w.hop.Dispatch(w.t.Context(), string(w.run))
	var later *queue.Later
	if err != nil && !errors.As(err, &later) {
		w.t.Fatal(err)
	}
	return later
}

func (w *world) is(want anvil.State) anvil.Run {
	w.t.Helper()
	run, err := w.store.Run(w.t.Context(), w.run)
	if err != nil {
		w.t.Fatal(err)
	}
	if run.State != want {
		w.t.Fatalf("the run is %s, want %s (problem: %v)", run.State, want, run.Problem)
	}
	return run
}

func (w *world) asked(want int) {
	w.t.Helper()
	if got := len(w.provider.starts); got != want {
		w.t.Fatalf("the provider was asked %d times, want %d", got, want)
	}
}

func TestIntentAndNonceAreThereBeforeTheProviderIsAsked(t *testing.T) {
	t.Parallel()
	w := begin(t, contents{}, anvil.Options{})
	w.provider.during = func(o dispatch.Order) {
		run := w.is(anvil.Dispatching)
		if run.Dispatch.NonceHash != anvil.Fingerprint(o.Nonce) || run.Dispatch.AskedAt.IsZero() || run.BaseCommit != tip {
			t.Errorf("when the provider was asked, the row said %+v", run.Dispatch)
		}
	}
	w.hopOnce()
	run := w.is(anvil.Dispatched)
	if run.Placement.WorkflowRun != 101 || run.Placement.Guessed || run.BaseRef != "main" || run.Engine.Name != "sample" {
		t.Errorf("dispatched as %+v", run)
	}
	w.hopOnce() // twice is once
	w.asked(1)
}

func TestAnAnswerThatGotLostIsLookedForAndNotAskedAgain(t *testing.T) {
	t.Parallel()
	w := begin(t, contents{}, anvil.Options{})
	w.provider.answers = []error{fmt.Errorf("500: %w", github.ErrUncertain)}
	w.hopOnce()
	w.is(anvil.Uncertain)
	if w.hopOnce() == nil {
		t.Fatal("nothing is listed yet: the hop should come again later")
	}
	w.provider.listed, w.provider.shows = anvil.Placement{WorkflowRun: 7}, true
	w.hopOnce()
	if run := w.is(anvil.Dispatched); run.Placement.WorkflowRun != 7 || !run.Placement.Guessed {
		t.Errorf("found as %+v", run.Placement)
	}
	w.asked(1)
}

func TestWhatIsNeverListedIsAskedForOnceMoreWithAnotherNonce(t *testing.T) {
	t.Parallel()
	w := begin(t, contents{}, anvil.Options{})
	w.provider.answers = []error{fmt.Errorf("reset: %w", github.ErrUncertain), fmt.Errorf("reset: %w", github.ErrUncertain)}
	w.hopOnce()
	w.hopOnce()
	w.asked(1) // not before it has settled
	w.now = w.now.Add(21 * time.Second)
	w.hopOnce()
	w.is(anvil.Dispatching)
	w.hopOnce()
	w.asked(2)
	if a, b := w.provider.starts[0].Nonce, w.provider.starts[1].Nonce; a == b {
		t.Error("the second dispatch has the first one's nonce, so both jobs could claim")
	}
	w.now = w.now.Add(21 * time.Second)
	w.hopOnce()
	run := w.is(anvil.Failed)
	if run.Problem.Code != "DISPATCH_UNCERTAIN" || run.Problem.Next == "" {
		t.Errorf("failed with %v", run.Problem)
	}
	w.asked(2)
}

func TestAServerThatWasKilledAfterTheIntentLooksFirst(t *testing.T) {
	t.Parallel()
	w := begin(t, contents{}, anvil.Options{})
	if _, err := w.store.Amend(t.Context(), w.run, func(r *anvil.Run) error {
		r.BaseRef, r.BaseCommit = "main", tip
		r.Dispatch = anvil.Dispatch{NonceHash: "x", AskedAt: w.now, Times: 1}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w.provider.listed, w.provider.shows = anvil.Placement{WorkflowRun: 9}, true
	w.hopOnce()
	w.is(anvil.Uncertain)
	w.hopOnce()
	w.is(anvil.Dispatched)
	w.asked(0)
}

func TestARunnerMayBeQuickerThanTheAnswer(t *testing.T) {
	t.Parallel()
	w := begin(t, contents{}, anvil.Options{})
	w.provider.during = func(dispatch.Order) {
		if _, err := w.store.Move(t.Context(), w.run, anvil.Working, func(r *anvil.Run) error {
			r.Lease = anvil.Lease{Epoch: 1, TokenHash: "x", ExpiresAt: w.now.Add(time.Minute)}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	w.hopOnce()
	if run := w.is(anvil.Working); run.Placement.WorkflowRun != 101 {
		t.Errorf("the place is not noted: %+v", run.Placement)
	}
}

func TestARateLimitIsWaitedForAndNotCountedAsAsked(t *testing.T) {
	t.Parallel()
	w := begin(t, contents{}, anvil.Options{})
	until := w.now.Add(time.Minute)
	w.provider.answers = []error{&github.Error{Op: "start", Kind: github.RateLimited, Until: until}}
	later := w.hopOnce()
	if later == nil || !later.At.Equal(until) {
		t.Fatalf("the hop comes again at %v, want %v", later, until)
	}
	w.is(anvil.Dispatching)
	w.hopOnce()
	w.is(anvil.Dispatched)
	w.asked(2)
}

func TestWhatCannotStartTellsWhyAndWhatToDo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		contents contents
		options  anvil.Options
		answer   error
		code     anvil.Code
	}{
		{"a repository without a commit", contents{empty: true}, anvil.Options{}, nil, "REPO_EMPTY"},
		{"no such base", contents{}, anvil.Options{Base: "dev"}, nil, "BASE_MISSING"},
		{"rules that are not YAML", contents{rules: "verify: [a"}, anvil.Options{}, nil, "POLICY_SYNTAX"},
		{"rules with an unknown key", contents{rules: "verfy: x"}, anvil.Options{}, nil, "POLICY_INVALID"},
		{"an engine that is not offered", contents{}, anvil.Options{Engine: "codex"}, nil, "CMD_UNKNOWN"},
		{"a refusal by the provider", contents{}, anvil.Options{}, fmt.Errorf("%w: %w", github.ErrNotAccepted,
			anvil.Problemf("DISPATCH_NO_WORKFLOW", "Add it.", "no workflow")), "DISPATCH_NO_WORKFLOW"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := begin(t, test.contents, test.options)
			if test.answer != nil {
				w.provider.answers = []error{test.answer}
			}
			w.hopOnce()
			run := w.is(anvil.Failed)
			if run.Problem.Code != test.code || strings.TrimSpace(run.Problem.Next) == "" {
				t.Errorf("failed with %v, want %s and a next step", run.Problem, test.code)
			}
		})
	}
}
