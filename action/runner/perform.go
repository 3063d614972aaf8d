package runner

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/action/agent"
	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/verify"
	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Codes of what can go wrong in the job. Those of engines are in package agent.
const (
	codeFetch     = "FETCH_FAILED"  // the base commit could not be had
	codeWorkspace = "WORKSPACE"     // the tree could not be prepared or read
	codeTooBig    = "DIFF_TOO_BIG"  // the bundle is over the limit
	codeUpload    = "UPLOAD_FAILED" // the server did not take the bundle
	codeNetwork   = "EGRESS_SETUP"  // the egress proxy could not be opened
	codeCancelled = "RUN_CANCELLED" // told to stop
)

// grace is the time between asking an untrusted program to end and killing it.
// What a signal leaves for the whole report is not much more.
const grace = 2 * time.Second

// errWorkLimit is the cause of the end of an engine that took too long.
var errWorkLimit = errors.New("the engine's time is up")

// perform does the work of the run, and returns what to hand back.
func (j *job) perform(work, life context.Context) runapi.FinishRequest {
	j.enter(phasePrepare, "Prepare the workspace")
	if err := j.approved(); err != nil {
		return j.failed(work, agent.Answer{}, err)
	}
	w, err := j.prepare(work)
	if w != nil {
		defer func() { _ = w.Remove() }()
	}
	defer j.tools.Close()
	defer j.closeCache(work, life)
	if err != nil {
		return j.failed(work, agent.Answer{}, err)
	}

	j.enter(phaseWork, "Work: "+j.assignment.Engine.Name)
	var answer agent.Answer
	var e *engagement
	var workErr error
	if !j.settled() {
		e, workErr = j.engage(work, w)
		defer e.close()
		defer j.makeSpare(work, w, e.running)()
		if workErr == nil {
			answer, workErr = e.turn(work)
		}
	}
	answer = j.tell(answer)
	asked := workErr == nil && e != nil && j.asked(work)
	result, err := j.collect(work, life, w)
	if workErr == nil {
		workErr = err
	}
	if h := haltOf(life); j.saver != nil && (h == nil || !h.lost) {
		j.saver.save(life, result)
	}
	if workErr == nil && result != nil && !asked {
		if workErr = j.solved(w, result); workErr == nil {
			workErr = j.propose(life, result)
		}
	}
	if workErr != nil {
		f := j.failed(work, answer, workErr)
		j.attach(&f, result)
		return f
	}
	f := j.handOver(answer, runapi.Unchanged)
	if asked {
		f.Verification = verify.Unverified("", "the agent has asked a person, and goes on with the answer").Summary()
		j.attach(&f, result)
		return f
	}
	if result == nil {
		f.Verification = verify.Unverified("", "nothing was changed").Summary()
		return f
	}
	f.Result = runapi.Proposed
	j.attach(&f, result)

	j.enter(phaseVerify, "Verify")
	record, err := j.verify(work, w, result)
	if err != nil {
		f := j.failed(work, answer, err)
		j.attach(&f, result)
		return f
	}
	f.Verification = record.Summary()
	f = j.repair(work, life, w, e, f)
	if f.Result == runapi.Proposed {
		if j.compare(work, w, f.Verification.Checks); haltOf(work) != nil {
			return j.halted(work, f)
		}
	}
	return f
}

// halted is what a run that was stopped hands back instead of what it was about to.
func (j *job) halted(work context.Context, f runapi.FinishRequest) runapi.FinishRequest {
	stopped := j.failed(work, agent.Answer{Text: f.Answer}, haltOf(work))
	stopped.Engine, stopped.Head, stopped.Bundle = f.Engine, f.Head, f.Bundle
	return stopped
}

