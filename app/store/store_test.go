package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/store"
)

// memory is a queue that remembers what was committed to it.
type memory struct {
	mu   sync.Mutex
	jobs []anvil.Job
}

func (m *memory) EnqueueTx(_ context.Context, _ *sql.Tx, jobs ...anvil.Job) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jobs = append(m.jobs, jobs...)
	return nil
}

func open(t *testing.T) (*store.Store, *memory) {
	t.Helper()
	s, err := store.Open(t.Context(), t.TempDir(), time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	m := &memory{}
	s.Queue = m
	return s, m
}

// task stores a delivery and opens a task for it.
func task(t *testing.T, s *store.Store, delivery string, issue int) anvil.Task {
	t.Helper()
	d := anvil.Delivery{ID: anvil.DeliveryID(delivery), Event: "issue_comment", Body: []byte(`{"for":"` + delivery + `"}`), ReceivedAt: time.Now()}
	if _, err := s.Receive(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	v, err := s.OpenTask(t.Context(), anvil.Opening{Command: anvil.Command{
		Delivery:  d.ID,
		Thread:    anvil.Thread{Repository: anvil.Repository{ID: 7, Installation: 9, Owner: "acme", Name: "web", DefaultBranch: "main"}, Issue: issue, Title: "It is broken"},
		Requester: anvil.Actor{ID: 1, Login: "mona"}, Verb: anvil.VerbDo,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// fill gives a run all that any state asks for.
func fill(r *anvil.Run) error {
	r.BaseRef, r.BaseCommit = "main", strings.Repeat("a", 40)
	r.Dispatch = anvil.Dispatch{NonceHash: "x", AskedAt: time.Now(), Times: 1}
	r.Lease = anvil.Lease{Epoch: 1, TokenHash: "x", ExpiresAt: time.Now().Add(time.Minute)}
	r.Question = &anvil.Question{Text: "which one?"}
	r.Report, r.Verdict, r.Problem = &anvil.Report{Result: "proposed"}, &anvil.Verdict{Tree: "t"}, anvil.Problemf("X", "", "x")
	return nil
}

// The database holds the very table of package anvil: each pair of states is
// tried with plain SQL, past all Go code.
func TestTheDatabaseEnforcesTheStateMachine(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	run := anvil.RunIDFor(task(t, s, "d1", 1).ID, 1)
	if _, err := s.Amend(t.Context(), run, fill); err != nil {
		t.Fatal(err)
	}
	for _, from := range anvil.States {
		for _, to := range anvil.States {
			_, err := s.DB().Exec(`UPDATE runs SET was = $1, state = $2 WHERE id = $3`, from, to, run)
			if allowed := err == nil; allowed != from.CanMove(to) {
				t.Errorf("%s to %s: the database says %v, the machine %v", from, to, allowed, from.CanMove(to))
			}
		}
	}
	if _, err := s.DB().Exec(`UPDATE runs SET state = 'dreaming' WHERE id = $1`, run); err == nil {
		t.Error("a state that is none was accepted")
	}
}

func TestAStateNeedsWhatItStandsFor(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	run := anvil.RunIDFor(task(t, s, "d1", 1).ID, 1)
	move := func(to anvil.State) error {
		_, err := s.Move(t.Context(), run, to, nil)
		return err
	}
	if err := move(anvil.Dispatching); err != nil {
		t.Fatal(err)
	}
	for _, to := range []anvil.State{anvil.Dispatched, anvil.Uncertain, anvil.Working, anvil.Failed} {
		if err := move(to); err == nil {
			t.Errorf("became %s with nothing to show for it", to)
		}
	}
}

func TestADeliveryIsTakenOnceForEver(t *testing.T) {
	t.Parallel()
	s, queue := open(t)
	d := anvil.Delivery{ID: "guid", Event: "issue_comment", Body: []byte(`{"a":1}`), ReceivedAt: time.Now()}
	job := anvil.Job{Hop: anvil.HopDecide, Key: "guid"}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := s.Receive(context.Background(), d, job); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(queue.jobs); n != 1 {
		t.Errorf("50 equal deliveries woke %d jobs, want 1", n)
	}
	d.Body = []byte(`{"a":2}`)
	if r, err := s.Receive(t.Context(), d, job); err != nil || !r.Conflict {
		t.Errorf("another body under the same id: %+v, %v; want a conflict", r, err)
	}
}

func TestOneDeliveryOpensOneTask(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	first := task(t, s, "d1", 1)
	if again := task(t, s, "d1", 1); again.ID != first.ID {
		t.Errorf("the same delivery opened %s and %s", first.ID, again.ID)
	}
	if other := task(t, s, "d2", 1); other.Session != first.Session {
		t.Error("a second instruction on the same issue opened another session")
	}
	if other := task(t, s, "d3", 2); other.Session == first.Session {
		t.Error("two issues share a session")
	}
}

func TestALostRunIsTriedAgainAndThenEnds(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	v := task(t, s, "d1", 1)
	for attempt := 1; attempt <= 2; attempt++ {
		run := anvil.RunIDFor(v.ID, attempt)
		for _, to := range []anvil.State{anvil.Dispatching, anvil.Dispatched, anvil.Lost} {
			if _, err := s.Move(t.Context(), run, to, fill); err != nil {
				t.Fatal(err)
			}
		}
	}
	story, err := s.Story(t.Context(), v.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(story.Runs) != 2 || story.Task.Outcome == nil || story.Task.Outcome.State != anvil.Lost {
		t.Errorf("%d runs, outcome %+v; want 2 and lost", len(story.Runs), story.Task.Outcome)
	}
}

// Many want the same move at once, and one gets it.
func TestOneMoverWins(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	run := anvil.RunIDFor(task(t, s, "d1", 1).ID, 1)
	var wg sync.WaitGroup
	var won, lost int
	var mu sync.Mutex
	for range 20 {
		wg.Go(func() {
			_, err := s.Move(context.Background(), run, anvil.Dispatching, nil)
			mu.Lock()
			defer mu.Unlock()
			var moved *anvil.MoveError
			switch {
			case err == nil:
				won++
			case errors.As(err, &moved) && moved.From == anvil.Dispatching:
				lost++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 || lost != 19 {
		t.Errorf("%d won, %d were told: want 1 and 19", won, lost)
	}
}

func TestEventsAreNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	v := task(t, s, "d1", 1)
	run := anvil.RunIDFor(v.ID, 1)
	events := func(seqs ...int64) (all []anvil.Event) {
		for _, n := range seqs {
			all = append(all, anvil.Event{Run: run, Seq: n, At: time.Now(), Kind: "note", Text: fmt.Sprint(n)})
		}
		return all
	}
	anybody := func(anvil.Run) error { return nil }
	for _, test := range []struct {
		send []anvil.Event
		next int64
	}{
		{events(1, 2), 3}, {events(1, 2), 3}, {events(2, 3), 4}, {events(6), 4}, {events(4, 6), 5}, {nil, 5},
	} {
		next, err := s.Append(t.Context(), run, test.send, anybody)
		if err != nil || next != test.next {
			t.Fatalf("after %d events: next is %d, %v; want %d", len(test.send), next, err, test.next)
		}
	}
	story, err := s.Story(t.Context(), v.ID)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range story.Events {
		if e.Source == anvil.FromRunner {
			got = append(got, e.Text)
		}
	}
	if strings.Join(got, " ") != "1 2 3 4" {
		t.Errorf("stored %v", got)
	}
}

func TestAnOIDCTokenIsUsedOnce(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	firsts := 0
	for range 100 {
		wg.Go(func() {
			first, err := s.UseToken(context.Background(), "jti", time.Now().Add(time.Minute))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if first {
				firsts++
			}
		})
	}
	wg.Wait()
	if firsts != 1 {
		t.Errorf("%d uses were the first", firsts)
	}
}

// No state of the server's own work lasts for ever: each has a deadline, at which
// the reaper ends it.
func TestEveryStateOfOursHasADeadline(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	id := anvil.RunIDFor(task(t, s, "d1", 1).ID, 1)
	for _, to := range []anvil.State{"", anvil.Dispatching, anvil.Dispatched, anvil.Working, anvil.Inspecting, anvil.Delivering} {
		if to != "" {
			if _, err := s.Move(t.Context(), id, to, fill); err != nil {
				t.Fatal(err)
			}
		}
		run, err := s.Run(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if run.State.Patience() > 0 && run.Deadline.IsZero() {
			t.Errorf("a run that is %s has no deadline", run.State)
		}
		if run.State.Patience() == 0 && !run.Deadline.IsZero() {
			t.Errorf("a run that is %s has the deadline of an earlier state", run.State)
		}
	}
}

// An image is found by the runs of its repository, is the latest that was stored, and
// goes when nobody has asked for it since a time.
func TestAnImageIsItsRepositorys(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx := t.Context()
	first, second := task(t, s, "one", 1), task(t, s, "two", 2)
	run := func(task anvil.Task) anvil.RunID {
		story, err := s.Story(ctx, task.ID)
		if err != nil {
			t.Fatal(err)
		}
		return story.Run().ID
	}
	allow := func(anvil.Run) error { return nil }
	for _, digest := range []string{"sha256:1", "sha256:2"} {
		if err := s.SaveImage(ctx, anvil.Image{Key: "k", Run: run(first), Digest: digest, Size: 5}, allow); err != nil {
			t.Fatal(err)
		}
	}
	i, err := s.Image(ctx, run(second), "k")
	if want := (anvil.Image{Key: "k", Run: run(first), Digest: "sha256:2", Size: 5}); err != nil || i != want {
		t.Errorf("found %+v, %v; want %+v", i, err, want)
	}
	if digests, err := s.StoredDigests(ctx); err != nil || !digests["sha256:2"] || digests["sha256:1"] {
		t.Errorf("wanted bytes are %v, %v", digests, err)
	}
	if _, err := s.Image(ctx, run(second), "other"); !errors.Is(err, anvil.ErrNotFound) {
		t.Errorf("a key that nobody stored: %v", err)
	}
	refused := errors.New("refused")
	if err := s.SaveImage(ctx, anvil.Image{Key: "k", Run: run(first), Digest: "sha256:3", Size: 5}, func(anvil.Run) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("who may not store: %v", err)
	}
	if n, err := s.ForgetImages(ctx, time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("forgot %d that were just used, %v", n, err)
	}
	if n, err := s.ForgetImages(ctx, time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("forgot %d, %v", n, err)
	}
}

// What was said to models is kept for a time; what a run handed over stays, and so do bytes
// that both have.
func TestPromptsAreKeptForATime(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	run := anvil.RunIDFor(task(t, s, "d1", 1).ID, 1)
	for name, digest := range map[string]string{
		"model-1-request": "sha256:said", "model-1-answer": "sha256:both", "log": "sha256:both", "bundle": "sha256:bundle",
	} {
		if err := s.SaveArtifact(t.Context(), run, name, digest, 1, func(anvil.Run) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		before    time.Time
		forgotten int64
		wanted    int
	}{{time.Now().Add(-time.Hour), 0, 3}, {time.Now().Add(time.Hour), 2, 2}, {time.Now().Add(time.Hour), 0, 2}} {
		n, err := s.ForgetPrompts(t.Context(), step.before)
		if err != nil || n != step.forgotten {
			t.Errorf("forgot %d, %v; want %d", n, err, step.forgotten)
		}
		if wanted, err := s.StoredDigests(t.Context()); err != nil || len(wanted) != step.wanted || !wanted["sha256:both"] || !wanted["sha256:bundle"] {
			t.Errorf("stored %v, %v", wanted, err)
		}
	}
}

// What never arrived is told apart from what did, in the order asked.
func TestUnreceived(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	task(t, s, "arrived", 1)
	asked := []anvil.DeliveryID{"missing, 'one'"}
	for n := range 1200 {
		asked = append(asked, anvil.DeliveryID(fmt.Sprint("missing ", n)))
	}
	missing, err := s.Unreceived(t.Context(), append([]anvil.DeliveryID{"arrived"}, asked...))
	if err != nil || !slices.Equal(missing, asked) {
		t.Errorf("%d are missing, %v", len(missing), err)
	}
	if none, err := s.Unreceived(t.Context(), nil); err != nil || len(none) > 0 {
		t.Errorf("of none %v are missing, %v", none, err)
	}
}
