package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// newReaders are the readers of the recorded streams: what the pinned CLIs printed
// in a tree at /work/tree.
func newReaders() map[string]func() reader {
	return map[string]func() reader{
		"codex": func() reader { return &codexReader{name: "codex", version: "0.169.0", tree: "/work/tree"} },
		"claude": func() reader {
			return &claudeReader{name: "claude", version: "2.1.330", tree: "/work/tree", calls: map[string]claudeContent{}}
		},
	}
}

// play gives a recorded stream to a reader.
func play(t *testing.T, r reader, name string) (events []Event) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		events = append(events, r.line(strings.TrimSuffix(line, "\n"))...)
	}
	return events
}

// Each adapter's recorded stream becomes the events in the file beside it. To
// write that file anew after a deliberate change, set ANVIL_UPDATE=1.
func TestRecordedStreams(t *testing.T) {
	t.Parallel()
	for name, make := range newReaders() {
		r := make()
		var got bytes.Buffer
		for _, e := range play(t, r, name) {
			fmt.Fprintf(&got, "%s | %s | %s\n", e.Kind, strings.ReplaceAll(e.Text, "\n", "⏎"), e.Data)
		}
		answer, err := r.end(confine.Exit{}, "")
		fmt.Fprintf(&got, "answer %+v, error %v\n", answer, err)
		golden := "testdata/" + name + ".events"
		if os.Getenv("ANVIL_UPDATE") != "" {
			if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got.Bytes(), want)
		}
	}
}

// A failure says what happened in words that a person can act on.
func TestRecordedFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ engine, stream, code, what string }{
		{"codex", "codex_refused", "GW_BUDGET", "the budget is used up."},
		{"claude", "claude_refused", "GW_BUDGET", "the budget is used up."},
		{"codex", "codex_unreachable", CodeFailed, "Connection failed"},
		{"claude", "claude_unreachable", CodeFailed, "ECONNREFUSED"},
	} {
		r := newReaders()[c.engine]()
		play(t, r, c.stream)
		_, err := r.end(confine.Exit{Code: 1}, "")
		var e *runapi.Error
		if !errors.As(err, &e) || e.Code != c.code || !strings.Contains(e.What, c.what) || strings.ContainsAny(e.What, "{}") {
			t.Errorf("%s: %v", c.stream, err)
		}
	}
}

// However an agent ends without its own last word, it is a failure, and what it
// said is told.
func TestEndsWithoutAWord(t *testing.T) {
	t.Parallel()
	for name, make := range newReaders() {
		_, err := make().end(confine.Exit{Code: 143}, "killed while thinking")
		var e *runapi.Error
		if !errors.As(err, &e) || e.Code != CodeFailed || !strings.Contains(e.What, "143") || !strings.Contains(e.What, "killed while thinking") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := newReaders()["claude"]().end(confine.Exit{}, ""); err == nil {
		t.Error("claude without a result did not fail")
	}
}

func TestSplitCommand(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		`/bin/bash -lc 'echo hi; exit 3'`: {"/bin/bash", "-lc", "echo hi; exit 3"},
		`bash -c "echo \"a\" \n"`:         {"bash", "-c", `echo "a" \n`},
		`echo 'it'\''s'  ''`:              {"echo", "it's", ""},
		`not 'closed`:                     {"not 'closed"},
		`a\ b`:                            {"a b"},
	} {
		if got := splitCommand(line); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// Whatever an agent prints, its events have kinds that are known, and bounded JSON.
func FuzzReaders(f *testing.F) {
	for name := range newReaders() {
		b, err := os.ReadFile("testdata/" + name + ".jsonl")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add(`{"type":"item.completed","item":{"type":"file_change","changes":[{"path":"/work/tree/../../etc/passwd"}]}}`)
	f.Add(`{"type":"item.completed","item":{"type":"mcp_tool_call","arguments":{"a":` + strings.Repeat("[", 2000))
	f.Add(`{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"","content":[{"text":"x"}]}]}}`)
	f.Add(`{"type":"result","usage":7,"api_error_status":null,"is_error":true}`)
	known := map[string]bool{KindReference: true, runapi.KindWarning: true, runapi.KindError: true}
	for _, k := range []string{runapi.KindMessage, runapi.KindReasoning, runapi.KindPlan, runapi.KindCommand, runapi.KindFileChange, runapi.KindToolCall, runapi.KindUsage} {
		known[k] = true
	}
	f.Fuzz(func(t *testing.T, stream string) {
		for name, make := range newReaders() {
			r := make()
			for line := range strings.Lines(stream) {
				for _, e := range r.line(line) {
					if !known[e.Kind] || len(e.Data) > maxData || len(e.Data) > 0 && !json.Valid(e.Data) {
						t.Errorf("%s: %s %s", name, e.Kind, e.Data)
					}
				}
			}
			_, _ = r.end(confine.Exit{}, "")
		}
	})
}
