package queue

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// route puts the jobs of heavy hops into their own queue.
type route struct {
	river.MiddlewareDefaults
	heavy map[string]bool
}

func (r *route) InsertMany(ctx context.Context, jobs []*rivertype.JobInsertParams, next func(context.Context) ([]*rivertype.JobInsertResult, error)) ([]*rivertype.JobInsertResult, error) {
	for _, j := range jobs {
		if r.heavy[j.Kind] {
			j.Queue = heavy
		}
	}
	return next(ctx)
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
