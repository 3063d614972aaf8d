package bench

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/imagecache"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// measureEnvironment compares an environment that is pulled from the cache with one that
// the dev container CLI builds, and with a pull and a start by hand, each on an engine that
// has nothing, so that the build has its base image to pull as well. The image has a
// compiler and its like, installed from packages on this machine: a build elsewhere would
// have to fetch them too.
func measureEnvironment(t *testing.T, all *table, bin string) {
	first, fresh := node{t, os.Getenv("ANVIL_DEVCONTAINER_HOST")}, node{t, os.Getenv("ANVIL_DEVCONTAINER_FRESH")}
	debs, cli := os.Getenv("ANVIL_DEVCONTAINER_DEBS"), os.Getenv("ANVIL_DEVCONTAINER_CLI")
	if first.host == "" || debs == "" {
		all.note("environment from the image cache", "not measured: .ci/devcontainer --tools make bench", "-")
		return
	}
	measurePrebuild(t, all, bin, first)
	mirror := httptest.NewServer(http.FileServer(http.Dir(debs)))
	defer mirror.Close()
	workspace := t.TempDir()
	write(t, filepath.Join(workspace, ".devcontainer", "devcontainer.json"), `{"build": {"dockerfile": "Dockerfile", "options": ["--network=host"]}}`)
	write(t, filepath.Join(workspace, ".devcontainer", "Dockerfile"), "FROM "+os.Getenv("ANVIL_DEVCONTAINER_BASE")+`
RUN echo "deb [trusted=yes] `+mirror.URL+`/ ./" > /etc/apt/sources.list && apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends build-essential python3 && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*
`)
	var cold, warm, byHand, again []time.Duration
	build := func() {
		first.wipe()
		cmd := exec.CommandContext(t.Context(), cli, "build", "--workspace-folder", workspace, "--image-name", "anvil-bench")
		cmd.Env = append(os.Environ(), "DOCKER_HOST="+first.host)
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("devcontainer build: %v\n%s", err, out)
		}
		cold = append(cold, time.Since(start))
	}
	build()

	pushed := make(chan runapi.CacheStep, 1)
	cache := first.cache(func(_, _ string, s runapi.CacheStep) { pushed <- s })
	alone := work()
	start := time.Now()
	cache.Push("anvil-bench", "bench", "loose")
	asked := time.Since(start)
	all.note("environment: work that takes a processor, beside a push", fmt.Sprintf("%.0f ms", ms(work())), fmt.Sprintf("without: %.0f ms", ms(alone)))
	step := <-pushed
	if step.Code != "" {
		t.Fatalf("not pushed: %+v", step)
	}
	all.note("environment: image pushed beside the work", fmt.Sprintf("%d ms, %d MB packed", step.Milliseconds, step.Bytes/1e6), "-")
	start = time.Now()
	cache.Close(t.Context())
	held := asked + time.Since(start)

	reference := ""
	fromCache := func() {
		fresh.wipe()
		took, pulled := fresh.ready()
		warm, reference = append(warm, took), pulled
	}
	fromCache() // not counted
	warm = nil
	for n := range 6 {
		if n%2 == 0 {
			fromCache()
		}
		fresh.wipe()
		start = time.Now()
		fresh.docker("pull", "--quiet", reference)
		fresh.docker("run", "--rm", "--network", "none", reference, "true")
		byHand = append(byHand, time.Since(start))
		if n%2 == 1 {
			fromCache()
		}
		if n%3 == 2 {
			build()
		}
	}
	all.timed(func() {
		for range 7 {
			took, _ := fresh.ready()
			again = append(again, took)
		}
	})
	all.add(t, row{
		what: "environment: found, pulled and first command run (p50 of 6)", measured: fmt.Sprintf("%.0f ms", ms(median(warm))),
		peer: fmt.Sprintf("docker pull, docker run: %.0f ms", ms(median(byHand))), ratio: ms(median(warm)) / ms(median(byHand)), limit: 1.15,
	})
	all.add(t, row{
		what: "environment: the same", measured: fmt.Sprintf("%.0f ms", ms(median(warm))),
		peer: fmt.Sprintf("devcontainer build (p50 of 3): %.0f ms", ms(median(cold))), ratio: ms(median(warm)) / ms(median(cold)), limit: 0.4,
	})
	all.within(t, "environment: again on the same machine (p50 of 7)", ms(median(again)), 1000, "ms")
	all.within(t, "environment: a push holds up the run that built", 100*held.Seconds()/median(cold).Seconds(), 2, "% of the build")
}

