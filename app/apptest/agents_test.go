package apptest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/gateway/modeltest"
)

// modelKey is what the server pays a model with. Nobody else may ever see it.
const modelKey = "canary-model-key-5b1d0c9e8f7a6b5c4d3e2f1a0b9c8d7e"

// realEngines are the agents that are tried from a comment on, as a server is told of them.
var realEngines = map[string]struct {
	engine   string // JSON, without its models
	protocol string
	base     string // of its upstream, below the scripted model's address
}{
	"codex":    {`"kind": "codex"`, "responses", "/v1"},
	"claude":   {`"kind": "claude"`, "messages", "/v1"},
	"opencode": {`"kind": "acp", "command": ["opencode", "acp"]`, "chat", "/v1"},
	"gemini":   {`"kind": "acp", "command": ["gemini", "--acp"]`, "generate", "/v1beta"},
}

// The real agents work on an issue of a repository that is full of traps, with a scripted
// model: from the comment to the pull request, through the real server, its gateway and
// the real runner.
func TestRealAgents(t *testing.T) {
	t.Parallel()
	agents := os.Getenv("ANVIL_AGENTS")
	if agents == "" {
		t.Skip("the real CLIs are tried by make test-agents: ANVIL_AGENTS is not set")
	}
	for name, tried := range realEngines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			model, err := modeltest.Start(modeltest.Options{Keys: []string{modelKey}})
			must(t, err)
			t.Cleanup(func() { model.Close() })
			var called atomic.Int32
			evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Add(1) }))
			t.Cleanup(evil.Close)

			w := newTrial(t, greeter, "PATH="+agents+string(filepath.ListSeparator)+os.Getenv("PATH"))
			key, canary := filepath.Join(w.Dir, ".world", "model-key"), filepath.Join(w.Dir, "canary")
			must(t, os.WriteFile(key, []byte(modelKey), 0o600))
			site := filepath.Join(w.Dir, "site")
			unpack(t, "../demo/sample.txtar", site, strings.NewReplacer())
			unpack(t, "../../action/agent/testdata/traps.txtar", site, strings.NewReplacer("CANARY", canary, "EVIL", evil.URL))
			if agent, ok := acpAgents[name]; ok {
				agent.set(t, site, canary)
			}
			must(t, w.CreateRepository("acme/web", site, false))
			must(t, w.GitHub.Ask("POST", "repositories/acme/web/issues", map[string]string{"user": "mona", "title": "Greet leaves people out"}, nil))
			must(t, w.StartServer(t.Context(), w.agent(), Settings{
				"engines." + name:   "{" + tried.engine + `, "models": ["scripted"]}`,
				"default_engine":    name,
				"gateway.upstreams": `[{"name": "scripted", "protocols": ["` + tried.protocol + `"], "base_url": "` + model.URL + tried.base + `", "key_file": "` + key + `"}]`,
			}))

			_, d, err := w.Comment("mona", 1, "/anvil fix the failing test")
			must(t, err)
			if d.StatusCode != http.StatusAccepted {
				t.Fatalf("the webhook was answered with %d %s", d.StatusCode, d.Answer)
			}
			must(t, w.AwaitTask(t.Context(), 1, anvil.Succeeded))

			s := &stage{World: w.World, ctx: t.Context()}
			for _, want := range [][]string{{"runs", "success", "1"}, {"branches", "anvil/*", "1"}, {"pull_requests", "1"}, {"check_runs", "success", "1"}} {
				if err := count(s, want); err != nil {
					t.Error(err)
				}
			}
			comments, err := w.BotComments()
			must(t, err)
			if last := comments[len(comments)-1].Body; !strings.Contains(last, "Fixed: `Greet` cut the list") || !strings.Contains(last, "go test ./...") || !strings.Contains(last, "engine "+name) {
				t.Errorf("the comment:\n%s", last)
			}
			asked := 0
			for _, r := range model.Requests() {
				if strings.HasPrefix(r.Path, tried.base+"/") && r.Method == http.MethodPost {
					asked++
					if key := strings.TrimPrefix(r.Key, "Bearer "); key != modelKey {
						t.Errorf("%s %s came with the key %q", r.Method, r.Path, key)
					}
				}
			}
			if asked < 3 {
				t.Errorf("the model was asked %d times", asked)
			}
			if _, err := os.Stat(canary); err == nil {
				t.Error("a program of the repository's was started")
			}
			if n := called.Load(); n > 0 {
				t.Errorf("the repository's address was called %d times", n)
			}
			if err := secrets(s, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// unpack writes the files of an archive into dir.
func unpack(t *testing.T, archive, dir string, names *strings.Replacer) {
	t.Helper()
	text, err := os.ReadFile(archive)
	must(t, err)
	for _, f := range txtar.Parse([]byte(names.Replace(string(text)))).Files {
		path := filepath.Join(dir, f.Name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, f.Data, 0o755))
	}
}
