package apptest

import (
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// A first run on an engine that has nothing builds the repository's dev container and
// keeps its image; a run on another engine that has nothing pulls it. Both go from the
// comment to the pull request, and the agent works in the container both times.
func TestDevcontainerColdThenWarm(t *testing.T) {
	first, fresh := os.Getenv("ANVIL_DEVCONTAINER_HOST"), os.Getenv("ANVIL_DEVCONTAINER_FRESH")
	if first == "" {
		t.Skip("this needs real container engines: make test-devcontainer")
	}
	// The key is of the content: this line is new to the registry.
	dockerfile := "FROM " + os.Getenv("ANVIL_DEVCONTAINER_BASE") + "\nRUN echo " + rand.Text() + " > /etc/anvil-environment\n"
	wipeEngine(t, first)
	cold := inDevcontainer(t, first, dockerfile)
	wipeEngine(t, first)
	wipeEngine(t, fresh)
	warm := inDevcontainer(t, fresh, dockerfile)
	if got, want := kindsOf(cold), []string{runapi.KindCacheLookup, runapi.KindCacheMiss, runapi.KindCachePush}; !slices.Equal(got, want) {
		t.Fatalf("the cold run: %v, want %v", got, want)
	}
	if got, want := kindsOf(warm), []string{runapi.KindCacheLookup, runapi.KindCacheHit, runapi.KindCachePull}; !slices.Equal(got, want) {
		t.Fatalf("the warm run: %v, want %v", got, want)
	}
	pushed, pulled := cold[2].step, warm[2].step
	if pushed.Code != "" || pulled.Code != "" || pulled.Present || pushed.Digest == "" || pulled.Digest != pushed.Digest || pulled.Key != pushed.Key {
		t.Errorf("pushed %+v, pulled %+v", pushed, pulled)
	}
}

// inDevcontainer lets an agent that tells of its environment work on a repository with a
// dev container, on a job whose engine is at host, and returns what the cache did.
func inDevcontainer(t *testing.T, host, dockerfile string) []cached {
	t.Helper()
	cli := filepath.Dir(os.Getenv("ANVIL_DEVCONTAINER_CLI"))
	w := newTrial(t, greeter, "DOCKER_HOST="+host, "PATH="+cli+string(filepath.ListSeparator)+os.Getenv("PATH"))
	site := filepath.Join(w.Dir, "site")
	must(t, os.MkdirAll(filepath.Join(site, ".devcontainer"), 0o755))
	must(t, os.WriteFile(filepath.Join(site, ".devcontainer", "devcontainer.json"), []byte(`{"build": {"dockerfile": "Dockerfile"}}`), 0o644))
	must(t, os.WriteFile(filepath.Join(site, ".devcontainer", "Dockerfile"), []byte(dockerfile), 0o644))
	must(t, w.CreateRepository("acme/web", site, false))
	must(t, w.GitHub.Ask("POST", "repositories/acme/web/issues", map[string]string{"user": "mona", "title": "Where are we?"}, nil))
	must(t, w.StartServer(t.Context(), []string{"sh", "-c", "cat /etc/anvil-environment > where.txt"}, Settings{
		"containment.mode": "docker", "environment.dev_container": "true", "environment.cache.registry": os.Getenv("ANVIL_DEVCONTAINER_REGISTRY"),
	}))
	w.command(t)
	must(t, w.AwaitTask(t.Context(), 1, anvil.Succeeded))
	var all []cached
	must(t, w.Record.query(t.Context(), func(rows *sql.Rows) error {
		var c cached
		var data string
		if err := rows.Scan(&c.kind, &data); err != nil {
			return err
		}
		all = append(all, c)
		return json.Unmarshal([]byte(data), &all[len(all)-1].step)
	}, `SELECT kind, data FROM events WHERE kind LIKE 'cache.%' ORDER BY seq`))
	return all
}

// cached is one event of the image cache.
type cached struct {
	kind string
	step runapi.CacheStep
}

func kindsOf(all []cached) (kinds []string) {
	for _, c := range all {
		kinds = append(kinds, c.kind)
	}
	return kinds
}

// wipeEngine takes everything out of a container engine, and confirms that nothing is left.
func wipeEngine(t *testing.T, host string) {
	t.Helper()
	for _, args := range [][]string{{"system", "prune", "--all", "--force", "--volumes"}, {"image", "ls", "--all", "--quiet"}} {
		cmd := exec.CommandContext(t.Context(), "docker", args...)
		cmd.Env = append(os.Environ(), "DOCKER_HOST="+host)
		out, err := cmd.CombinedOutput()
		must(t, err)
		if args[0] == "image" && strings.TrimSpace(string(out)) != "" {
			t.Fatalf("the engine at %s is not empty: %s", host, out)
		}
	}
}
