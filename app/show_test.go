package app_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app"
	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/blob"
	"github.com/seed-bc0cc349/anvil/app/store"
	"github.com/seed-bc0cc349/anvil/config"
)

// A task is shown with what models took and what is left of its budgets, while a
// server has the database open, and with nothing in it that a terminal would obey.
func TestShow(t *testing.T) {
	t.Parallel()
	dir, ctx := t.TempDir(), t.Context()
	s, err := store.Open(ctx, dir, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Queue = noJobs{}
	d := anvil.Delivery{ID: "d", Event: "issue_comment", Body: []byte("{}"), ReceivedAt: time.Now()}
	if _, err := s.Receive(ctx, d); err != nil {
		t.Fatal(err)
	}
	task, err := s.OpenTask(ctx, anvil.Opening{Command: anvil.Command{
		Delivery: d.ID, Requester: anvil.Actor{ID: 5, Login: "mona"}, Comment: 3, Prompt: anvil.Prompt{Instruction: "fix\x1b[31m it\nnow"},
		Thread: anvil.Thread{Repository: anvil.Repository{ID: 7, Installation: 9, Owner: "acme", Name: "web"}, Issue: 12, Title: "x"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	call := anvil.ModelCall{
		Run: anvil.RunIDFor(task.ID, 1), Task: task.ID, Session: task.Session, User: 5, Repository: 7, Installation: 9,
		Protocol: "messages", Upstream: "one", Model: "large", StartedAt: time.Now(), SettledAt: time.Now(), State: anvil.CallSettled,
		Usage: anvil.Usage{Calls: 1, Input: 1000, Cached: 3000, Output: 500, CostMicros: 250_000},
	}
	calls := []anvil.ModelCall{call, call, call, call}
	for i := range calls {
		calls[i].ID = int64(i + 1)
	}
	calls[2].State, calls[2].Code, calls[2].Estimated = anvil.CallFailed, "GW_UPSTREAM", true
	calls[3].State, calls[3].Code, calls[3].Usage = anvil.CallRefused, "GW_BUDGET", anvil.Usage{}
	if err := s.SaveCalls(ctx, calls); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.DataDir = dir
	cfg.Budgets = []config.Budget{{Scope: "task", USD: 2, Per: "total"}, {Scope: "user", Tokens: 100_000, Per: "day"}}
	shown, err := app.Show(ctx, cfg, task.ID)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := shown.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"task " + string(task.ID) + " of acme/web: Queued\n", "mona asked on issue 12: fix it now\n",
		"large  one", "3 calls  $0.75, 12k tokens in (75% cached), 1.5k out, 1 failed, 1 estimated\n",
		"task  $0.75 of $2.00\n", "user  13500 of 100000 tokens today, begins anew at ", "\nevents\n  state  1\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, text.String())
		}
	}
	b, err := json.Marshal(shown)
	if err != nil || !strings.Contains(string(b), `"cost_micros":750000`) || !strings.Contains(string(b), `"used_tokens":13500`) {
		t.Errorf("%s, %v", b, err)
	}
	saveDebug(t, s, cfg, task.ID)
	showsEnvironment(t, s, cfg, task.ID)
	showsEngine(t, s, cfg, task.ID)
	if _, err := app.Show(ctx, cfg, "nosuchtask"); err == nil || !strings.Contains(err.Error(), "TASK_UNKNOWN") {
		t.Errorf("a task that is not there: %v", err)
	}
}

type noJobs struct{}

func (noJobs) EnqueueTx(context.Context, *sql.Tx, ...anvil.Job) error { return nil }

// As JSON, a run has the dev container that it worked in, with its image's digest.
func showsEnvironment(t *testing.T, s *store.Store, cfg *config.Config, task anvil.TaskID) {
	t.Helper()
	used := anvil.Environment{Path: ".devcontainer/devcontainer.json", Key: "k", Image: "sha256:" + strings.Repeat("ab", 32), Warm: true, DurationMS: 3240}
	if _, err := s.Amend(t.Context(), anvil.RunIDFor(task, 1), func(r *anvil.Run) error {
		r.Report = &anvil.Report{Result: "proposed", Environment: &used}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	shown, err := app.Show(t.Context(), cfg, task)
	if err != nil {
		t.Fatal(err)
	}
	want := `"environment":{"path":".devcontainer/devcontainer.json","key":"k","image":"` + used.Image + `","warm":true,"duration_ms":3240}`
	if b, err := json.Marshal(shown); err != nil || !strings.Contains(string(b), want) {
		t.Errorf("%s, %v", b, err)
	}
}

// The engine's version is shown as the runner found it.
func showsEngine(t *testing.T, s *store.Store, cfg *config.Config, task anvil.TaskID) {
	t.Helper()
	if _, err := s.Amend(t.Context(), anvil.RunIDFor(task, 1), func(r *anvil.Run) error {
		r.Engine = anvil.EngineInfo{Name: "codex", Kind: "codex", Version: "0.169.0\x1b[31m", Model: "large"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	shown, err := app.Show(t.Context(), cfg, task)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := shown.Write(&text); err != nil || !strings.Contains(text.String(), "  codex 0.169.0, large  ") {
		t.Errorf("%s, %v", text.String(), err)
	}
	if b, err := json.Marshal(shown); err != nil || !strings.Contains(string(b), `"engine":"codex","version":"0.169.0`) {
		t.Errorf("%s, %v", b, err)
	}
}

// A run's debug package is had while the server is in the middle of storing something.
func saveDebug(t *testing.T, s *store.Store, cfg *config.Config, task anvil.TaskID) {
	t.Helper()
	ctx, to := t.Context(), filepath.Join(t.TempDir(), "debug.tar.gz")
	if err := app.SaveDebug(ctx, cfg, task, to); err == nil || !strings.Contains(err.Error(), "NO_DEBUG_PACKAGE") {
		t.Errorf("a task without one: %v", err)
	}
	blobs, err := blob.Open(filepath.Join(cfg.DataDir, "blob"))
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	digest, size, err := blobs.Put(ctx, strings.NewReader("what went wrong"), 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SaveArtifact(ctx, anvil.RunIDFor(task, 1), "debug", digest, size, func(anvil.Run) error { return nil }); err != nil {
		t.Fatal(err)
	}
	half := &halfway{then: func() {
		if err := app.SaveDebug(ctx, cfg, task, to); err != nil {
			t.Errorf("while the server stores something: %v", err)
		}
	}}
	if _, _, err := blobs.Put(ctx, half, 100); err != nil {
		t.Errorf("what the server was about to store: %v", err)
	}
	if b, err := os.ReadFile(to); err != nil || string(b) != "what went wrong" {
		t.Errorf("the package is %q, %v", b, err)
	}
	if err := app.SaveDebug(ctx, cfg, task, to); err == nil {
		t.Error("a file that was there is another one now")
	}
}

// halfway does something in the middle of being read.
type halfway struct{ then func() }

func (h *halfway) Read(p []byte) (int, error) {
	if h.then == nil {
		return 0, io.EOF
	}
	h.then()
	h.then = nil
	return copy(p, "one half"), nil
}

// Where the time of a run went is told to people and to programs.
func TestShowTellsTimes(t *testing.T) {
	t.Parallel()
	v := &app.Shown{Runs: []app.ShownRun{{Run: "x.1", Spans: []anvil.Span{{Name: "claim", DurationMS: 40}, {Name: "first model call", BeganMS: 900, DurationMS: 1500}}}}}
	var b strings.Builder
	if err := v.Write(&b); err != nil || !strings.Contains(b.String(), "claim 40 ms, first model call 1.5 s\n") {
		t.Errorf("%v:\n%s", err, b.String())
	}
	if text, err := json.Marshal(v); err != nil || !strings.Contains(string(text), `{"name":"first model call","began_ms":900,"duration_ms":1500}`) {
		t.Errorf("%v: %s", err, text)
	}
}
