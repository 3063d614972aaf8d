package queue

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/store"
)

// patience is how long a test waits for what must happen. Nothing is measured by it.
const patience = 30 * time.Second

func database(t *testing.T) *sql.DB {
	t.Helper()
	s, err := store.Open(t.Context(), t.TempDir(), time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.DB()
}

// prepared is a queue that has not been started. It is stopped before its database
// is closed.
func prepared(t *testing.T, db *sql.DB, hops ...Hop) *Queue {
	t.Helper()
	q, err := New(t.Context(), db, hops, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, q) })
	return q
}

func start(t *testing.T, q *Queue) {
	t.Helper()
	if err := q.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func stop(t *testing.T, q *Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := q.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// enqueue adds jobs in a transaction and commits it.
func enqueue(t *testing.T, db *sql.DB, q *Queue, jobs ...anvil.Job) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := q.EnqueueTx(t.Context(), tx, jobs...); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// next waits for what a channel brings.
func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("it never came")
		panic("unreachable")
	}
}

// saying is a handler that tells which keys it was called for.
func saying(c chan<- string) Handler {
	return func(_ context.Context, key string) error { c <- key; return nil }
}

func one[T any](t *testing.T, db *sql.DB, query string, args ...any) (v T) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAJobIsThereWithItsRowOrNotAtAll(t *testing.T) {
	t.Parallel()
	db := database(t)
	if _, err := db.Exec(`CREATE TABLE facts (key TEXT PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	done := make(chan string, 10)
	q := prepared(t, db, Hop{Name: "see", Handle: func(ctx context.Context, key string) error {
		var n int
		err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM facts WHERE key = $1`, key).Scan(&n)
		if err == nil && n == 1 {
			done <- key
		} else {
			done <- "no row for " + key
		}
		return err
	}})
	start(t, q)
	for _, key := range []string{"kept", "undone", "last"} {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.EnqueueTx(t.Context(), tx, anvil.Job{Hop: "see", Key: key}); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(`INSERT INTO facts VALUES ($1)`, key); err != nil {
			t.Fatal(err)
		}
		if key == "undone" {
			err = tx.Rollback()
		} else {
			err = tx.Commit()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]bool{next(t, done): true, next(t, done): true}
	if !got["kept"] || !got["last"] {
		t.Errorf("worked on %v", got)
	}
	stop(t, q)
	if n := one[int](t, db, `SELECT COUNT(*) FROM river_job`); n != 2 || len(done) != 0 {
		t.Errorf("%d jobs were there, %d more ran; want 2 and 0", n, len(done))
	}
}

// The polls are a safety net: a job starts because somebody said that it is there.
func TestAJobIsHeardOf(t *testing.T) {
	t.Parallel()
	db := database(t)
	done := make(chan string, 10)
	q, err := prepare(t.Context(), db, []Hop{{Name: "see", Handle: saying(done)}, {Name: "lift", Heavy: true, Handle: saying(done)}},
		slog.New(slog.DiscardHandler), time.Hour, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, q) })
	start(t, q)
	enqueue(t, db, q, anvil.Job{Hop: "see", Key: "first"}) // which may be fetched by the look at the start
	next(t, done)
	enqueue(t, db, q, anvil.Job{Hop: "see", Key: "soon", At: time.Now().Add(100 * time.Millisecond)})
	if got := next(t, done); got != "soon" {
		t.Errorf("%q came, not the job for soon", got)
	}
	if err := q.Wake(t.Context(), anvil.Job{Hop: "lift", Key: "woken"}); err != nil {
		t.Fatal(err)
	}
	if got := next(t, done); got != "woken" {
		t.Errorf("%q came, not the one that was woken", got)
	}
}

func TestAnUnknownHopIsRefusedWithItsTransaction(t *testing.T) {
	t.Parallel()
	db := database(t)
	q := prepared(t, db, Hop{Name: "see"})
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := q.EnqueueTx(t.Context(), tx, anvil.Job{Hop: "sea"}); err == nil {
		t.Error("a job that nobody will do was taken")
	}
}

