package lease

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Reaper ends what is overdue: runs whose runner went silent or never came, and
// states in which nobody acted in time.
//
// A runner that could not be heard is not silent. So when the reaper itself was
// away, because the server was down, the machine slept or its clock was set, every
// lease gets its whole time once more before it is called expired.
type Reaper struct {
	Store ReaperStore
	Now   func() time.Time
	Log   *slog.Logger
	// Lease is how long a runner may be silent, as in [Terms].
	Lease time.Duration
	// StartWithin and HoldFor are told to people.
	StartWithin, HoldFor, AnswerWithin time.Duration

	mu       sync.Mutex
	lastSeen time.Time // when it last looked; guarded by mu
	patient  time.Time // until when no lease is called expired; guarded by mu
}

// away is the shortest absence that counts. The server reaps every few seconds.
const away = 10 * time.Second

// ReaperStore is what the reaper reads and changes.
type ReaperStore interface {
	Overdue(ctx context.Context, now time.Time) ([]anvil.Run, error)
	Move(ctx context.Context, id anvil.RunID, to anvil.State, change func(*anvil.Run) error, next ...anvil.Job) (anvil.Run, error)
}

// Reap ends every run whose deadline has passed.
func (r *Reaper) Reap(ctx context.Context, _ string) error {
	now := r.Now().Round(0) // by the wall clock, which sleep and setting it do not spare
	patient := r.patience(now)
	overdue, err := r.Store.Overdue(ctx, now)
	if err != nil {
		return err
	}
	var failed []error
	for _, run := range overdue {
		if run.State == anvil.Working && now.Before(patient) {
			continue
		}
		to, problem := r.verdict(run)
		_, err := r.Store.Move(ctx, run.ID, to, func(v *anvil.Run) error {
			if v.State != run.State || !v.ChangedAt.Equal(run.ChangedAt) {
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
		if err != nil { // the others are overdue all the same
			failed = append(failed, err)
			continue
		}
		r.Log.Warn("run overdue", "run", run.ID, "was", run.State, "is", to)
	}
	return errors.Join(failed...)
}

// patience notes that the reaper looks now, and returns until when it calls no
// lease expired.
func (r *Reaper) patience(now time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lastSeen.IsZero() || now.Sub(r.lastSeen) > max(away, r.Lease/2) {
		r.patient = now.Add(r.Lease)
	}
	r.lastSeen = now
	return r.patient
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
	case anvil.Waiting:
		if run.Question != nil && run.Question.Plan != "" {
			return anvil.Failed, anvil.Problemf("APPROVAL_EXPIRED", "Comment /anvil retry to have it planned again.", "nobody approved the plan within %s", r.AnswerWithin)
		}
		return anvil.Failed, anvil.Problemf("QUESTION_EXPIRED", "Comment /anvil retry to start again.", "nobody answered the agent's question within %s", r.AnswerWithin)
	case anvil.Held:
		return anvil.Failed, anvil.Problemf("HOLD_EXPIRED", "Comment /anvil retry to start again.", "nobody released the held change within %s", r.HoldFor)
	}
	return anvil.Failed, anvil.Problemf("OVERDUE", "Comment /anvil retry to start again.", "the run stayed %s for too long", run.State)
}
