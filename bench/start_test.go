package bench

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// measureStart compares what action.yml does until anvil-runner runs with a bash step that
// starts a static program and does nothing else. The program is as large as anvil-runner,
// and on the PATH, as in the runner's image. In a release the action compares its sha256
// first, which has to read it.
func measureStart(t *testing.T, all *table, bin string) {
	text, err := os.ReadFile("../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Runs struct{ Steps []struct{ Run string } }
	}
	if err := yaml.Unmarshal(text, &action); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(bin, "anvil-runner"))
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join(bin, "stamp"))
	if err != nil {
		t.Fatal(err)
	}
	program = append(program, make([]byte, info.Size()-int64(len(program)))...)
	image := t.TempDir()
	if err := os.WriteFile(filepath.Join(image, "anvil-runner"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	step := func(script string, env ...string) func() time.Duration {
		file := filepath.Join(t.TempDir(), "step.sh")
		write(t, file, script)
		return func() time.Duration {
			dir := t.TempDir()
			began, ended := filepath.Join(dir, "began"), filepath.Join(dir, "run") // stamp's first argument: what the action says to anvil-runner
			cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "stamp"), began, "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", file)
			cmd.Dir = dir
			cmd.Env = append([]string{"PATH=" + image + string(os.PathListSeparator) + os.Getenv("PATH"), "RUNNER_TEMP=" + dir, "RUNNER_OS=Linux", "RUNNER_ARCH=X64"}, env...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			return lastStamp(t, ended).Sub(lastStamp(t, began))
		}
	}
	peer := step("exec anvil-runner run\n")
	found := step(action.Runs.Steps[0].Run)
	released := step(action.Runs.Steps[0].Run, "ANVIL_RELEASE=acme/anvil/releases/download/v1.2.3", fmt.Sprintf("ANVIL_DIGESTS=linux_amd64=%x", sha256.Sum256(program)))
	var bash, onPath, compared []time.Duration
	all.timed(func() {
		for n := range 51 {
			b, f, r := peer(), found(), released()
			if n > 0 {
				bash, onPath, compared = append(bash, b), append(onPath, f), append(compared, r)
			}
		}
	})
	against := "a bash step: " + inMS(median(bash))
	all.add(t, row{
		what: "action start: until anvil-runner runs, from the PATH (p50 of 50)", measured: inMS(median(onPath)),
		peer: against, ratio: ratio(onPath, bash), limit: 1.5, share: all.share,
	})
	all.note(fmt.Sprintf("  of a release: its sha256 is compared first, of %.1f MB", float64(len(program))/1e6), inMS(median(compared)), against)
}
