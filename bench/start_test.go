package bench

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// measureStart compares what action.yml does until anvil-runner runs with a bash step that
// starts a static program and does nothing else. The program is as large as anvil-runner,
// and where the runner's image has it: in a place named by its sha256, and on the PATH. A
// release that finds it only on the PATH has to read it first.
func measureStart(t *testing.T, all *table, bin string) {
	info, err := os.Stat(filepath.Join(bin, "anvil-runner"))
	if err != nil {
		t.Fatal(err)
	}
	stamp, err := os.ReadFile(filepath.Join(bin, "stamp"))
	if err != nil {
		t.Fatal(err)
	}
	program := append(stamp, make([]byte, info.Size()-int64(len(stamp)))...)
	digest := fmt.Sprintf("%x", sha256.Sum256(program))
	image, account := newImage(t)
	shelf := filepath.Join(image, "shelf")
	put(t, filepath.Join(image, "stamp"), stamp)
	put(t, filepath.Join(image, "bin/anvil-runner"), program)
	put(t, filepath.Join(shelf, digest, "anvil-runner"), program)
	step := func(script string, env ...string) func() time.Duration {
		return func() time.Duration {
			dir, err := os.MkdirTemp(image, "job-")
			if err == nil {
				err = os.Chmod(dir, 0o777)
			}
			if err != nil {
				t.Fatal(err)
			}
			began, ended := filepath.Join(dir, "began"), filepath.Join(dir, "run") // stamp's first argument: what the action says to anvil-runner
			cmd := exec.CommandContext(t.Context(), filepath.Join(image, "stamp"), began, "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script)
			cmd.Dir = dir
			cmd.Env = append([]string{"PATH=" + filepath.Join(image, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"), "RUNNER_TEMP=" + dir, "RUNNER_OS=Linux", "RUNNER_ARCH=X64", "ANVIL_SERVER=https://anvil.example"}, env...)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			return lastStamp(t, ended).Sub(lastStamp(t, began))
		}
	}
	action := actionStep(t)
	release := []string{"ANVIL_RELEASE=acme/anvil/releases/download/v1.2.3", "ANVIL_DIGESTS=anvil-runner_linux_amd64=" + digest}
	steps := map[string]func() time.Duration{
		"bash": step("exec anvil-runner run\n"), "found": step(action),
		"shelved": step(action, append(release, "ANVIL_SHELF="+shelf)...),
		"read":    step(action, append(release, "ANVIL_SHELF=/nowhere")...),
	}
	took := map[string][]time.Duration{}
	all.timed(func() {
		for n := range 51 {
			for name, step := range steps {
				if d := step(); n > 0 {
					took[name] = append(took[name], d)
				}
			}
		}
	})
	against := "a bash step: " + inMS(median(took["bash"]))
	compare := func(what, name string) {
		all.add(t, row{what: what, measured: inMS(median(took[name])), peer: against, ratio: ratio(took[name], took["bash"]), limit: 1.5, share: all.share})
	}
	compare("action start: until anvil-runner runs, from the PATH (p50 of 50)", "found")
	if account != nil {
		compare("  of a release, in the runner's image", "shelved")
	} else {
		all.note("  of a release, in the runner's image", "needs root: a place that the job can't change", "-")
	}
	all.note(fmt.Sprintf("  of a release, elsewhere: %.1f MB are compared first", float64(len(program))/1e6), inMS(median(took["read"])), against)
}

// actionStep is the script of the one step of action.yml.
func actionStep(t *testing.T) string {
	t.Helper()
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
	return action.Runs.Steps[0].Run
}

// newImage is a directory that the account of a job can read and not change, as the files of
// its image are, and that account: nil without root, which then owns the directory.
func newImage(t *testing.T) (string, *syscall.Credential) {
	t.Helper()
	if os.Getuid() != 0 {
		return t.TempDir(), nil
	}
	dir, err := os.MkdirTemp("/run", "anvil-bench-") // temporary files are where all can write
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir, &syscall.Credential{Uid: 65534, Gid: 65534}
}

// put writes a program.
func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
}
