//go:build linux

package apptest

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// attempt is one attack and how it went.
type attempt struct {
	name, row, what string
	reached         bool
}

// TestHostileAgent puts the program hostile in the agent's place, through the real
// server and the real runner, and looks at what it reached. `make test-hostile` shows
// the table.
func TestHostileAgent(t *testing.T) {
	t.Parallel()
	if os.Getenv("ANVIL_HOSTILE") == "" {
		t.Skip("the hostile agent starts thousands of processes and fills the memory that it gets: make test-hostile")
	}
	if _, err := exec.LookPath("bwrap"); err != nil {
		if _, docker := exec.LookPath("docker"); docker != nil {
			t.Fatal("the hostile agent needs a machine that can contain it: apt-get install bubblewrap, or Docker")
		}
	}
	h := startHostile(t)
	h.first(t)
	h.second(t)
	h.third(t)
	h.fourth(t)
	reached := 0
	var table strings.Builder
	out := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "attack\tthreat row\twhat happened\treached")
	for _, a := range h.attempts {
		n := 0
		if a.reached {
			n = 1
		}
		reached += n
		fmt.Fprintf(out, "%s\t%s\t%.160s\t%d\n", a.name, a.row, a.what, n)
	}
	out.Flush()
	fmt.Printf("%s%d attacks, %d reached what they wanted\n", table.String(), len(h.attempts), reached)
	if reached > 0 || len(h.attempts) < 60 {
		t.Errorf("%d of %d attacks reached what they wanted", reached, len(h.attempts))
	}
}

// hostile is a world with a hostile agent in it.
type hostile struct {
	trial
	sinks    *sinks
	places   string // directory of what must stay as it is
	secrets  []wanted
	attempts []attempt
	token    string // the lease's, as somebody who looks into the runner's memory finds it
	program  string // the hostile one
	tasks    int    // so far
}

var leaseShape = regexp.MustCompile(`anvil_lease_[A-Z2-7]{26}`)

func startHostile(t *testing.T) *hostile {
	t.Helper()
	h := &hostile{places: t.TempDir()}
	h.sinks = openSinks(t, h.places)
	h.trial = newTrial(t, greeter, "HTTPS_PROXY="+h.sinks.upstream, "npm_config_cache="+h.place(t, "npm"), "RUNNER_CANARY=canary-job-env-0123456789abcdef")
	const modelKey, toolSecret, sessionsSecret = "canary-model-key-5f4e3d2c1b0a99887766", "canary-tool-secret-99aabbccddeeff001122", "canary-server-env-00112233445566778899"
	keyFile, toolFile := filepath.Join(h.Dir, ".world", "model-key"), filepath.Join(h.Dir, ".world", "tool-secret")
	must(t, os.WriteFile(keyFile, []byte(modelKey), 0o600))
	must(t, os.WriteFile(toolFile, []byte(toolSecret), 0o600))
	must(t, os.WriteFile(filepath.Join(h.place(t, "runner"), "file"), []byte("canary-disk-aabbccddeeff0011\n"), 0o644))
	h.secrets = wantedForms(map[string]string{
		"the webhook secret": webhookSecret, "the App's private key": h.GitHub.App.PrivateKeyPEM, "the model key": modelKey, "the tools' secret": toolSecret,
	})

	h.program = filepath.Join(t.TempDir(), "hostile")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", h.program, "github.com/seed-bc0cc349/anvil/app/apptest/hostile")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the hostile agent: %v\n%s", err, out)
	}
	engine := func(mode string) string {
		b, err := json.Marshal(map[string]any{"command": h.argv(t, mode)})
		must(t, err)
		return string(b)
	}

	site := h.place(t, "site")
	must(t, os.MkdirAll(filepath.Join(site, ".github"), 0o755))
	for name, text := range map[string]string{
		"README.md": "# Attacked\n", "answer.txt": "none\n",
		".github/anvil.yml": "verify: grep -q right answer.txt\nnetwork: {allow: [allowed.example]}\n",
	} {
		must(t, os.WriteFile(filepath.Join(site, name), []byte(text), 0o644))
	}
	must(t, h.CreateRepository("acme/web", site, false))
	for _, title := range []string{"First", "Second"} {
		must(t, h.GitHub.Ask("POST", "repositories/acme/web/issues", map[string]string{"user": "mona", "title": title}, nil))
	}
	settings := Settings{
		"engines.plant": engine("plant"), "engines.fill": engine("fill"), "capacity.total": "40", "capacity.per_repository": "20",
		"containment.mode": "auto", "containment.memory_bytes": "268435456", "containment.pids": "400", "containment.disk_bytes": "536870912",
		"gateway.upstreams": `[{"name": "unused", "protocols": ["responses"], "base_url": "http://127.0.0.1:9/v1", "key_file": "` + keyFile + `"}]`,
		"tools.servers":     `[{"name": "unused", "url": "http://127.0.0.1:9/mcp", "tools": ["x"], "headers": [{"header": "Authorization", "value_file": "` + toolFile + `"}]}]`,
	}
	must(t, h.StartServer(t.Context(), h.argv(t, "take"), settings))
	return h
}

