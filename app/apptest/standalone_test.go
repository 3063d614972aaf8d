package apptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// loneKey is what the agent of a test's run without a server must find nowhere. Each test
// has its own: an agent that looks at every process of the machine sees those of other
// tests, too.
func loneKey(t *testing.T) string {
	return fmt.Sprintf("canary-model-key-5c1e0d9b8a7f6e5d4c3b2a19-%s-%d", t.Name(), os.Getpid())
}

// lone is Anvil without a server: a repository, and two jobs of one workflow run.
type lone struct {
	*World
	t        *testing.T
	handed   string // the directory between the jobs
	event    string // file of the event
	name     string // of the event
	outputs  map[string]string
	said     string            // by the last program
	prepared string            // said by anvil prepare
	machine  []string          // variables of the machine on which the agent works
	env      map[string]string // inputs of the workflow
}

// newLone makes a repository with the given files, beside a README and rules.
func newLone(t *testing.T, agent string, files map[string]string) *lone {
	dir := t.TempDir()
	w, err := NewWorld(t.Context(), programs, dir)
	if err != nil {
		t.Fatal(err)
	}
	l := &lone{World: w, t: t, handed: filepath.Join(dir, "handed"), outputs: map[string]string{}}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	tree := filepath.Join(dir, "tree")
	all := map[string]string{"README.md": "# Plain\n", ".github/anvil.yml": "verify: test -s hello.txt\n"}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		l.must(os.MkdirAll(filepath.Dir(filepath.Join(tree, name)), 0o755))
		l.must(os.WriteFile(filepath.Join(tree, name), []byte(text), 0o600))
	}
	l.must(w.CreateRepository("acme/web", tree, true))
	l.must(os.WriteFile(filepath.Join(dir, "agent.sh"), []byte(agent), 0o600))
	command, err := json.Marshal([]string{"sh", filepath.Join(dir, "agent.sh")})
	l.must(err)
	l.env = map[string]string{"ANVIL_ENGINE": "command", "ANVIL_COMMAND": string(command), "ANVIL_CONTAINMENT": "none"}
	l.must(w.GitHub.Ask("POST", "repositories/acme/web/issues", map[string]string{"user": "mona", "title": "Say hello", "body": "There is no greeting yet."}, nil))
	return l
}

func (l *lone) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// comment is the event that starts the workflow.
func (l *lone) comment(login, text string) {
	l.t.Helper()
	_, d, err := l.Comment(login, 1, text)
	l.must(err)
	l.event, l.name = filepath.Join(l.Dir, "event.json"), d.Event
	l.must(os.WriteFile(l.event, d.Payload, 0o600))
}

// run runs a program in a job whose token has the permissions.
func (l *lone) run(permissions map[string]string, env []string, program string, args ...string) error {
	l.t.Helper()
	var given struct {
		Token string `json:"token"`
	}
	l.must(l.GitHub.Ask("POST", "repositories/acme/web/job-tokens", permissions, &given))
	temp := filepath.Join(l.Dir, "temp")
	l.must(os.MkdirAll(temp, 0o755))
	output := filepath.Join(l.Dir, "output")
	l.must(os.WriteFile(output, nil, 0o600))
	cmd := exec.CommandContext(l.t.Context(), programs.Path(program), args...)
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + temp, "RUNNER_TEMP=" + temp, "GITHUB_OUTPUT=" + output, "GITHUB_RUN_ID=4711", "GITHUB_RUN_ATTEMPT=1",
		"GITHUB_EVENT_NAME=" + l.name, "GITHUB_EVENT_PATH=" + l.event, "GITHUB_REPOSITORY=acme/web", "GITHUB_ACTIONS=true",
		"GITHUB_SERVER_URL=" + l.GitHub.URL, "GITHUB_API_URL=" + l.GitHub.URL + "/api/v3",
	}, env...)
	for i, kv := range cmd.Env {
		cmd.Env[i] = strings.ReplaceAll(kv, "$TOKEN", given.Token)
	}
	said, err := cmd.CombinedOutput()
	l.said = string(said)
	text, readErr := os.ReadFile(output)
	l.must(readErr)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		l.outputs[name] = value
	}
	return err
}

func (l *lone) inputs(more ...string) []string {
	for name, value := range l.env {
		more = append(more, name+"="+value)
	}
	return more
}

