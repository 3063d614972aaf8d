package dispatch_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/dispatch"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// A GitHub that cannot be reached has started nothing: the run waits, however often,
// and is started once when GitHub is back.
func TestAGitHubThatIsDownIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := begin(t, contents{}, anvil.Options{})
	down := &github.Error{Op: "start the workflow", Kind: github.Unreachable} // not sent
	wrongKey := &github.Error{Op: "get an installation token", Kind: github.Unauthorized}
	w.provider.answers = []error{down, wrongKey, down, down}
	for range 4 {
		if w.hopOnce() == nil {
			t.Fatal("the hop does not come again")
		}
		if run := w.is(anvil.Dispatching); !run.Dispatch.AskedAt.IsZero() || run.Dispatch.Times != 0 {
			t.Fatalf("an intent that came to nothing is kept: %+v", run.Dispatch)
		}
	}
	w.hopOnce()
	w.is(anvil.Dispatched)
}

func TestItIsNotWaitedForEver(t *testing.T) {
	t.Parallel()
	w := begin(t, contents{}, anvil.Options{})
	w.provider.answers = []error{&github.Error{Op: "start the workflow", Kind: github.Unreachable}}
	w.now = w.now.Add(25 * time.Hour)
	w.hopOnce()
	if run := w.is(anvil.Failed); run.Problem.Code != github.CodeUnavailable || !strings.Contains(run.Problem.Next, "/anvil retry") {
		t.Errorf("failed with %v", run.Problem)
	}
}

// The thread's pull request was merged while its next task waited for a slot.
func TestATaskForAMergedPullRequestSaysSo(t *testing.T) {
	t.Parallel()
	w := begin(t, contents{pull: "closed"}, anvil.Options{})
	story, err := w.store.StoryOfRun(t.Context(), w.run)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.SetPullRequest(t.Context(), story.Session.ID, 3); err != nil {
		t.Fatal(err)
	}
	w.hopOnce()
	if run := w.is(anvil.Failed); run.Problem.Code != "PR_CLOSED" || !strings.Contains(run.Problem.Next, "/anvil retry") {
		t.Errorf("failed with %v", run.Problem)
	}
	w.asked(0)
}

func (w *world) stop() {
	w.t.Helper()
	if err := w.hop.Stop(w.t.Context(), string(w.run)); err != nil {
		w.t.Fatal(err)
	}
}

func TestARunThatWasNeverAskedForIsStoppedAtOnce(t *testing.T) {
	t.Parallel()
	w := begin(t, contents{}, anvil.Options{})
	w.move(anvil.Stopping)
	w.stop()
	w.is(anvil.Cancelled)
	w.hopOnce()
	w.asked(0)
}

// What the provider will not cancel is stopped all the same: its claim is refused.
func TestAProviderThatRefusesDoesNotKeepARunFromStopping(t *testing.T) {
	t.Parallel()
	w := begin(t, contents{}, anvil.Options{})
	w.hopOnce()
	w.is(anvil.Dispatched)
	w.move(anvil.Stopping)
	w.provider.refuses = &github.Error{Op: "cancel the workflow run", Kind: github.NotFound}
	w.stop()
	w.is(anvil.Cancelled)
	if len(w.provider.stops) != 1 || w.provider.stops[0] != 101 {
		t.Errorf("cancelled at the provider: %v", w.provider.stops)
	}
}

// A stop that ended before the answer of the dispatch came does not leave the
// workflow run on its own.
func TestWhatWasStartedAfterTheStopIsCancelled(t *testing.T) {
	t.Parallel()
	w := begin(t, contents{}, anvil.Options{})
	w.provider.during = func(dispatch.Order) {
		w.move(anvil.Stopping)
		w.move(anvil.Cancelled)
	}
	w.hopOnce()
	run := w.is(anvil.Cancelled)
	if run.Placement.WorkflowRun != 101 {
		t.Fatalf("where it was started is not known: %+v", run.Placement)
	}
	w.stop()
	if len(w.provider.stops) != 1 {
		t.Error("it is not cancelled")
	}
}
