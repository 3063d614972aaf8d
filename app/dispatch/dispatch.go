package dispatch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/queue"
)

// Order is what a provider is asked to start. Nothing in it but the nonce is
// worth hiding, and the nonce is good for one claim.
type Order struct {
	Run        anvil.RunID
	Repository anvil.Repository // that the task is for
	Nonce      string
	Server     string // the server's public address
	Runner     string // label of the runner that the rules want; empty: the workflow's own
}

// Provider starts runs on machines. Errors of Start satisfy errors.Is with
// [github.ErrUncertain] if the run may have been started all the same.
type Provider interface {
	Start(ctx context.Context, o Order) (anvil.Placement, error)
	// Find looks for what an earlier Start made, not older than since.
	Find(ctx context.Context, o Order, since time.Time) (p anvil.Placement, found bool, err error)
	// Ended returns how it ended, in the provider's words, or "" if it has not.
	Ended(ctx context.Context, o Order, p anvil.Placement) (conclusion string, err error)
	// Stop asks to cancel it. One that has ended is no error.
	Stop(ctx context.Context, o Order, p anvil.Placement) error
}

// Store is what the hop reads and changes.
type Store interface {
	StoryOfRun(ctx context.Context, id anvil.RunID) (anvil.Story, error)
	Move(ctx context.Context, id anvil.RunID, to anvil.State, change func(*anvil.Run) error, next ...anvil.Job) (anvil.Run, error)
	Amend(ctx context.Context, id anvil.RunID, change func(*anvil.Run) error, next ...anvil.Job) (anvil.Run, error)
}

// Dispatcher is the dispatch hop, and the stop hop beside it.
type Dispatcher struct {
	Store    Store
	Provider Provider
	Prepare  *Preparer
	Server   string
	Now      func() time.Time
	Log      *slog.Logger

	// StartWithin is how long a dispatched run may wait for its runner.
	StartWithin time.Duration
	// Settle is how long the provider gets to show a run whose answer was lost.
	Settle time.Duration
	// Times is how many intents a run may have in all.
	Times int
	// Patience is how long a run waits for what waiting is hoped to cure.
	Patience time.Duration
}

// errGone says that the run is no longer where the hop found it. The hop ends:
// whoever moved the run has also woken what comes next.
var errGone = errors.New("the run went on")

// Dispatch brings a run that holds a slot to a runner.
func (d *Dispatcher) Dispatch(ctx context.Context, key string) error {
	story, err := d.Store.StoryOfRun(ctx, anvil.RunID(key))
	if err != nil {
		return err
	}
	run := story.Run()
	if run.ID != anvil.RunID(key) {
		return nil // a later attempt has taken over
	}
	switch run.State {
	case anvil.Dispatching:
		if run.Dispatch.AskedAt.IsZero() {
			err = d.start(ctx, story, run)
		} else { // we were stopped between the intent and its answer
			err = d.uncertain(ctx, run, errors.New("the server was restarted while it waited for the answer"))
		}
	case anvil.Uncertain:
		err = d.resolve(ctx, story, run)
	case anvil.Dispatched:
		if run.Placement.WorkflowRun == 0 {
			err = d.locate(ctx, story, run)
		} else {
			err = d.watch(ctx, story, run)
		}
	}
	var moved *anvil.MoveError
	if errors.As(err, &moved) || errors.Is(err, errGone) {
		return nil
	}
	return err
}

func (d *Dispatcher) start(ctx context.Context, story anvil.Story, run anvil.Run) error {
	if run.BaseCommit == "" {
		settled, err := d.Prepare.Settle(ctx, story)
		if p := anvil.AsProblem(err); p != nil {
			return d.fail(ctx, run.ID, p)
		}
		if err != nil {
			return d.later(ctx, run, err)
		}
		if run, err = d.Store.Amend(ctx, run.ID, func(r *anvil.Run) error {
			r.BaseRef, r.BaseCommit, r.Rules, r.Engine, r.Merge = settled.BaseRef, settled.BaseCommit, settled.Rules, settled.Engine, settled.Merge
			return nil
		}); err != nil {
			return err
		}
	}
	nonce := rand.Text()
	asked := d.Now()
	if _, err := d.Store.Amend(ctx, run.ID, func(r *anvil.Run) error {
		if r.State != anvil.Dispatching || !r.Dispatch.AskedAt.IsZero() {
			return errGone
		}
		r.Dispatch = anvil.Dispatch{NonceHash: anvil.Fingerprint(nonce), AskedAt: asked, Times: r.Dispatch.Times + 1}
		return nil
	}); err != nil {
		return err
	}
	placement, err := d.Provider.Start(ctx, d.order(story, run, nonce))
	switch {
	case err == nil:
		return d.placed(ctx, run.ID, placement)
	case !refused(err):
		return d.uncertain(ctx, run, err)
	case github.RetryAt(err, d.Now()).IsZero():
		return d.fail(ctx, run.ID, github.Problem(err))
	}
	// A rate limit, or GitHub was not reached at all: this intent came to nothing.
	if _, amendErr := d.Store.Amend(ctx, run.ID, func(r *anvil.Run) error {
		if r.State != anvil.Dispatching {
			return errGone
		}
		r.Dispatch.Times--
		return forgetIntent(r)
	}); amendErr != nil {
		return amendErr
	}
	return d.later(ctx, run, err)
}

