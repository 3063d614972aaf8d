package workflowtest

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A released action starts the anvil-runner that it was released with, wherever it
// finds it, and nothing else.
func TestWorkflowReleasedActionStartsTheReleasedRunner(t *testing.T) {
	t.Parallel()
	const released, another = "#!/bin/sh\necho released PLATFORM $$ $1\n", "#!/bin/sh\necho another PLATFORM $$ $1\n"
	for name, c := range map[string]struct {
		onPath, served string // empty: there is none
		env            []string
		says           string // of the step's output; PID stands for the step's process
		fails          bool
		downloads      int64
	}{
		"on the PATH":               {onPath: released, served: another, says: "released linux_amd64 PID run\n"},
		"another one on the PATH":   {onPath: another, served: released, says: "released linux_amd64 PID run\n", downloads: 1},
		"none on the PATH":          {served: released, says: "released linux_amd64 PID run\n", downloads: 1},
		"on an arm":                 {served: released, env: []string{"RUNNER_ARCH=ARM64"}, says: "released linux_arm64 PID run\n", downloads: 1},
		"on a mac":                  {served: released, env: []string{"RUNNER_OS=macOS"}, says: "released darwin_amd64 PID run\n", downloads: 1},
		"the download was changed":  {served: another, says: "::error::ACTION_DIGEST: ", fails: true, downloads: 1},
		"both were changed":         {onPath: another, served: another, says: "::error::ACTION_DIGEST: ", fails: true, downloads: 1},
		"no such release":           {says: "::error::ACTION_DOWNLOAD: ", fails: true, downloads: 1},
		"another one, no release":   {onPath: another, says: "::error::ACTION_DOWNLOAD: ", fails: true, downloads: 1},
		"on a system of no release": {onPath: another, served: released, env: []string{"RUNNER_OS=Windows"}, says: "::error::ACTION_PLATFORM: ", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var downloads atomic.Int64
			hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				downloads.Add(1)
				platform, found := strings.CutPrefix(r.URL.Path, "/acme/anvil/releases/download/v1.2.3/anvil-runner_")
				if c.served == "" || !found {
					http.NotFound(w, r)
					return
				}
				_, _ = w.Write([]byte(built(c.served, platform)))
			}))
			t.Cleanup(hub.Close)
			dir := t.TempDir()
			if c.onPath != "" {
				writeProgram(t, filepath.Join(dir, "anvil-runner"), built(c.onPath, "linux_amd64"))
			}
			tree := releaseTree(t, released)
			if out, err := releaseAction(t, tree, "acme/anvil").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			cmd := scriptCommand(t, "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"),
				"GITHUB_SERVER_URL="+hub.URL, "NO_PROXY=127.0.0.1", "RUNNER_OS=Linux", "RUNNER_ARCH=X64")
			cmd.Env = append(cmd.Env, append(written(t, tree), c.env...)...)
			out, err := cmd.CombinedOutput()
			says := strings.ReplaceAll(c.says, "PID", fmt.Sprint(cmd.Process.Pid))
			if (err != nil) != c.fails || !strings.Contains(string(out), says) {
				t.Errorf("%v, and the step said %q; want %q in it", err, out, says)
			}
			if strings.Contains(string(out), "another ") {
				t.Errorf("another program was started: %q", out)
			}
			if got := downloads.Load(); got != c.downloads {
				t.Errorf("%d downloads, want %d", got, c.downloads)
			}
		})
	}
}

