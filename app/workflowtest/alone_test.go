package workflowtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Started by hand, the workflow without a server leads to a pull request: two jobs, and
// an artifact between them. act does not narrow a token to a job's permissions, and knows
// no artifacts of actions/upload-artifact without the network: those two are stand-ins here.
func TestWorkflowStandaloneMakesAPullRequest(t *testing.T) {
	t.Parallel()
	const key = "canary-of-the-model-provider"
	dir := t.TempDir()
	arguments, bin, store := filepath.Join(dir, "arguments"), filepath.Join(dir, "bin"), filepath.Join(dir, "store")
	writeProgram(t, filepath.Join(dir, "agent.sh"), `cat > /dev/null; echo "it saw $(env | grep -c `+key+`)" > hello.txt; echo '{"event":"answer","text":"Done."}'`)
	caller := strings.Replace(readText(t, filepath.Join(root, alone[1])), `    with: { engine: codex, prompt`,
		`    with: { engine: command, command: '["sh", "`+dir+`/agent.sh"]', containment: none, programs: "`+bin+`", verify: "test -s hello.txt", prompt`, 1)
	w := newTown(t, map[string]string{".github/workflows/alone.yml": caller, "README.md": "# Plain\n"}, t.TempDir(), "WORKFLOWTEST_ARGUMENTS="+arguments)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin+"/", "./cmd/anvil", "./cmd/anvil-runner")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	token, err := w.hub.JobToken("acme/greeter", map[string]string{"contents": "write", "issues": "write", "pull_requests": "write", "checks": "write"})
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--secret", "GITHUB_TOKEN=" + token, "--secret", "ANVIL_MODEL_KEY=" + key}
	for action, script := range map[string]string{
		"actions/upload-artifact": "mkdir -p " + store + " && cp -r \"$FROM\" " + store + "/$NAME", "actions/download-artifact": "mkdir -p \"$FROM\" && cp -r " + store + "/$NAME/. \"$FROM\"",
	} {
		stand := filepath.Join(dir, action)
		writeProgram(t, filepath.Join(stand, "action.yml"), `name: stand-in
inputs: {name: {}, path: {}, if-no-files-found: {}, overwrite: {}}
runs:
  using: composite
  steps:
    - shell: bash
      run: |
        `+script+`
      env: { FROM: "${{ inputs.path }}", NAME: "${{ inputs.name }}" }
`)
		args = append(args, "--local-repository", pinOf(t, action)+"="+stand)
	}
	text, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(arguments, text, 0o600); err != nil {
		t.Fatal(err)
	}

	w.hub.StartRun(w.repo, w.person, "alone.yml", "main", map[string]string{"prompt": "say hello"})
	run := w.finished()
	log := w.hub.WorkflowJobLog(run.ID)
	pulls := w.hub.PullRequests(w.repo)
	if run.Conclusion != "success" || len(pulls) != 1 {
		t.Fatalf("the workflow run ended with %s, and there are %d pull requests:\n%s", run.Conclusion, len(pulls), log)
	}
	if hello, _ := w.hub.File(w.repo, pulls[0].Head, "hello.txt"); hello != "it saw 0\n" {
		t.Errorf("the pull request has %q", hello)
	}
	if strings.Contains(log, key) || strings.Contains(log, token) {
		t.Error("a secret is in the job's log")
	}
}

// pinOf is how standalone.yml names an action.
func pinOf(t *testing.T, action string) string {
	t.Helper()
	for _, m := range uses.FindAllStringSubmatch(readText(t, filepath.Join(root, alone[0])), -1) {
		if strings.HasPrefix(m[1], action+"@") {
			return m[1]
		}
	}
	t.Fatalf("standalone.yml does not use %s", action)
	return ""
}
