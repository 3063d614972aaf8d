package githubtest_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// withRunner lets the test binary carry out the jobs in a role.
func withRunner(t *testing.T, role string, grace githubtest.Grace) func(*githubtest.Options) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func(o *githubtest.Options) {
		o.Runner = githubtest.Runner{Command: []string{self, "run"}, Env: []string{"GITHUBTEST_RUNNER=" + role}}
		o.CancelGrace = grace
	}
}

// until waits for something to be so.
func (w *town) until(what string, so func() bool) {
	w.Helper()
	ctx, done := context.WithTimeout(w.Context(), 20*time.Second)
	defer done()
	w.must(w.srv.WaitFor(ctx, so))
	if !so() {
		w.Fatalf("never: %s", what)
	}
}

func (w *town) concluded(id int64) githubtest.WorkflowRun {
	w.Helper()
	var run githubtest.WorkflowRun
	w.until("the run is completed", func() bool {
		for _, r := range w.srv.WorkflowRuns(w.repo) {
			if r.ID == id {
				run = r
			}
		}
		return run.Status == "completed"
	})
	return run
}

func (w *town) start() githubtest.WorkflowRun {
	w.Helper()
	return w.srv.StartRun(w.repo, w.mona, "anvil.yml", "main", map[string]string{"task": "abc.1", "nonce": "n0nce"})
}

func TestAJobHasTheEnvironmentOfARealOne(t *testing.T) {
	t.Parallel()
	w := newTown(t, withRunner(t, "env", githubtest.Grace{}))
	run := w.concluded(w.start().ID)
	log := w.srv.WorkflowJobLog(run.ID)
	if run.Conclusion != "success" {
		t.Fatalf("concluded %s: %s", run.Conclusion, log)
	}
	for _, want := range []string{
		"GITHUB_ACTIONS=true", "CI=true", "GITHUB_RUN_ATTEMPT=1", "GITHUB_REPOSITORY=acme/widget", "GITHUB_REF=refs/heads/main", "GITHUB_SHA=" + run.SHA,
		"GITHUB_WORKFLOW=anvil", "GITHUB_WORKFLOW_REF=acme/widget/.github/workflows/anvil.yml@refs/heads/main", "GITHUB_EVENT_NAME=workflow_dispatch",
		"GITHUB_SERVER_URL=" + w.srv.URL, "GITHUB_API_URL=" + w.srv.URL + "/api/v3", "RUNNER_OS=", "ACTIONS_ID_TOKEN_REQUEST_URL=" + w.srv.URL,
		"ACTIONS_RUNTIME_TOKEN=canary", "ANVIL_TASK=abc.1", "ANVIL_NONCE=n0nce", "ANVIL_SERVER=http://example.test", "GITHUB_STEP_SUMMARY=/", "HOME=/", "PATH=",
	} {
		if !strings.Contains(log, "\n"+want) && !strings.HasPrefix(log, want) {
			t.Errorf("the environment has no %s", want)
		}
	}
	if strings.Contains(log, "GITHUB_TOKEN=") {
		t.Error("the environment has what it must not have")
	}
	if !strings.Contains(log, "the password is ***") || strings.Contains(log, "password is hunter2") {
		t.Errorf("the log shows what is masked: %s", log)
	}
	page := w.page("/acme/widget/actions/runs/" + itoa(run.ID))
	for _, want := range []string{"<summary>Prepare</summary>", "<h2>Done</h2>", "<td>***</td>", `<span class="">::error::from the agent`} {
		if !strings.Contains(page, want) {
			t.Errorf("the run's page has no %s", want)
		}
	}
}

