package app

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/queue"
)

// left is what a sweep finds.
type left struct {
	pending []anvil.DeliveryID
	untold  []anvil.TaskID
	resting []anvil.Run
	before  []time.Time // what was asked for
}

func (l *left) PendingDeliveries(_ context.Context, before time.Time) ([]anvil.DeliveryID, error) {
	l.before = append(l.before, before)
	return l.pending, nil
}

func (l *left) UntoldTasks(context.Context) ([]anvil.TaskID, error) { return l.untold, nil }

func (l *left) Resting(_ context.Context, before time.Time) ([]anvil.Run, error) {
	l.before = append(l.before, before)
	return l.resting, nil
}

// Every state either has a deadline by which the reaper ends it, or is woken here:
// no run rests for ever because its job got lost.
func TestWhatRestsInAStateOfOursIsWoken(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ends := map[anvil.State]bool{anvil.Working: true, anvil.Stopping: true, anvil.Held: true, anvil.Uncertain: true, anvil.Dispatched: true, anvil.Waiting: true}
	wakes := map[anvil.State]string{
		anvil.Queued: anvil.HopSchedule, anvil.Dispatching: anvil.HopDispatch, anvil.Uncertain: anvil.HopDispatch,
		anvil.Dispatched: anvil.HopDispatch, anvil.Inspecting: anvil.HopInspect, anvil.Delivering: anvil.HopDeliver,
	}
	for _, state := range anvil.States {
		if state.Ended() {
			continue
		}
		l := &left{resting: []anvil.Run{{ID: "t.1", State: state}}}
		jobs, err := overdue(t.Context(), l, now, 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var want []anvil.Job
		if hop := wakes[state]; hop == anvil.HopSchedule {
			want = []anvil.Job{{Hop: hop}}
		} else if hop != "" {
			want = []anvil.Job{{Hop: hop, Key: "t.1"}}
		} else if !ends[state] {
			t.Errorf("nothing takes a run on that rests in %s", state)
		}
		if !slices.Equal(jobs, want) {
			t.Errorf("%s: woken %v, want %v", state, jobs, want)
		}
		for _, before := range l.before {
			if !before.Equal(now.Add(-30 * time.Second)) {
				t.Errorf("asked for what rests since %v", before)
			}
		}
	}
}

// The hops name the cause before the reaper can only name the time.
func TestHopsGiveUpBeforeTheReaperDoes(t *testing.T) {
	t.Parallel()
	for _, state := range []anvil.State{anvil.Dispatching, anvil.Inspecting, anvil.Delivering} {
		if patience >= state.Patience() {
			t.Errorf("the hop waits %s in %s, and the reaper %s", patience, state, state.Patience())
		}
	}
}

func TestTheSweepWakesDeliveriesAndTellingAndOneSchedule(t *testing.T) {
	t.Parallel()
	l := &left{
		pending: []anvil.DeliveryID{"d1", "d2"}, untold: []anvil.TaskID{"t"},
		resting: []anvil.Run{{ID: "a.1", State: anvil.Queued}, {ID: "b.1", State: anvil.Queued}, {ID: "c.1", State: anvil.Dispatched, Placement: anvil.Placement{WorkflowRun: 4}}},
	}
	jobs, err := overdue(t.Context(), l, time.Now(), time.Second)
	want := []anvil.Job{
		{Hop: anvil.HopDecide, Key: "d1"}, {Hop: anvil.HopDecide, Key: "d2"}, {Hop: anvil.HopAnnounce, Key: "t"}, {Hop: anvil.HopSchedule},
	}
	if err != nil || !slices.Equal(jobs, want) {
		t.Errorf("woken %v (%v), want %v", jobs, err, want)
	}
}

func TestOneCallAtATimeActsForAKey(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
	entered, leave := make(chan string), make(chan struct{})
	hop := alone(func(_ context.Context, key string) error {
		entered <- key
		<-leave
		return nil
	}, now)
	done := make(chan error)
	go func() { done <- hop(t.Context(), "a") }()
	<-entered
	var later *queue.Later
	if err := hop(t.Context(), "a"); !errors.As(err, &later) || !later.At.After(now()) {
		t.Fatalf("a second call for the key got %v", err)
	}
	go func() { done <- hop(t.Context(), "b") }()
	if key := <-entered; key != "b" {
		t.Fatalf("%s entered", key)
	}
	close(leave)
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	go func() { done <- hop(t.Context(), "a") }()
	<-entered // it is free again
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