func TestLaterIsNotAFailure(t *testing.T) {
	t.Parallel()
	db := database(t)
	called := make(chan time.Time, 10)
	var at time.Time // set by the first call, however late that comes; the second one is after it
	q := prepared(t, db, Hop{Name: "ask", Handle: func(_ context.Context, key string) error {
		now := time.Now()
		defer func() { called <- now }()
		switch {
		case key == "tomorrow":
			return &Later{At: now.Add(24 * time.Hour), Reason: "the rate limit"}
		case at.IsZero():
			at = now.Add(1500 * time.Millisecond).Truncate(time.Millisecond) // as the database keeps it
			return &Later{At: at, Reason: "the rate limit"}
		}
		return nil
	}})
	events, cancel := q.client.Subscribe(river.EventKindJobSnoozed, river.EventKindJobCompleted)
	defer cancel()
	start(t, q)

	enqueue(t, db, q, anvil.Job{Hop: "ask", Key: "soon"})
	next(t, called)
	if second := next(t, called); second.Before(at) {
		t.Errorf("called %s too early", at.Sub(second))
	}
	for e := next(t, events); e.Kind != river.EventKindJobCompleted; e = next(t, events) {
	}
	if attempt, faults := one[int](t, db, `SELECT attempt FROM river_job`), one[int](t, db, `SELECT COUNT(errors) FROM river_job`); attempt != 1 || faults != 0 {
		t.Errorf("attempt %d, %d errors; want 1 and none", attempt, faults)
	}

	enqueue(t, db, q, anvil.Job{Hop: "ask", Key: "tomorrow"})
	next(t, called)
	if e := next(t, events); e.Kind != river.EventKindJobSnoozed || time.Until(e.Job.ScheduledAt) < 23*time.Hour {
		t.Errorf("%s until %s", e.Kind, e.Job.ScheduledAt)
	}
}

func TestAFailingHopComesAgain(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("the disk is full") },
		"panic": func() error { panic("a bug") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := database(t)
			var log bytes.Buffer
			calls, done := 0, make(chan string, 1)
			q, err := New(t.Context(), db, []Hop{{Name: "do", Handle: func(_ context.Context, key string) error {
				if calls++; calls == 1 {
					return fail()
				}
				done <- key
				return nil
			}}}, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { stop(t, q) })
			start(t, q)
			enqueue(t, db, q, anvil.Job{Hop: "do", Key: "it"})
			if key := next(t, done); key != "it" || calls != 2 {
				t.Errorf("%d calls, the last for %q", calls, key)
			}
			stop(t, q)
			if n := strings.Count(log.String(), "will be tried again"); n != 1 {
				t.Errorf("told %d times in the log, want once:\n%s", n, &log)
			}
		})
	}
}

// Whoever was killed left jobs "running", and held the office without which no
// job for later would start.
func TestWhatAKilledServerHadInItsHandsIsDone(t *testing.T) {
	t.Parallel()
	db := database(t)
	done := make(chan string, 3)
	hop := Hop{Name: "do", Handle: saying(done)}
	enqueue(t, db, prepared(t, db, hop), anvil.Job{Hop: "do", Key: "a"}, anvil.Job{Hop: "do", Key: "b"})
	for _, statement := range []string{
		`UPDATE river_job SET state = 'running', attempt = 1, attempted_at = datetime('now'), attempted_by = json('["the dead one"]')`,
		`INSERT INTO river_leader (leader_id, elected_at, expires_at) VALUES ('the dead one', datetime('now'), datetime('now', '+1 day'))`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}

	q := prepared(t, db, hop)
	if n := one[int](t, db, `SELECT COUNT(*) FROM river_leader`); n != 0 {
		t.Error("the dead server still leads")
	}
	start(t, q)
	if got := next(t, done) + next(t, done); got != "ab" && got != "ba" {
		t.Errorf("done: %q", got)
	}
	stop(t, q)
	if n := one[int](t, db, `SELECT COUNT(*) FROM river_job WHERE state = 'completed' AND attempt = 1`); n != 2 {
		t.Errorf("%d jobs are completed at their first attempt, want 2", n)
	}
}

func TestStopWaitsAndMayBeCalledAgain(t *testing.T) {
	t.Parallel()
	db := database(t)
	begun, end, ended := make(chan string, 1), make(chan struct{}), false
	q := prepared(t, db, Hop{Name: "do", Handle: func(ctx context.Context, key string) error {
		begun <- key
		<-end
		ended = ctx.Err() == nil
		return nil
	}})
	stop(t, q) // not started: nothing to wait for
	start(t, q)
	enqueue(t, db, q, anvil.Job{Hop: "do", Key: "it"})
	next(t, begun)
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop(t, q) }()
	select {
	case <-stopped:
		t.Error("stopped with a job at work")
	default:
	}
	close(end)
	next(t, stopped)
	if !ended {
		t.Error("the job was cancelled although there was time")
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { stop(t, q) })
	}
	wg.Wait()
	if state := one[string](t, db, `SELECT state FROM river_job`); state != "completed" {
		t.Errorf("the job is %s", state)
	}
}

