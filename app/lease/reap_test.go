package lease_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/lease"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// reap lets the server live for a while, reaping as it does, and reaps at the end.
func (w *world) reap(d time.Duration) {
	w.t.Helper()
	for ; d >= 0; d -= 2 * time.Second {
		if err := w.reaper.Reap(w.t.Context(), ""); err != nil {
			w.t.Fatal(err)
		}
		if d > 0 {
			w.clock.advance(min(d, 2*time.Second))
		}
	}
}

// A runner goes silent. Its run is lost, the next attempt is queued, and the
// silent one, when it is back, is told to stop.
func TestASilentRunnerLosesItsRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	w.reap(leaseFor - time.Second)
	if _, err := h.Renew(t.Context(), runapi.RenewRequest{Phase: "work"}); err != nil {
		t.Fatal(err)
	}
	w.reap(leaseFor - time.Second)
	if got := w.run(run).State; got != anvil.Working {
		t.Fatalf("a run that was heard %s ago is %s", leaseFor-time.Second, got)
	}
	w.reap(2 * time.Second)
	lost := w.run(run)
	if lost.State != anvil.Lost || lost.Problem == nil || lost.Problem.Code != "ATTEMPT_LOST" {
		t.Fatalf("it is %s because of %v", lost.State, lost.Problem)
	}
	if w.jobs.count(anvil.HopStop, run) != 1 {
		t.Error("nobody stops the workflow run")
	}
	for what, err := range everyPath(w, h) {
		refused(t, what, err, "ATTEMPT_LOST", 409)
	}
	_, err := h.Finish(t.Context(), proposal("sha256:"+digestOf("x")))
	refused(t, "its proposal", err, "ATTEMPT_LOST", 409)
	_, err = w.claim(run)
	refused(t, "another claim", err, "ATTEMPT_LOST", 409)

	second := anvil.RunIDFor(lost.Task, 2)
	if got := w.run(second); got.State != anvil.Queued || got.Lease.Epoch != 0 || got.Dispatch.NonceHash != "" {
		t.Fatalf("the second attempt is %+v", got)
	}
	w.start(second)
	a, err := w.claim(second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.Holder(a).Finish(t.Context(), runapi.FinishRequest{Result: runapi.Unchanged}); err != nil {
		t.Fatal(err)
	}
	story, err := w.store.Story(t.Context(), lost.Task)
	if err != nil || story.Task.Outcome == nil || story.Task.Outcome.State != anvil.Unchanged {
		t.Errorf("the outcome is %+v, %v", story.Task.Outcome, err)
	}
}

func TestTheLastAttemptThatIsLostEndsTheTask(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.Attempts = 1
	run, _ := w.working("d")
	w.reap(2 * leaseFor)
	story, err := w.store.StoryOfRun(t.Context(), run)
	if err != nil || len(story.Runs) != 1 || story.Task.Outcome == nil || story.Task.Outcome.Problem == nil || story.Task.Outcome.Problem.Next == "" {
		t.Errorf("%d runs, outcome %+v, %v", len(story.Runs), story.Task.Outcome, err)
	}
}

func TestWhatIsOverdueEndsWithItsReason(t *testing.T) {
	t.Parallel()
	fill := func(r *anvil.Run) {
		r.BaseCommit = strings.Repeat("a", 40)
		r.Dispatch = anvil.Dispatch{NonceHash: "x", AskedAt: time.Now(), Times: 1}
		r.Lease = anvil.Lease{Epoch: 1, TokenHash: "x", ExpiresAt: time.Now()}
		r.Report, r.Verdict, r.Problem = &anvil.Report{}, &anvil.Verdict{}, anvil.Problemf("PROTECTED_FILES", "", "x")
	}
	for _, test := range []struct {
		path  []anvil.State
		to    anvil.State
		code  anvil.Code
		tells string
	}{
		{[]anvil.State{anvil.Dispatching, anvil.Dispatched}, anvil.Lost, "RUNNER_NONE", "10m0s"},
		{[]anvil.State{anvil.Dispatching, anvil.Uncertain}, anvil.Lost, "DISPATCH_UNCERTAIN", ""},
		{[]anvil.State{anvil.Dispatching, anvil.Working, anvil.Stopping}, anvil.Cancelled, "PROTECTED_FILES", ""}, // what it had before
		{[]anvil.State{anvil.Dispatching, anvil.Working, anvil.Inspecting, anvil.Held}, anvil.Failed, "HOLD_EXPIRED", "1h0m0s"},
		{[]anvil.State{anvil.Dispatching, anvil.Working, anvil.Inspecting}, anvil.Failed, "OVERDUE", "inspecting"},
	} {
		w := newWorld(t)
		run := w.task("d")
		for _, s := range test.path {
			w.move(run, s, func(r *anvil.Run) { fill(r); r.Deadline = w.clock.Now().Add(5 * time.Second) })
		}
		last := test.path[len(test.path)-1]
		w.reap(4 * time.Second)
		if got := w.run(run).State; got != last {
			t.Errorf("%s was ended before its time: %s", last, got)
		}
		w.reap(2 * time.Second)
		if got := w.run(run); got.State != test.to || got.Problem.Code != test.code || !strings.Contains(got.Problem.What, test.tells) {
			t.Errorf("%s became %s with %v", last, got.State, got.Problem)
		}
		w.reap(4 * time.Second)
	}
}