// Without a server it starts the anvil of its release, and no other: not what was released
// as anvil-runner either.
func TestWorkflowReleasedActionStartsTheReleasedAnvil(t *testing.T) {
	t.Parallel()
	const released = "#!/bin/sh\necho released PLATFORM $1\n"
	for name, c := range map[string]struct {
		served, says string
		fails        bool
	}{
		"the release's":                 {released + "# anvil\n", "released linux_amd64 publish\n", false},
		"what is another program of it": {released, "::error::ACTION_DIGEST: ", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/acme/anvil/releases/download/v1.2.3/anvil_linux_amd64" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				_, _ = w.Write([]byte(built(c.served, "linux_amd64")))
			}))
			t.Cleanup(hub.Close)
			tree := releaseTree(t, released)
			if out, err := releaseAction(t, tree, "acme/anvil").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			cmd := scriptCommand(t, "PATH="+os.Getenv("PATH"), "GITHUB_SERVER_URL="+hub.URL, "NO_PROXY=127.0.0.1", "RUNNER_OS=Linux", "RUNNER_ARCH=X64", "ANVIL_SERVER=", "ANVIL_VERB=publish")
			cmd.Env = append(cmd.Env, written(t, tree)...)
			out, err := cmd.CombinedOutput()
			if (err != nil) != c.fails || !strings.Contains(string(out), c.says) {
				t.Errorf("%v, and the step said %q; want %q in it", err, out, c.says)
			}
		})
	}
}

