package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const module = "github.com/seed-bc0cc349/anvil"

// programs are the binaries that a job runs.
type programs struct {
	runner string
	agent  string
}

// need makes sure that there are the programs that the demo cannot do without.
func need(names ...string) error {
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			where := map[string]string{"go": "https://go.dev/dl", "git": "https://git-scm.com/downloads"}[name]
			return fmt.Errorf("the demo needs %s, and there is none on the PATH. Install it (%s), then start the demo again", name, where)
		}
	}
	return nil
}

// find looks for the programs beside this one, then on the PATH, and else builds
// them from the source that we are started in.
func find(ctx context.Context, into string, say func(string, ...any)) (programs, error) {
	var p programs
	missing := false
	for name, place := range map[string]*string{"anvil-runner": &p.runner, "anvil-sample-agent": &p.agent} {
		if self, err := os.Executable(); err == nil {
			if beside := filepath.Join(filepath.Dir(self), name); executable(beside) {
				*place = beside
				continue
			}
		}
		if onPath, err := exec.LookPath(name); err == nil {
			*place = onPath
			continue
		}
		missing = true
	}
	if !missing {
		return p, nil
	}
	out, err := exec.CommandContext(ctx, "go", "list", "-m").Output()
	if err != nil || strings.TrimSpace(string(out)) != module {
		return p, errors.New("anvil-runner and anvil-sample-agent are neither beside this program nor on the PATH; run `make demo` in a checkout, which builds them")
	}
	say("building the runner and the sample agent …")
	build := exec.CommandContext(ctx, "go", "build", "-o", into+string(filepath.Separator), "./cmd/anvil-runner", "./cmd/anvil-sample-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return p, fmt.Errorf("build the runner: %w\n%s", err, out)
	}
	return programs{runner: filepath.Join(into, "anvil-runner"), agent: filepath.Join(into, "anvil-sample-agent")}, nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// containment asks the runner what it can contain an agent by on this machine. If that
// is nothing, the demo goes without, and says why.
func containment(ctx context.Context, runner string) (text string, ok bool) {
	var report struct {
		Findings []struct{ State, Found string }
	}
	out, err := exec.CommandContext(ctx, runner, "doctor", "--json", "containment").Output()
	if readErr := json.Unmarshal(out, &report); readErr != nil {
		return fmt.Sprintf("none, which the demo asks for by name: the runner can't tell (%v)", errors.Join(err, readErr)), false
	}
	why := "none, which the demo asks for by name: here agent and checks run as you."
	for _, f := range report.Findings {
		if f.State == "good" {
			return f.Found, true
		}
		why += " " + f.Found + "."
	}
	return why, false
}

// goEnvironment is what a job needs so that `go test` finds the machine's caches:
// a fresh HOME has none, and a cold build cache takes longer than the task.
func goEnvironment(ctx context.Context) []string {
	names := []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOSUMDB", "GOFLAGS", "GOTOOLCHAIN"}
	out, err := exec.CommandContext(ctx, "go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		return nil // without Go there is nothing to verify with, and the runner says so
	}
	var env []string
	for i, value := range strings.Split(strings.TrimRight(string(out), "\n"), "\n") {
		if i < len(names) && value != "" {
			env = append(env, names[i]+"="+value)
		}
	}
	return env
}
