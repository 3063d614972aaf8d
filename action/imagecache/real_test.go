package imagecache

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/devcontainer"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// node is a real container engine, as .ci/devcontainer starts them.
type node struct {
	t    *testing.T
	host string
}

// engineAt returns the engine that a variable names.
func engineAt(t *testing.T, variable string) node {
	t.Helper()
	host := os.Getenv(variable)
	if host == "" {
		t.Skip("this needs real container engines: make test-devcontainer")
	}
	return node{t: t, host: host}
}

func (n node) docker(args ...string) string {
	n.t.Helper()
	cmd := exec.Command("docker", args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+n.host)
	out, err := cmd.CombinedOutput()
	if err != nil {
		n.t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// wipe takes everything out of the engine, and confirms that nothing is left.
func (n node) wipe() {
	n.t.Helper()
	n.docker("system", "prune", "--all", "--force", "--volumes")
	if left := n.docker("image", "ls", "--all", "--quiet") + n.docker("ps", "--all", "--quiet"); left != "" {
		n.t.Fatalf("the engine is not empty: %s", left)
	}
}

// build builds an image on the base image with a layer for each size in MiB, of which a
// third does not compress, as in a usual environment.
func (n node) build(name string, sizes ...int) string {
	n.t.Helper()
	dir := n.t.TempDir()
	text := "FROM " + os.Getenv("ANVIL_DEVCONTAINER_BASE") + "\nRUN echo " + name + " > /etc/anvil-environment\n"
	for i, mib := range sizes {
		text += fmt.Sprintf("RUN head -c %[1]d /dev/urandom > /bytes-%[3]d && yes anvil | head -c %[2]d >> /bytes-%[3]d\n", mib<<20/3, mib<<20-mib<<20/3, i)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
	n.docker("build", "--quiet", "--tag", name, dir)
	return n.docker("image", "inspect", "--format", "{{.Id}}", name)
}

// at opens a cache as a job on the engine does.
func (w *world) at(n node, registry string, change ...func(*Options)) *Cache {
	return w.open(append([]func(*Options){func(o *Options) {
		o.Docker, o.Environ = "", append(os.Environ(), "DOCKER_HOST="+n.host)
		o.Images.Registry, o.Images.Login, o.Images.Prefix = registry, runapi.LoginAnonymous, "test/caches"
		o.Images.PullSeconds, o.Images.PushSeconds, o.Images.WaitSeconds = 300, 300, 300
	}}, change...)...)
}

// On a machine that has nothing, the image that another one has built starts after a
// pull by its digest: 800 MB of it.
func TestDevcontainerCacheColdThenWarm(t *testing.T) {
	first, fresh := engineAt(t, "ANVIL_DEVCONTAINER_HOST"), engineAt(t, "ANVIL_DEVCONTAINER_FRESH")
	w, registry := newWorld(t), os.Getenv("ANVIL_DEVCONTAINER_REGISTRY")
	start := time.Now()
	cold := w.at(first, registry)
	if _, ok := cold.Lookup(t.Context(), "big"); ok {
		t.Fatal("found before it was built")
	}
	id := first.build("big", 250, 250, 250)
	t.Logf("cold: built and ready after %s", time.Since(start).Round(time.Millisecond))
	first.docker("run", "--rm", "--network", "none", id, "true")
	cold.Push("big", "big", "loose")
	cold.Close(t.Context())
	kinds, push := w.told(runapi.KindCachePush)
	if want := []string{"lookup", "miss", "push"}; !slices.Equal(kinds, want) || push.Code != "" || push.Bytes < 250<<20 {
		t.Fatalf("events %v, pushed %+v", kinds, push)
	}
	if size, err := strconv.Atoi(first.docker("image", "inspect", "--format", "{{.Size}}", id)); err != nil || size < 800e6 {
		t.Fatalf("the image has %d bytes, %v", size, err)
	}
	first.wipe()
	fresh.wipe()

	start = time.Now()
	warm := w.at(fresh, registry)
	found, ok := warm.Lookup(t.Context(), "big")
	if !ok || found.Digest != push.Digest {
		t.Fatalf("found %+v, pushed %+v", found, push)
	}
	image, err := warm.Pull(t.Context(), found)
	if err != nil || image.ID != id {
		t.Fatalf("pulled %+v, %v; built %s", image, err, id)
	}
	if got := fresh.docker("run", "--rm", "--network", "none", image.ID, "cat", "/etc/anvil-environment"); got != "big" {
		t.Errorf("what runs says %q", got)
	}
	t.Logf("warm: pulled and ready after %s; pushed in %d ms", time.Since(start).Round(time.Millisecond), push.Milliseconds)

	start = time.Now()
	again := w.at(fresh, registry)
	if found, ok = again.Lookup(t.Context(), "big"); !ok {
		t.Fatal("not found again")
	}
	if image, err = again.Pull(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	fresh.docker("run", "--rm", "--network", "none", image.ID, "true")
	_, pull := w.told(runapi.KindCachePull)
	t.Logf("same machine again: ready after %s", time.Since(start).Round(time.Millisecond))
	if !pull.Present {
		t.Errorf("the same machine pulled again: %+v", pull)
	}
	fresh.wipe()
}

// proxied is the real registry behind a proxy that can be told to fail.
func (w *world) proxied(registry string) string {
	target := &url.URL{Scheme: "http", Host: registry}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it makes addresses of it
	}, ErrorLog: nolog}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		fault := w.fault
		w.mu.Unlock()
		if fault == nil || !fault(rw, r) {
			proxy.ServeHTTP(rw, r)
		}
	}))
	w.t.Cleanup(s.Close)
	return s.URL[len("http://"):]
}

