package apptest

import (
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// A first run on an engine that has nothing builds the repository's dev container and
// keeps its image; a run on another engine that has nothing pulls it. Both go from the
// comment to the pull request, the agent works in the container both times, and people
// are told which of the two it was.
func TestDevcontainerColdThenWarm(t *testing.T) {
	first, fresh := os.Getenv("ANVIL_DEVCONTAINER_HOST"), os.Getenv("ANVIL_DEVCONTAINER_FRESH")
	if first == "" {
		t.Skip("this needs real container engines: make test-devcontainer")
	}
	// The key is of the content: this line is new to the registry.
	dockerfile := dockerfileOf(rand.Text())
	wipeEngine(t, first)
	cold := inDevcontainer(t, first, dockerfile, "cold")
	wipeEngine(t, first)
	wipeEngine(t, fresh)
	warm := inDevcontainer(t, fresh, dockerfile, "warm")
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

// Whatever a registry does, the run ends with a pull request, made in the container; what
// it cost is told by the events.
func TestDevcontainerFaults(t *testing.T) {
	host := os.Getenv("ANVIL_DEVCONTAINER_HOST")
	if host == "" {
		t.Skip("this needs real container engines: make test-devcontainer")
	}
	registry := startFaulty(t, os.Getenv("ANVIL_DEVCONTAINER_REGISTRY"))
	dockerfile := dockerfileOf(rand.Text())
	w := withDevcontainer(t, host, registry.host, dockerfile, Settings{
		"environment.cache.lookup_within": "2s", "environment.cache.pull_within": "10s", "environment.cache.wait_within": "10s",
	})
	wipeEngine(t, host)
	if first := w.work(t, 1); len(first) != 3 || first[2].kind != runapi.KindCachePush || first[2].step.Code != "" {
		t.Fatalf("before anything is wrong: %+v", first)
	}
	answer := func(status int) func(http.ResponseWriter, *http.Request) bool {
		return func(rw http.ResponseWriter, _ *http.Request) bool { rw.WriteHeader(status); return true }
	}
	for i, c := range []struct {
		what  string
		fault func(http.ResponseWriter, *http.Request) bool
		kind  string // of the event that tells
		code  string
	}{
		// The image is still on the engine for those who are not asked.
		{"down", func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, runapi.KindCacheMiss, "IMAGE_LOOKUP"},
		{"slow", func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }, runapi.KindCacheMiss, "IMAGE_LOOKUP"},
		{"401", answer(http.StatusUnauthorized), runapi.KindCacheMiss, "IMAGE_LOGIN"},
		{"429", answer(http.StatusTooManyRequests), runapi.KindCacheMiss, "IMAGE_LOOKUP"},
		{"wrong digest", func(rw http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/sha256:") {
				return false
			}
			_, _ = io.WriteString(rw, "these are other bytes")
			return true
		}, runapi.KindCachePull, "IMAGE_DIGEST"},
		{"disk full", func(rw http.ResponseWriter, r *http.Request) bool {
			switch {
			case r.Method == http.MethodGet && r.URL.Path == "/v2/":
				return false
			case r.Method == http.MethodGet || r.Method == http.MethodHead:
				rw.WriteHeader(http.StatusNotFound)
			default:
				http.Error(rw, `{"errors":[{"code":"UNKNOWN","message":"no space left on device"}]}`, http.StatusInternalServerError)
			}
			return true
		}, runapi.KindCachePush, "IMAGE_PUSH"}, // the engine tries again until the run has no time left for it
	} {
		if c.kind == runapi.KindCachePull {
			wipeEngine(t, host)
		}
		registry.fault.Store(&c.fault)
		steps := w.work(t, i+2)
		told := slices.ContainsFunc(steps, func(s cached) bool { return s.kind == c.kind && s.step.Code == c.code })
		if !told {
			t.Errorf("%s: no %s tells %s: %+v", c.what, c.kind, c.code, steps)
		}
	}
}

