package agent_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/agent"
	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// speaker is the work of this test's own agent, in a mode.
func speaker(t *testing.T, mode string) agent.Work {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := agent.Work{
		Engine: runapi.Engine{Name: "speaker", Kind: "acp", Command: []string{self, "acp-agent", mode}},
		Prompt: "fix it", Tree: t.TempDir(), Home: t.TempDir(), Confine: &confine.Plain{}, Raw: &bytes.Buffer{}, Grace: 2 * time.Second,
		Tools: agent.Access{URL: "http://127.0.0.1:9/mcp", Token: localToken},
	}
	w.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.Home}
	if w.Program, err = (agent.ACP{}).Find(w.Engine, w.Env); err != nil {
		t.Fatal(err)
	}
	return w
}

// giving is a confinement that notes what programs are given.
type giving struct {
	confine.Confinement
	given []string
}

func (g *giving) Give(f *os.File) error {
	g.given = append(g.given, f.Name())
	return g.Confinement.Give(f)
}

func TestProtocolAgent(t *testing.T) {
	t.Parallel()
	w := speaker(t, "work")
	gives := &giving{Confinement: w.Confine}
	w.Confine = gives
	w.Instructions = "be brief"
	outside := filepath.Join(t.TempDir(), "secret")
	for _, err := range []error{
		os.WriteFile(outside, []byte("secret"), 0o600), os.Symlink(outside, filepath.Join(w.Tree, "link")), syscall.Mkfifo(filepath.Join(w.Tree, "pipe"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	events, answer, err := run(t, w)
	if err != nil || answer != (agent.Answer{Text: "All is done.", Version: protocolVersion, Resume: "session-1"}) {
		t.Fatalf("answer %+v, %v\n%s", answer, err, w.Raw)
	}
	var got []string
	for _, e := range events {
		got = append(got, e.Kind+"|"+strings.ReplaceAll(e.Text, "\n", "⏎")+"|"+string(e.Data))
	}
	want := []string{
		"version|" + protocolVersion + "|",
		"reference|session-1|",
		"engine.reasoning|first look|",
		`engine.plan|[x] look⏎[ ] repair|{"steps":[{"text":"look","done":true},{"text":"repair"}]}`,
		"engine.message|I was told: What the repository tells agents, as of the base commit:⏎⏎be brief + fix it|",
		`engine.command|go test ./...|{"argv":["sh","-c","go test ./..."],"exit":1,"output":"FAIL"}`,
		`engine.tool_call|anvil.get_task|{"arguments":null,"tool":"anvil.get_task"}`,
		`engine.file_change|new/file.txt|{"change":"update","path":"new/file.txt"}`,
		"engine.message|All is done.|",
	}
	if !slices.Equal(got, want) {
		t.Errorf("events:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "secret" {
		t.Errorf("outside of the tree: %q, %v", b, err)
	}
	if want := []string{filepath.Join(w.Tree, "new"), filepath.Join(w.Tree, "new/file.txt")}; !slices.Equal(gives.given, want) {
		t.Errorf("given to the agent's own programs: %q, want %q", gives.given, want)
	}
	if !strings.Contains(w.Raw.(*bytes.Buffer).String(), "sessionUpdate") {
		t.Error("the raw stream is not kept")
	}
	kept, err := os.ReadFile(filepath.Join(w.Home, "conversation", "session-1"))
	if err != nil || !strings.Contains(string(kept), `"Bearer `+localToken) || !strings.Contains(string(kept), "/mcp") {
		t.Errorf("the tools it was given: %s, %v", kept, err)
	}
}

// A session is loaded without its past being news; one that is not there begins anew.
func TestProtocolResume(t *testing.T) {
	t.Parallel()
	w := speaker(t, "refused")
	w.Resume = "session-0"
	events, _, err := run(t, w)
	if err == nil || len(of(events, runapi.KindWarning)) != 1 {
		t.Errorf("a session that is not there: %v, %v", events, err)
	}
	w.Resume = "session-1"
	events, answer, err := run(t, w)
	if err == nil || answer.Resume != "session-1" || len(of(events, runapi.KindWarning))+len(of(events, runapi.KindMessage)) > 0 {
		t.Errorf("a session that is there: %v, %+v, %v", events, answer, err)
	}
}

func TestProtocolFailures(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]struct{ code, what string }{
		"refused": {"GW_BUDGET", "the budget is used up"},
		"login":   {agent.CodeFailed, "say who you are"},
		"crash":   {agent.CodeFailed, "out of memory"},
		"mute":    {agent.CodeFailed, "no model is set up"},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			_, _, err := run(t, speaker(t, mode))
			var e *runapi.Error
			if !errors.As(err, &e) || e.Code != want.code || !strings.Contains(e.What, want.what) {
				t.Errorf("%v", err)
			}
		})
	}
	w := speaker(t, "work")
	w.Engine.Version = "9.9.9"
	events, _, err := run(t, w)
	var e *runapi.Error
	if !errors.As(err, &e) || e.Code != agent.CodeVersion || len(events) > 0 {
		t.Errorf("another version: %v, %v", events, err)
	}
}

// An agent is told to stop by the protocol, and ended if it does not.
func TestProtocolStop(t *testing.T) {
	t.Parallel()
	for mode, grace := range map[string]time.Duration{
		"hang": time.Minute, // the signal would come after half of it
		"deaf": time.Second,
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := speaker(t, mode)
			w.Grace = grace
			turn, err := agent.ACP{}.Start(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			var since time.Time
			for e := range turn.Events() {
				if e.Kind == runapi.KindReasoning {
					since = time.Now()
					turn.Stop()
					turn.Stop()
				}
			}
			answer, err := turn.Wait()
			if err == nil || answer.Text != "I begin." || answer.Resume != "session-1" || time.Since(since) > 20*time.Second {
				t.Errorf("%+v after %s: %v", answer, time.Since(since), err)
			}
		})
	}
}
