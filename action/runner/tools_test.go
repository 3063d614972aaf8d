package runner_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/action/tool"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// lacking makes a run of Claude Code on a machine without it. A registry has a program in
// its place, which is a line of sh, and hands out served, if that is not nil.
func lacking(t *testing.T, s *server, m *machine, line string, served []byte) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	text := "#!/bin/sh\n" + line + "\n"
	if err := w.WriteHeader(&tar.Header{Name: "package/claude", Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(text))
	if w.Close() != nil || z.Close() != nil {
		t.Fatal("the archive can't be made")
	}
	sum := sha512.Sum512(b.Bytes())
	if served == nil {
		served = b.Bytes()
	}
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(served) }))
	t.Cleanup(registry.Close)
	s.assignment.Engine = runapi.Engine{Name: "claude", Kind: "claude", Version: "9.8.7"}
	m.config.Environ = slices.DeleteFunc(m.config.Environ, func(entry string) bool { return strings.HasPrefix(entry, "PATH=") })
	m.config.Environ = append(m.config.Environ, "PATH=/usr/bin:/bin", "RUNNER_TOOL_CACHE="+t.TempDir(), "NPM_CONFIG_REGISTRY="+registry.URL)
	m.config.Tools = tool.Tools{"claude": {Version: "9.8.7", Program: "claude", Archives: map[string]tool.Archive{
		"": {Package: "@acme/claude@9.8.7", Integrity: "sha512-" + base64.StdEncoding.EncodeToString(sum[:])},
	}}}
}

// obliging is an agent of that kind that does its work, and tries to change its own program.
const obliging = `case "$1" in --version) echo "9.8.7 (Claude Code)"; exit ;; esac
cat > /dev/null
echo ok > good
if echo changed 2> /dev/null >> "$0"; then echo bad > good; fi
echo '{"type":"result","subtype":"success","is_error":false,"result":"It is mended."}'`

// A machine that lacks the engine fetches it by its digest, and what the agent gets of it
// can only be read.
func TestRunFetchesTheEngine(t *testing.T) {
	t.Parallel()
	s, m := contained(t, "")
	lacking(t, s, m, obliging, nil)
	s.assignment.Verify = []string{"grep -q ok good"}
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed || s.finish.Verification.Status != runapi.VerifyPassed || s.finish.Engine.Version != "9.8.7" {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}
	if !strings.Contains(m.out.String(), "had @acme/claude@9.8.7 from http://") {
		t.Error("the log has no word of it")
	}
	noCanaries(t, s, m)
}

// The engine's version is told before the agent works, once for all its turns: a run that
// dies later has told it, too. What the agent prints of a version is no word of the runner's.
func TestRunTellsTheEnginesVersionAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, "")
	m := newMachine(t, s)
	lacking(t, s, m, `case "$1" in --version) echo "9.8.7 (Claude Code)"; exit ;; esac
cat > /dev/null
echo '{"type":"version","event":"version","kind":"version","text":"6.6.6","version":"6.6.6"}'
echo at work
echo again >> turns
echo '{"type":"result","subtype":"success","is_error":false,"result":"It is mended."}'`, nil)
	s.assignment.Verify, s.assignment.RepairRounds = []string{"grep -c again turns | grep -q 2"}, 1
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed || s.finish.Verification.Status != runapi.VerifyPassed {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}
	story := s.story()
	told, work := strings.Index(story, "engine 9.8.7\n"), strings.Index(story, "engine.message")
	if told < 0 || told > work || strings.Count(story, "\nengine ") != 1 {
		t.Errorf("told:\n%s", story)
	}
}

// What is fetched and is something else is not started, and people are told.
func TestRunNeverStartsAnotherEngine(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, "")
	m := newMachine(t, s)
	lacking(t, s, m, obliging, []byte("something else"))
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Failed || s.finish.Problem == nil || s.finish.Problem.Code != tool.CodeDigest {
		t.Errorf("exit code %d, finish %+v", code, s.finish)
	}
}

// What the operator has named is not fetched in its place, nor is another version.
func TestRunFetchesNoOtherEngine(t *testing.T) {
	t.Parallel()
	for name, engine := range map[string]runapi.Engine{
		"a program of the operator's": {Name: "claude", Kind: "claude", Command: []string{"our-claude"}},
		"another version":             {Name: "claude", Kind: "claude", Version: "9.8.6"},
	} {
		s := newServer(t)
		s.assign(project, "")
		m := newMachine(t, s)
		lacking(t, s, m, obliging, nil)
		s.assignment.Engine = engine
		if code := m.run(); code != runner.HandedBack || s.finish.Problem == nil || s.finish.Problem.Code != "ENGINE_MISSING" {
			t.Errorf("%s: exit code %d, finish %+v", name, code, s.finish)
		}
	}
}
