package workflowtest

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/config"
)

// Someone comments, and the files that GitHub would interpret lead to a pull
// request: caller workflow, reusable workflow, action, a runner that the action
// builds from its own source.
func TestWorkflowMakesAPullRequest(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	caller := strings.Replace(string(config.CallerWorkflow), "with: {", "with: { wait: 120,", 1) + `  after:
    needs: agent
    runs-on: ubuntu-latest
    permissions: {}
    steps:
      - run: echo "the task became $OUTCOME, $PULL on $BRANCH for $COST, $RESULT"
        env:
          OUTCOME: ${{ needs.agent.outputs.outcome }}
          PULL: ${{ needs.agent.outputs.pull-request }}
          BRANCH: ${{ needs.agent.outputs.branch }}
          COST: ${{ needs.agent.outputs.cost }}
          RESULT: ${{ needs.agent.outputs.result }}
`
	w := newTown(t, map[string]string{".github/anvil.yml": "verify: [grep -q PATH " + witness + "]\n", ".github/workflows/anvil.yml": caller}, t.TempDir())
	w.serve(self, roleAgent)
	issue := w.hub.CreateIssue(w.repo, w.person, "Look around", "Tell us what you see.")
	w.hub.Comment(w.repo, issue.Number, w.person, "/anvil look around")

	run := w.finished()
	log := w.hub.WorkflowJobLog(run.ID)
	if run.Conclusion != "success" {
		t.Fatalf("the workflow run ended with %s:\n%s", run.Conclusion, log)
	}
	if err := w.hub.WaitFor(w.ctx, func() bool {
		checks := w.hub.CheckRuns(w.repo)
		return len(checks) == 1 && checks[0].Status == "completed"
	}); err != nil {
		t.Fatalf("waiting for the check run: %v\n%s", err, log)
	}
	pulls := w.hub.PullRequests(w.repo)
	if len(pulls) != 1 {
		t.Fatalf("%d pull requests, want 1; the job said:\n%s", len(pulls), log)
	}
	if check := w.hub.CheckRuns(w.repo)[0]; check.Conclusion != "success" {
		t.Errorf("the check run is %s, want success", check.Conclusion)
	}
	// A job that waits is told what the server made of it.
	if want := fmt.Sprintf("the task became succeeded, %d on %s for 0.0000, proposed", pulls[0].Number, pulls[0].Head); !strings.Contains(log, want) {
		t.Errorf("want %q; the jobs said:\n%s", want, log)
	}
	if !strings.Contains(log, "Build anvil-runner") {
		t.Errorf("the action did not build its runner; the job said:\n%s", log)
	}

	names, there := w.hub.File(w.repo, pulls[0].Head, witness)
	if !there {
		t.Fatalf("the pull request has no %s", witness)
	}
	for name := range strings.Lines(names) {
		if strings.HasPrefix(name, "ANVIL_TOOLS_") { // the runner's own endpoint, and the token that opens only it
			continue
		}
		for _, prefix := range []string{"ACTIONS_", "GITHUB_", "RUNNER_", "ANVIL_", "WORKFLOWTEST_", "DOCKER_"} {
			if strings.HasPrefix(name, prefix) {
				t.Errorf("the agent sees %s of the job", strings.TrimSpace(name))
			}
		}
	}

	dispatches := w.hub.Requests("POST", "/repos/*/*/actions/workflows/*/dispatches")
	if len(dispatches) != 1 {
		t.Fatalf("%d dispatches, want 1", len(dispatches))
	}
	var body struct{ Inputs map[string]string }
	if err := json.Unmarshal(dispatches[0].Request, &body); err != nil {
		t.Fatal(err)
	}
	// A runner is named only where the rules choose one.
	want := slices.DeleteFunc(slices.Clone(dispatchInputs), func(name string) bool { return name == "runner" })
	if got := sortedKeys(body.Inputs); !slices.Equal(got, want) {
		t.Errorf("the server dispatched the inputs %v, want %v", got, want)
	}
	if strings.Contains(log, jobToken) {
		t.Error("the job's token is in the job's log")
	}
	if strings.Contains(log, body.Inputs["nonce"]) {
		t.Error("the nonce is in the job's log")
	}
}

