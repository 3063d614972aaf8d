package store

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// nobody is a queue without workers.
type nobody struct{}

func (nobody) EnqueueTx(context.Context, *sql.Tx, ...anvil.Job) error { return nil }

func at(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.Queue = nobody{}
	return s
}

func TestCheckEngine(t *testing.T) {
	t.Parallel()
	for version, good := range map[string]bool{
		"3.53.4": true, "3.51.3": true, "3.51.10": true, "3.52.1": true, "4.0.0": true,
		"3.51.2": false, "3.51.0": false, "3.50.7": false, "3.7.0": false, "3.52.0": false, "2.99.9": false,
	} {
		p := anvil.AsProblem(checkEngine(version))
		if (p == nil) != good || p != nil && (p.Code != "DB_ENGINE" || !strings.Contains(p.What, version) || p.Next == "") {
			t.Errorf("%s: %v", version, p)
		}
	}
	for _, version := range []string{"", "latest", "3.51"} {
		if checkEngine(version) == nil {
			t.Errorf("%q was taken for a good version", version)
		}
	}
}

// Every noun that was committed is there after the server was stopped, in a
// directory of any name.
func TestReopeningKeepsEverything(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "what? 100% #1 &a=b")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// A file that everybody could read, as an administrator may have left it.
	if err := os.WriteFile(filepath.Join(dir, "anvil.db"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	s := at(t, dir)
	d := anvil.Delivery{ID: "guid", Event: "issue_comment", Body: []byte("{\"a\":\"\u0000\"}"), ReceivedAt: time.Now()}
	if _, err := s.Receive(ctx, d); err != nil {
		t.Fatal(err)
	}
	task, err := s.OpenTask(ctx, anvil.Opening{Command: anvil.Command{
		Delivery: "guid", Verb: anvil.VerbDo, Prompt: anvil.Prompt{Instruction: "fix it"},
		Thread: anvil.Thread{Repository: anvil.Repository{ID: 7, Installation: 9, Owner: "acme", Name: "web", DefaultBranch: "main", Private: true}, Issue: 3, Title: "Broken"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	run := anvil.RunIDFor(task.ID, 1)
	if _, err := s.Move(ctx, run, anvil.Dispatching, func(r *anvil.Run) error {
		r.Rules.Verify, r.Dispatch.NonceHash, r.Dispatch.AskedAt = []string{"make test"}, "hash", time.Now()
		r.Placement.WorkflowRun = 5
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(ctx, run, []anvil.Event{{Seq: 1, At: time.Now(), Kind: "note", Text: "hello", Data: []byte(`{"n":1}`)}}, func(anvil.Run) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveArtifact(ctx, run, "log", "sha256:00", 3, func(anvil.Run) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Intend(ctx, "comment/x", task.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Effected(ctx, anvil.Effect{Key: "comment/x", ExternalID: "42", URL: "https://x", Digest: "d"}); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveInstallation(ctx, 9, "acme", "suspended"); err != nil {
		t.Fatal(err)
	}
	if first, err := s.UseToken(ctx, "jti", time.Now().Add(time.Hour)); err != nil || !first {
		t.Fatal(first, err)
	}
	before, err := s.Story(ctx, task.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = at(t, dir)
	after, err := s.Story(ctx, task.ID)
	if err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("the story was\n%+v\nand is\n%+v, %v", before, after, err)
	}
	if len(after.Events) == 0 || len(after.Effects) != 1 || after.Run().Placement.WorkflowRun != 5 {
		t.Errorf("the story is empty: %+v", after)
	}
	if got, err := s.Delivery(ctx, "guid"); err != nil || len(got.Body) != 0 || got.Decision != anvil.Accepted || got.Task != task.ID {
		t.Errorf("the delivery is %+v, %v", got, err)
	}
	if r, err := s.Receive(ctx, d); err != nil || !r.Duplicate || r.Task != task.ID {
		t.Errorf("the delivery was forgotten: %+v, %v", r, err)
	}
	if state, err := s.InstallationState(ctx, 9); err != nil || state != "suspended" {
		t.Errorf("the installation is %s, %v", state, err)
	}
	if first, err := s.UseToken(ctx, "jti", time.Now().Add(time.Hour)); err != nil || first {
		t.Error("the token may be used again", err)
	}
	if digest, err := s.Artifact(ctx, run, "log"); err != nil || digest != "sha256:00" {
		t.Errorf("the artifact is %s, %v", digest, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatal(entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || !strings.HasPrefix(e.Name(), "anvil.db") || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has permissions %s, %v", e.Name(), info.Mode(), err)
		}
	}
}

func TestADatabaseOfANewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := at(t, dir)
	if _, err := s.db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`); err != nil {
		t.Fatal(err)
	}
	s.Close()
	for range 2 { // refusing changes nothing
		_, err := Open(t.Context(), dir, time.Now, slog.New(slog.DiscardHandler))
		if p := anvil.AsProblem(err); p == nil || p.Code != "DB_NEWER" || !strings.Contains(p.What, "9999") || p.Next == "" {
			t.Errorf("got %v", err)
		}
	}
}

func TestAPlaceThatIsNoDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(dir string) error{
		"not there": os.Remove,
		"another file": func(dir string) error {
			return os.WriteFile(dir+"/anvil.db", []byte(strings.Repeat("no database ", 200)), 0o600)
		},
		"a directory":     func(dir string) error { return os.Mkdir(dir+"/anvil.db", 0o700) },
		"a log beside it": func(dir string) error { return os.Mkdir(dir+"/anvil.db-wal", 0o700) },
	} {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := prepare(dir); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), dir, time.Now, slog.New(slog.DiscardHandler))
		if err == nil {
			s.Close()
		}
		if p := anvil.AsProblem(err); p == nil || p.Code != "DB_OPEN" || p.Next == "" || p.Cause == nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTheDatabaseIsSetUpAgainstCrashes(t *testing.T) {
	t.Parallel()
	s := at(t, t.TempDir())
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
		var got string
		if err := s.db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
		}
	}
	if n := s.db.Stats().MaxOpenConnections; n != 1 {
		t.Errorf("%d connections may write", n)
	}
	var ok string
	if err := s.db.QueryRow("PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
		t.Errorf("integrity: %s, %v", ok, err)
	}
}

// A write whose jobs cannot be enqueued leaves nothing behind.
func TestARowWithoutItsJobIsNotKept(t *testing.T) {
	t.Parallel()
	s := at(t, t.TempDir())
	s.Queue = full{}
	d := anvil.Delivery{ID: "guid", Event: "ping", Body: []byte("{}"), ReceivedAt: time.Now()}
	if _, err := s.Receive(t.Context(), d, anvil.Job{Hop: anvil.HopDecide}); err == nil {
		t.Fatal("accepted")
	}
	s.Queue = nobody{}
	if r, err := s.Receive(t.Context(), d); err != nil || r.Duplicate {
		t.Errorf("it was kept: %+v, %v", r, err)
	}
}

type full struct{}

func (full) EnqueueTx(context.Context, *sql.Tx, ...anvil.Job) error { return os.ErrDeadlineExceeded }

// The second session of an issue cannot get the branch of the first, whatever
// people have called the issue meanwhile.
func TestSessionsOfAnIssueHaveBranchesOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := at(t, t.TempDir())
	branches := map[string]bool{}
	for i, title := range []string{"Retry 2", "Retry", "Retry 2", "Retry", "!?", "retry-2"} {
		id := anvil.DeliveryID(title + string(rune('a'+i)))
		if _, err := s.Receive(t.Context(), anvil.Delivery{ID: id, Event: "ping", Body: []byte("{}"), ReceivedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
		task, err := s.OpenTask(t.Context(), anvil.Opening{NewSession: true, Command: anvil.Command{
			Delivery: id, Thread: anvil.Thread{Repository: anvil.Repository{ID: 7}, Issue: 5, Title: title},
		}})
		if err != nil {
			t.Fatal(err)
		}
		story, err := s.Story(t.Context(), task.ID)
		if err != nil || branches[story.Session.Branch] {
			t.Errorf("%q got the branch %s, %v", title, story.Session.Branch, err)
		}
		branches[story.Session.Branch] = true
	}
}
