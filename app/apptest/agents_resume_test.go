package apptest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/gateway/modeltest"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// The real Codex CLI and Claude Code, told "add JWT authentication", then "use
// Passport instead", then, after the server was stopped and started again, a third
// thing, and each time on another machine: nothing is lost, in the same branch, the
// same pull request and the same thread of the agent's. Asked a question by it, a
// person answers, and it goes on there too. The scripted model sees only what the
// agent sends it, so an agent that lost its conversation is found out.
func TestRealAgentsGoOn(t *testing.T) {
	t.Parallel()
	agents := os.Getenv("ANVIL_AGENTS")
	if agents == "" {
		t.Skip("the real CLIs are tried by make test-agents: ANVIL_AGENTS is not set")
	}
	for kind, protocol := range map[string]string{"codex": "responses", "claude": "messages"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			model, err := modeltest.Start(modeltest.Options{Keys: []string{modelKey}})
			must(t, err)
			t.Cleanup(func() { model.Close() })
			w := newTrial(t, greeter, "PATH="+agents+string(filepath.ListSeparator)+os.Getenv("PATH"))
			key, site := filepath.Join(w.Dir, ".world", "model-key"), filepath.Join(w.Dir, "site")
			must(t, os.WriteFile(key, []byte(modelKey), 0o600))
			must(t, os.MkdirAll(filepath.Join(site, ".github"), 0o755))
			must(t, os.WriteFile(filepath.Join(site, ".github", "anvil.yml"), []byte("verify: test -s src/auth.js\n"), 0o644))
			must(t, w.CreateRepository("acme/web", site, false))
			must(t, w.GitHub.Ask("POST", "repositories/acme/web/issues", map[string]string{"user": "mona", "title": "Authentication"}, nil))
			must(t, w.StartServer(t.Context(), w.agent(), Settings{
				"engines." + kind:   `{"kind": "` + kind + `", "models": ["scripted"]}`,
				"default_engine":    kind,
				"gateway.upstreams": `[{"name": "scripted", "protocols": ["` + protocol + `"], "base_url": "` + model.URL + `/v1", "key_file": "` + key + `"}]`,
			}))
			says := func(text string) {
				t.Helper()
				_, _, err := w.Comment("mona", 1, text)
				must(t, err)
			}

			says("/anvil add JWT authentication")
			must(t, w.AwaitTask(t.Context(), 1, anvil.Succeeded))
			says("/anvil use Passport instead")
			must(t, w.AwaitTask(t.Context(), 2, anvil.Succeeded))
			must(t, w.Server.Stop())
			must(t, w.Server.Start(t.Context()))
			says("/anvil describe how it works")
			must(t, w.AwaitTask(t.Context(), 3, anvil.Succeeded))

			s := &stage{World: w.World, ctx: t.Context()}
			for _, want := range [][]string{{"runs", "success", "3"}, {"branches", "anvil/*", "1"}, {"pushes", "anvil/1-authentication", "3"}, {"pull_requests", "1"}} {
				if err := count(s, want); err != nil {
					t.Error(err)
				}
			}
			var file struct {
				Content string `json:"content"`
			}
			must(t, w.GitHub.Ask("GET", "repositories/acme/web/file?ref=anvil/1-authentication&path=docs/auth.md", nil, &file))
			for _, said := range []string{"- add JWT authentication", "- use Passport instead", "- describe how it works"} {
				if !strings.Contains(file.Content, said) {
					t.Errorf("the agent does not remember %q:\n%s", said, file.Content)
				}
			}
			must(t, w.GitHub.Ask("GET", "repositories/acme/web/file?ref=anvil/1-authentication&path=src/auth.js", nil, &file))
			if !strings.Contains(file.Content, "passport") {
				t.Errorf("src/auth.js:\n%s", file.Content)
			}

			says("/anvil ask me which of the two")
			must(t, w.AwaitTask(t.Context(), 4, anvil.Waiting))
			says("/anvil the second one")
			must(t, w.AwaitTask(t.Context(), 4, anvil.Unchanged))
			comments, err := w.BotComments()
			must(t, err)
			if !slices.ContainsFunc(comments, func(c githubtest.Comment) bool {
				return strings.Contains(c.Body, "no part of it is about this: the second one")
			}) {
				t.Error("the agent did not get the answer")
			}
			sessions, most := map[string]bool{}, 0
			for _, r := range model.Requests() {
				if r.Script == "" {
					continue
				}
				sessions[r.Session] = true
				most = max(most, r.Instructions)
			}
			if len(sessions) != 1 || most != 5 {
				t.Errorf("the agent had %d threads, with at most %d instructions: %v", len(sessions), most, sessions)
			}
			if err := secrets(s, nil); err != nil {
				t.Error(err)
			}
		})
	}
}
