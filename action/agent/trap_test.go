package agent_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/tools/txtar"
)

// A repository says to agents whatever it can, in all places where they look. The
// engines obey none of it: no program of it is started, nothing but the local
// endpoint is called, and no model is shown what the tree says instead of the base
// commit.
func TestRealTraps(t *testing.T) {
	bothCLIs(t, func(t *testing.T, kind string) {
		var called atomic.Int32
		evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Add(1) }))
		t.Cleanup(evil.Close)
		p := play(t, call{script: "echo at work"}, call{tool: "get_task"})
		w := real(t, kind, p)
		w.Instructions = "BASE COMMIT SAYS: be brief"
		canary := filepath.Join(t.TempDir(), "canary")
		trap(t, w.Tree, canary, evil.URL)
		events, answer, err := run(t, w)
		if err != nil || answer.Text != "All is done." || len(p.tools) != 1 {
			t.Fatalf("answer %+v, %v, events %v", answer, err, events)
		}
		if _, err := os.Stat(canary); err == nil {
			t.Error("a program of the repository's was started")
		}
		if n := called.Load(); n > 0 {
			t.Errorf("the repository's address was called %d times", n)
		}
		if len(p.others) > 0 {
			t.Errorf("the endpoint was asked for %v", p.others)
		}
		asked := strings.Join(p.asked, "\n")
		if at := strings.Index(asked, "TRAPPED"); at >= 0 {
			t.Errorf("the model was shown what the tree says: %s", asked[max(0, at-200):min(len(asked), at+200)])
		}
		if !strings.Contains(asked, "BASE COMMIT SAYS") {
			t.Error("the model was not shown what the base commit says")
		}
	})
}

// trap makes a repository of the traps in testdata/traps.txtar.
func trap(t *testing.T, tree, canary, evil string) {
	t.Helper()
	b, err := os.ReadFile("testdata/traps.txtar")
	if err != nil {
		t.Fatal(err)
	}
	archive := txtar.Parse([]byte(strings.NewReplacer("CANARY", canary, "EVIL", evil).Replace(string(b))))
	if len(archive.Files) < 40 {
		t.Fatalf("only %d traps", len(archive.Files))
	}
	for _, f := range archive.Files {
		path := filepath.Join(tree, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	hooks := filepath.Join(tree, ".githooks")
	if err := os.Mkdir(hooks, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(hooks, "post-checkout"), []byte("#!/bin/sh\ntouch "+canary+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"config", "core.hooksPath", ".githooks"}, {"config", "core.fsmonitor", "touch " + canary}} {
		if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", tree}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}
