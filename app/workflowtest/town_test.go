package workflowtest

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-bc0cc349/anvil/app"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest/openapi"
	"github.com/seed-bc0cc349/anvil/config"
)

// town is a simulated GitHub whose jobs are carried out by act.
type town struct {
	t      *testing.T
	hub    *githubtest.Server
	source string // Anvil's files, as a clone of the repository has them
	canary *canary
	ctx    context.Context

	repo   githubtest.Repository
	person githubtest.Account
}

// patience is how long a test waits for what takes seconds.
const patience = 4 * time.Minute

// newTown starts a GitHub with Anvil's own repository and one that uses it, the
// latter with the given files beside the caller workflow. path comes first on the
// PATH of jobs; env is added to their environment.
func newTown(t *testing.T, files map[string]string, path string, env ...string) *town {
	t.Helper()
	act := os.Getenv("ANVIL_ACT")
	if act == "" {
		t.Skip("ANVIL_ACT does not name the program act: `make test-workflows` builds it and sets it")
	}
	program(t, "bash")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &town{t: t, source: clone(t), canary: newCanary(t)}
	makeKnown(t, w.source)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	w.ctx = ctx

	checks, err := openapi.New()
	if err != nil {
		t.Fatal(err)
	}
	env = append(env,
		"ANVIL_ACT="+act, "WORKFLOWTEST_SOURCE="+w.source, "PATH="+path+string(os.PathListSeparator)+os.Getenv("PATH"),
		"HTTP_PROXY=http://"+w.canary.address, "HTTPS_PROXY=http://"+w.canary.address, "NO_PROXY=127.0.0.1",
		"DOCKER_HOST=tcp://"+w.canary.address,
		"GOPROXY=off", "GOTOOLCHAIN=local", "GOFLAGS=", // the modules are there, or this test would not have been built
	)
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
		out, err := exec.CommandContext(ctx, "go", "env", name).Output()
		if err != nil {
			t.Fatalf("go env %s: %v", name, err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(out)))
	}
	w.hub, err = githubtest.Start(githubtest.Options{
		Dir: t.TempDir(), Runner: githubtest.Runner{Command: []string{self, roleRunner}, Env: env},
		API: checks.Wrap, Violations: checks.Violations,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.hub.Close()
		for _, v := range checks.Violations() {
			t.Errorf("not as GitHub describes it: %s", v)
		}
		if n := w.canary.visits.Load(); n > 0 {
			t.Errorf("%d connections were made to the proxy or the docker engine; nothing here may need them", n)
		}
	})

	// Anvil's own repository, so that the permissions of agent.yml count.
	anvil := w.hub.CreateAccount("seed-bc0cc349", githubtest.Organization)
	w.create(anvil, "anvil", githubtest.From{Dir: w.source})
	owner := w.hub.CreateAccount("acme", githubtest.Organization)
	w.person = w.hub.CreateUser("mona")
	tree := fstest.MapFS{".github/workflows/anvil.yml": {Data: config.CallerWorkflow, Mode: 0o644}}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	w.repo = w.create(owner, "greeter", githubtest.From{FS: tree})
	w.hub.SetRole(w.repo, w.person, "write")
	return w
}

func (w *town) create(owner githubtest.Account, name string, from githubtest.From) githubtest.Repository {
	w.t.Helper()
	repo, err := w.hub.CreateRepository(owner, name, from, githubtest.RepositoryOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return repo
}

// serve starts the real server as an App of this GitHub, with an engine.
func (w *town) serve(engine ...string) {
	w.t.Helper()
	dir := w.t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	address := "http://" + listener.Addr().String()
	const secret = "a webhook secret that only this test knows"
	gh := w.hub.CreateApp(githubtest.App{
		Slug: "anvil", WebhookURL: address + app.PathHook, WebhookSecret: secret, Permissions: app.Permissions, Events: app.Events,
	})
	w.hub.Install(gh.ID, w.repo.Owner.ID, w.repo.ID)
	text, err := json.Marshal(map[string]any{ // JSON is YAML
		"listen": listener.Addr().String(), "public_url": address, "data_dir": filepath.Join(dir, "data"),
		"github": map[string]any{
			"url": w.hub.URL, "app_id": gh.ID,
			"private_key_file": filepath.Join(dir, "app.pem"), "webhook_secret_file": filepath.Join(dir, "webhook-secret"),
		},
		"engines":     map[string]any{"witness": map[string]any{"command": engine}},
		"containment": map[string]any{"mode": "none"}, // so that the witness sees what a job sees
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for name, content := range map[string]string{"app.pem": gh.PrivateKeyPEM, "webhook-secret": secret, "anvil.yaml": string(text)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(dir, "anvil.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	server, err := app.New(w.ctx, cfg, slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		w.t.Fatal(err)
	}
	serving, stop := context.WithCancel(context.WithoutCancel(w.ctx))
	served := make(chan error, 1)
	go func() { served <- server.Run(serving, listener) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			w.t.Errorf("the server ended: %v", err)
		}
	})
}

// finished waits for the only workflow run to be over.
func (w *town) finished() githubtest.WorkflowRun {
	w.t.Helper()
	var run githubtest.WorkflowRun
	if err := w.hub.WaitFor(w.ctx, func() bool {
		runs := w.hub.WorkflowRuns(w.repo)
		if len(runs) > 0 {
			run = runs[0]
		}
		return run.Status == "completed"
	}); err != nil {
		w.t.Fatalf("waiting for the workflow run: %v\n%s", err, w.hub.WorkflowJobLog(run.ID))
	}
	return run
}

// canary is the proxy and the docker engine that jobs are told of. Nobody should
// come.
type canary struct {
	address string
	visits  atomic.Int64
}

func newCanary(t *testing.T) *canary {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	c := &canary{address: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			c.visits.Add(1)
			conn.Close()
		}
	}()
	return c
}

// clone copies what git has, or would add, of this repository: what is built or
// ignored is not in anybody's clone.
func clone(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // removed, and git does not know yet
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// root is the repository, seen from this package.
const root = "../.."