func TestAJobThatFails(t *testing.T) {
	t.Parallel()
	w := newTown(t, withRunner(t, "fail", githubtest.Grace{}))
	run := w.concluded(w.start().ID)
	if log := w.srv.WorkflowJobLog(run.ID); run.Conclusion != "failure" || !strings.Contains(log, "exit code 3") {
		t.Errorf("%s: %s", run.Conclusion, log)
	}
	w.srv.Rerun(run.ID)
	if run = w.concluded(run.ID); run.Attempt != 2 {
		t.Errorf("attempt %d, want 2", run.Attempt)
	}
}

func TestACancelledJobGetsItsSignalsInOrder(t *testing.T) {
	t.Parallel()
	grace := githubtest.Grace{Interrupt: 120 * time.Millisecond, Terminate: 80 * time.Millisecond}
	w := newTown(t, withRunner(t, "stubborn", grace))
	id := w.start().ID
	w.until("it is ready", func() bool { return strings.Contains(w.srv.WorkflowJobLog(id), "ready") })
	began := time.Now()
	w.srv.CancelRun(id)
	run := w.concluded(id)
	if took := time.Since(began); run.Conclusion != "cancelled" || took < grace.Interrupt+grace.Terminate {
		t.Errorf("%s after %s, want cancelled after %s at the earliest", run.Conclusion, took, grace.Interrupt+grace.Terminate)
	}
	log := w.srv.WorkflowJobLog(id)
	if i, j := strings.Index(log, "ignored interrupt"), strings.Index(log, "ignored terminated"); i < 0 || j < i {
		t.Errorf("the job saw: %s", log)
	}
}

func TestAPoliteJobEndsAtTheFirstSignal(t *testing.T) {
	t.Parallel()
	w := newTown(t, withRunner(t, "polite", githubtest.Grace{Interrupt: time.Minute, Terminate: time.Minute}))
	id := w.start().ID
	w.until("it is ready", func() bool { return strings.Contains(w.srv.WorkflowJobLog(id), "ready") })
	w.srv.CancelRun(id)
	if run := w.concluded(id); run.Conclusion != "cancelled" || !strings.Contains(w.srv.WorkflowJobLog(id), "stopping after interrupt") {
		t.Errorf("%s: %s", run.Conclusion, w.srv.WorkflowJobLog(id))
	}
}

func TestCloseEndsAJobThatWillNot(t *testing.T) {
	t.Parallel()
	w := newTown(t, withRunner(t, "stubborn", githubtest.Grace{}))
	id := w.start().ID
	w.until("it is ready", func() bool { return strings.Contains(w.srv.WorkflowJobLog(id), "ready") })
	began := time.Now()
	w.must(w.srv.Close())
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Close took %s", took)
	}
	w.must(w.srv.Close())
}

func TestHeldRunnersLeaveJobsQueued(t *testing.T) {
	t.Parallel()
	w := newTown(t, withRunner(t, "env", githubtest.Grace{}))
	w.srv.HoldRunners(true)
	run := w.start()
	if run.Status != "queued" {
		t.Errorf("the run is %s", run.Status)
	}
	w.srv.HoldRunners(false)
	w.concluded(run.ID)
}

func TestAJobByHand(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	run := w.start()
	job := w.srv.BeginJob(run.ID)
	if w.srv.WorkflowRuns(w.repo)[0].Status != "in_progress" || len(job.Env) < 40 {
		t.Errorf("job %+v", job)
	}
	if info, err := os.Stat(job.Workspace); err != nil || !info.IsDir() {
		t.Errorf("workspace: %v", err)
	}
	w.srv.CompleteJob(run.ID, "success")
	if got := w.srv.WorkflowRuns(w.repo)[0]; got.Status != "completed" || got.Conclusion != "success" {
		t.Errorf("run %+v", got)
	}
}

// page reads a page as a browser would.
func (w *town) page(path string) string {
	w.Helper()
	res, err := http.Get(w.srv.URL + path)
	w.must(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	w.must(err)
	if res.StatusCode != 200 {
		w.Fatalf("GET %s: %d %s", path, res.StatusCode, body)
	}
	return string(body)
}
