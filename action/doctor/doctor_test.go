//go:build unix

package doctor_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/doctor"
)

// TestMain makes of this test's own program the first process of a container, when it
// is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "inside" {
		os.Exit(confine.Inside(os.Args[2]))
	}
	os.Exit(m.Run())
}

// host is a machine of the tests: a directory of programs that say what they are told
// to, and whatever a job has in its environment.
type host struct {
	t   *testing.T
	dir string
	env []string
}

func newHost(t *testing.T) *host {
	h := &host{t: t, dir: t.TempDir()}
	h.env = []string{"PATH=" + filepath.Join(h.dir, "bin"), "RUNNER_TEMP=" + h.place("actions/_work/_temp")}
	h.place("bin")
	return h
}

func (h *host) place(name string) string {
	dir := filepath.Join(h.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		h.t.Fatal(err)
	}
	return dir
}

func (h *host) write(name, text string) string {
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// program puts a program on PATH that is a line of sh.
func (h *host) program(name, line string) { h.write("bin/"+name, "#!/bin/sh\n"+line+"\n") }

func (h *host) examine(o doctor.Options) doctor.Report {
	h.t.Helper()
	o.Environ, o.Version = h.env, "v1"
	o.Self, _ = os.Executable()
	return doctor.Examine(h.t.Context(), o)
}

// only examines one subject, of which there is one finding.
func (h *host) only(subject string, o doctor.Options) doctor.Finding {
	h.t.Helper()
	o.Only = []string{subject}
	r := h.examine(o)
	if len(r.Findings) != 1 || r.Findings[0].Subject != subject {
		h.t.Fatalf("%s: %+v", subject, r.Findings)
	}
	f := r.Findings[0]
	if r.Ready != (f.State != doctor.Wrong) {
		h.t.Errorf("%+v, and ready: %v", f, r.Ready)
	}
	if (f.State == doctor.Good) != (f.Fix == "") {
		h.t.Errorf("what to do about it: %+v", f)
	}
	return f
}

// A machine with everything is told so, in words that people read.
func TestAMachineWithEverything(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.program("git", "echo git version 2.39.5")
	h.program("docker", `case "$1" in version) echo 27.0.1 ;; buildx) echo github.com/docker/buildx v0.33.0 ;; *) echo overlay2, images at /var/lib/docker, cgroup 2 ;; esac`)
	h.program("devcontainer", "echo 0.89.0")
	h.env = append(h.env, "RUNNER_ENVIRONMENT=github-hosted")
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	r := h.examine(doctor.Options{Server: server.URL, Only: []string{"runner", "git", "clock", "docker", "buildx", "devcontainer"}})
	var text strings.Builder
	if err := r.Tell(&text); err != nil || !r.Ready {
		t.Fatalf("%v\n%s", err, &text)
	}
	for _, want := range []string{
		"anvil-runner v1 on ", "good     runner        hosted by GitHub", "good     git           2.39.5\n", "good     clock         ", "27.0.1, overlay2, images at", "buildx v0.33.0", "0.89.0", "\nRuns can work here.\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("not said: %q in\n%s", want, &text)
		}
	}
	if strings.Contains(text.String(), "->") {
		t.Errorf("something is to be mended:\n%s", &text)
	}
}

// A machine with nothing is told what is wrong, and what to do about each.
func TestAMachineWithNothing(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	r := h.examine(doctor.Options{})
	var text strings.Builder
	if err := r.Tell(&text); err != nil || r.Ready {
		t.Fatalf("%v\n%s", err, &text)
	}
	for _, want := range []string{
		"wrong    git           git is not on PATH", "apt-get install git", "wrong    containment   docker: docker is not on PATH", "wrong    containment   podman: ", "wrong    containment   bubblewrap: bwrap is not on PATH",
		"One of the three is enough", "lacking  docker", "lacking  devcontainer", "@devcontainers/cli", "lacking  clock         not compared", "No run can work here until what is wrong is mended: 4.",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("not said: %q in\n%s", want, &text)
		}
	}
	for _, f := range r.Findings {
		if f.State != doctor.Good && f.Fix == "" {
			t.Errorf("nothing is said about what to do: %+v", f)
		}
	}
}

// Where there is Node, a run fetches the CLI.
func TestDevcontainer(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	if f := h.only("devcontainer", doctor.Options{}); f.State != doctor.Lacking || !strings.Contains(f.Fix, "Node.js") {
		t.Errorf("with nothing: %+v", f)
	}
	h.program("node", "exit 0")
	if f := h.only("devcontainer", doctor.Options{}); f.State != doctor.Good || !strings.Contains(f.Found, "fetched") {
		t.Errorf("with Node: %+v", f)
	}
	h.program("devcontainer", "exit 3")
	if f := h.only("devcontainer", doctor.Options{}); f.State != doctor.Lacking {
		t.Errorf("with one that does not run: %+v", f)
	}
}

func TestGit(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]doctor.State{
		"git version 2.31.0": doctor.Good, "git version 2.47.1 (Apple Git-155)": doctor.Good, "git version 3.0": doctor.Good,
		"git version 2.30.9": doctor.Wrong, "git version 1.8.3.1": doctor.Wrong, "nonsense": doctor.Wrong,
	} {
		h := newHost(t)
		h.program("git", "echo '"+said+"'")
		if f := h.only("git", doctor.Options{}); f.State != want {
			t.Errorf("%s: %+v", said, f)
		}
	}
	h := newHost(t)
	h.program("git", "echo broken >&2; exit 3")
	if f := h.only("git", doctor.Options{}); f.State != doctor.Wrong || !strings.Contains(f.Found, "broken") {
		t.Errorf("%+v", f)
	}
}