// measurePrebuild starts the job that keeps the dev container's image when nothing changed.
func measurePrebuild(t *testing.T, all *table, bin string, on node) {
	dir := t.TempDir()
	tree := filepath.Join(dir, "acme", "web.git")
	write(t, filepath.Join(tree, ".devcontainer", "devcontainer.json"), `{"build": {"dockerfile": "Dockerfile"}}`)
	write(t, filepath.Join(tree, ".devcontainer", "Dockerfile"), "FROM "+os.Getenv("ANVIL_DEVCONTAINER_BASE")+"\nRUN date > /etc/made\n")
	gitOut(t, tree, "init", "--quiet", "--initial-branch=main")
	gitOut(t, tree, "add", ".")
	gitOut(t, tree, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "--message=first")
	job := func() (took time.Duration, said string) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "anvil-runner"), "prebuild")
		cmd.Env = append(os.Environ(), "DOCKER_HOST="+on.host, "ANVIL_REGISTRY="+os.Getenv("ANVIL_DEVCONTAINER_REGISTRY"),
			"PATH="+filepath.Dir(os.Getenv("ANVIL_DEVCONTAINER_CLI"))+string(os.PathListSeparator)+os.Getenv("PATH"), "RUNNER_TEMP="+t.TempDir(),
			"GITHUB_SERVER_URL=file://"+dir, "GITHUB_REPOSITORY=acme/web", "GITHUB_REF_NAME=main", "GITHUB_SHA="+gitOut(t, tree, "rev-parse", "HEAD"))
		start := time.Now()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("anvil-runner prebuild: %v\n%s", err, out)
		}
		return time.Since(start), string(out)
	}
	built, said := job()
	if !strings.Contains(said, "Built the image") {
		t.Fatalf("nothing was built:\n%s", said)
	}
	var again []time.Duration
	all.timed(func() {
		for range 7 {
			took, said := job()
			if !strings.Contains(said, "Nothing changed") {
				t.Fatalf("something changed:\n%s", said)
			}
			again = append(again, took)
		}
	})
	all.note("prebuild: built and pushed", fmt.Sprintf("%.0f ms", ms(built)), "-")
	all.within(t, "prebuild: nothing changed (p50 of 7)", ms(median(again)), 2000, "ms")
}

// node is a container engine that .ci/devcontainer has started.
type node struct {
	t    *testing.T
	host string
}

func (n node) docker(args ...string) string {
	n.t.Helper()
	cmd := exec.CommandContext(n.t.Context(), "docker", args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+n.host)
	out, err := cmd.CombinedOutput()
	if err != nil {
		n.t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// wipe takes everything out of the engine.
func (n node) wipe() {
	n.t.Helper()
	n.docker("system", "prune", "--all", "--force", "--volumes")
	if left := n.docker("image", "ls", "--all", "--quiet"); left != "" {
		n.t.Fatalf("the engine is not empty: %s", left)
	}
}

// cache opens the cache as a job on the engine does.
func (n node) cache(tell func(kind, text string, s runapi.CacheStep)) *imagecache.Cache {
	n.t.Helper()
	c, err := imagecache.Open(n.t.Context(), imagecache.Options{
		Images:     runapi.ImageCache{Backend: runapi.ImagesRegistry, Registry: os.Getenv("ANVIL_DEVCONTAINER_REGISTRY")},
		Repository: "acme/bench", Branch: "main", Platform: "linux/amd64", Temp: n.t.TempDir(),
		Environ: append(os.Environ(), "DOCKER_HOST="+n.host), Tell: tell,
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

// ready looks the image up, pulls it and runs a first command in it, and returns how long
// that took and what was pulled.
func (n node) ready() (time.Duration, string) {
	n.t.Helper()
	start := time.Now()
	c := n.cache(nil)
	defer c.Close(n.t.Context())
	found, ok := c.Lookup(n.t.Context(), "bench")
	if !ok {
		n.t.Fatal("not found")
	}
	image, err := c.Pull(n.t.Context(), found)
	if err != nil {
		n.t.Fatal(err)
	}
	n.docker("run", "--rm", "--network", "none", image.ID, "true")
	return time.Since(start), image.Reference
}

// work keeps one processor busy, and returns for how long.
func work() time.Duration {
	start, block, sum := time.Now(), make([]byte, 1<<20), sha256.New()
	for range 4000 {
		sum.Write(block)
	}
	return time.Since(start)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