// A job that takes too long for the time there is to drain is cancelled, and done
// by the next server.
func TestWhatStopCutsOffIsDoneAfterTheNextStart(t *testing.T) {
	t.Parallel()
	db := database(t)
	begun := make(chan string, 1)
	q := prepared(t, db, Hop{Name: "do", Handle: func(ctx context.Context, key string) error {
		begun <- key
		<-ctx.Done()
		return ctx.Err()
	}})
	start(t, q)
	enqueue(t, db, q, anvil.Job{Hop: "do", Key: "it"})
	next(t, begun)
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.Stop(now); err != nil {
		t.Fatalf("stop at once: %v", err)
	}
	done := make(chan string, 1)
	start(t, prepared(t, db, Hop{Name: "do", Handle: saying(done)}))
	next(t, done)
}

func TestHeavyWorkDoesNotKeepTheRestWaiting(t *testing.T) {
	t.Parallel()
	db := database(t)
	begun, end, quickDone := make(chan string, 9), make(chan struct{}), make(chan string, 9)
	q := prepared(t, db,
		Hop{Name: "inspect", Heavy: true, Limit: time.Hour, Handle: func(ctx context.Context, key string) error {
			begun <- key
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) < 50*time.Minute {
				t.Errorf("the hop has an hour, and its context ends at %s", deadline)
			}
			<-end
			return nil
		}},
		Hop{Name: "stop", Handle: saying(quickDone)},
	)
	start(t, q)
	for _, key := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		enqueue(t, db, q, anvil.Job{Hop: "inspect", Key: key})
	}
	next(t, begun)
	next(t, begun) // now every worker for heavy work has some
	enqueue(t, db, q, anvil.Job{Hop: "stop", Key: "quick"})
	next(t, quickDone)
	if len(begun) != 0 {
		t.Errorf("%d more heavy jobs began beside two others", len(begun))
	}
	close(end)
}

func TestAWokenRowIsWokenOnce(t *testing.T) {
	t.Parallel()
	db := database(t)
	done := make(chan string, 9)
	q := prepared(t, db, Hop{Name: "see", Handle: saying(done)}, Hop{Name: "hear", Handle: saying(done)})
	see, other, hear := anvil.Job{Hop: "see", Key: "1"}, anvil.Job{Hop: "see", Key: "2"}, anvil.Job{Hop: "hear", Key: "1"}
	for range 3 {
		if err := q.Wake(t.Context(), see, hear, see, other); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Wake(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := one[int](t, db, `SELECT COUNT(*) FROM river_job`); n != 3 {
		t.Fatalf("twelve calls for three rows made %d jobs", n)
	}
	events, cancel := q.client.Subscribe(river.EventKindJobCompleted)
	defer cancel()
	start(t, q)
	for range 3 {
		next(t, done)
		next(t, events)
	}
	if err := q.Wake(t.Context(), see); err != nil { // the first is done: it is needed again
		t.Fatal(err)
	}
	if key := next(t, done); key != "1" {
		t.Errorf("woke %q", key)
	}
}

// River looks at jobs for later every five seconds. Ours for the next seconds are
// looked at like any other, and are not early.
func TestAJobForSoonStartsOnTime(t *testing.T) {
	t.Parallel()
	db := database(t)
	done := make(chan string, 1)
	q := prepared(t, db, Hop{Name: "see", Handle: saying(done)})
	at := time.Now().Add(700 * time.Millisecond)
	enqueue(t, db, q, anvil.Job{Hop: "see", Key: "soon", At: at}, anvil.Job{Hop: "see", Key: "later", At: at.Add(time.Hour)})
	for key, want := range map[string]string{"soon": "available", "later": "scheduled"} {
		if state := one[string](t, db, `SELECT state FROM river_job WHERE json_extract(args, '$.key') = $1`, key); state != want {
			t.Errorf("the job for %s is %s, want %s", key, state, want)
		}
	}
	start(t, q)
	if key := next(t, done); key != "soon" || time.Now().Before(at.Truncate(time.Millisecond)) {
		t.Errorf("%q came %s early", key, time.Until(at))
	}
}