// Whoever may press "Run workflow" may type anything. It reaches the runner as it
// was typed, and no shell.
func TestWorkflowTakesInputsAsText(t *testing.T) {
	t.Parallel()
	path, seenIn := stubDir(t)
	canary := path + "/broken-out"
	w := newTown(t, nil, path, "WORKFLOWTEST_SEEN="+seenIn)
	typed := map[string]string{
		"task":   `t"; touch ` + canary + `; "`,
		"nonce":  "$(touch " + canary + ")`touch " + canary + "`",
		"server": "http://127.0.0.1/'; touch " + canary + "\n touch " + canary,
	}
	w.hub.StartRun(w.repo, w.person, "anvil.yml", "main", typed)
	if run := w.finished(); run.Conclusion != "success" {
		t.Fatalf("the workflow run ended with %s:\n%s", run.Conclusion, w.hub.WorkflowJobLog(run.ID))
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("what was typed was carried out")
	}
	got := readSeen(t, seenIn).Inputs
	if got["GITHUB_TOKEN"] != jobToken {
		t.Error("the runner has no token of the job for GitHub's registry")
	}
	for name, want := range typed {
		if name = "ANVIL_" + strings.ToUpper(name); got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

// Steps that follow the action can read how the run ended.
func TestWorkflowHandsOutputsOn(t *testing.T) {
	t.Parallel()
	const workflow = `on: {workflow_dispatch: {inputs: {task: {type: string}}}}
jobs:
  own:
    runs-on: ubuntu-latest
    permissions: {id-token: write}
    steps:
      - id: anvil
        uses: seed-bc0cc349/anvil@main
        with: { server: "http://127.0.0.1:1", task: "${{ inputs.task }}", nonce: n }
      - run: echo "after $TASK, $RESULT, $OUTCOME, $PULL, $BRANCH, $COST, $CACHE, $DEBUG"
        env:
          TASK: ${{ steps.anvil.outputs.task }}
          RESULT: ${{ steps.anvil.outputs.result }}
          OUTCOME: ${{ steps.anvil.outputs.outcome }}
          PULL: ${{ steps.anvil.outputs.pull-request }}
          BRANCH: ${{ steps.anvil.outputs.branch }}
          COST: ${{ steps.anvil.outputs.cost }}
          CACHE: ${{ steps.anvil.outputs.cache }}
          DEBUG: ${{ steps.anvil.outputs.debug }}
`
	path, seenIn := stubDir(t)
	w := newTown(t, map[string]string{".github/workflows/own.yml": workflow}, path, "WORKFLOWTEST_SEEN="+seenIn)
	w.hub.StartRun(w.repo, w.person, "own.yml", "main", map[string]string{"task": "t1"})
	run := w.finished()
	if log := w.hub.WorkflowJobLog(run.ID); !strings.Contains(log, "after t1, unchanged, succeeded, 7, anvil/1-x, 0.1235, warm: pulled, /tmp/anvil-debug.tar.gz") {
		t.Errorf("the outputs did not arrive; the job said:\n%s", log)
	}
}

// The workflow that keeps dev containers' images gets from caller to runner what it says.
func TestWorkflowPrebuilds(t *testing.T) {
	t.Parallel()
	path, seenIn := stubDir(t)
	writeProgram(t, path+"/devcontainer", "#!/bin/sh\n")
	caller := strings.Replace(readText(t, root+"/"+warming[1]), "prebuild.yml@main\n", `prebuild.yml@main
    with: { environment: web, registry: "registry.example:5000", allow: "build.options", build-seconds: 90 }
    secrets: { registry-user: "${{ secrets.USER }}", registry-password: "${{ secrets.PASSWORD }}" }
`, 1)
	w := newTown(t, map[string]string{".github/workflows/anvil-prebuild.yml": caller}, path, "WORKFLOWTEST_SEEN="+seenIn)
	w.hub.StartRun(w.repo, w.person, "anvil-prebuild.yml", "main", nil)
	if run := w.finished(); run.Conclusion != "success" {
		t.Fatalf("the workflow run ended with %s:\n%s", run.Conclusion, w.hub.WorkflowJobLog(run.ID))
	}
	got := readSeen(t, seenIn).Inputs
	for name, want := range map[string]string{
		"ANVIL_VERB": "prebuild", "ANVIL_ENVIRONMENT": "web", "ANVIL_REGISTRY": "registry.example:5000", "ANVIL_ALLOW": "build.options",
		"ANVIL_BUILD_SECONDS": "90", "ANVIL_PREFIX": "", "GITHUB_TOKEN": jobToken,
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

// What GitHub tells a scheduled run of the event is the schedule, and not always of which
// repository it is. The image is kept all the same.
func TestWorkflowPrebuildsOnSchedule(t *testing.T) {
	t.Parallel()
	path, seenIn := stubDir(t)
	writeProgram(t, path+"/devcontainer", "#!/bin/sh\n")
	bare, arguments := path+"/event.json", path+"/arguments"
	writeProgram(t, bare, `{"schedule": "7,37 * * * *"}`)
	// act makes up a repository unless it is told the ref.
	writeProgram(t, arguments, mustJSON(t, []string{"--eventpath", bare, "--env", "GITHUB_REF=refs/heads/main"}))
	w := newTown(t, map[string]string{".github/workflows/anvil-prebuild.yml": readText(t, root+"/"+warming[1])}, path,
		"WORKFLOWTEST_SEEN="+seenIn, "WORKFLOWTEST_EVENT=schedule", "WORKFLOWTEST_ARGUMENTS="+arguments)
	w.hub.StartRun(w.repo, w.person, "anvil-prebuild.yml", "main", nil)
	if run := w.finished(); run.Conclusion != "success" {
		t.Fatalf("the workflow run ended with %s:\n%s", run.Conclusion, w.hub.WorkflowJobLog(run.ID))
	}
	if got := readSeen(t, seenIn).Inputs["ANVIL_VERB"]; got != "prebuild" {
		t.Errorf("the runner was told to %q", got)
	}
}
