package confine_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/confine"
)

// The test binary is its own supervisor, and a runner that starts something and
// waits for ever.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "supervise":
			os.Exit(confine.Supervise(os.Args[2:]))
		case "inside":
			os.Exit(confine.Inside(os.Args[2]))
		case "runner-with-box":
			boxedRunner(os.Args[2])
			return
		case "runner":
			p, err := supervised().Start(context.Background(), confine.Spec{
				Argv: []string{"sh", "-c", os.Args[2]}, Env: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr,
			})
			if err != nil {
				panic(err)
			}
			_, _ = p.Wait()
			return
		}
	}
	os.Exit(m.Run())
}

func supervised() *confine.Plain {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return &confine.Plain{Supervisor: []string{self, "supervise"}}
}

// Only the allow list and what the configuration names gets through, and nothing
// of the job's own even if it is named.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	job := []string{
		"PATH=/bin", "HOME=/home/job", "TMPDIR=/job/tmp", "GOCACHE=/cache", "LANG=C", "MODEL_URL=x",
		"GITHUB_TOKEN=canary", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=canary", "RUNNER_TEMP=canary", "INPUT_NONCE=canary",
		"ANVIL_NONCE=canary", "anvil_nonce=canary", "AWS_SECRET_ACCESS_KEY=canary", "LD_PRELOAD=canary", "GIT_CONFIG_COUNT=canary",
		"BASH_ENV=canary", "NODE_OPTIONS=canary", "malformed", "DOCKER_HOST=canary",
		"GOPROXY=https://canary:can@ary@a.example/go,https://canary@b.example|direct", "npm_config_registry=https://canary:@c.example/@scope/", "GOFLAGS=-mod=mod",
		"GONOPROXY=https://u:p@asked.example",
	}
	env, refused := confine.Environment(job, "/own/home", "/own/tmp", []string{"MODEL_URL", "GITHUB_TOKEN", "Anvil_nonce", "HOME", "GONOPROXY"})
	slices.Sort(env)
	want := []string{
		"CI=true", "GIT_TERMINAL_PROMPT=0", "GOCACHE=/cache", "GOFLAGS=-mod=mod", "GONOPROXY=https://u:p@asked.example", "GOPROXY=https://a.example/go,https://b.example|direct",
		"HOME=/own/home", "LANG=C", "MODEL_URL=x", "PATH=/bin", "TMPDIR=/own/tmp", "npm_config_registry=https://c.example/@scope/",
	}
	if !slices.Equal(env, want) {
		t.Errorf("got  %q\nwant %q", env, want)
	}
	if !slices.Equal(refused, []string{"GITHUB_TOKEN", "Anvil_nonce"}) {
		t.Errorf("refused %q", refused)
	}
}

// A program sees its environment and no other, with and without a supervisor.
func TestProgramSeesOnlyItsEnvironment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*confine.Plain{"plain": {}, "supervised": supervised()} {
		var out bytes.Buffer
		p, err := c.Start(t.Context(), confine.Spec{
			Argv: []string{"sh", "-c", "env; ls /proc/self/fd 2>/dev/null | wc -l"}, Env: []string{"PATH=" + os.Getenv("PATH"), "A=1"},
			Dir: t.TempDir(), Stdout: &out, Stderr: &out,
		})
		if err != nil {
			t.Fatal(err)
		}
		if exit, err := p.Wait(); err != nil || exit.Code != 0 {
			t.Errorf("%s: %+v %v", name, exit, err)
		}
		for line := range strings.Lines(out.String()) {
			name, _, isVar := strings.Cut(line, "=")
			if isVar && !slices.Contains([]string{"PATH", "A", "PWD", "OLDPWD", "SHLVL", "_"}, name) {
				t.Errorf("it sees %q", line)
			}
		}
	}
}

func TestExit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*confine.Plain{"plain": {}, "supervised": supervised()} {
		for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137, "cat; exit 5": 5} {
			p, err := c.Start(t.Context(), confine.Spec{
				Argv: []string{"sh", "-c", script}, Env: []string{"PATH=" + os.Getenv("PATH")}, Stdin: strings.NewReader("in"),
			})
			if err != nil {
				t.Fatal(err)
			}
			if exit, err := p.Wait(); err != nil || exit.Code != want || exit.Stopped {
				t.Errorf("%s %q: %+v %v, want %d", name, script, exit, err, want)
			}
		}
	}
}

