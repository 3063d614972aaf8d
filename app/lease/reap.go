package lease

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Reaper ends what is overdue: runs whose runner went silent or never came, and
// states in which nobody acted in time.
type Reaper struct {
	Store ReaperStore
	Now   func() time.Time
	Log   *slog.Logger
	// StartWithin and HoldFor are told to people.
	StartWithin, HoldFor time.Duration
}

// ReaperStore is what the reaper reads and changes.
type ReaperStore interface {
	Overdue(ctx context.Context, now time.Time) ([]anvil.Run, error)
	Move(ctx context.Context, id anvil.RunID, to anvil.State, change func(*anvil.Run) error, next ...anvil.Job) (anvil.Run, error)
}

// Reap ends every run whose deadline has passed.
func (r *Reaper) Reap(ctx context.Context, _ string) error {
	now := r.Now()
	overdue, err := r.Store.Overdue(ctx, now)
	if err != nil {
		return err
	}
	for _, run := range overdue {
		to, problem := r.verdict(run)
		_, err := r.Store.Move(ctx, run.ID, to, func(v *anvil.Run) error {
			if v.State != run.State || v.ChangedAt != run.ChangedAt {
				return errAlive
			}
			if v.State == anvil.Working && v.Lease.ExpiresAt.After(now) {
				return errAlive // renewed since we looked
			}
			if problem != nil {
				v.Problem = problem
			}
			return nil
		}, anvil.Job{Hop: anvil.HopStop, Key: string(run.ID)})
		var moved *anvil.MoveError
		if errors.Is(err, errAlive) || errors.As(err, &moved) {
			continue
		}
		if err != nil {
			return err
		}
		r.Log.Warn("run overdue", "run", run.ID, "was", run.State, "is", to)
	}
	return nil
}

var errAlive = errors.New("not overdue any more")

// verdict says how an overdue run ends, and what people are told.
func (r *Reaper) verdict(run anvil.Run) (anvil.State, *anvil.Problem) {
	switch run.State {
	case anvil.Working:
		return anvil.Lost, anvil.Problemf("ATTEMPT_LOST", "See the workflow run's log; comment /anvil retry to start again.", "the runner went silent")
	case anvil.Dispatched:
		return anvil.Lost, anvil.Problemf("RUNNER_NONE", "Check at the workflow run's page which runner label it waits for, and that a runner with it is online.",
			"no runner took the job within %s", r.StartWithin)
	case anvil.Uncertain:
		return anvil.Lost, anvil.Problemf("DISPATCH_UNCERTAIN", "Look at GitHub's status page, then comment /anvil retry.", "GitHub never confirmed that it started the workflow")
	case anvil.Stopping:
		return anvil.Cancelled, nil
	case anvil.Held:
		return anvil.Failed, anvil.Problemf("HOLD_EXPIRED", "Comment /anvil retry to start again.", "nobody released the held change within %s", r.HoldFor)
	}
	return anvil.Failed, anvil.Problemf("OVERDUE", "Comment /anvil retry to start again.", "the run stayed %s for too long", run.State)
}