// refused reports whether err says that nothing was started. An error without a
// word about it may come from anywhere.
func refused(err error) bool {
	if errors.Is(err, github.ErrUncertain) {
		return false
	}
	return errors.Is(err, github.ErrNotAccepted) || github.AsError(err) != nil
}

func (d *Dispatcher) order(story anvil.Story, run anvil.Run, nonce string) Order {
	o := Order{Run: run.ID, Repository: story.Session.Repository, Nonce: nonce, Server: d.Server}
	if len(run.Rules.Runners) > 0 {
		o.Runner = run.Rules.Runners[0]
	}
	return o
}

// placed records where the run is. The runner may have been quicker than the
// answer: then the run is at work already, and only the place is noted.
func (d *Dispatcher) placed(ctx context.Context, id anvil.RunID, p anvil.Placement) error {
	note := func(r *anvil.Run) error {
		if r.Placement.WorkflowRun == 0 {
			r.Placement = p
		}
		return nil
	}
	again := 2 * time.Second // to learn where it is
	if p.WorkflowRun != 0 {
		again = firstLook
	}
	next := []anvil.Job{{Hop: anvil.HopDispatch, Key: string(id), At: d.Now().Add(again)}}
	_, err := d.Store.Move(ctx, id, anvil.Dispatched, func(r *anvil.Run) error {
		r.Deadline = d.Now().Add(d.StartWithin)
		return note(r)
	}, next...)
	var moved *anvil.MoveError
	if errors.As(err, &moved) {
		// Also after a stop that came in between: what was started must be stopped.
		if moved.From == anvil.Stopping || moved.From.Ended() {
			next = append(next, anvil.Job{Hop: anvil.HopStop, Key: string(id)})
		}
		_, err = d.Store.Amend(ctx, id, note, next...)
	}
	return err
}

func (d *Dispatcher) uncertain(ctx context.Context, run anvil.Run, cause error) error {
	d.Log.Warn("dispatch without a clear answer", "run", run.ID, "cause", cause)
	_, err := d.Store.Move(ctx, run.ID, anvil.Uncertain, func(r *anvil.Run) error {
		r.Deadline = d.Now().Add(d.StartWithin)
		return nil
	}, anvil.Job{Hop: anvil.HopDispatch, Key: string(run.ID)})
	return err
}

// resolve finds out what became of a dispatch whose answer was lost.
func (d *Dispatcher) resolve(ctx context.Context, story anvil.Story, run anvil.Run) error {
	placement, found, err := d.Provider.Find(ctx, d.order(story, run, ""), run.Dispatch.AskedAt)
	if err != nil {
		return d.later(ctx, run, err)
	}
	if found {
		placement.Guessed = true
		return d.placed(ctx, run.ID, placement)
	}
	if wait := run.Dispatch.AskedAt.Add(d.Settle); d.Now().Before(wait) {
		return &queue.Later{At: d.Now().Add(2 * time.Second), Reason: "the provider may still show the run"}
	}
	if run.Dispatch.Times >= d.Times {
		return d.fail(ctx, run.ID, anvil.Problemf("DISPATCH_UNCERTAIN", "Look at GitHub's status page, then comment /anvil retry.",
			"GitHub was asked %d times to start the workflow and no workflow run appeared", run.Dispatch.Times))
	}
	_, err = d.Store.Move(ctx, run.ID, anvil.Dispatching, forgetIntent, anvil.Job{Hop: anvil.HopDispatch, Key: string(run.ID)})
	return err
}

// locate learns the id of a run whose start was confirmed without one.
func (d *Dispatcher) locate(ctx context.Context, story anvil.Story, run anvil.Run) error {
	placement, found, err := d.Provider.Find(ctx, d.order(story, run, ""), run.Dispatch.AskedAt)
	if err != nil {
		return d.later(ctx, run, err)
	}
	if !found {
		return &queue.Later{At: d.Now().Add(5 * time.Second), Reason: "the workflow run is not listed yet"}
	}
	placement.Guessed = true
	return d.placed(ctx, run.ID, placement)
}

