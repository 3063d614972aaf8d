package agent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/agent"
	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// models by engine: names that the pinned CLIs know.
var models = map[string]string{"codex": "gpt-5.2-codex", "claude": "claude-sonnet-4-5"}

// real returns an engine's work on the real CLI, in the directory that ANVIL_AGENTS
// names: `make test-agents` installs them and says where.
func real(t *testing.T, kind string, p *provider) agent.Work {
	t.Helper()
	dir := os.Getenv("ANVIL_AGENTS")
	if dir == "" {
		t.Skip("the real CLIs are tried by make test-agents: ANVIL_AGENTS is not set")
	}
	w := agent.Work{
		Engine: runapi.Engine{Name: kind, Kind: kind, Model: models[kind]},
		Prompt: "Anvil prompt: fix the failing test\n", Tree: t.TempDir(), Home: t.TempDir(),
		Confine: &confine.Plain{}, Grace: 2 * time.Second, Raw: &bytes.Buffer{},
	}
	w.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + w.Home, "TMPDIR=" + t.TempDir()}
	var err error
	if w.Program, err = agent.Engines()[kind].Find(w.Engine, w.Env); err != nil {
		t.Fatal(err)
	}
	if p != nil {
		w.Model = agent.Access{URL: p.URL, Token: localToken}
		w.Tools = agent.Access{URL: p.URL + "/mcp", Token: localToken}
	}
	return w
}

func bothCLIs(t *testing.T, test func(t *testing.T, kind string)) {
	t.Parallel()
	for kind := range maps.Keys(models) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, kind)
		})
	}
}

// run lets an engine work to its end.
func run(t *testing.T, w agent.Work) (events []agent.Event, answer agent.Answer, err error) {
	t.Helper()
	turn, err := agent.Engines()[w.Engine.Kind].Start(t.Context(), w)
	if err != nil {
		return nil, agent.Answer{}, err
	}
	for e := range turn.Events() {
		events = append(events, e)
	}
	answer, err = turn.Wait()
	return events, answer, err
}

// of returns the events of a kind.
func of(events []agent.Event, kind string) []agent.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e agent.Event) bool { return e.Kind != kind })
}

func TestRealWork(t *testing.T) {
	bothCLIs(t, func(t *testing.T, kind string) {
		p := play(t, call{script: "echo made > made.txt; cat /dev/null; exit 3"}, call{tool: "get_task"})
		w := real(t, kind, p)
		w.Instructions = "BASE COMMIT SAYS: be brief"
		events, answer, err := run(t, w)
		if err != nil || answer.Text != "All is done." || answer.Resume == "" || answer.Version == "" {
			t.Fatalf("answer %+v, %v\n%s", answer, err, w.Raw)
		}
		if b, err := os.ReadFile(filepath.Join(w.Tree, "made.txt")); err != nil || string(b) != "made\n" {
			t.Errorf("the tree: %q, %v", b, err)
		}
		if got := of(events, agent.KindReference); len(got) != 1 || got[0].Text != answer.Resume {
			t.Errorf("references: %v", got)
		}
		if got := of(events, agent.KindVersion); len(got) != 1 || got[0].Text != answer.Version || events[0].Kind != agent.KindVersion {
			t.Errorf("the version is told as %v, and not first and once as %s", got, answer.Version)
		}
		commands := of(events, runapi.KindCommand)
		if len(commands) != 1 {
			t.Fatalf("commands: %v", commands)
		}
		var c struct {
			Argv []string
			Exit int
		}
		if err := json.Unmarshal(commands[0].Data, &c); err != nil || c.Exit != 3 || len(c.Argv) != 3 || commands[0].Text != p.calls[0].script {
			t.Errorf("command %q %s: %v", commands[0].Text, commands[0].Data, err)
		}
		if calls := of(events, runapi.KindToolCall); len(calls) != 1 || calls[0].Text != "anvil.get_task" || !slices.Equal(p.tools, []string{"get_task"}) {
			t.Errorf("tool calls: %v, the server saw %v", calls, p.tools)
		}
		if got := of(events, runapi.KindUsage); len(got) == 0 {
			t.Error("no usage")
		}
		if asked := strings.Join(p.asked, ""); !strings.Contains(asked, "BASE COMMIT SAYS") || !strings.Contains(asked, "fix the failing test") {
			t.Error("the model was not told what the base commit and the prompt say")
		}
		if len(p.others) > 0 {
			t.Errorf("asked for besides: %v", p.others)
		}
		for name := range conversationOf(t, kind, w.Home) {
			if b, _ := os.ReadFile(filepath.Join(w.Home, name)); bytes.Contains(b, []byte(localToken)) {
				t.Errorf("the token is in %s", name)
			}
		}
	})
}