// readJob is the first job. It reports whether there was something to do.
func (l *lone) readJob() bool {
	l.t.Helper()
	may := map[string]string{"contents": "read", "issues": "read"}
	file := filepath.Join(l.Dir, "assignment.json")
	if err := l.run(may, l.inputs("GITHUB_TOKEN=$TOKEN"), "anvil", "prepare", "--assignment", file); err != nil {
		l.t.Fatalf("prepare: %v\n%s", err, l.said)
	}
	l.prepared = l.said
	if l.outputs["proceed"] != "yes" {
		return false
	}
	assignment, err := os.ReadFile(file)
	l.must(err)
	if bytes.Contains(assignment, []byte("ghs_")) {
		l.t.Error("the assignment holds a token")
	}
	if err := l.run(may, append([]string{"ANVIL_MODEL_KEY=" + loneKey(l.t), "ANVIL_READ_TOKEN=$TOKEN"}, l.machine...), "anvil-runner", "run", "--assignment", file, "--out", l.handed); err != nil {
		l.t.Fatalf("run: %v\n%s", err, l.said)
	}
	return true
}

// writeJob is the second job.
func (l *lone) writeJob() error {
	l.t.Helper()
	return l.run(map[string]string{"contents": "write", "issues": "write", "pull_requests": "write", "checks": "write"},
		l.inputs("GITHUB_TOKEN=$TOKEN"), "anvil", "publish", "--from", l.handed)
}

// published is what GitHub has.
func (l *lone) published() (pulls []githubtest.PullRequest, comments []githubtest.Comment) {
	l.t.Helper()
	pulls, err := list[githubtest.PullRequest](l.GitHub, "acme/web", "pulls")
	l.must(err)
	all, err := l.Comments()
	l.must(err)
	for _, c := range all {
		if c.Author.Login == "github-actions[bot]" {
			comments = append(comments, c)
		}
	}
	return pulls, comments
}

// A comment becomes a pull request without a server, and the second job may be run again.
func TestStandaloneCommentBecomesPullRequest(t *testing.T) {
	t.Parallel()
	l := newLone(t, greeter, nil)
	l.comment("mona", "/anvil write a greeting")
	if !l.readJob() {
		t.Fatal(l.said)
	}
	for round := range 2 {
		if err := l.writeJob(); err != nil {
			t.Fatalf("round %d: %v\n%s", round, err, l.said)
		}
		pulls, comments := l.published()
		if len(pulls) != 1 || len(comments) != 1 {
			t.Fatalf("round %d: %d pull requests, %d comments\n%s", round, len(pulls), len(comments), l.said)
		}
		p := pulls[0]
		if !p.Draft || p.Author.Login != "github-actions[bot]" || p.Head != "anvil/1-say-hello-4711" || p.Base != "main" || p.ChangedFiles != 1 {
			t.Errorf("the pull request is %+v", p)
		}
		if !strings.Contains(p.Body, "Asked for by @mona") || !strings.Contains(comments[0].Body, "Pull request #2 is ready") || round == 0 && comments[0].Edits != 1 {
			t.Errorf("told:\n%s\n%s (edited %d times)", p.Body, comments[0].Body, comments[0].Edits)
		}
	}
	pushes, err := l.GitHub.Requests("POST", "/acme/web.git/git-receive-pack")
	l.must(err)
	checks, err := l.GitHub.Requests("POST", "/repos/acme/web/check-runs")
	l.must(err)
	if len(pushes) != 1 || len(checks) != 1 {
		t.Errorf("%d pushes, %d check runs", len(pushes), len(checks))
	}
	if l.outputs["outcome"] != "succeeded" || l.outputs["pull-request"] != "2" || l.outputs["branch"] != "anvil/1-say-hello-4711" || l.outputs["task"] == "" {
		t.Errorf("outputs: %v", l.outputs)
	}
}

// Who may not write starts nothing and is not answered.
func TestStandaloneOutsider(t *testing.T) {
	t.Parallel()
	l := newLone(t, greeter, nil)
	l.comment("rita", "/anvil write a greeting")
	if l.readJob() || l.outputs["proceed"] != "no" || !strings.Contains(l.said, "NO_PERMISSION") {
		t.Errorf("%v: %s", l.outputs, l.said)
	}
	// The second job decides for itself, whatever the first one says.
	if err := l.writeJob(); err != nil {
		t.Errorf("%v: %s", err, l.said)
	}
	if pulls, comments := l.published(); len(pulls)+len(comments) != 0 {
		t.Errorf("%v, %v", pulls, comments)
	}
}

// The agent has models, and finds the key of models nowhere: not contained at all, it
// looks at its environment, at every process that it may look at, and at the files.
func TestStandaloneKey(t *testing.T) {
	t.Parallel()
	var authorized bool
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorized = r.Header.Get("Authorization") == "Bearer "+loneKey(t)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"id":"r","output":[],"usage":{"input_tokens":70,"output_tokens":7,"input_tokens_details":{"cached_tokens":20}}}`)
	}))
	t.Cleanup(provider.Close)
	l := newLone(t, `