// A push that hangs does not keep a person's stop waiting.
func TestDevcontainerStopWhilePushing(t *testing.T) {
	host := os.Getenv("ANVIL_DEVCONTAINER_HOST")
	if host == "" {
		t.Skip("this needs real container engines: make test-devcontainer")
	}
	registry, hanging := startFaulty(t, os.Getenv("ANVIL_DEVCONTAINER_REGISTRY")), make(chan struct{}, 100)
	hang := func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			return false
		}
		hanging <- struct{}{}
		<-r.Context().Done()
		return true
	}
	registry.fault.Store(&hang)
	dockerfile := dockerfileOf(rand.Text())
	w := withDevcontainer(t, host, registry.host, dockerfile, Settings{
		"environment.cache.push_within": "10m", "environment.cache.wait_within": "10m", "limits.renew_every": "200ms", "limits.lease": "10s",
	})
	must(t, w.GitHub.Ask("POST", "repositories/acme/web/issues", map[string]string{"user": "mona", "title": "Where are we?"}, nil))
	_, _, err := w.Comment("mona", 1, "/anvil say where we are")
	must(t, err)
	select {
	case <-hanging:
	case <-t.Context().Done():
	}
	_, _, err = w.Comment("mona", 1, "/anvil stop")
	must(t, err)
	must(t, w.AwaitTask(t.Context(), 1, anvil.Cancelled))
	steps, err := w.cached(t, 1)
	must(t, err)
	if last := steps[len(steps)-1]; last.kind != runapi.KindCachePush || last.step.Code != "IMAGE_PUSH" {
		t.Errorf("the runner did not hand over how the push ended: %+v", steps)
	}
}

// faulty is a registry behind a proxy that can be told to answer in its place.
type faulty struct {
	host  string
	fault atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

func startFaulty(t *testing.T, registry string) *faulty {
	f := &faulty{}
	target := &url.URL{Scheme: "http", Host: registry}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // the registry makes addresses of it
	}, ErrorLog: log.New(io.Discard, "", 0)}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if fault := f.fault.Load(); fault == nil || !(*fault)(rw, r) {
			proxy.ServeHTTP(rw, r)
		}
	}))
	t.Cleanup(func() {
		s.CloseClientConnections() // an engine keeps its own open
		s.Close()
	})
	f.host = s.URL[len("http://"):]
	return f
}

// inDevcontainer lets an agent that tells of its environment work on a repository with a
// dev container, on a job whose engine is at host, and returns what the cache did. The
// comment and the pull request have to say how the container came about: cold or warm.
func inDevcontainer(t *testing.T, host, dockerfile, how string) []cached {
	t.Helper()
	w := withDevcontainer(t, host, os.Getenv("ANVIL_DEVCONTAINER_REGISTRY"), dockerfile, Settings{})
	steps := w.work(t, 1)
	told := "dev container `.devcontainer/devcontainer.json`, " + how + ", "
	comments, err := w.BotComments()
	must(t, err)
	if len(comments) != 1 || !strings.Contains(comments[0].Body, told) {
		t.Errorf("no comment says %q: %+v", told, comments)
	}
	pulls, err := list[githubtest.PullRequest](w.GitHub, w.Repository, "pulls")
	must(t, err)
	if len(pulls) != 1 || !strings.Contains(pulls[0].Body, told) {
		t.Errorf("no pull request says %q: %+v", told, pulls)
	}
	return steps
}

// withDevcontainer is a server and a repository whose dev container's image is kept in
// the registry.
func withDevcontainer(t *testing.T, host, registry, dockerfile string, settings Settings) trial {
	t.Helper()
	w := devcontainerTrial(t, host, map[string]string{
		".devcontainer/devcontainer.json": `{"build": {"dockerfile": "Dockerfile"}}`, ".devcontainer/Dockerfile": dockerfile,
	})
	all := Settings{"containment.mode": "docker", "environment.dev_container": "true", "environment.cache.registry": registry}
	maps.Copy(all, settings)
	must(t, w.StartServer(t.Context(), []string{"sh", "-c", "cat /etc/anvil-environment > where.txt"}, all))
	return w
}