// A conversation goes on from the files that Conversation names, in another home
// and another tree; without them it begins anew and says so.
func TestRealResume(t *testing.T) {
	bothCLIs(t, func(t *testing.T, kind string) {
		p := play(t)
		w := real(t, kind, p)
		w.Prompt = "Anvil prompt: add JWT authentication\n"
		_, first, err := run(t, w)
		if err != nil {
			t.Fatal(err)
		}
		files := conversationOf(t, kind, w.Home)
		later := real(t, kind, p)
		later.Prompt, later.Resume = "Anvil prompt: use Passport instead\n", first.Resume
		for name, b := range files {
			path := filepath.Join(later.Home, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, second, err := run(t, later)
		if err != nil || second.Resume != first.Resume {
			t.Errorf("%+v, then %+v: %v", first, second, err)
		}
		last := p.asked[len(p.asked)-1]
		if !strings.Contains(last, "add JWT authentication") || !strings.Contains(last, "use Passport instead") {
			t.Error("the model was not shown the earlier conversation")
		}
		for name := range conversationOf(t, kind, later.Home) {
			if kind == "claude" && !strings.Contains(name, "claude/projects/-") {
				t.Errorf("a conversation at %s", name)
			}
		}

		lost := real(t, kind, p)
		lost.Resume = first.Resume
		events, third, err := run(t, lost)
		if err != nil || third.Resume == first.Resume || len(of(events, runapi.KindWarning)) == 0 {
			t.Errorf("without its files: %+v, %v, %v", third, events, err)
		}
	})
}

// conversationOf reads the files that the engine's patterns name.
func conversationOf(t *testing.T, kind, home string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, pattern := range agent.Engines()[kind].Conversation() {
		prefix := strings.TrimSuffix(pattern, "**")
		err := fs.WalkDir(os.DirFS(home), strings.TrimSuffix(prefix, "/"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			files[path], err = os.ReadFile(filepath.Join(home, path))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) == 0 {
		t.Fatal("there is no conversation")
	}
	return files
}

// The engines stop at the statuses that app/gateway tells them.
func TestRealRefusal(t *testing.T) {
	statuses := map[string]map[int]int{ // by kind: how often it may ask until it stops at a status
		"codex": {http.StatusBadRequest: 1},
		// At 400 Claude Code asks again without what a provider may not know.
		"claude": {http.StatusBadRequest: 3, http.StatusPaymentRequired: 1, http.StatusForbidden: 1},
	}
	bothCLIs(t, func(t *testing.T, kind string) {
		for status, most := range statuses[kind] {
			p := play(t)
			p.refuse, p.status = "GW_BUDGET: the budget of this run is used up. Raise it, or ask for less.", status
			w := real(t, kind, p)
			_, _, err := run(t, w)
			var e *runapi.Error
			if !errors.As(err, &e) || e.Code != "GW_BUDGET" || !strings.Contains(e.What, "the budget of this run is used up") {
				t.Errorf("%d: %v\n%s", status, err, w.Raw)
			}
			if len(p.asked) > most {
				t.Errorf("asked %d times after a %d", len(p.asked), status)
			}
		}
	})
}

func TestRealStop(t *testing.T) {
	bothCLIs(t, func(t *testing.T, kind string) {
		p := play(t, call{script: "echo begun; touch begun; exec sleep 300"})
		w := real(t, kind, p)
		turn, err := agent.Engines()[kind].Start(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		reference := ""
		for e := range turn.Events() {
			if e.Kind == agent.KindReference {
				reference = e.Text
				turn.Stop()
				turn.Stop()
			}
		}
		since := time.Now()
		answer, err := turn.Wait()
		if err == nil || answer.Resume != reference || time.Since(since) > w.Grace+time.Second {
			t.Errorf("%+v after %s: %v", answer, time.Since(since), err)
		}
	})
}

func TestRealOtherVersion(t *testing.T) {
	bothCLIs(t, func(t *testing.T, kind string) {
		p := play(t)
		w := real(t, kind, p)
		w.Engine.Version = "9.9.9"
		_, _, err := run(t, w)
		var e *runapi.Error
		if !errors.As(err, &e) || e.Code != agent.CodeVersion || !strings.Contains(e.What, "9.9.9") || len(p.asked) > 0 {
			t.Errorf("%v, %d model calls", err, len(p.asked))
		}
	})
}