// What works is found by trying: an engine that answers and can't contain is no
// containment, and a machine with one that can is ready.
func TestContainment(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.program("docker", "echo 27.0.1; exit 0")
	r := h.examine(doctor.Options{Only: []string{"containment"}})
	if r.Ready || !slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool { return strings.HasPrefix(f.Found, "docker: ") && f.State == doctor.Wrong }) {
		t.Errorf("a docker that contains nothing: %+v", r)
	}
	bwrap, err := exec.LookPath("bwrap")
	if err != nil {
		t.Skip("the other half needs bubblewrap: apt-get install bubblewrap")
	}
	h.program("bwrap", `exec `+bwrap+` "$@"`)
	r = h.examine(doctor.Options{Only: []string{"containment"}})
	if !r.Ready || len(r.Findings) != 3 || !strings.HasPrefix(r.Findings[0].Found, "bubblewrap ") {
		t.Errorf("with bubblewrap: %+v", r)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	for off, want := range map[time.Duration]doctor.State{
		0: doctor.Good, 20 * time.Second: doctor.Good, -2 * time.Minute: doctor.Lacking, 2 * time.Minute: doctor.Lacking, time.Hour: doctor.Wrong, -time.Hour: doctor.Wrong,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
		}))
		h := newHost(t)
		h.env = append(h.env, "ANVIL_SERVER="+server.URL+"/")
		if f := h.only("clock", doctor.Options{}); f.State != want {
			t.Errorf("off by %s: %+v", off, f)
		}
		server.Close()
		if f := h.only("clock", doctor.Options{}); f.State != doctor.Wrong || !strings.Contains(f.Fix, server.URL) {
			t.Errorf("a server that is away: %+v", f)
		}
	}
}

func TestDisk(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	if f := h.only("disk", doctor.Options{}); f.State == doctor.Wrong || !strings.Contains(f.Found, "GiB free") {
		t.Errorf("%+v", f)
	}
	h.env = append(h.env, "RUNNER_TEMP="+filepath.Join(h.dir, "gone"))
	if f := h.only("disk", doctor.Options{}); f.State != doctor.Wrong {
		t.Errorf("a place that is not there: %+v", f)
	}
}

// A runner that stays after its job may not serve a public repository, however the
// doctor learns of that; and where it can't be told, neither.
func TestARunnerThatStays(t *testing.T) {
	t.Parallel()
	const stays, leaves, justInTime = `{"agentId": 6, "workFolder": "_work"}`, "\ufeff" + `{"agentId": 6, "ephemeral": true}`, `{"AgentId":"6","Ephemeral":"True"}`
	for _, c := range []struct {
		name, settings, event string
		public                bool
		want                  doctor.State
		says                  string
	}{
		{"stays, public by the event", stays, `{"repository": {"private": false}}`, false, doctor.Wrong, "serves a public repository"},
		{"stays, public by its visibility", stays, `{"repository": {"private": true, "visibility": "public"}}`, false, doctor.Wrong, "serves a public repository"},
		{"stays, public by word", stays, "", true, doctor.Wrong, "serves a public repository"},
		{"stays, private", stays, `{"repository": {"private": true}}`, false, doctor.Lacking, "stays after a job"},
		{"stays, nothing known", stays, "", false, doctor.Lacking, "no public repository may use it"},
		{"settings that are none, public", "{", "", true, doctor.Wrong, "serves a public repository"},
		{"leaves, public", leaves, `{"repository": {"private": false}}`, true, doctor.Good, "ephemeral"},
		{"just in time, public", justInTime, "", true, doctor.Good, "ephemeral"},
		{"no settings, public", "", "", true, doctor.Wrong, "can't be told"},
		{"no settings, nothing known", "", "", false, doctor.Lacking, "no runner"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			h.env = append(h.env, "RUNNER_ENVIRONMENT=self-hosted")
			if c.settings != "" {
				h.write("actions/.runner", c.settings)
			}
			if c.event != "" {
				h.env = append(h.env, "GITHUB_EVENT_PATH="+h.write("event.json", c.event))
			}
			if f := h.only("runner", doctor.Options{Public: c.public}); f.State != c.want || !strings.Contains(f.Found, c.says) {
				t.Errorf("%+v", f)
			}
			// The same, where it is named.
			h.env = slices.DeleteFunc(h.env, func(kv string) bool { return strings.HasPrefix(kv, "RUNNER_TEMP=") })
			if f := h.only("runner", doctor.Options{Public: c.public, Runner: filepath.Join(h.dir, "actions")}); f.State != c.want {
				t.Errorf("named: %+v", f)
			}
		})
	}
}

func TestCgroup(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	version, controllers := confine.Cgroups()
	f := h.only("cgroup", doctor.Options{})
	if (f.State == doctor.Good) != (len(controllers) > 0) || version > 0 && !strings.Contains(f.Found, fmt.Sprint("version ", version)) {
		t.Errorf("version %d, %v: %+v", version, controllers, f)
	}
}
