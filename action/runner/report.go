package runner

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// finishReserve is what the last call gets of the time that a signal leaves.
const finishReserve = 1500 * time.Millisecond

// report uploads the records and hands the run back.
func (j *job) report(work, life context.Context) int {
	if h := haltOf(life); h != nil && h.lost {
		j.log.EndGroup()
		j.log.Say("This job stopped: %s.", h.why)
		return HandedBack
	}
	j.enter(phaseReport, "Report")
	reported := j.spans.begin(runapi.SpanReport)
	uploads, cancel := j.uploadTime(life, work)
	defer cancel()
	if j.record != nil {
		j.upload(uploads, runapi.ArtifactVerification, mustJSON(j.record))
	}
	if j.raw != nil {
		j.upload(uploads, runapi.ArtifactStream, j.raw.Bytes())
	}
	j.uploadScreenshots(uploads)
	j.saver.wait(uploads)
	j.log.Say("Result: %s.", j.finish.Result)
	j.debugPackage(uploads)
	j.upload(uploads, runapi.ArtifactLog, j.log.Copy())
	j.journal.flush(uploads)
	reported()
	j.finish.Spans = j.spans.all()

	var answer runapi.FinishAnswer
	err := j.insist(life, "hand the run back", func() (err error) {
		answer, err = j.holder.Finish(life, j.finish)
		return err
	})
	j.log.EndGroup()
	switch {
	case err == nil:
		j.log.Say("Handed back to Anvil: %s. The server goes on from here.", answer.State)
		j.answer = j.settle(life, answer)
		return HandedBack
	case lostBy(err) != nil:
		j.log.Say("The run went on without this job: %v", err)
		return HandedBack
	}
	j.log.Fail("The run could not be handed back: %v", err)
	return NotHanded
}

// maxWait bounds how long a job waits for the server after it has handed its run back.
const maxWait = 10 * time.Minute

// settle waits, as long as ANVIL_WAIT says, for what becomes of a run that was handed back,
// and returns what the server said last. Nothing depends on it but the step's outputs.
func (j *job) settle(life context.Context, last runapi.FinishAnswer) runapi.FinishAnswer {
	seconds, _ := strconv.Atoi(strings.TrimSpace(j.Getenv("ANVIL_WAIT")))
	if seconds <= 0 || last.Settled {
		return last
	}
	ctx, cancel := context.WithTimeout(life, min(time.Duration(seconds)*j.Second, maxWait))
	defer cancel()
	every := time.NewTicker(j.Second)
	defer every.Stop()
	for !last.Settled {
		select {
		case <-ctx.Done():
			j.log.Say("The server is still at it: %s. The job does not wait any longer.", last.State)
			return last
		case <-every.C:
		}
		answer, err := j.holder.Finish(ctx, j.finish)
		if err != nil && ctx.Err() == nil {
			j.log.Say("What becomes of the run is not known to this job: %v", err)
			return last
		}
		if err == nil {
			last = answer
		}
	}
	j.log.Say("The server is done: %s.", last.Outcome)
	return last
}

// patience is how long a server that is away may take to come back before the
// work of a run is given up.
const patience = 5 * time.Minute

// insist makes a call without which the run was in vain, again and again while
// the server is away. The client itself pauses between its attempts.
func (j *job) insist(ctx context.Context, to string, call func() error) error {
	for deadline := time.Now().Add(patience); ; {
		err := call()
		if err == nil || !runapi.TryLater(err) || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		j.log.Say("Could not %s yet; trying again: %v", to, err)
	}
}

// uploadTime is life, less what the last call needs if a signal ends it soon. A
// person who asked for a stop should not wait long for a log either.
func (j *job) uploadTime(life, work context.Context) (context.Context, context.CancelFunc) {
	switch h := haltOf(work); {
	case h == nil:
		return context.WithCancel(life)
	case h.hurry:
		return context.WithDeadline(life, h.at.Add(reportTime-finishReserve))
	}
	return context.WithTimeout(life, 30*time.Second)
}

// upload stores an artifact that the run can do without, and reports whether it did.
func (j *job) upload(ctx context.Context, name string, b []byte) bool {
	if len(b) == 0 {
		return false
	}
	if _, err := j.holder.Upload(ctx, name, bytes.NewReader(b), int64(len(b))); err != nil {
		j.log.Warn("The %s could not be uploaded: %v", name, err)
		return false
	}
	return true
}