// between is a store in which something happens after the reaper has looked and
// before it acts.
type between struct {
	lease.ReaperStore
	happens func()
}

func (b between) Overdue(ctx context.Context, now time.Time) ([]anvil.Run, error) {
	runs, err := b.ReaperStore.Overdue(ctx, now)
	b.happens()
	return runs, err
}

func TestARenewalInTheLastMomentCounts(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(*world, anvil.RunID, *runapi.Holder) error{
		"renewed": func(w *world, _ anvil.RunID, h *runapi.Holder) error {
			_, err := h.Renew(w.t.Context(), runapi.RenewRequest{})
			return err
		},
		"reclaimed": func(w *world, run anvil.RunID, _ *runapi.Holder) error { _, err := w.claim(run); return err },
		"finished": func(w *world, _ anvil.RunID, h *runapi.Holder) error {
			_, err := h.Finish(w.t.Context(), runapi.FinishRequest{Result: runapi.Unchanged})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			run, h := w.working("d")
			w.reap(leaseFor - 2*time.Second)
			w.clock.advance(5 * time.Second) // expired by our clock, and nobody has said so yet
			happened := false
			w.reaper.Store = between{w.store, func() {
				happened = true
				if err := act(w, run, h); err != nil {
					t.Errorf("the runner was refused: %v", err)
				}
			}}
			if err := w.reaper.Reap(t.Context(), ""); err != nil || !happened {
				t.Fatal(happened, err)
			}
			if got := w.run(run); got.State == anvil.Lost {
				t.Error("the run was taken from a runner that had been heard")
			}
		})
	}
}

// The dispatch was found in the very moment in which it was given up, which a
// clock that stands still cannot tell apart.
func TestAStateThatIsNewIsNotOverdue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.task("d")
	w.intend(run, nonce)
	w.move(run, anvil.Uncertain, func(r *anvil.Run) { r.Deadline = w.clock.Now() })
	w.reaper.Store = between{w.store, func() { w.move(run, anvil.Dispatched, nil) }}
	w.reap(0)
	if got := w.run(run); got.State != anvil.Dispatched {
		t.Errorf("it is %s because of %v", got.State, got.Problem)
	}
}

// The server was down, or the machine asleep, or its clock was set: runners that
// could not be heard get a lease's time to be heard.
func TestNobodyIsCalledSilentWhoCouldNotBeHeard(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(*world){
		"the server was down": func(w *world) {
			w.clock.advance(20 * time.Minute)
			w.reaper = &lease.Reaper{Store: w.store, Now: w.clock.Now, Log: w.reaper.Log, Lease: leaseFor}
		},
		"the machine slept":       func(w *world) { w.clock.advance(8 * time.Hour) },
		"the clock was set ahead": func(w *world) { w.clock.advance(time.Hour) },
		"the clock was set back":  func(w *world) { w.clock.advance(-time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			heard, h := w.working("heard")
			silent, _ := w.working("silent")
			w.reap(10 * time.Second)
			away(w)
			w.reap(30 * time.Second)
			if a, b := w.run(heard).State, w.run(silent).State; a != anvil.Working || b != anvil.Working {
				t.Fatalf("they are %s and %s", a, b)
			}
			if _, err := h.Renew(t.Context(), runapi.RenewRequest{}); err != nil {
				t.Fatalf("renew: %v", err)
			}
			w.reap(32 * time.Second)
			if got := w.run(heard).State; got != anvil.Working {
				t.Errorf("the one that was heard is %s", got)
			}
			if name == "the clock was set back" {
				return // its lease has an hour more now
			}
			if got := w.run(silent).State; got != anvil.Lost {
				t.Errorf("the silent one is %s", got)
			}
		})
	}
}