// argv is the hostile program with what it is told: one argument, as paths that stand by
// themselves are made visible to an engine.
func (h *hostile) argv(t *testing.T, mode string, victims ...string) []string {
	t.Helper()
	b, err := json.Marshal(map[string]string{
		"TCP": strings.Join(h.sinks.tcp, ","), "UDP": strings.Join(h.sinks.udp, ","), "Socket": h.sinks.socket, "Abstract": h.sinks.abstract,
		"File": filepath.Join(h.places, "runner", "file"), "Write": filepath.Join(h.places, "runner"), "Temp": filepath.Join(h.GitHub.Dir, "jobs", "*", "_temp"),
		"Services": h.Server.URL + "," + h.GitHub.URL, "Marker": filepath.Join(h.places, "marker"), "Victims": strings.Join(victims, ","), "Mode": mode,
	})
	must(t, err)
	return []string{h.program, string(b)}
}

// place makes a directory that only the test writes to.
func (h *hostile) place(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(h.places, name)
	must(t, os.MkdirAll(dir, 0o755))
	return dir
}

// first lets the agent take what it can, and looks at everything while it is held.
func (h *hostile) first(t *testing.T) {
	ctx := t.Context()
	_, _, err := h.Comment("mona", 1, "/anvil do your worst")
	must(t, err)
	hold := h.held(t)
	found, token, seen, err := scanProcesses(h.GitHub.process.cmd.Process.Pid, h.secrets, leaseShape)
	must(t, err)
	h.token = token
	h.judge("find the server's secrets in processes of the runner's side", "13", len(found) > 0, fmt.Sprintf("%d processes, %d forms of secrets: %s", seen, len(h.secrets), cmp.Or(strings.Join(found, "; "), "0 found")))
	switch {
	case token == "" && os.Geteuid() != 0:
		fmt.Println("only root may look into the runner's memory: no lease token is there to be tried, and secrets were looked for in what this user can read")
	case seen < 2 || token == "":
		t.Errorf("%d processes were looked at, and no lease token was seen in any: the scan is blind", seen)
	}
	files, n, err := scanFiles(filepath.Join(h.GitHub.Dir, "jobs"), h.secrets)
	must(t, err)
	h.judge("find the server's secrets on the runner's disk", "13, 51", len(files) > 0, fmt.Sprintf("%d files: %s", n, cmp.Or(strings.Join(files, "; "), "0 found")))
	must(t, hold.Close())
	must(t, h.AwaitTask(ctx, 1, anvil.Succeeded))

	run := h.run(t)
	log := h.JobLog(run.ID)
	h.told(log)
	h.judgeLog(log)
	h.judgeEvents(t)
	h.judgeSinks()
	h.judgeMemory(t)
	h.judgePlaces(t, run)
	h.judgePublished(t)
	if token != "" {
		h.judgeLease(t)
	}
}

// held waits until the agent has done all it could, and returns what lets it go on.
func (h *hostile) held(t *testing.T) *os.File {
	t.Helper()
	var hold *os.File
	must(t, Await(t.Context(), func() error {
		if all, err := h.Record.Tasks(t.Context()); err == nil && len(all) > 0 && all[0].State.Ended() {
			return Hopeless("the run has ended: %s%s", all[0].State, because(all[0].Problem))
		}
		pipes, _ := filepath.Glob(filepath.Join(h.GitHub.Dir, "jobs", "*", "_temp", "anvil-*", "*", "hold"))
		deeper, _ := filepath.Glob(filepath.Join(h.GitHub.Dir, "jobs", "*", "_temp", "anvil-*", "*", "*", "hold"))
		for _, path := range append(pipes, deeper...) {
			f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
			if err == nil {
				hold = f
				return nil
			}
		}
		return fmt.Errorf("the agent is not held yet")
	}))
	return hold
}

func (h *hostile) run(t *testing.T) githubtest.WorkflowRun {
	t.Helper()
	run, err := newestRun(&stage{World: h.World, ctx: t.Context()})
	must(t, err)
	return run
}

func (h *hostile) judge(name, row string, reached bool, what string) {
	h.attempts = append(h.attempts, attempt{name, row, what, reached})
}

// told takes what the agent itself says of its attacks.
func (h *hostile) told(log string) {
	for line := range strings.Lines(log) {
		_, said, ok := strings.Cut(strings.TrimSpace(line), "attack\t")
		if f := strings.SplitN(said, "\t", 4); ok && len(f) == 4 {
			h.judge(f[0], f[1], f[2] != "0", f[3])
		}
	}
}

