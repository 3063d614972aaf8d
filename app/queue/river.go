package queue

import (
	"context"
	"database/sql"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// takeOver gives back what a killed server left in its hands, since one server
// has the database to itself: its jobs, at which it was interrupted and did not
// fail, and its office of leader, without which jobs for later would wait for its
// term to end.
func takeOver(ctx context.Context, db *sql.DB) error {
	for _, statement := range []string{
		`UPDATE river_job SET state = 'available', attempt = MAX(attempt - 1, 0) WHERE state = 'running'`,
		`DELETE FROM river_leader`,
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// How often a queue is looked at though nobody rang: for jobs that River itself made
// due, after a failure or a snooze. A look is a write that SQLite parses anew.
const (
	quickPoll = 250 * time.Millisecond
	heavyPoll = time.Second
)

// soon is how far ahead a job may lie and still be looked at by those who fetch.
// Others wait until River's own round makes them available, every five seconds.
const soon = 10 * time.Second

// route puts the jobs of heavy hops into their own queue, and makes those that
// are due soon start on time.
type route struct {
	river.MiddlewareDefaults
	heavy map[string]bool
	bell  *bell
}

func (r *route) InsertMany(ctx context.Context, jobs []*rivertype.JobInsertParams, next func(context.Context) ([]*rivertype.JobInsertResult, error)) ([]*rivertype.JobInsertResult, error) {
	for _, j := range jobs {
		if r.heavy[j.Kind] {
			j.Queue = heavy
		}
		if j.State == rivertype.JobStateScheduled && j.ScheduledAt != nil && time.Until(*j.ScheduledAt) < soon {
			j.State = rivertype.JobStateAvailable
		}
	}
	results, err := next(ctx)
	if err == nil {
		r.bell.announce(jobs)
	}
	return results, err
}

// retry waits 1, 2, 4 … seconds, at most five minutes, with a tenth of jitter.
type retry struct{}

func (retry) NextRetry(job *rivertype.JobRow) time.Time {
	n := min(len(job.Errors), 9)
	wait := min(time.Second<<n, 5*time.Minute)
	wait += time.Duration(rand.Int64N(int64(wait)/10 + 1))
	return time.Now().Add(wait)
}

// failures logs a hop's error once, at the top.
type failures struct{ log *slog.Logger }

func (f *failures) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	f.log.Warn("hop failed, will be tried again", "hop", job.Kind, "key", string(job.EncodedArgs), "attempt", job.Attempt, "error", err)
	return nil
}

func (f *failures) HandlePanic(ctx context.Context, job *rivertype.JobRow, panicVal any, trace string) *river.ErrorHandlerResult {
	f.log.Error("hop panicked, will be tried again", "hop", job.Kind, "key", string(job.EncodedArgs), "panic", panicVal, "stack", trace)
	return nil
}

// atLeast is a handler that drops records below a level.
type atLeast struct {
	slog.Handler
	level slog.Level
}

func (h atLeast) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level && h.Handler.Enabled(ctx, level)
}

func (h atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeast{h.Handler.WithAttrs(attrs), h.level}
}

func (h atLeast) WithGroup(name string) slog.Handler {
	return atLeast{h.Handler.WithGroup(name), h.level}
}