// prepare has ready what the agent works in and with: beside each other the workspace,
// and what untrusted programs run in, which a dev container's image may take long for,
// and the engine's program. There may be a workspace even if there is an error.
func (j *job) prepare(work context.Context) (w *workspace.Workspace, err error) {
	fetched := make(chan struct{})
	var took time.Duration
	tree := func(ctx context.Context) (err error) {
		defer j.spans.begin(runapi.SpanWorkspace)()
		start := time.Now()
		if w, err = j.fetch(ctx); err != nil {
			return fetchFailed(j.assignment.BaseCommit, err)
		}
		close(fetched)
		if err := w.MakeTree(ctx); err != nil {
			return fetchFailed(j.assignment.BaseCommit, err)
		}
		took = time.Since(start)
		return nil
	}
	surroundings := func(ctx context.Context) error {
		if err := j.choose(ctx); err != nil {
			return err
		}
		select {
		case <-fetched:
			return j.environment(ctx, w)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	err = beside(work, surroundings, tree, j.findEngine)
	if err != nil {
		return w, err
	}
	j.log.Say("Checked out %s, %s%s, in %d ms.", short(j.assignment.BaseCommit), w.Origin, spared(w), took.Milliseconds())
	if err := j.tellAbsent(work, w); err != nil {
		return w, err
	}
	if err := j.merge(work, w); err != nil {
		return w, err
	}
	if w.Trouble != nil {
		j.warn("What this machine keeps of the repository was not used, or not all of it: %v. Look at ANVIL_MIRRORS on the runner.", w.Trouble)
	}
	return w, nil
}

func spared(w *workspace.Workspace) string {
	if w.Spared {
		return ", in the tree that an earlier run made"
	}
	return ""
}

// fetch has the base commit in a workspace in the job's temporary directory, which
// GitHub empties with each job.
func (j *job) fetch(ctx context.Context) (*workspace.Workspace, error) {
	temp := j.Getenv("RUNNER_TEMP")
	if temp == "" {
		temp = os.TempDir()
	}
	a := j.assignment
	return workspace.Fetch(ctx, filepath.Join(temp, "anvil-"+strings.ToLower(rand.Text()[:12])), j.Environ, workspace.Source{
		URL: a.Repository.CloneURL, Commit: a.BaseCommit, Token: a.ReadToken, Mirrors: j.Getenv("ANVIL_MIRRORS"), Spare: j.spares(), Sparse: a.Sparse,
	})
}

// spares reports whether this machine may keep trees for later runs: not where an agent
// could write to them.
func (j *job) spares() bool { return j.assignment.Containment.Mode != confine.ModeNone }

// makeSpare makes a tree for the next run of the repository while the engine runs, and so
// beside waiting for a model. The function that it returns waits for that.
func (j *job) makeSpare(work context.Context, w *workspace.Workspace, running <-chan struct{}) (wait func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-running:
		case <-ended:
			return
		}
		if !j.spares() {
			return
		}
		if err := w.MakeSpare(work); err != nil && work.Err() == nil {
			j.log.Warn("No tree was made for the next run: %v. Look at ANVIL_MIRRORS on the runner.", err)
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

func fetchFailed(commit string, err error) error {
	return &runapi.Error{
		Code: codeFetch, What: fmt.Sprintf("The base commit %s could not be checked out: %v.", short(commit), err),
		Next: "If it was removed meanwhile, say /anvil retry; else check that the runner reaches the repository's host.",
	}
}

// handOver is the beginning of what is handed back.
func (j *job) handOver(a agent.Answer, result runapi.Result) runapi.FinishRequest {
	return runapi.FinishRequest{
		Result: result,
		Answer: j.fit(a.Text, maxAnswer),
		Engine: runapi.EngineInfo{Version: j.fit(a.Version, 200), Resume: j.fit(a.Resume, 200)},
	}
}

// failed is what is handed back when err ended the run early: by a stop it is
// cancelled, else it failed.
func (j *job) failed(work context.Context, a agent.Answer, err error) runapi.FinishRequest {
	var e *runapi.Error
	f := j.handOver(a, runapi.Failed)
	if h := haltOf(work); h != nil {
		f.Result = runapi.Cancelled
		e = &runapi.Error{Code: codeCancelled, What: "The run was cancelled: " + h.why + ".", Next: "Say /anvil retry to start again."}
	} else if !errors.As(err, &e) {
		e = &runapi.Error{Code: codeWorkspace, What: err.Error()}
	}
	f.Problem = &runapi.Error{Code: e.Code, What: j.fit(e.What, maxText), Next: e.Next}
	f.Verification = verify.Unverified("", "the run ended before it").Summary()
	if f.Result == runapi.Failed {
		j.log.Fail("%s", f.Problem.Error())
		j.journal.add(runapi.KindError, f.Problem.Error(), nil)
	} else {
		j.log.Say("%s", f.Problem.What)
		j.journal.add(runapi.KindNote, f.Problem.What, nil)
	}
	return f
}