// When a workflow run that no runner has taken is looked at: most are taken before
// the first look.
const (
	firstLook = 10 * time.Second
	nextLook  = 30 * time.Second
)

// watch finds out whether a workflow run that waits for a runner still does. One
// that was cancelled will never claim its run; without a look that would be known
// only when the time for it is over.
func (d *Dispatcher) watch(ctx context.Context, story anvil.Story, run anvil.Run) error {
	conclusion, err := d.Provider.Ended(ctx, d.order(story, run, ""), run.Placement)
	if err != nil {
		d.Log.Warn("the workflow run could not be looked at", "run", run.ID, "error", err)
	}
	if err != nil || conclusion != "cancelled" {
		return &queue.Later{At: d.Now().Add(nextLook), Reason: "no runner has taken the job yet"}
	}
	replaced := anvil.Problemf("RUN_REPLACED",
		"If the workflow file has a `concurrency` group, set `queue: max` in it: without that a newer run takes the place of one that waits. Then comment /anvil retry.",
		"the workflow run was cancelled at GitHub before a runner took it")
	_, err = d.Store.Move(ctx, run.ID, anvil.Failed, func(r *anvil.Run) error {
		if r.State != anvil.Dispatched || r.Placement.WorkflowRun != run.Placement.WorkflowRun {
			return errGone // it was claimed after all
		}
		r.Problem = replaced
		return nil
	})
	return err
}

func forgetIntent(r *anvil.Run) error {
	r.Dispatch.AskedAt = time.Time{}
	return nil
}

func (d *Dispatcher) fail(ctx context.Context, id anvil.RunID, p *anvil.Problem) error {
	d.Log.Warn("run not started", "run", id, "code", p.Code, "what", p.What, "cause", p.Cause)
	_, err := d.Store.Move(ctx, id, anvil.Failed, func(r *anvil.Run) error { r.Problem = p; return nil })
	return err
}

// later turns an error that waiting may cure into the time to come again.
func (d *Dispatcher) later(ctx context.Context, run anvil.Run, err error) error {
	at := github.RetryAt(err, d.Now())
	switch {
	case !at.IsZero() && d.Now().Before(run.ChangedAt.Add(d.Patience)):
		return &queue.Later{At: at, Reason: err.Error()}
	case !at.IsZero():
		p := *github.Problem(err)
		p.Next = "Comment /anvil retry once GitHub is well again"
		return d.fail(ctx, run.ID, &p)
	case anvil.AsProblem(err) != nil || github.AsError(err) != nil:
		return d.fail(ctx, run.ID, github.Problem(err))
	}
	return err
}

// Stop asks the provider to cancel a run that was told to stop or was given up.
func (d *Dispatcher) Stop(ctx context.Context, key string) error {
	story, err := d.Store.StoryOfRun(ctx, anvil.RunID(key))
	if err != nil {
		return err
	}
	for _, run := range story.Runs {
		if run.ID != anvil.RunID(key) {
			continue
		}
		err := d.halt(ctx, d.order(story, run, ""), run)
		if at := github.RetryAt(err, d.Now()); !at.IsZero() {
			return &queue.Later{At: at, Reason: err.Error()}
		}
		if github.AsError(err) != nil {
			// The provider will not cancel it, or has it no more. Its claim, its lease
			// and its next renewal tell the runner all the same.
			d.Log.Warn("not cancelled at the provider", "run", run.ID, "error", err)
			err = nil
		}
		if err != nil {
			return fmt.Errorf("stop %s: %w", run.ID, err)
		}
		return d.stopped(ctx, run)
	}
	return nil
}

// halt cancels what was started for a run, if anything was.
func (d *Dispatcher) halt(ctx context.Context, order Order, run anvil.Run) error {
	if run.Dispatch.NonceHash == "" {
		return nil // the provider was never asked
	}
	place := run.Placement
	if place.WorkflowRun == 0 {
		var found bool
		var err error
		place, found, err = d.Provider.Find(ctx, order, run.CreatedAt)
		if err != nil || !found { // never started; if it is yet, its claim is refused
			return err
		}
	}
	return d.Provider.Stop(ctx, order, place)
}

// stopped ends a run that was told to stop before any runner had claimed it:
// there is nobody whose last words are worth waiting for.
func (d *Dispatcher) stopped(ctx context.Context, run anvil.Run) error {
	if run.State != anvil.Stopping || run.Lease.Epoch > 0 {
		return nil
	}
	_, err := d.Store.Move(ctx, run.ID, anvil.Cancelled, nil)
	var moved *anvil.MoveError
	if errors.As(err, &moved) {
		return nil
	}
	return err
}
