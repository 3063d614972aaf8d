package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// reportTime is what a signal leaves for ending the agent and handing the run
// back: GitHub sends SIGTERM 7.5 seconds after SIGINT.
const reportTime = 6500 * time.Millisecond

// halt is why the work ended before it was done. It is the cause of the work
// context's end.
type halt struct {
	why string
	// lost says that the lease is gone: there is nobody to report to.
	lost bool
	// hurry says that the system will end this process within seconds.
	hurry bool
	at    time.Time
}

func (h *halt) Error() string { return h.why }

// haltOf returns why ctx was ended, or nil if it was not ended by a halt.
func haltOf(ctx context.Context) *halt {
	var h *halt
	if errors.As(context.Cause(ctx), &h) {
		return h
	}
	return nil
}

// watchSignals ends the work at the first signal, and the life some seconds after.
func (j *job) watchSignals(done <-chan struct{}, stop, end context.CancelCauseFunc) {
	select {
	case <-done:
		return
	case s, ok := <-j.Signals:
		if !ok {
			return
		}
		h := &halt{why: fmt.Sprintf("the job was cancelled (%v)", s), hurry: true, at: time.Now()}
		stop(h)
		t := time.NewTimer(reportTime)
		defer t.Stop()
		select {
		case <-done:
		case <-t.C:
			end(h)
		}
	}
}

// onRefusal ends everything if err says that the lease is gone.
func (j *job) onRefusal(err error, stop, end context.CancelCauseFunc) {
	if h := lostBy(err); h != nil {
		stop(h)
		end(h)
	}
}

// lostBy returns the halt that a refusal means: nil if it does not concern the lease.
func lostBy(err error) *halt {
	var e *runapi.Error
	if errors.As(err, &e) && (e.Code == runapi.CodeStale || e.Code == runapi.CodeLost) {
		return &halt{why: e.Error(), lost: true}
	}
	return nil
}

// renew keeps the lease alive until ctx ends.
func (j *job) renew(ctx context.Context, stop, end context.CancelCauseFunc) {
	every := time.Duration(max(1, j.assignment.RenewEverySeconds)) * j.Second
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	lastGood := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		attempt, cancel := context.WithTimeout(ctx, 2*every)
		answer, err := j.holder.Renew(attempt, runapi.RenewRequest{Phase: j.phases.current(), Clock: time.Now()})
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			lastGood = time.Now()
			if answer.Stop {
				stop(&halt{why: stopReason(answer.Reason)})
			}
		case lostBy(err) != nil:
			j.onRefusal(err, stop, end)
			return
		case silentTooLong(time.Since(lastGood), every):
			h := &halt{why: "the server could not be reached for so long that the lease must be over", lost: true}
			stop(h)
			end(h)
			return
		default:
			j.log.Warn("The lease could not be renewed; trying again: %v", err)
		}
	}
}

// asked reports whether the agent has asked a person, so that there is nothing to
// propose yet. The server knows: the question went to it. If it can't be reached,
// the run goes on, and the server makes of its end what is right.
func (j *job) asked(ctx context.Context) bool {
	if !j.assignment.Tools {
		return false
	}
	answer, err := j.holder.Renew(ctx, runapi.RenewRequest{Phase: j.phases.current(), Clock: time.Now()})
	if err != nil {
		j.log.Warn("It is not known whether the agent has asked a question: %v", err)
		return false
	}
	j.views = answer.Views
	if answer.Waiting {
		j.log.Say("The agent has asked a person. The work is saved, and goes on with the answer.")
	}
	return answer.Waiting
}

// silentTooLong reports whether a lease that was last renewed so long ago must be
// over. The server's clock may differ from ours, so that its expiry time says
// little here; a lease lives several intervals, and never as many as these.
func silentTooLong(silence, every time.Duration) bool { return silence > 20*every }

func stopReason(reason string) string {
	if reason == "" {
		return "Anvil was asked to stop this run"
	}
	return reason
}
