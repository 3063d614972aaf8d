package apptest

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/gateway/modeltest"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// The real Codex CLI, which no image has, works in a repository's dev container, with a
// scripted model: from the comment to the pull request, in which stands what only that
// container knows. It sees the container's user, variables, folders and what the lifecycle
// commands left, and so do the checks.
func TestDevcontainerCodex(t *testing.T) {
	t.Parallel()
	host, agents := os.Getenv("ANVIL_DEVCONTAINER_HOST"), os.Getenv("ANVIL_AGENTS")
	if host == "" || agents == "" {
		t.Skip("this needs a real container engine and the Codex CLI: make test-devcontainer")
	}
	model, err := modeltest.Start(modeltest.Options{Keys: []string{modelKey}, Scripts: scripts(t, `
scripts:
  - steps:
      - say: I look where I am.
      - shell: "{ cat /etc/anvil-environment ~/lifecycle; id -un; echo $STAGE; pwd; ls /workspaces; } > where.txt"
      - write: {path: /workspaces/web/note.txt, content: "written by its other name\n"}
      - say: I am in the container.
`)})
	must(t, err)
	t.Cleanup(func() { model.Close() })
	key := filepath.Join(t.TempDir(), "model-key")
	must(t, os.WriteFile(key, []byte(modelKey), 0o600))
	upstreams, err := json.Marshal([]any{map[string]any{
		"name": "scripted", "protocols": []string{"responses"}, "base_url": model.URL + "/v1", "key_file": key,
	}})
	must(t, err)
	w := devcontainerTrial(t, host, map[string]string{
		".devcontainer/devcontainer.json": `{
			// The image is made for this test.
			"build": {"dockerfile": "Dockerfile"},
			"remoteUser": "dev", "containerEnv": {"STAGE": "in the container"},
			"postCreateCommand": "pwd > ~/lifecycle",
		}`,
		".devcontainer/Dockerfile": dockerfileOf("a container of its own"),
		".github/anvil.yml":        "verify:\n  - test -s where.txt && test -s note.txt\n  - grep -q /workspaces/web ~/lifecycle && grep -q 'of its own' /etc/anvil-environment\n",
	}, agents)
	must(t, w.StartServer(t.Context(), w.agent(), Settings{
		"containment.mode": "docker", "environment.dev_container": "true", "environment.cache.registry": os.Getenv("ANVIL_DEVCONTAINER_REGISTRY"),
		"engines.codex": `{"kind": "codex", "models": ["scripted"]}`, "default_engine": "codex", "gateway.upstreams": string(upstreams),
	}))

	must(t, w.GitHub.Ask("POST", "repositories/acme/web/issues", map[string]string{"user": "mona", "title": "Where are we?"}, nil))
	_, d, err := w.Comment("mona", 1, "/anvil say where we are")
	must(t, err)
	if d.StatusCode != http.StatusAccepted {
		t.Fatalf("the webhook was answered with %d %s", d.StatusCode, d.Answer)
	}
	must(t, w.AwaitTask(t.Context(), 1, anvil.Succeeded))
	pulls, err := list[githubtest.PullRequest](w.GitHub, w.Repository, "pulls")
	must(t, err)
	if len(pulls) != 1 || !strings.Contains(pulls[0].Body, "dev container `.devcontainer/devcontainer.json`") || !strings.Contains(pulls[0].Body, "codex") {
		t.Fatalf("pull requests: %+v", pulls)
	}
	want := "a container of its own\n/workspaces/web\ndev\nin the container\n/anvil/tree\nweb\n"
	if got := string(contentOf(t, w.GitHub, pulls[0].Head, "where.txt")); got != want {
		t.Errorf("the agent found\n%swant\n%s", got, want)
	}
	s := &stage{World: w.World, ctx: t.Context()}
	for _, want := range [][]string{{"runs", "success", "1"}, {"branches", "anvil/*", "1"}, {"check_runs", "success", "1"}} {
		if err := count(s, want); err != nil {
			t.Error(err)
		}
	}
	if comments, err := w.BotComments(); err != nil || !strings.Contains(comments[len(comments)-1].Body, "✅ passed") {
		t.Errorf("comments: %+v, %v", comments, err)
	}
	if err := secrets(s, nil); err != nil {
		t.Error(err)
	}
}

func scripts(t *testing.T, text string) []modeltest.Script {
	t.Helper()
	all, err := modeltest.Parse(strings.NewReader(text))
	must(t, err)
	return all
}
