package workflowtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// step is the one step of action.yml.
func step(t *testing.T) (script string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Runs struct {
			Using string
			Steps []struct{ Run, Shell string }
		}
	}
	if err := yaml.Unmarshal(text, &action); err != nil {
		t.Fatal(err)
	}
	steps := action.Runs.Steps
	if action.Runs.Using != "composite" || len(steps) != 1 || steps[0].Shell != "bash" {
		t.Fatalf("action.yml is not one step of bash: %+v", action.Runs)
	}
	return steps[0].Run
}

// scriptCommand runs the action's script as GitHub's runner runs `shell: bash`.
func scriptCommand(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	file := filepath.Join(t.TempDir(), "step.sh")
	if err := os.WriteFile(file, []byte(step(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program(t, "bash"), "--noprofile", "--norc", "-e", "-o", "pipefail", file)
	cmd.Env = append([]string{"ANVIL_SERVER=https://anvil.example", "RUNNER_TEMP=" + t.TempDir(), "GITHUB_ACTION_PATH=" + t.TempDir()}, env...)
	return cmd
}

// The signal by which GitHub cancels a job goes to the step's process alone. So
// that process must become the runner, and not wait for it.
func TestWorkflowScriptBecomesTheRunner(t *testing.T) {
	t.Parallel()
	path, seenIn := stubDir(t)
	cmd := scriptCommand(t, "PATH="+path, "WORKFLOWTEST_SEEN="+seenIn, "ANVIL_TASK=t1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := readSeen(t, seenIn); got.PID != cmd.Process.Pid || got.Inputs["ANVIL_TASK"] != "t1" {
		t.Errorf("the runner was process %d with %v; the step was process %d", got.PID, got.Inputs, cmd.Process.Pid)
	}
}

// The runner that the workflow names comes before the one on the PATH, also from a
// path with a space.
func TestWorkflowScriptTakesTheNamedRunner(t *testing.T) {
	t.Parallel()
	dir, seenIn := stubDir(t)
	named := filepath.Join(t.TempDir(), "my runner")
	if err := os.Rename(filepath.Join(dir, "anvil-runner"), named); err != nil {
		t.Fatal(err)
	}
	onPath := filepath.Join(dir, "anvil-runner")
	if err := os.WriteFile(onPath, []byte("#!/bin/sh\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := scriptCommand(t, "PATH="+dir, "WORKFLOWTEST_SEEN="+seenIn, "ANVIL_RUNNER="+named)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	readSeen(t, seenIn)
}

// Without a runner and without Go, the job says what to do.
func TestWorkflowScriptSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	out, err := scriptCommand(t, "PATH="+t.TempDir()).CombinedOutput()
	if err == nil {
		t.Error("the step succeeded without a runner")
	}
	if said := string(out); !strings.HasPrefix(said, "::error::") || !strings.Contains(said, "actions/setup-go") || strings.Count(said, "\n") != 1 {
		t.Errorf("the step said %q, want one ::error:: with what to do", said)
	}
}