// Without a server a run works in the repository's dev container too, which is built for it.
func TestDevcontainerStandalone(t *testing.T) {
	t.Parallel()
	host := os.Getenv("ANVIL_DEVCONTAINER_HOST")
	if host == "" {
		t.Skip("this needs real container engines: make test-devcontainer")
	}
	l := newLone(t, "", map[string]string{
		".devcontainer/web/devcontainer.json": `{"build": {"dockerfile": "Dockerfile"}}`, ".devcontainer/web/Dockerfile": dockerfileOf("without a server"),
		".devcontainer/other/devcontainer.json": `{"image": "x"}`,
		".github/anvil.yml":                     "environment: web\nverify: grep -q without /etc/anvil-environment\n",
	})
	l.env["ANVIL_CONTAINMENT"], l.env["ANVIL_DEV_CONTAINER"] = "docker", "true"
	l.env["ANVIL_COMMAND"] = `["sh", "-c", "cat > /dev/null; cat /etc/anvil-environment > hello.txt"]`
	l.machine = []string{
		"DOCKER_HOST=" + host, "DOCKER_CONFIG=" + withBuildx(t), "PATH=" + filepath.Dir(os.Getenv("ANVIL_DEVCONTAINER_CLI")) + string(filepath.ListSeparator) + os.Getenv("PATH"),
	}
	l.comment("mona", "/anvil say where we are")
	if !l.readJob() {
		t.Fatal(l.said)
	}
	ran := l.said
	if err := l.writeJob(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, l.said, ran)
	}
	pulls, _ := l.published()
	if len(pulls) != 1 || !strings.Contains(pulls[0].Body, "dev container `.devcontainer/web/devcontainer.json`, cold, ") {
		t.Fatalf("pull requests: %+v\n%s", pulls, ran)
	}
	if got := string(contentOf(t, l.GitHub, pulls[0].Head, "hello.txt")); got != "without a server\n" {
		t.Errorf("the agent was in %q", got)
	}
}

// devcontainerTrial is a world with a repository of these files, whose jobs find the engine
// at host, the dev container CLI, and what is in the directories of programs.
func devcontainerTrial(t *testing.T, host string, files map[string]string, programs ...string) trial {
	t.Helper()
	path := append(programs, filepath.Dir(os.Getenv("ANVIL_DEVCONTAINER_CLI")), os.Getenv("PATH"))
	w := newTrial(t, greeter, "DOCKER_HOST="+host, "DOCKER_CONFIG="+withBuildx(t), "PATH="+strings.Join(path, string(filepath.ListSeparator)))
	site := filepath.Join(w.Dir, "site")
	for name, text := range files {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(site, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(site, name), []byte(text), 0o644))
	}
	must(t, w.CreateRepository("acme/web", site, false))
	return w
}

// withBuildx makes a directory of the Docker client's configuration in which it finds
// buildx, as on GitHub's runners.
func withBuildx(t *testing.T) string {
	t.Helper()
	docker := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(docker, "cli-plugins"), 0o755))
	must(t, os.Symlink(os.Getenv("ANVIL_DEVCONTAINER_BUILDX"), filepath.Join(docker, "cli-plugins", "docker-buildx")))
	return docker
}

// dockerfileOf makes an image that says mark, and which no registry has yet where the mark
// is new.
func dockerfileOf(mark string) string {
	return "FROM " + os.Getenv("ANVIL_DEVCONTAINER_BASE") + "\nRUN echo " + mark + " > /etc/anvil-environment\n"
}

// work gives the agent an issue, which becomes task n, and returns what
// the cache did in its run. The run has to end well, whatever that was.
func (w trial) work(t *testing.T, n int) []cached {
	t.Helper()
	var issue githubtest.Issue
	must(t, w.GitHub.Ask("POST", "repositories/acme/web/issues", map[string]string{"user": "mona", "title": "Where are we?"}, &issue))
	_, _, err := w.Comment("mona", issue.Number, "/anvil say where we are")
	must(t, err)
	must(t, w.AwaitTask(t.Context(), n, anvil.Succeeded))
	steps, err := w.cached(t, n)
	must(t, err)
	return steps
}

// cached returns what the image cache did in the latest run of task n.
func (w trial) cached(t *testing.T, n int) (all []cached, err error) {
	tasks, err := w.Record.Tasks(t.Context())
	if err != nil {
		return nil, err
	}
	err = w.Record.query(t.Context(), func(rows *sql.Rows) error {
		var c cached
		var data string
		if err := rows.Scan(&c.kind, &data); err != nil {
			return err
		}
		all = append(all, c)
		return json.Unmarshal([]byte(data), &all[len(all)-1].step)
	}, `SELECT kind, data FROM events WHERE run_id = $1 AND kind LIKE 'cache.%' ORDER BY seq`, tasks[n-1].Run)
	return all, err
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
