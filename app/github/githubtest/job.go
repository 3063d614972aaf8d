package githubtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// Runner says how a job is carried out.
type Runner struct {
	// Command is started in the job's workspace; its exit code is the job's. With
	// no command, jobs wait in "queued" for [Server.BeginJob].
	Command []string
	// Env is added to the job's environment, as KEY=VALUE.
	Env []string
}

const runnerName = "anvil-sim-1"

// job is one attempt at a run.
type job struct {
	ID                                int64
	Attempt                           int
	Status, Conclusion                string
	CreatedAt, StartedAt, CompletedAt time.Time

	requestToken string // lets the job, while it runs, ask for OIDC tokens
	dir          string // with the workspace and all else of the job
	log          *jobLog
	running      bool          // carried out by the server's own runner
	cancel       chan struct{} // closed to cancel
	force        chan struct{} // closed to kill
}

func (j *job) stop(force bool) {
	closeOnce := func(c chan struct{}) {
		select {
		case <-c:
		default:
			close(c)
		}
	}
	closeOnce(j.cancel)
	if force {
		closeOnce(j.force)
	}
}

// WorkflowJobLog returns what a run's latest job has printed so far.
func (s *Server) WorkflowJobLog(runID int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runs[runID]; r != nil && r.job().log != nil {
		return r.job().log.text()
	}
	return ""
}

// carryOut runs a job from beginning to end.
func (s *Server) carryOut(r *run, j *job) {
	log := s.log.With("run", r.ID, "attempt", j.Attempt)
	env, err := s.prepare(r, j)
	s.mu.Lock()
	select {
	case <-j.cancel: // before it began
		s.conclude(r, j, "cancelled")
		s.mu.Unlock()
		return
	default:
	}
	s.begin(r, j)
	s.mu.Unlock()
	conclusion := "failure"
	if err == nil {
		conclusion, err = s.execute(r, j, env)
	}
	if err != nil {
		log.Error("job could not be carried out", "error", err)
		if j.log != nil {
			j.log.line("::error::" + err.Error())
		}
	}
	log.Debug("job ended", "conclusion", conclusion)
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.log != nil {
		j.log.close()
	}
	s.conclude(r, j, conclusion)
}

// execute starts the command and sees it through, cancellation included.
func (s *Server) execute(r *run, j *job, env []string) (string, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return "failure", err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(s.opts.Runner.Command[0], s.opts.Runner.Command[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = j.workspace(r), env, in, in
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		_ = in.Close()
		return "failure", fmt.Errorf("starting the runner: %w", err)
	}
	_ = in.Close()
	copied, exited := make(chan struct{}), make(chan error, 1)
	go func() { defer close(copied); j.log.copy(out) }()
	go func() { exited <- cmd.Wait() }()
	timeout := time.NewTimer(r.timeout())
	defer timeout.Stop()

	var ended error
	cancelled := false
	select {
	case ended = <-exited:
	case <-j.cancel:
		cancelled, ended = true, s.endInStages(cmd, j, exited)
	case <-timeout.C:
		cancelled, ended = true, s.endInStages(cmd, j, exited)
	case <-s.ctx.Done():
		cancelled, ended = true, s.endInStages(cmd, j, exited)
	}
	killGroup(cmd) // what the job left behind
	_ = out.SetReadDeadline(time.Now().Add(time.Second))
	<-copied
	switch exit := new(exec.ExitError); {
	case cancelled:
		return "cancelled", nil
	case ended == nil:
		return "success", nil
	case errors.As(ended, &exit):
		j.log.line("::error::Process completed with exit code " + strconv.Itoa(exit.ExitCode()) + ".")
		return "failure", nil
	}
	return "failure", ended
}

// endInStages is a real runner's cancellation: SIGINT to the process, after a while
// SIGTERM, after a while more SIGKILL to all that it started. When the simulator
// itself ends, the whiles are short.
func (s *Server) endInStages(cmd *exec.Cmd, j *job, exited <-chan error) error {
	grace := s.opts.CancelGrace
	j.log.line("##[error]The operation was canceled.")
	for _, stage := range []struct {
		signal os.Signal
		wait   time.Duration
	}{{os.Interrupt, grace.Interrupt}, {terminate, grace.Terminate}} {
		_ = cmd.Process.Signal(stage.signal)
		patience := time.NewTimer(stage.wait)
		defer patience.Stop()
		closing := s.ctx.Done()
	wait:
		for {
			select {
			case err := <-exited:
				return err
			case <-j.force:
				killGroup(cmd)
				return <-exited
			case <-patience.C:
				break wait
			case <-closing:
				closing = nil
				patience.Reset(min(stage.wait, 300*time.Millisecond))
			}
		}
	}
	killGroup(cmd)
	return <-exited
}

func (r *run) timeout() time.Duration {
	if r.called != nil {
		return r.called.job.timeout()
	}
	return r.file.job().timeout()
}

func (r *run) mayGetIDToken() bool {
	return mayGetIDToken(r.file.Permissions, r.file.job().Permissions) && (r.called == nil || r.called.idToken)
}

func (r *run) environment() string {
	if r.called != nil {
		return r.called.job.environment()
	}
	return r.file.job().environment()
}

// logChanged tells those who watch a page that a log has grown.
func (s *Server) logChanged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed()
}
