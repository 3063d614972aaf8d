package apptest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// call is one change of GitHub that the server makes in the life of a task.
type call struct {
	name   string
	method string
	path   string // as in [githubtest.Fault]
	after  int    // how many of the same come before it
}

// calls are all of them, in their order, but for the last edit of the comment,
// which has a test of its own.
var calls = []call{
	{"eyes", "POST", "/repos/*/*/issues/comments/*/reactions", 0},
	{"comment", "POST", "/repos/*/*/issues/*/comments", 0},
	{"dispatch", "POST", "/repos/*/*/actions/workflows/*/dispatches", 0},
	{"edit", "PATCH", "/repos/*/*/issues/comments/*", 0},
	{"push", "POST", "/*/*/git-receive-pack", 0},
	{"pull request", "POST", "/repos/*/*/pulls", 0},
	{"check run", "POST", "/repos/*/*/check-runs", 0},
	{"eyes away", "DELETE", "/repos/*/*/issues/comments/*/reactions/*", 0},
	{"rocket", "POST", "/repos/*/*/issues/comments/*/reactions", 1},
}

// The server is killed while it waits for GitHub's answer: once GitHub has done
// what it was asked for, and once the request never reaches it. Either way the
// next server finds out, and everything is there exactly once.
func TestKilledAtEachChangeOfGitHub(t *testing.T) {
	t.Parallel()
	for _, c := range calls {
		for name, do := range map[string]githubtest.Do{"done": githubtest.DoAcceptStall, "not done": githubtest.DoStall} {
			t.Run(c.name+", "+name, func(t *testing.T) {
				t.Parallel()
				w := greetingWorld(t)
				fault := w.fault(t, githubtest.Fault{Method: c.method, Path: c.path, After: c.after, Do: do})
				w.command(t)
				w.met(t, fault)
				w.Server.Kill()
				if do == githubtest.DoAcceptStall {
					w.release(t, fault)
				} // else it stays on its way for ever
				must(t, w.Server.Start(t.Context()))
				w.exactlyOnce(t)
			})
		}
	}
}

// The last edit of the comment is the last thing that the server does for a task.
func TestKilledAtTheLastEdit(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]githubtest.Do{"done": githubtest.DoAcceptStall, "not done": githubtest.DoStall} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := greetingWorld(t)
			check := w.fault(t, githubtest.Fault{Method: "POST", Path: "/repos/*/*/check-runs", Do: githubtest.DoStall})
			w.command(t)
			w.met(t, check)
			// With the check run on its way, the comment comes to say that the change
			// is being published. The edit after that one is the last.
			must(t, Await(t.Context(), func() error {
				task, err := w.Task(t.Context(), 1)
				if err == nil && !(task.State == anvil.Delivering && task.Told) {
					err = fmt.Errorf("the task is %s, told %v", task.State, task.Told)
				}
				return err
			}))
			last := w.fault(t, githubtest.Fault{Method: "PATCH", Path: "/repos/*/*/issues/comments/*", Do: do})
			w.release(t, check)
			w.met(t, last)
			w.Server.Kill()
			if do == githubtest.DoAcceptStall {
				w.release(t, last)
			}
			must(t, w.Server.Start(t.Context()))
			w.exactlyOnce(t)
		})
	}
}

// The table of calls is complete: whatever else the server changes at GitHub in
// a task's life must be added to it.
func TestEachChangeOfGitHubIsInTheTable(t *testing.T) {
	t.Parallel()
	w := greetingWorld(t)
	w.command(t)
	w.exactlyOnce(t)
	all, err := w.GitHub.Requests("", "")
	must(t, err)
	for _, e := range all {
		if e.Method == http.MethodGet || e.Kind == "oidc" || strings.HasSuffix(e.Path, "/access_tokens") || strings.HasSuffix(e.Path, "/git-upload-pack") {
			continue
		}
		if strings.HasPrefix(e.Path, "/app/hook/deliveries/") { // what comes of it is known by its id, however often it comes
			continue
		}
		known := false
		for _, c := range calls {
			matches, err := path.Match(c.path, e.Path)
			known = known || c.method == e.Method && matches && err == nil
		}
		if !known {
			t.Errorf("%s %s by %s is not in the table", e.Method, e.Path, e.Actor)
		}
	}
}

