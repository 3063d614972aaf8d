package githubtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
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

// HoldRunners lets new jobs wait in "queued", as if no runner were online; with
// false, those that wait begin.
func (s *Server) HoldRunners(hold bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runnersHeld = hold
	if !hold {
		for _, r := range s.runs {
			if r.Status == "queued" {
				s.offer(r)
			}
		}
	}
}

// offer gives a queued run's job to the runner, if there is one. The caller holds mu.
func (s *Server) offer(r *run) {
	j := r.job()
	if len(s.opts.Runner.Command) == 0 || s.runnersHeld || s.ctx.Err() != nil || j.running {
		return
	}
	j.running = true
	s.work.Go(func() { s.carryOut(r, j) })
}

// Job is what a job that was begun by hand needs.
type Job struct {
	ID        int64    `json:"id"`
	Run       int64    `json:"run"`
	Attempt   int      `json:"attempt"`
	Workspace string   `json:"workspace"`
	Env       []string `json:"env"` // all that a step would see
}

// BeginJob begins the queued job of a run by hand and returns its environment. It
// ends with [Server.CompleteJob].
func (s *Server) BeginJob(runID int64) Job { return must(s.beginJob(runID)) }

func (s *Server) beginJob(runID int64) (Job, error) {
	s.mu.Lock()
	r := s.runs[runID]
	if r == nil {
		s.mu.Unlock()
		return Job{}, notFound("workflow run %d", runID)
	}
	j := r.job()
	if j.Status != "queued" || j.running {
		s.mu.Unlock()
		return Job{}, fmt.Errorf("workflow run %d is %s", runID, r.Status)
	}
	s.mu.Unlock()
	env, err := s.prepare(r, j)
	if err != nil {
		return Job{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin(r, j)
	return Job{ID: j.ID, Run: r.ID, Attempt: j.Attempt, Workspace: j.workspace(r), Env: env}, nil
}

// CompleteJob ends a job that was begun by hand, or one that still waits.
func (s *Server) CompleteJob(runID int64, conclusion string) {
	must(runID, s.completeJob(runID, conclusion))
}

func (s *Server) completeJob(runID int64, conclusion string) error {
	if !slices.Contains(checkConclusions, conclusion) && conclusion != "startup_failure" {
		return fmt.Errorf("there is no conclusion %q", conclusion)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[runID]
	if r == nil {
		return notFound("workflow run %d", runID)
	}
	if r.job().running {
		return fmt.Errorf("workflow run %d is carried out by the runner", runID)
	}
	s.conclude(r, r.job(), conclusion)
	return nil
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

func (j *job) workspace(r *run) string {
	return filepath.Join(j.dir, "work", r.repo.Name, r.repo.Name)
}

// prepare makes a fresh workspace and the environment that a real runner gives.
func (s *Server) prepare(r *run, j *job) ([]string, error) {
	dir := filepath.Join(s.dir, "jobs", fmt.Sprintf("%d-%d", r.ID, j.Attempt))
	temp, tools, home := filepath.Join(dir, "_temp"), filepath.Join(dir, "_tool"), filepath.Join(dir, "home")
	files := filepath.Join(temp, "_runner_file_commands")
	s.mu.Lock()
	j.dir = dir
	workspace := j.workspace(r)
	sender := s.accountJSON(s.accounts[r.Actor.ID])
	event, err := json.Marshal(obj{"inputs": r.Inputs, "ref": r.Ref, "repository": s.repositoryJSON(r.repo), "sender": sender, "workflow": r.Path})
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	for _, d := range []string{workspace, files, tools, home, filepath.Join(temp, "_github_workflow")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	eventPath := filepath.Join(temp, "_github_workflow", "event.json")
	if err := os.WriteFile(eventPath, event, 0o644); err != nil {
		return nil, err
	}
	log, err := newJobLog(filepath.Join(dir, "job.log"), s.opts.Now, s.logChanged)
	if err != nil {
		return nil, err
	}
	refType := "branch"
	if strings.HasPrefix(r.Ref, "refs/tags/") {
		refType = "tag"
	}
	suffix := strings.ReplaceAll(newGUID(), "-", "")[:12]
	values := [][2]string{
		{"GITHUB_ACTIONS", "true"}, {"CI", "true"}, {"GITHUB_RUN_ID", strconv.FormatInt(r.ID, 10)}, {"GITHUB_RUN_NUMBER", strconv.Itoa(r.Number)},
		{"GITHUB_RUN_ATTEMPT", strconv.Itoa(j.Attempt)}, {"GITHUB_REPOSITORY", r.repo.FullName()}, {"GITHUB_REPOSITORY_ID", strconv.FormatInt(r.repo.ID, 10)},
		{"GITHUB_REPOSITORY_OWNER", r.repo.Owner.Login}, {"GITHUB_REPOSITORY_OWNER_ID", strconv.FormatInt(r.repo.Owner.ID, 10)},
		{"GITHUB_REF", r.Ref}, {"GITHUB_REF_NAME", r.Branch}, {"GITHUB_REF_TYPE", refType}, {"GITHUB_REF_PROTECTED", "false"}, {"GITHUB_HEAD_REF", ""},
		{"GITHUB_BASE_REF", ""}, {"GITHUB_SHA", r.SHA}, {"GITHUB_WORKFLOW", r.Name}, {"GITHUB_WORKFLOW_REF", r.workflowRef()}, {"GITHUB_WORKFLOW_SHA", r.SHA},
		{"GITHUB_EVENT_NAME", r.Event}, {"GITHUB_EVENT_PATH", eventPath}, {"GITHUB_WORKSPACE", workspace}, {"GITHUB_JOB", r.file.job().ID},
		{"GITHUB_ACTION", "__run"}, {"GITHUB_ACTOR", r.Actor.Login}, {"GITHUB_ACTOR_ID", strconv.FormatInt(r.Actor.ID, 10)},
		{"GITHUB_TRIGGERING_ACTOR", r.Actor.Login}, {"GITHUB_RETENTION_DAYS", "90"}, {"GITHUB_SERVER_URL", s.URL}, {"GITHUB_API_URL", s.api()},
		{"GITHUB_GRAPHQL_URL", s.addr("api/graphql")}, {"RUNNER_TEMP", temp}, {"RUNNER_TOOL_CACHE", tools}, {"RUNNER_WORKSPACE", filepath.Dir(workspace)},
		{"RUNNER_NAME", runnerName}, {"RUNNER_OS", osName()}, {"RUNNER_ARCH", archName()}, {"RUNNER_ENVIRONMENT", "github-hosted"},
		{"RUNNER_TRACKING_ID", "github_" + newGUID()}, {"HOME", home}, {"PATH", os.Getenv("PATH")}, {"LANG", "C.UTF-8"},
		// A real step can reach these services with these. The agent must never see them.
		{"ACTIONS_RUNTIME_URL", s.addr("_services/pipelines/")}, {"ACTIONS_RUNTIME_TOKEN", "canary-runtime-token-" + newGUID()},
		{"ACTIONS_RESULTS_URL", s.addr("_services/results/")}, {"ACTIONS_CACHE_URL", s.addr("_services/cache/")},
	}
	for _, name := range []string{"ENV", "PATH", "OUTPUT", "STATE", "STEP_SUMMARY"} {
		path := filepath.Join(files, map[string]string{"ENV": "set_env", "PATH": "add_path", "OUTPUT": "set_output", "STATE": "save_state",
			"STEP_SUMMARY": "step_summary"}[name]+"_"+suffix)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return nil, err
		}
		values = append(values, [2]string{"GITHUB_" + name, path})
		if name == "STEP_SUMMARY" {
			log.summary = path
		}
	}
	if r.mayGetIDToken() {
		values = append(values, [2]string{"ACTIONS_ID_TOKEN_REQUEST_URL", s.addr("_services/token/idtoken", r.ID, j.ID) + "?api-version=2.0"},
			[2]string{"ACTIONS_ID_TOKEN_REQUEST_TOKEN", j.requestToken})
	}
	// What the steps of action.yml do with the inputs, which are not interpreted here.
	for name, value := range r.Inputs {
		values = append(values, [2]string{"ANVIL_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")), value})
	}
	var env []string
	for _, kv := range values {
		env = append(env, kv[0]+"="+kv[1])
	}
	s.mu.Lock()
	j.log = log
	s.mu.Unlock()
	return append(env, s.opts.Runner.Env...), nil
}

func (r *run) workflowRef() string { return r.repo.FullName() + "/" + r.Path + "@" + r.Ref }

func osName() string {
	return map[string]string{"linux": "Linux", "darwin": "macOS", "windows": "Windows"}[runtime.GOOS]
}

func archName() string {
	return map[string]string{"amd64": "X64", "arm64": "ARM64", "386": "X86", "arm": "ARM"}[runtime.GOARCH]
}

// logChanged tells those who watch a page that a log has grown.
func (s *Server) logChanged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed()
}
