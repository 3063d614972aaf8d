package app

import (
	"context"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// sweepStore is what the sweep looks through.
type sweepStore interface {
	PendingDeliveries(ctx context.Context, before time.Time) ([]anvil.DeliveryID, error)
	UntoldTasks(ctx context.Context) ([]anvil.TaskID, error)
	Resting(ctx context.Context, since time.Time) ([]anvil.Run, error)
}

// overdue lists a wake-up for every row whose next step is the server's own and
// has not been made within patience. Jobs are committed with the rows that need
// them, so nothing should be found; if something is, it is a fault that heals.
func overdue(ctx context.Context, s sweepStore, now time.Time, patience time.Duration) ([]anvil.Job, error) {
	var jobs []anvil.Job
	before := now.Add(-patience)
	pending, err := s.PendingDeliveries(ctx, before)
	if err != nil {
		return nil, err
	}
	for _, id := range pending {
		jobs = append(jobs, anvil.Job{Hop: anvil.HopDecide, Key: string(id)})
	}
	untold, err := s.UntoldTasks(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range untold {
		jobs = append(jobs, anvil.Job{Hop: anvil.HopAnnounce, Key: string(id)})
	}
	resting, err := s.Resting(ctx, before)
	if err != nil {
		return nil, err
	}
	queued := false
	for _, run := range resting {
		switch run.State {
		case anvil.Queued:
			queued = true
		case anvil.Dispatching, anvil.Uncertain:
			jobs = append(jobs, anvil.Job{Hop: anvil.HopDispatch, Key: string(run.ID)})
		case anvil.Dispatched:
			if run.Placement.WorkflowRun == 0 { // where it is has yet to be found out
				jobs = append(jobs, anvil.Job{Hop: anvil.HopDispatch, Key: string(run.ID)})
			}
		case anvil.Inspecting:
			jobs = append(jobs, anvil.Job{Hop: anvil.HopInspect, Key: string(run.ID)})
		case anvil.Delivering:
			jobs = append(jobs, anvil.Job{Hop: anvil.HopDeliver, Key: string(run.ID)})
		}
	}
	if queued {
		jobs = append(jobs, anvil.Job{Hop: anvil.HopSchedule})
	}
	return jobs, nil
}

// watch reaps and sweeps until ctx ends.
func (a *App) watch(ctx context.Context) {
	reap := time.NewTicker(2 * time.Second)
	defer reap.Stop()
	sweep := time.NewTicker(15 * time.Second)
	defer sweep.Stop()
	clear := time.NewTicker(a.clear.every())
	defer clear.Stop()
	beat := time.NewTicker(5 * time.Minute)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			if a.linear != nil {
				a.linear.beat(ctx, a.store, a.log)
			}
		case <-reap.C:
			if err := a.reaper.Reap(ctx, ""); err != nil && ctx.Err() == nil {
				a.log.Error("reap", "error", err)
			}
		case <-clear.C:
			if err := a.clear.run(ctx); err != nil && ctx.Err() == nil {
				a.log.Error("clear away", "error", err)
			}
		case <-sweep.C:
			jobs, err := overdue(ctx, a.store, a.now(), 30*time.Second)
			if err == nil {
				err = a.queue.Wake(ctx, jobs...)
			}
			if err != nil && ctx.Err() == nil {
				a.log.Error("sweep", "error", err)
			}
		}
	}
}