// outside adds to what the agent says of an attack what the world says.
func (h *hostile) outside(t *testing.T, name string, reached bool, what string) {
	t.Helper()
	for i := range slices.Backward(h.attempts) {
		if a := &h.attempts[i]; a.name == name {
			a.reached = a.reached || reached
			a.what = what
			return
		}
	}
	t.Errorf("the agent did not try to %s", name)
}

// second lets the agent leave things for those who come after it.
func (h *hostile) second(t *testing.T) {
	ctx := t.Context()
	_, _, err := h.Comment("mona", 2, "/anvil engine=plant leave something")
	must(t, err)
	h.heldTask(t, 2)
	log := h.JobLog(h.run(t).ID)
	before := len(h.attempts)
	h.told(log)
	if len(h.attempts) == before {
		t.Error("nothing was planted")
	}
	_, err = os.Stat(filepath.Join(h.places, "marker"))
	h.outside(t, "plant programs in git's settings", err == nil, "nothing that it planted was run by the runner or the server")
	pulls, listErr := list[githubtest.PullRequest](h.GitHub, h.Repository, "pulls")
	must(t, listErr)
	task, err := h.Task(ctx, 2)
	must(t, err)
	bad := ""
	for _, p := range pulls {
		out, err := exec.CommandContext(ctx, "git", "--git-dir", h.bare(t), "-c", "safe.directory=*", "ls-tree", "-r", p.Head).CombinedOutput()
		must(t, err)
		for line := range strings.Lines(string(out)) {
			if !strings.HasPrefix(line, "100644 blob") && !strings.HasPrefix(line, "100755 blob") || strings.Contains(line, ".git/") || strings.Contains(line, "\tinner") {
				bad += line
			}
		}
	}
	h.outside(t, "plant links, devices and set-user-id files", bad != "", "published of it: "+cmp.Or(bad, "nothing; the task is "+string(task.State)+because(task.Problem)))
	h.outside(t, "plant repositories within", bad != "", "published of it: "+cmp.Or(bad, "nothing"))
	reached, what := h.sinks.arrived("TCP")
	h.outside(t, "outlive its end", reached, what)
}

// heldTask waits until a task is over, held or ended, letting its agent go on.
func (h *hostile) heldTask(t *testing.T, n int) {
	t.Helper()
	must(t, Await(t.Context(), func() error {
		pipes, _ := filepath.Glob(filepath.Join(h.GitHub.Dir, "jobs", "*", "_temp", "anvil-*", "*", "hold"))
		deeper, _ := filepath.Glob(filepath.Join(h.GitHub.Dir, "jobs", "*", "_temp", "anvil-*", "*", "*", "hold"))
		for _, path := range append(pipes, deeper...) {
			if f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
				f.Close()
			}
		}
		task, err := h.Task(context.WithoutCancel(t.Context()), n)
		if err != nil {
			return err
		}
		if !task.State.Ended() && task.State != anvil.Held || !task.Told {
			return fmt.Errorf("task %d is %s", n, task.State)
		}
		return nil
	}))
}

func (h *hostile) bare(t *testing.T) string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(h.GitHub.Dir, "git", "*.git"))
	must(t, err)
	return dirs[0]
}

// judgeLease is what somebody does who has got hold of a lease token all the same.
func (h *hostile) judgeLease(t *testing.T) {
	t.Helper()
	task, err := h.Task(t.Context(), 1)
	must(t, err)
	call := func(method, path string) string {
		r, err := http.NewRequestWithContext(t.Context(), method, h.Server.URL+path, strings.NewReader("{}"))
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+h.token)
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		must(t, err)
		answer.Body.Close()
		return fmt.Sprint(answer.StatusCode)
	}
	for name, run := range map[string]string{"use the lease token after the end": string(task.Run), "use the lease token for another task": "zzzzzzzzzz.1", "use the lease token for another attempt": strings.TrimSuffix(string(task.Run), ".1") + ".2"} {
		reached, answers := false, []string{}
		for _, c := range [][2]string{
			{"POST", "renew"}, {"POST", "events"}, {"PUT", "artifacts/log"}, {"POST", "finish"}, {"GET", "restore/conversation"}, {"POST", "model/v1/responses"}, {"POST", "model/v1/messages"}, {"GET", "model/v1/models"}, {"POST", "tools"},
		} {
			status := call(c[0], "/api/v1/runs/"+run+"/"+c[1])
			reached = reached || status < "400"
			answers = append(answers, c[1]+" "+status)
		}
		h.judge(name, "14, 19", reached, strings.Join(answers, ", "))
	}
}

// rows reads the server's record.
func (h *hostile) rows(t *testing.T, query string, scan func(*sql.Rows) error) {
	t.Helper()
	must(t, h.Record.query(t.Context(), scan, query))
}