// In the runner's image the program stands in a directory named by its sha256. The name
// is believed where this account could not have put another program there; elsewhere
// what is there is no better than what is nowhere.
func TestWorkflowReleasedActionBelievesAPlaceThatIsFixed(t *testing.T) {
	t.Parallel()
	const released = "#!/bin/sh\necho released PLATFORM $$ $1\n"
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte(built(released, "linux_amd64"))))
	tree := releaseTree(t, released)
	if out, err := releaseAction(t, tree, "acme/anvil").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// start runs the step with a shelf, as another account if there is one. Nothing can be
	// downloaded, and there is nothing on its PATH, so nothing that it finds can be compared.
	start := func(t *testing.T, shelf string, account *syscall.Credential) string {
		cmd := scriptCommand(t, "PATH=/nowhere", "GITHUB_SERVER_URL=http://127.0.0.1:1", "RUNNER_OS=Linux", "RUNNER_ARCH=X64")
		cmd.Env = append(append(cmd.Env, written(t, tree)...), "ANVIL_SHELF="+shelf)
		cmd.Args[len(cmd.Args)-1], cmd.Stdin = "-s", strings.NewReader(step(t)) // another account can't read this one's files
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	stocked := func(t *testing.T, parent string) string {
		writeProgram(t, filepath.Join(parent, "shelf", digest, "anvil-runner"), "#!/bin/sh\necho from the shelf\n")
		return filepath.Join(parent, "shelf")
	}
	t.Run("its own", func(t *testing.T) {
		t.Parallel()
		if said := start(t, stocked(t, t.TempDir()), nil); strings.Contains(said, "from the shelf") {
			t.Errorf("a program of this account's own was started unread: %q", said)
		}
	})
	t.Run("another's", func(t *testing.T) {
		t.Parallel()
		if os.Getuid() != 0 {
			t.Skip("needs root, to have a place that another account can't change; make runner-image tries the same in the image")
		}
		nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
		place, err := os.MkdirTemp("/run", "anvil-shelf-") // temporary files are where all can write
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(place) })
		if err := os.Chmod(place, 0o755); err != nil {
			t.Fatal(err)
		}
		shelf := stocked(t, place)
		if said := start(t, shelf, nobody); said != "from the shelf\n" {
			t.Errorf("the program of a fixed place was not started: %q", said)
		}
		for _, open := range []string{filepath.Join(shelf, digest, "anvil-runner"), filepath.Join(shelf, digest), shelf, place} {
			if err := os.Chmod(open, 0o777); err != nil {
				t.Fatal(err)
			}
			if said := start(t, shelf, nobody); strings.Contains(said, "from the shelf") {
				t.Errorf("a program was started unread although %s is open to all: %q", open, said)
			}
			if err := os.Chmod(open, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// What does not fit together becomes no release.
func TestWorkflowReleaseActionRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, from, to, want string }{
		"a platform that was not built": {"dist/checksums.txt", "  anvil-runner_darwin_arm64", "  anvil-runner_plan9_arm64", "no anvil-runner_darwin_arm64"},
		"a file that was changed":       {"dist/anvil-runner_linux_arm64", "released", "changed", "anvil-runner_linux_arm64: FAILED"},
		"an action that is a release":   {"action.yml", `ANVIL_DIGESTS: ""`, `ANVIL_DIGESTS: "x"`, "not exactly 1 of the line"},
		"a workflow of another action":  {".github/workflows/agent.yml", "@main", "@v0", "not exactly 1 of the line"},
		"an anvil that was not built":   {"dist/checksums.txt", "  anvil_linux_amd64", "  anvil_plan9_amd64", "no anvil_linux_amd64"},
		"a job of another action":       {".github/workflows/standalone.yml", "@main", "@v0", "not exactly 2 of the line"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := releaseTree(t, "released")
			path := filepath.Join(tree, c.file)
			text := readText(t, path)
			if !strings.Contains(text, c.from) {
				t.Fatalf("%s has no %q", c.file, c.from)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(text, c.from, c.to, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			before := readText(t, filepath.Join(tree, "action.yml"))
			out, err := releaseAction(t, tree, "seed-bc0cc349/anvil").CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.want) {
				t.Errorf("%v, and it said %q; want %q in it", err, out, c.want)
			}
			if readText(t, filepath.Join(tree, "action.yml")) != before {
				t.Error("action.yml was changed")
			}
		})
	}
}

// The workflows of a release name that release, and nothing that moves.
func TestWorkflowReleaseNamesItself(t *testing.T) {
	t.Parallel()
	tree := releaseTree(t, "released")
	if out, err := releaseAction(t, tree, "acme/anvil").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, c := range map[string]struct {
		says  string
		times int
	}{
		"agent.yml":      {"uses: acme/anvil@v1.2.3\n", 1},
		"prebuild.yml":   {"uses: acme/anvil@v1.2.3\n", 1},
		"standalone.yml": {"uses: acme/anvil@v1.2.3\n", 2},
	} {
		text := readText(t, filepath.Join(tree, ".github/workflows", name))
		if strings.Count(text, c.says) != c.times || strings.Contains(text, "@main") {
			t.Errorf("%s of the release:\n%s", name, text)
		}
	}
}

// releaseTree is a copy of the files that a release changes, with a release in dist
// whose programs are built from the given text.
func releaseTree(t *testing.T, runner string) string {
	t.Helper()
	tree := t.TempDir()
	for _, name := range []string{"action.yml", ".github/workflows/agent.yml", ".github/workflows/prebuild.yml", ".github/workflows/standalone.yml", ".ci/release-action"} {
		writeProgram(t, filepath.Join(tree, name), readText(t, filepath.Join(root, name)))
	}
	var sums strings.Builder
	for _, platform := range []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"} {
		for name, text := range map[string]string{"anvil-runner": built(runner, platform), "anvil": built(runner, platform) + "# anvil\n"} {
			writeProgram(t, filepath.Join(tree, "dist/"+name+"_"+platform), text)
			fmt.Fprintf(&sums, "%x  %s_%s\n", sha256.Sum256([]byte(text)), name, platform)
		}
	}
	writeProgram(t, filepath.Join(tree, "dist/checksums.txt"), sums.String())
	return tree
}

// built is a program's text on a platform.
func built(text, platform string) string { return strings.ReplaceAll(text, "PLATFORM", platform) }

// releaseAction makes the tree's action a release of the repository.
func releaseAction(t *testing.T, tree, repository string) *exec.Cmd {
	t.Helper()
	for _, name := range []string{"agent.yml", "prebuild.yml", "standalone.yml"} {
		name = filepath.Join(tree, ".github/workflows", name)
		writeProgram(t, name, strings.ReplaceAll(readText(t, name), "seed-bc0cc349/anvil", repository))
	}
	return exec.CommandContext(t.Context(), program(t, "bash"), filepath.Join(tree, ".ci/release-action"), "v1.2.3", repository, "dist")
}

// written are the variables of a tree's action that no input decides.
func written(t *testing.T, tree string) (env []string) {
	t.Helper()
	var action struct {
		Runs struct {
			Steps []struct{ Env map[string]string }
		}
	}
	if err := yaml.Unmarshal([]byte(readText(t, filepath.Join(tree, "action.yml"))), &action); err != nil {
		t.Fatal(err)
	}
	for name, value := range action.Runs.Steps[0].Env {
		if !strings.Contains(value, "${{") {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func writeProgram(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