// trial is a world with an issue that asks for a greeting, as Go tests use it.
type trial struct{ *World }

// greetingWorld returns one whose server is running.
func greetingWorld(t *testing.T) trial {
	t.Helper()
	w := newTrial(t, greeter)
	site := filepath.Join(w.Dir, "site")
	must(t, os.MkdirAll(filepath.Join(site, ".github"), 0o755))
	must(t, os.WriteFile(filepath.Join(site, ".github", "anvil.yml"), []byte("verify: test -s hello.txt\n"), 0o644))
	must(t, w.CreateRepository("acme/web", site, false))
	must(t, w.GitHub.Ask("POST", "repositories/acme/web/issues", map[string]string{"user": "mona", "title": "Say hello"}, nil))
	must(t, w.StartServer(t.Context(), w.agent(), nil))
	return w
}

// newTrial returns a world without a repository, whose agent is the given script.
func newTrial(t *testing.T, agent string, jobEnv ...string) trial {
	t.Helper()
	w, err := NewWorld(t.Context(), programs, t.TempDir(), jobEnv...)
	t.Cleanup(func() {
		if w == nil {
			return
		}
		if t.Failed() {
			t.Log(w.Describe(context.WithoutCancel(t.Context())))
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(w.Dir, "agent.sh"), []byte(agent), 0o600))
	return trial{w}
}

func (w trial) agent() []string { return []string{"sh", filepath.Join(w.Dir, "agent.sh")} }

// command asks for a greeting and returns when the server has said that it heard.
func (w trial) command(t *testing.T) {
	t.Helper()
	_, d, err := w.Comment("mona", 1, "/anvil write a greeting")
	must(t, err)
	if d.StatusCode != http.StatusAccepted {
		t.Fatalf("the webhook was answered with %d %s", d.StatusCode, d.Answer)
	}
}

func (w trial) fault(t *testing.T, f githubtest.Fault) int {
	t.Helper()
	must(t, w.GitHub.Ask("POST", "faults", f, &f))
	return f.ID
}

// met waits until a fault has met its request.
func (w trial) met(t *testing.T, fault int) {
	t.Helper()
	must(t, w.GitHub.Ask("GET", fmt.Sprintf("faults/%d?wait=%s", fault, patience), nil, nil))
}

func (w trial) release(t *testing.T, fault int) {
	t.Helper()
	must(t, w.GitHub.Ask("DELETE", fmt.Sprintf("faults/%d", fault), nil, nil))
}

// exactlyOnce waits until the task has succeeded, and counts what GitHub has.
func (w trial) exactlyOnce(t *testing.T) {
	t.Helper()
	must(t, w.AwaitTask(t.Context(), 1, anvil.Succeeded))
	s := &stage{World: w.World, ctx: t.Context()}
	for _, want := range [][]string{
		{"tasks", "1"}, {"dispatches", "1"}, {"runs", "1"}, {"runs", "success", "1"}, {"branches", "anvil/*", "1"}, {"pushes", "anvil/*", "1"},
		{"pull_requests", "1"}, {"check_runs", "1"}, {"check_runs", "success", "1"}, {"comments", bot, "1"},
		{"reactions", "1"}, {"reactions", "rocket", "1"},
	} {
		if err := count(s, want); err != nil {
			t.Error(err)
		}
	}
	comments, err := w.BotComments()
	must(t, err)
	if last := comments[len(comments)-1].Body; !strings.Contains(last, "Pull request #2 is ready for you") {
		t.Errorf("the comment does not say how it ended:\n%s", last)
	}
	must(t, w.Record.Intact(t.Context()))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
