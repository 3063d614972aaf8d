package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// town is a simulated GitHub with a repository, and an App whose server is a
// process of its own.
type town struct {
	hub     *githubtest.Server
	small   site // a few hundred small files
	large   site // a Go module of more than a thousand
	person  githubtest.Account
	token   string // of the person
	app     githubtest.App
	secret  string // of the App's webhooks
	address string // of the server
	config  string // the server's configuration file

	bin, runnerStarts, agentStarts string
	// warm is a file: while it is there, the runner's machine keeps mirrors.
	warm string
}

// newTown raises it. The runner is the real one; the agent notes when it began,
// and changes nothing.
func newTown(t *testing.T, bin string) *town {
	t.Helper()
	dir := t.TempDir()
	w := &town{
		bin: bin, runnerStarts: filepath.Join(dir, "runner-starts"), agentStarts: filepath.Join(dir, "agent-starts"),
		warm:   filepath.Join(dir, "warm"),
		config: filepath.Join(dir, "anvil.yaml"), secret: "a webhook secret that only this measurement knows",
	}
	stamp := filepath.Join(bin, "stamp")
	hub, err := githubtest.Start(githubtest.Options{
		Dir: filepath.Join(dir, "github"), Runner: githubtest.Runner{Command: []string{
			"sh", "-c", `if [ -e "$0" ]; then export ANVIL_MIRRORS="$0.mirrors"; fi; exec "$@"`, w.warm,
			stamp, w.runnerStarts, filepath.Join(bin, "anvil-runner"), "run",
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hub.Close() })
	w.hub = hub
	w.person = hub.CreateUser("mona")
	w.token = hub.UserToken(w.person)
	owner := hub.CreateAccount("acme", githubtest.Organization)
	w.small = w.newSite(t, owner, "greeter", sources(), dir)
	w.large = w.newSite(t, owner, "tools", moduleSources(t, "golang.org/x/tools"), dir)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = listener.Addr().String()
	listener.Close() // for the server to take
	w.app = hub.CreateApp(githubtest.App{
		Slug: "anvil", WebhookURL: "http://" + w.address + app.PathHook, WebhookSecret: w.secret, Permissions: app.Permissions, Events: app.Events,
	})
	hub.Install(w.app.ID, owner.ID, w.small.repo.ID, w.large.repo.ID)
	text, err := json.Marshal(map[string]any{ // JSON is YAML
		"listen": w.address, "public_url": "http://" + w.address, "data_dir": filepath.Join(dir, "data"), "log_level": "warn",
		"github": map[string]any{
			"url": hub.URL, "app_id": w.app.ID,
			"private_key_file": filepath.Join(dir, "app.pem"), "webhook_secret_file": filepath.Join(dir, "webhook-secret"),
		},
		"engines": map[string]any{
			"stamp":  map[string]any{"command": []string{stamp, w.agentStarts}},
			"writer": map[string]any{"command": []string{"sh", "-c", "echo word >> made-here.txt"}}, // changes something
		},
		"default_engine": "stamp",
		"containment":    map[string]any{"mode": "none"}, // the stamp writes where the measurement reads it
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{w.config: string(text), filepath.Join(dir, "app.pem"): w.app.PrivateKeyPEM, filepath.Join(dir, "webhook-secret"): w.secret} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// taskTimes is when a task's steps were, by one clock.
type taskTimes struct {
	commented, dispatched, runner, agent time.Time
	calls                                []githubtest.Entry // of the App, up to the dispatch
}

// task comments on a new issue and waits until everything about it is over.
func (w *town) task(t *testing.T, at site) taskTimes {
	t.Helper()
	before, former := len(w.hub.Ledger()), len(w.hub.WorkflowRuns(at.repo))
	issue := w.hub.CreateIssue(at.repo, w.person, "Look around", "There is nothing to do.")
	path := fmt.Sprintf("/repos/%s/issues/%d/comments", at.repo.FullName(), issue.Number)
	w.post(t, path, map[string]string{"body": "/anvil look around"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.hub.WaitFor(ctx, func() bool {
		runs := w.hub.WorkflowRuns(at.repo)
		return len(runs) > former && runs[len(runs)-1].Status == "completed"
	}); err != nil {
		t.Fatalf("the task did not end: %v", err)
	}
	w.quiet(t)
	var times taskTimes
	for _, e := range w.hub.Ledger()[before:] {
		switch {
		case e.Method == "POST" && e.Path == path && e.Actor == "user:mona":
			times.commented = e.Time
		case strings.HasSuffix(e.Path, "/dispatches"):
			times.dispatched = e.Time
		case times.dispatched.IsZero() && e.Kind == "rest" && strings.HasPrefix(e.Actor, "installation:"):
			times.calls = append(times.calls, e)
		}
	}
	if times.commented.IsZero() || times.dispatched.IsZero() {
		t.Fatal("the ledger has no comment, or no dispatch")
	}
	times.runner, times.agent = lastStamp(t, w.runnerStarts), lastStamp(t, w.agentStarts)
	if times.runner.Before(times.dispatched) || times.agent.Before(times.runner) {
		t.Fatalf("the stamps are of another task: dispatch %v, runner %v, agent %v", times.dispatched, times.runner, times.agent)
	}
	return times
}

// quiet waits until nothing has been asked of GitHub for a while.
func (w *town) quiet(t *testing.T) {
	t.Helper()
	for seen := -1; seen != len(w.hub.Ledger()); {
		seen = len(w.hub.Ledger())
		rest(t, 200*time.Millisecond)
	}
}

// post makes a call of the REST API as the person.
func (w *town) post(t *testing.T, path string, body any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	w.call(t, "POST", path, text)
}

func (w *town) call(t *testing.T, method, path string, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.hub.URL+"/api/v3"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+w.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 500 {
		t.Fatalf("%s %s: %s %v %s", method, path, response.Status, err, answer)
	}
}

func lastStamp(t *testing.T, path string) time.Time {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text))
	n, err := strconv.ParseInt(lines[len(lines)-1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(0, n)
}