// Everything a program started is gone when Wait returns: in its group, in a
// group of its own, detached twice, without output, and deaf.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc")
	}
	dir := t.TempDir()
	const script = `
		deaf='trap "" TERM INT HUP; echo $$ > "$0"; while :; do sleep 100; done'
		sh -c "$deaf" a &
		setsid sh -c "$deaf" b &
		(setsid sh -c "$deaf" c > /dev/null 2>&1 < /dev/null &)
		(setsid sh -c "(setsid env -i PATH=\"$PATH\" sh -c '$deaf' d &)" &)
		while [ ! -s a ] || [ ! -s b ] || [ ! -s c ] || [ ! -s d ]; do sleep 0.01; done`
	var out bytes.Buffer
	p, err := supervised().Start(t.Context(), confine.Spec{
		Argv: []string{"sh", "-c", script}, Env: []string{"PATH=" + os.Getenv("PATH")}, Dir: dir, Stdout: &out, Stderr: &out,
	})
	if err != nil {
		t.Fatal(err)
	}
	if exit, err := p.Wait(); err != nil || exit.Code != 0 {
		t.Fatalf("%+v %v: %s", exit, err, out.String())
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		if pid := gone(t, filepath.Join(dir, name)); pid != "" {
			t.Errorf("process %s (%s) is still there", name, pid)
		}
	}
}

// A program that does not listen is killed after the grace, by Stop and by the
// end of the context.
func TestStop(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"stop", "context"} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ready := make(chan struct{})
		p, err := supervised().Start(ctx, confine.Spec{
			Argv: []string{"sh", "-c", `trap '' TERM; echo ready; while :; do sleep 100; done`},
			Env:  []string{"PATH=" + os.Getenv("PATH")}, Stdout: first(func() { close(ready) }), Grace: 50 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		<-ready
		if how == "stop" {
			p.Stop()
		} else {
			cancel()
		}
		if exit, err := p.Wait(); err != nil || !exit.Stopped || exit.Code == 0 {
			t.Errorf("%s: %+v %v", how, exit, err)
		}
	}
}

// A program that does listen may end in its own way.
func TestStopLetsAProgramEnd(t *testing.T) {
	t.Parallel()
	ready := make(chan struct{})
	var out bytes.Buffer
	p, err := supervised().Start(t.Context(), confine.Spec{
		Argv: []string{"sh", "-c", `trap 'echo saved >&2; exit 3' TERM; echo ready; while :; do sleep 0.01; done`},
		Env:  []string{"PATH=" + os.Getenv("PATH")}, Stdout: first(func() { close(ready) }), Stderr: &out, Grace: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	<-ready
	p.Stop()
	if exit, err := p.Wait(); err != nil || exit.Code != 3 || !exit.Stopped || !strings.HasSuffix(out.String(), "saved\n") {
		t.Errorf("%+v %v %q", exit, err, out.String())
	}
}

// When the runner is killed, its programs go too.
func TestRunnerKilled(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pid")
	cmd := exec.Command(self, "runner", `setsid sh -c 'echo $$ > "`+file+`"; echo ready; while :; do sleep 100; done' & wait`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	if _, err := out.Read(buf); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// The pipe ends when the last process that holds it is gone.
	for err == nil {
		_, err = out.Read(buf)
	}
	_ = cmd.Wait()
	if pid := gone(t, file); pid != "" {
		t.Errorf("process %s is still there", pid)
	}
}

// A relative element of PATH would find programs in the agent's tree.
func TestLookPathIgnoresRelative(t *testing.T) {
	t.Parallel()
	if path, err := confine.LookPath("sh", []string{"PATH=.:bin"}); err == nil {
		t.Errorf("found %s", path)
	}
	if _, err := confine.LookPath("sh", []string{"PATH=" + os.Getenv("PATH")}); err != nil {
		t.Error(err)
	}
}

// gone returns the process id in file if there is such a process that is not
// merely waiting to be collected.
func gone(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid := strings.TrimSpace(string(b))
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil || strings.Contains(string(stat), ") Z ") {
		return ""
	}
	return pid
}

// first calls a function at the first write.
type first func()

func (f first) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "ready") {
		f()
	}
	return len(p), nil
}