// An engine that is pulling says in its own words what went wrong with the registry;
// whatever it is, the image is not used, soon, and the event has the right code.
func TestDevcontainerCacheFaults(t *testing.T) {
	first, fresh := engineAt(t, "ANVIL_DEVCONTAINER_HOST"), engineAt(t, "ANVIL_DEVCONTAINER_FRESH")
	registry := os.Getenv("ANVIL_DEVCONTAINER_REGISTRY")
	first.build("faulty", 1)
	w := newWorld(t)
	host := w.proxied(registry)
	cold := w.at(first, host)
	cold.Push("faulty", "k", "loose")
	cold.Close(t.Context())
	if _, push := w.told(runapi.KindCachePush); push.Code != "" {
		t.Fatalf("not pushed: %+v", push)
	}
	released := make(chan struct{}) // when the slow one is done: an engine does not hang up
	byDigest := func(r *http.Request) bool {
		return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/sha256:") && strings.Contains(r.UserAgent(), "docker/")
	}
	for what, c := range map[string]struct {
		code  string
		fault func(http.ResponseWriter, *http.Request) bool
	}{
		"down": {CodePull, func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }},
		"slow": {CodePull, func(http.ResponseWriter, *http.Request) bool { <-released; return true }},
		"401":  {CodeLogin, status(401, "")},
		"429":  {CodePull, status(429, "1")},
		"wrong digest": {CodeDigest, func(rw http.ResponseWriter, r *http.Request) bool {
			if !byDigest(r) {
				return false
			}
			rw.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v2+json")
			_, _ = rw.Write([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{},"layers":[]}`))
			return true
		}},
		"other layer": {CodeDigest, func(rw http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/sha256:") {
				return false
			}
			_, _ = rw.Write([]byte("these are other bytes"))
			return true
		}},
	} {
		t.Run(what, func(t *testing.T) {
			defer w.breaks(nil)
			fresh := node{t: t, host: fresh.host}
			fresh.wipe()
			warm := w.at(fresh, host, func(o *Options) { o.Images.PullSeconds = 3 })
			found, ok := warm.Lookup(t.Context(), "k")
			if !ok {
				t.Fatal("not found")
			}
			w.breaks(c.fault)
			start := time.Now()
			if image, err := warm.Pull(t.Context(), found); err == nil {
				t.Fatalf("pulled %+v", image)
			}
			_, pull := w.told(runapi.KindCachePull)
			if took := time.Since(start); pull.Code != c.code || took > 9*time.Second {
				t.Errorf("told %+v after %s, want %s", pull, took, c.code)
			}
			t.Logf("%s: %s", pull.Code, pull.Why)
			if what == "slow" {
				close(released)
			}
			if left := fresh.docker("image", "ls", "--quiet"); left != "" {
				t.Errorf("the engine has %s", left)
			}
		})
	}
}

// A full disk costs the cache, and nothing else.
func TestDevcontainerCacheDiskFull(t *testing.T) {
	first, small := engineAt(t, "ANVIL_DEVCONTAINER_HOST"), engineAt(t, "ANVIL_DEVCONTAINER_SMALL")
	w, registry := newWorld(t), os.Getenv("ANVIL_DEVCONTAINER_REGISTRY")
	first.build("medium", 120)
	cold := w.at(first, registry)
	cold.Push("medium", "medium", "loose")
	cold.Close(context.Background())
	warm := w.at(small, registry)
	found, ok := warm.Lookup(t.Context(), "medium")
	if !ok {
		t.Fatal("not found")
	}
	if image, err := warm.Pull(t.Context(), found); err == nil {
		t.Fatalf("pulled %+v", image)
	}
	if _, pull := w.told(runapi.KindCachePull); pull.Code != CodeDisk {
		t.Errorf("told %+v, want %s", pull, CodeDisk)
	}
}

// A real engine's own archives: saved, kept, and loaded where there was nothing.
func TestDevcontainerCacheArchive(t *testing.T) {
	first, fresh := engineAt(t, "ANVIL_DEVCONTAINER_HOST"), engineAt(t, "ANVIL_DEVCONTAINER_FRESH")
	w := newWorld(t)
	s := &server{files: map[string][]byte{}}
	archived := func(o *Options) { o.Server, o.Images.Backend = s, runapi.ImagesArchive }
	id := first.build("archived", 1)
	cold := w.at(first, "", archived)
	cold.Push("archived", "k", "loose")
	cold.Close(t.Context())
	fresh.wipe()
	warm := w.at(fresh, "", archived)
	found, ok := warm.Lookup(t.Context(), "k")
	if !ok {
		_, push := w.told(runapi.KindCachePush)
		t.Fatalf("not found; pushed %+v", push)
	}
	image, err := warm.Pull(t.Context(), found)
	if err != nil || image.ID != id {
		t.Fatalf("loaded %+v, %v; built %s", image, err, id)
	}
	if got := fresh.docker("run", "--rm", "--network", "none", image.ID, "cat", "/etc/anvil-environment"); got != "archived" {
		t.Errorf("what runs says %q", got)
	}
}

// What the dev container CLI has built on one machine it starts on another one from the
// cache: the image carries the configuration that it was built with.
func TestDevcontainerCacheWithTheCLI(t *testing.T) {
	first, fresh := engineAt(t, "ANVIL_DEVCONTAINER_HOST"), engineAt(t, "ANVIL_DEVCONTAINER_FRESH")
	w, registry, dir := newWorld(t), os.Getenv("ANVIL_DEVCONTAINER_REGISTRY"), t.TempDir()
	for name, text := range map[string]string{
		".devcontainer/devcontainer.json": `{"build": {"dockerfile": "Dockerfile"}, "remoteUser": "coder", "remoteEnv": {"FROM_THE_CONFIGURATION": "yes"}}`,
		".devcontainer/Dockerfile":        "FROM " + os.Getenv("ANVIL_DEVCONTAINER_BASE") + "\nRUN useradd --create-home coder\n",
		"warm.json":                       "", // when the digest is known
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cli := func(n node, args ...string) string {
		t.Helper()
		args = append(args[:1:1], append([]string{"--workspace-folder", dir}, args[1:]...)...)
		cmd := exec.CommandContext(t.Context(), os.Getenv("ANVIL_DEVCONTAINER_CLI"), args...)
		cmd.Env = append(os.Environ(), "DOCKER_HOST="+n.host)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("devcontainer %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	cli(first, "build", "--image-name", "by-the-cli")
	cold := w.at(first, registry)
	cold.Push("by-the-cli", "cli", "loose")
	cold.Close(t.Context())
	fresh.wipe()

	warm := w.at(fresh, registry)
	found, ok := warm.Lookup(t.Context(), "cli")
	if !ok {
		t.Fatal("not found")
	}
	image, err := warm.Pull(t.Context(), found)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "warm.json")
	if err := os.WriteFile(config, []byte(`{"image": "`+image.Reference+`"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	cli(fresh, "up", "--override-config", config)
	t.Cleanup(func() { fresh.docker("rm", "--force", fresh.docker("ps", "--quiet")) })
	if said := cli(fresh, "exec", "--override-config", config, "sh", "-c", `echo "I am $(id -un), $FROM_THE_CONFIGURATION"`); !strings.Contains(said, "I am coder, yes") {
		t.Errorf("in the container: %s", said)
	}
}

// A registry that wants a login gets the one that the server gives, from a real engine
// too, and nothing of it is left on the machine.
func TestDevcontainerCacheLogin(t *testing.T) {
	first, fresh := engineAt(t, "ANVIL_DEVCONTAINER_HOST"), engineAt(t, "ANVIL_DEVCONTAINER_FRESH")
	w := newWorld(t)
	host := w.proxied(os.Getenv("ANVIL_DEVCONTAINER_REGISTRY"))
	var refused atomic.Bool
	w.breaks(func(rw http.ResponseWriter, r *http.Request) bool {
		if user, pass, _ := r.BasicAuth(); user == "robot" && pass == password {
			return false
		}
		refused.Store(true)
		rw.Header().Set("WWW-Authenticate", `Basic realm="private"`)
		rw.WriteHeader(http.StatusUnauthorized)
		return true
	})
	home := t.TempDir()
	private := func(o *Options) {
		o.Images.Login, o.Server = runapi.LoginServer, &server{host: host}
		o.Environ = append(o.Environ, "HOME="+home)
	}
	id := first.build("private", 1)
	cold := w.at(first, host, private)
	cold.Push("private", "private", "loose")
	cold.Close(t.Context())
	fresh.wipe()
	warm := w.at(fresh, host, private)
	found, ok := warm.Lookup(t.Context(), "private")
	if !ok {
		_, push := w.told(runapi.KindCachePush)
		t.Fatalf("not found; pushed %+v", push)
	}
	if image, err := warm.Pull(t.Context(), found); err != nil || image.ID != id {
		t.Fatalf("pulled %+v, %v", image, err)
	}
	if !refused.Load() {
		t.Error("the registry wanted no login")
	}
	for _, dir := range []string{home, w.temp} {
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("left in %s: %v %v", dir, left, err)
		}
	}
	if _, ok := w.at(fresh, host, func(o *Options) { o.Environ = append(o.Environ, "HOME="+home) }).Lookup(t.Context(), "private"); ok {
		t.Error("found without a login")
	}
}

// What real builders and the real CLI publish can be read: the instructions and the label of
// a base as its builder keeps them, and what a feature depends on as the CLI publishes it.
func TestDevcontainerBasesAsTheyArePublished(t *testing.T) {
	first, registry := engineAt(t, "ANVIL_DEVCONTAINER_HOST"), os.Getenv("ANVIL_DEVCONTAINER_REGISTRY")
	host := "localhost" + registry[strings.LastIndex(registry, ":"):] // where the CLI speaks plain HTTP
	base, dir := registry+"/test/published:1", t.TempDir()
	for name, text := range map[string]string{
		"base/Dockerfile": "FROM " + os.Getenv("ANVIL_DEVCONTAINER_BASE") + "\nLABEL devcontainer.metadata='[{\"capAdd\": [\"SYS_ADMIN\"]}]'\n" +
			"ONBUILD COPY --chown=1:1 \\\n  go.mod /w/\nONBUILD RUN --network=host id\n",
		"src/outer/devcontainer-feature.json": `{"id": "outer", "name": "Outer", "version": "1.0.0", "dependsOn": {"` + host + `/test/features/inner:1": {}}}`,
		"src/outer/install.sh":                "",
		"src/inner/devcontainer-feature.json": `{"id": "inner", "name": "Inner", "version": "1.0.0", "privileged": true}`,
		"src/inner/install.sh":                "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	first.docker("build", "--quiet", "--tag", base, filepath.Join(dir, "base"))
	first.docker("push", "--quiet", base)
	publish := exec.CommandContext(t.Context(), os.Getenv("ANVIL_DEVCONTAINER_CLI"), "features", "publish", "--registry", host, "--namespace", "test/features", filepath.Join(dir, "src"))
	if out, err := publish.CombinedOutput(); err != nil {
		t.Fatalf("publish: %v\n%s", err, out)
	}

	files := map[string]string{
		".devcontainer.json": `{"build": {"dockerfile": "Dockerfile"}, "features": {"` + host + `/test/features/outer:1": {}}}`,
		"Dockerfile":         "FROM " + base + "\n", "go.mod": "a", "README.md": "a",
	}
	cache := newWorld(t).at(first, registry, func(o *Options) { o.Platform = devcontainer.Platform })
	keyWith := func(changed string) string {
		files[changed] = "b"
		found := configuration(t, files)
		all := cache.Bases(t.Context(), found, func(text string) { t.Errorf("warned: %s", text) })
		for _, key := range [][]string{{"capAdd", "RUN --network", "privileged"}, {"RUN --network", "privileged"}, {"privileged"}} {
			allowed := slices.DeleteFunc([]string{"capAdd", "RUN --network", "privileged"}, func(k string) bool { return slices.Contains(key, k) })
			if err := all.Refuse(found, allowed); err == nil || !strings.Contains(err.Error(), key[0]) {
				t.Errorf("with %q allowed it says %v, want %s refused", allowed, err, key[0])
			}
		}
		return keyOf(all)
	}
	before := keyWith("other")
	if keyWith("README.md") != before || keyWith("go.mod") == before {
		t.Error("the key is not made of the one file that ONBUILD copies")
	}
}
