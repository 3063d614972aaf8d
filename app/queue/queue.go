// Package queue runs the server's own work: durable jobs, each a wake-up for one
// hop. It is a thin face over River.
//
// A [anvil.Job] names a hop and the row it should look at. It carries nothing
// else, because the rows are the truth: a hop that is woken twice finds its work
// done, and a hop whose job got lost is woken by the sweep that looks for rows
// whose next step is overdue. Jobs are added in the transaction that makes them
// necessary.
//
// River would find jobs in an SQLite database by polling. Here whoever adds one rings
// a bell in the process, so that a job starts as soon as it is committed, and the
// poll, now a safety net, may be slow.
package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Handler does one hop's work for the row that key names. An error makes the
// job come again later; see [Later] to say when.
type Handler func(ctx context.Context, key string) error

// Hop is one entry of the table of handlers.
type Hop struct {
	Name   string
	Handle Handler
	// Heavy hops run git and inspect files; they have workers of their own, so
	// that a large bundle does not keep a stop from being heard.
	Heavy bool
	// Limit is how long one call may take.
	Limit time.Duration
}

// Later is returned by a handler that must not be called before a time, such as
// the end of a rate limit. It does not count as a failure.
type Later struct {
	At     time.Time
	Reason string
}

func (l *Later) Error() string {
	return fmt.Sprintf("later, at %s: %s", l.At.Format(time.RFC3339), l.Reason)
}

// Queue is the running queue of one server.
type Queue struct {
	client *river.Client[*sql.Tx]
	log    *slog.Logger
}

// Names of River's queues, by weight of the work.
const (
	quick = river.QueueDefault
	heavy = "heavy"
)

// wake is the job as River stores it. River calls the hop its kind.
type wake struct {
	Hop string `json:"-"`
	Key string `json:"key"`
}

// Kind implements river.JobArgs.
func (w wake) Kind() string { return w.Hop }

type worker struct {
	river.WorkerDefaults[wake]
	hop Hop
	log *slog.Logger
}

func (w *worker) Timeout(*river.Job[wake]) time.Duration { return w.hop.Limit }

func (w *worker) Work(ctx context.Context, job *river.Job[wake]) error {
	err := w.hop.Handle(ctx, job.Args.Key)
	var later *Later
	if errors.As(err, &later) {
		return river.JobSnooze(max(time.Until(later.At), time.Second))
	}
	return err
}

// New prepares the queue's tables in db and returns the queue, not yet started.
func New(ctx context.Context, db *sql.DB, hops []Hop, log *slog.Logger) (*Queue, error) {
	return prepare(ctx, db, hops, log, quickPoll, heavyPoll)
}

func prepare(ctx context.Context, db *sql.DB, hops []Hop, log *slog.Logger, quickPoll, heavyPoll time.Duration) (*Queue, error) {
	q := &Queue{log: log}
	workers := river.NewWorkers()
	for _, h := range hops {
		if h.Limit == 0 {
			h.Limit = time.Minute
		}
		river.AddWorkerArgs(workers, wake{Hop: h.Name}, &worker{hop: h, log: log})
	}
	bell := newBell()
	driver := listening{riversqlite.New(db), bell}
	// River says at INFO what it does at rest; the operator wants what goes wrong.
	quiet := slog.New(atLeast{log.Handler(), slog.LevelWarn})
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return nil, fmt.Errorf("prepare queue: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, fmt.Errorf("migrate queue: %w", err)
	}
	if err := takeOver(ctx, db); err != nil {
		return nil, fmt.Errorf("take over jobs: %w", err)
	}
	heavyHops := map[string]bool{}
	for _, h := range hops {
		heavyHops[h.Name] = h.Heavy
	}
	q.client, err = river.NewClient(driver, &river.Config{
		Queues: map[string]river.QueueConfig{
			quick: {MaxWorkers: 8},
			heavy: {MaxWorkers: 2, FetchPollInterval: heavyPoll},
		},
		Workers:              workers,
		FetchPollInterval:    quickPoll,
		FetchCooldown:        5 * time.Millisecond,
		RescueStuckJobsAfter: 15 * time.Minute,
		Logger:               quiet,
		ErrorHandler:         &failures{log: log},
		Middleware:           []rivertype.Middleware{&route{heavy: heavyHops, bell: bell}},
		RetryPolicy:          retry{},
	})
	if err != nil {
		return nil, fmt.Errorf("prepare queue: %w", err)
	}
	return q, nil
}

// Start begins to work. Stop ends it.
func (q *Queue) Start(ctx context.Context) error {
	if err := q.client.Start(ctx); err != nil {
		return fmt.Errorf("start queue: %w", err)
	}
	return nil
}

// Stop waits for the jobs at work until ctx ends, then cancels them. It may be
// called twice. What was cancelled is done again after the next start.
func (q *Queue) Stop(ctx context.Context) error {
	err := q.client.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		return q.client.StopAndCancel(hard)
	}
	return err
}

// EnqueueTx adds jobs in a transaction of the same database.
func (q *Queue) EnqueueTx(ctx context.Context, tx *sql.Tx, jobs ...anvil.Job) error {
	if len(jobs) == 0 {
		return nil
	}
	if _, err := q.client.InsertManyFastTx(ctx, tx, params(jobs)); err != nil {
		return fmt.Errorf("enqueue: %w", err)
	}
	return nil
}

// Wake adds jobs for rows whose next step is overdue, each unless one that was
// woken before is still waiting.
func (q *Queue) Wake(ctx context.Context, jobs ...anvil.Job) error {
	if len(jobs) == 0 {
		return nil
	}
	all := params(jobs)
	for i := range all {
		all[i].InsertOpts.UniqueOpts = river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
		}}
	}
	if _, err := q.client.InsertMany(ctx, all); err != nil {
		return fmt.Errorf("wake: %w", err)
	}
	return nil
}

func params(jobs []anvil.Job) []river.InsertManyParams {
	all := make([]river.InsertManyParams, len(jobs))
	for i, j := range jobs {
		all[i] = river.InsertManyParams{
			Args:       wake{Hop: j.Hop, Key: j.Key},
			InsertOpts: &river.InsertOpts{ScheduledAt: j.At, MaxAttempts: 20},
		}
	}
	return all
}