curl -sS -H "Authorization: Bearer $ANVIL_MODEL_TOKEN" -H 'Content-Type: application/json' -d '{"model":"m"}' "$ANVIL_MODEL_URL/v1/responses" > answer.txt
{ env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; find "$RUNNER_TEMP" "$HOME" /tmp/anvil* -type f -size -64k -exec cat {} +; } > /dev/shm/seen.$$ 2>/dev/null
grep -a -c '`+strings.Replace(loneKey(t), "canary", "canar[y]", 1)+`' /dev/shm/seen.$$ > hello.txt
env > env.txt
rm -f /dev/shm/seen.$$
echo done
`, nil)
	l.env["ANVIL_PROVIDER"] = provider.URL + "/v1"
	l.env["ANVIL_MAX_TOKENS"] = "1000"
	l.comment("mona", "/anvil look around")
	if !l.readJob() {
		t.Fatal(l.said)
	}
	l.lacksKey("the log", []byte(strings.ReplaceAll(l.said, "::add-mask::"+loneKey(t), "")))
	l.must(filepath.WalkDir(l.handed, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			b, readErr := os.ReadFile(path)
			l.lacksKey(path, b)
			err = readErr
		}
		return err
	}))
	if !authorized {
		t.Errorf("the provider did not get the key\n%s", l.said)
	}
	if err := l.writeJob(); err != nil {
		t.Fatalf("%v\n%s", err, l.said)
	}
	for _, file := range []string{"hello.txt", "env.txt"} {
		b := l.file("anvil/1-say-hello-4711", file)
		l.lacksKey(file, b)
		if file == "hello.txt" && strings.TrimSpace(string(b)) != "0" {
			t.Errorf("the agent saw the key: %s", b)
		}
	}
	var spent struct{ Calls, Input, Cached, Output int64 }
	b, err := os.ReadFile(filepath.Join(l.handed, "spent.json"))
	l.must(err)
	l.must(json.Unmarshal(b, &spent))
	if spent.Calls != 1 || spent.Input != 50 || spent.Cached != 20 || spent.Output != 7 {
		t.Errorf("spent: %s", b)
	}
}

func (l *lone) lacksKey(where string, b []byte) {
	l.t.Helper()
	if bytes.Contains(b, []byte(loneKey(l.t))) {
		l.t.Errorf("the key is in %s", where)
	}
}

// file reads a file of a branch with a person's token.
func (l *lone) file(branch, name string) []byte {
	l.t.Helper()
	return contentOf(l.t, l.GitHub, branch, name)
}

// contentOf reads a file of a branch of acme/web with a person's token.
func contentOf(t *testing.T, g *GitHub, branch, name string) []byte {
	t.Helper()
	var given struct {
		Token string `json:"token"`
	}
	must(t, g.Ask("POST", "users/mona/tokens", nil, &given))
	req, err := http.NewRequest("GET", g.URL+"/api/v3/repos/acme/web/contents/"+name+"?ref="+branch, nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+given.Token)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	var content struct {
		Content []byte `json:"content"`
	}
	b, err := io.ReadAll(res.Body)
	must(t, err)
	b = bytes.ReplaceAll(b, []byte(`\n`), nil) // GitHub breaks lines in base64
	if err := json.Unmarshal(b, &content); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s (%v)", name, res.Status, b, err)
	}
	return content.Content
}

// What the second job does not publish: each is told, and nothing is pushed.
func TestStandaloneNotPublished(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		agent   string
		meddle  func(*lone)
		outcome string
		said    string
	}{
		"no change": {agent: "echo 'It greets already.'\n", outcome: "unchanged", said: "It greets already."},
		"protected": {agent: greeter + "mkdir -p .github/workflows; echo 'on: push' > .github/workflows/x.yml\n", outcome: "failed", said: "PROTECTED_FILES"},
		"forged bundle": {agent: greeter, meddle: func(l *lone) {
			path := filepath.Join(l.handed, "bundle")
			b, err := os.ReadFile(path)
			l.must(err)
			b[len(b)-30] ^= 1
			l.must(os.WriteFile(path, b, 0o600))
		}, outcome: "failed", said: "BUNDLE_CORRUPT"},
		"of another run": {agent: greeter, meddle: func(l *lone) {
			path := filepath.Join(l.handed, "assignment.json")
			b, err := os.ReadFile(path)
			l.must(err)
			l.must(os.WriteFile(path, bytes.ReplaceAll(b, []byte("w4711"), []byte("w4712")), 0o600))
		}, outcome: "none", said: "ALONE_HANDOVER"},
		"a link": {agent: greeter, meddle: func(l *lone) {
			path := filepath.Join(l.handed, "finish.json")
			l.must(os.Remove(path))
			l.must(os.Symlink("/etc/passwd", path))
		}, outcome: "none", said: "ALONE_HANDOVER"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLone(t, c.agent, nil)
			l.comment("mona", "/anvil write a greeting")
			if !l.readJob() {
				t.Fatal(l.said)
			}
			if c.meddle != nil {
				c.meddle(l)
			}
			if err := l.writeJob(); (err == nil) != (c.outcome == "unchanged") || l.outputs["outcome"] != c.outcome {
				t.Errorf("%v, outputs %v\n%s", err, l.outputs, l.said)
			}
			pulls, comments := l.published()
			if len(pulls) != 0 || len(comments) != 1 || !strings.Contains(comments[0].Body, c.said) {
				t.Errorf("%d pull requests, comments %v\n%s", len(pulls), comments, l.said)
			}
			pushes, err := l.GitHub.Requests("POST", "/acme/web.git/git-receive-pack")
			l.must(err)
			if len(pushes) != 0 {
				t.Error("something was pushed")
			}
		})
	}
}

// Failed checks do not keep a change from being offered; they are told.
func TestStandaloneChecksFail(t *testing.T) {
	t.Parallel()
	l := newLone(t, "echo text > other.txt\n", nil)
	l.comment("mona", "/anvil write a greeting")
	if !l.readJob() {
		t.Fatal(l.said)
	}
	if err := l.writeJob(); err != nil {
		t.Fatalf("%v\n%s", err, l.said)
	}
	pulls, _ := l.published()
	if len(pulls) != 1 || !pulls[0].Draft || !strings.Contains(pulls[0].Body, "failed") {
		t.Errorf("%+v\n%s", pulls, l.said)
	}
}

// A workflow that is started by hand says its prompt on no issue.
func TestStandaloneByHand(t *testing.T) {
	t.Parallel()
	l := newLone(t, greeter, nil)
	l.comment("mona", "nothing") // the payload has what every event has
	var payload map[string]any
	b, err := os.ReadFile(l.event)
	l.must(err)
	l.must(json.Unmarshal(b, &payload))
	delete(payload, "issue")
	delete(payload, "comment")
	delete(payload, "action")
	b, err = json.Marshal(payload)
	l.must(err)
	l.must(os.WriteFile(l.event, b, 0o600))
	l.name = "workflow_dispatch"
	l.env["ANVIL_PROMPT"] = "write a greeting"
	if !l.readJob() {
		t.Fatal(l.said)
	}
	if err := l.writeJob(); err != nil {
		t.Fatalf("%v\n%s", err, l.said)
	}
	pulls, comments := l.published()
	if len(pulls) != 1 || len(comments) != 0 || strings.Contains(pulls[0].Body, "#0") || pulls[0].Title != "Write a greeting" {
		t.Errorf("%+v, %v\n%s", pulls, comments, l.said)
	}
}

// The repository's choice among its dev containers counts if the workflow says that runs
// work in one. Else the job's log says that it does not.
func TestStandaloneDevContainer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		input, environment, outcome string
		warned                      bool
	}{
		"on, and there is none of that name":   {"true", "web", "failed", false},
		"on, and the rules want none":          {"true", "none", "succeeded", false},
		"off, and the rules name one":          {"false", "web", "succeeded", true},
		"off, and the rules want none as well": {"", "none", "succeeded", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLone(t, greeter, map[string]string{
				".github/anvil.yml": "environment: " + c.environment + "\nverify: test -s hello.txt\n", ".devcontainer/devcontainer.json": `{"image": "x"}`,
			})
			l.env["ANVIL_DEV_CONTAINER"] = c.input
			l.comment("mona", "/anvil write a greeting")
			if !l.readJob() {
				t.Fatal(l.said)
			}
			if warned := strings.Contains(l.prepared, "::warning::.github/anvil.yml names the dev container web"); warned != c.warned {
				t.Errorf("warned: %v\n%s", warned, l.prepared)
			}
			if err := l.writeJob(); (err == nil) != (c.outcome == "succeeded") {
				t.Errorf("%v\n%s", err, l.said)
			}
			_, comments := l.published()
			if l.outputs["outcome"] != c.outcome || len(comments) != 1 || strings.Contains(comments[0].Body, "DEVC_CONFIG") != (c.outcome == "failed") {
				t.Errorf("outcome %s, told %+v", l.outputs["outcome"], comments)
			}
		})
	}
}