// stubborn is a store that cannot move one of the runs.
type stubborn struct {
	lease.ReaperStore
	run anvil.RunID
}

var errStubborn = errors.New("a row that cannot be written")

func (s stubborn) Move(ctx context.Context, id anvil.RunID, to anvil.State, change func(*anvil.Run) error, next ...anvil.Job) (anvil.Run, error) {
	if id == s.run {
		return anvil.Run{}, errStubborn
	}
	return s.ReaperStore.Move(ctx, id, to, change, next...)
}

func TestOneThatCannotBeReapedDoesNotKeepTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.dispatched("first"), w.dispatched("second")
	w.reap(0)
	w.clock.advance(11 * time.Minute)
	w.reaper.Store = stubborn{w.store, first}
	if err := w.reaper.Reap(t.Context(), ""); !errors.Is(err, errStubborn) {
		t.Errorf("the error is %v", err)
	}
	if got := w.run(second).State; got != anvil.Lost {
		t.Errorf("the other is %s", got)
	}
}

// The engine's version is known of a run that never came to its end, from the moment on
// that its runner told it. What is told first stays: later words are an engine's, too.
func TestALostRunKeepsItsEnginesVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	for i, version := range []string{"", "0.169.0\x1b[31m\n" + strings.Repeat("x", 200), "6.6.6"} {
		at := []runapi.Event{{Seq: int64(i + 1), At: w.clock.Now(), Kind: runapi.KindEngine, Text: version}}
		for range 2 { // an answer may get lost
			if _, err := h.Append(t.Context(), runapi.EventsRequest{Events: at}); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := anvil.EngineInfo{Name: "sample", Kind: "command", Model: "small", Version: ("0.169.0 " + strings.Repeat("x", 200))[:100]}
	if got := w.run(run); got.Engine != want || got.State != anvil.Working {
		t.Errorf("at work the engine is %+v", got.Engine)
	}
	w.reap(leaseFor + 2*time.Second)
	if got := w.run(run); got.State != anvil.Lost || got.Engine != want {
		t.Errorf("%s, with the engine %+v", got.State, got.Engine)
	}
	refused(t, "a version of a lost run", second(h.Append(t.Context(), runapi.EventsRequest{Events: []runapi.Event{{Seq: 4, Kind: runapi.KindEngine, Text: "6.6.6"}}})), "ATTEMPT_LOST", 409)
	if got := w.run(run); got.Engine != want {
		t.Errorf("later the engine is %+v", got.Engine)
	}
	if next := w.run(anvil.RunIDFor(w.run(run).Task, 2)); next.Engine.Version != "" {
		t.Errorf("the next attempt begins with the version %q", next.Engine.Version)
	}
}

func second[T any](_ T, err error) error { return err }

// A finish says nothing else of the version than was told before, and a runner that told
// none may still do so there.
func TestAFinishKeepsTheVersionThatWasTold(t *testing.T) {
	t.Parallel()
	for told, want := range map[string]string{"0.169.0": "0.169.0", "": "6.6.6"} {
		w := newWorld(t)
		run, h := w.working("d")
		if _, err := h.Append(t.Context(), runapi.EventsRequest{Events: []runapi.Event{{Seq: 1, At: w.clock.Now(), Kind: runapi.KindEngine, Text: told}}}); err != nil {
			t.Fatal(err)
		}
		finish := runapi.FinishRequest{Result: runapi.Unchanged, Answer: "No.", Engine: runapi.EngineInfo{Version: "6.6.6"}}
		for range 2 { // an answer may get lost
			if _, err := h.Finish(t.Context(), finish); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.run(run); got.Engine.Version != want || got.Report.Engine.Version != want {
			t.Errorf("told %q: %q, and %q in the report", told, got.Engine.Version, got.Report.Engine.Version)
		}
	}
}
