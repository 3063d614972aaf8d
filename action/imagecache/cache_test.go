package imagecache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ocireg "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

var nolog = log.New(io.Discard, "", 0)

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func unpack(b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// A cold run builds and pushes; the next one, on an engine that has nothing, finds and
// pulls by digest; a third on the same engine moves nothing.
func TestColdThenWarm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cold := w.open()
	if _, ok := cold.Lookup(t.Context(), "k1"); ok {
		t.Fatal("found in an empty registry")
	}
	if from := cold.From(t.Context()); len(from) != 0 {
		t.Errorf("an empty registry has an ancestor: %v", from)
	}
	id := w.built("env")
	cold.Push("env", "k1", "loose")
	cold.Close(t.Context())
	w.wipe()
	if a := cold.Account(); !strings.HasPrefix(a, "cold: no image was kept for it yet; kept for later runs as sha256:") {
		t.Errorf("the cold run's account: %s", a)
	}

	warm := w.open()
	found, ok := warm.Lookup(t.Context(), "k1")
	if !ok || found.Bytes == 0 {
		t.Fatalf("not found: %+v", found)
	}
	image, err := warm.Pull(t.Context(), found)
	if err != nil || image.ID != id || !strings.HasSuffix(image.Reference, "@"+found.Digest) {
		t.Fatalf("pulled %+v, %v; built %s", image, err, id)
	}
	if a := warm.Account(); !strings.HasPrefix(a, "warm: "+found.Digest) {
		t.Errorf("the warm run's account: %s", a)
	}
	kinds, push := w.told(runapi.KindCachePush)
	if want := []string{"lookup", "miss", "push", "lookup", "hit", "pull"}; !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}
	if push.Digest != found.Digest || push.Bytes != found.Bytes || push.Key != "k1" || push.Code != "" {
		t.Errorf("pushed %+v, found %+v", push, found)
	}
	if from := warm.From(t.Context()); len(from) != 1 || !strings.HasSuffix(from[0], "@"+found.Digest) {
		t.Errorf("the newest ancestor is %v, want %s", from, found.Digest)
	}
	if _, err := warm.Pull(t.Context(), found); err != nil {
		t.Error(err)
	}
	if _, pull := w.told(runapi.KindCachePull); !pull.Present {
		t.Errorf("the same machine pulled again: %+v", pull)
	}
	left, err := os.ReadDir(w.temp)
	if err != nil || len(left) != 0 {
		t.Errorf("a login outlives its use: %v %v", left, err)
	}
}

// Whatever is wrong with the registry, the answer is "build it", soon, and the event
// says why.
func TestLookupFails(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		fault func(http.ResponseWriter, *http.Request) bool
		code  string
	}{
		"down":  {nil, CodeLookup},
		"slow":  {func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }, CodeLookup},
		"401":   {status(401, ""), CodeLogin},
		"403":   {status(403, ""), CodeLogin},
		"500":   {status(500, ""), CodeLookup},
		"429":   {status(429, "3600"), CodeLookup}, // longer than there is time
		"trash": {status(200, ""), CodeLookup},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if c.fault == nil {
				w.registry.Close()
			} else {
				w.breaks(c.fault)
			}
			cache := w.open(func(o *Options) { o.Images.LookupSeconds = 1 })
			_, done, _ := cache.Login(t.Context())
			done() // whatever came of it
			start := time.Now()
			if _, ok := cache.Lookup(t.Context(), "k"); ok {
				t.Fatal("found")
			}
			if took := time.Since(start); took > 4*time.Second {
				t.Errorf("it took %s", took)
			}
			if _, miss := w.told(runapi.KindCacheMiss); miss.Code != c.code || miss.Why == "" || !strings.HasPrefix(cache.Account(), "cold: "+c.code) {
				t.Errorf("told %+v, want %s", miss, c.code)
			}
		})
	}
}

// A registry that says when to ask again is asked again then.
func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cold := w.open()
	w.built("env")
	cold.Push("env", "k", "loose")
	cold.Close(t.Context())
	refused := 0
	w.breaks(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead && refused < 1 {
			refused++
			return status(429, "1")(rw, r)
		}
		return false
	})
	w.wipe()
	warm := w.open()
	found, ok := warm.Lookup(t.Context(), "k")
	if !ok || refused != 1 {
		t.Errorf("found %v after %d refusals", ok, refused)
	}
	// The engine only says that it was refused.
	w.engineFails("once-pull", "toomanyrequests: slow down")
	if _, err := warm.Pull(t.Context(), found); err != nil {
		t.Errorf("a pull that was refused once: %v", err)
	}
}

func TestPullFails(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		broken func(w *world)
		code   string
	}{
		"tag moved": {func(w *world) {
			other := w.open()
			w.built("other")
			other.Push("other", "k", "loose")
			other.Close(w.t.Context())
			w.wipe()
		}, CodeDigest},
		"wrong digest": {func(w *world) {
			w.engineFails("pull", "manifest verification failed for digest sha256:00")
		}, CodeDigest},
		"disk full": {func(w *world) {
			w.engineFails("pull", "failed to register layer: write /x: no space left on device")
		}, CodeDisk},
		"401": {func(w *world) { w.breaks(status(401, "")) }, CodeLogin},
		"slow": {func(w *world) {
			w.breaks(func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true })
		}, CodePull},
		"down": {func(w *world) { w.registry.Close() }, CodePull},
		"429":  {func(w *world) { w.engineFails("pull", "toomanyrequests: slow down") }, CodePull},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			cold := w.open()
			w.built("env")
			cold.Push("env", "k", "loose")
			cold.Close(t.Context())
			w.wipe()
			warm := w.open(func(o *Options) { o.Images.PullSeconds = 2 })
			found, ok := warm.Lookup(t.Context(), "k")
			if !ok {
				t.Fatal("not found")
			}
			c.broken(w)
			if image, err := warm.Pull(t.Context(), found); err == nil || image.ID != "" {
				t.Fatalf("pulled %+v", image)
			}
			if _, pull := w.told(runapi.KindCachePull); pull.Code != c.code || pull.Why == "" {
				t.Errorf("told %+v, want %s", pull, c.code)
			}
		})
	}
}

func TestPushFails(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		broken func(w *world)
		code   string
	}{
		"down":      {func(w *world) { w.registry.Close() }, CodePush},
		"403":       {func(w *world) { w.breaks(status(403, "")) }, CodeLogin},
		"disk full": {func(w *world) { w.engineFails("push", "no space left on device") }, CodeDisk},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.built("env")
			c.broken(w)
			cache := w.open()
			cache.Push("env", "k", "loose")
			cache.Close(t.Context())
			if _, push := w.told(runapi.KindCachePush); push.Code != c.code || push.Why == "" {
				t.Errorf("told %+v, want %s", push, c.code)
			}
		})
	}
}

// A push that hangs keeps the end of a run waiting no longer than it may.
func TestCloseWaitsABoundedTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.built("env")
	w.breaks(func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true })
	cache := w.open(func(o *Options) { o.Images.WaitSeconds = 1 })
	cache.Push("env", "k", "loose")
	start := time.Now()
	cache.Close(context.Background())
	if took := time.Since(start); took > 6*time.Second {
		t.Errorf("it waited %s", took)
	}
	if _, push := w.told(runapi.KindCachePush); push.Code != CodePush {
		t.Errorf("told %+v", push)
	}
}

// Two runs that build the same key at once both end well, and what is found then is
// one of their images, whole.
func TestTwoRunsPushTheSameKey(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t) // each run has an engine of its own
	ids := []string{w.built("one"), other.built("two")}
	// Both are at the door with their manifests before either is let in.
	var waiting atomic.Int32
	both := make(chan struct{})
	w.breaks(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/k") {
			if waiting.Add(1) == 2 {
				close(both)
			}
			select {
			case <-both:
			case <-r.Context().Done(): // the other has failed
			}
		}
		return false
	})
	a := w.open()
	b := other.open(func(o *Options) {
		o.Images.Registry, o.Server = w.host(), &server{host: w.host(), files: map[string][]byte{}}
	})
	a.Push("one", "k", "loose")
	b.Push("two", "k", "loose")
	a.Close(t.Context())
	b.Close(t.Context())
	for _, s := range slices.Concat(w.steps, other.steps) {
		if s.Code != "" || s.Digest == "" {
			t.Errorf("a push ended with %+v", s)
		}
	}
	w.wipe()
	c := w.open()
	found, ok := c.Lookup(t.Context(), "k")
	if !ok {
		t.Fatal("not found")
	}
	image, err := c.Pull(t.Context(), found)
	if err != nil || !slices.Contains(ids, image.ID) {
		t.Errorf("pulled %+v, %v; pushed were %v", image, err, ids)
	}
}

// The archive keeps an image by the digest of its bytes.
func TestArchive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &server{files: map[string][]byte{}}
	archived := func(o *Options) { o.Server, o.Images.Backend = s, runapi.ImagesArchive }
	cold := w.open(archived)
	if _, ok := cold.Lookup(t.Context(), "k"); ok {
		t.Fatal("found in an empty archive")
	}
	id := w.built("env")
	cold.Push("env", "k", "loose")
	cold.Close(t.Context())
	w.wipe()
	warm := w.open(archived)
	found, ok := warm.Lookup(t.Context(), "k")
	if !ok || found.Bytes == 0 {
		t.Fatal("not found")
	}
	s.wrong = true
	if _, err := warm.Pull(t.Context(), found); err == nil {
		t.Error("other bytes were loaded")
	}
	if _, pull := w.told(runapi.KindCachePull); pull.Code != CodeDigest {
		t.Errorf("told %+v", pull)
	}
	s.wrong = false
	image, err := warm.Pull(t.Context(), found)
	if err != nil || image.ID != id {
		t.Errorf("pulled %+v, %v; built %s", image, err, id)
	}
	small := w.open(archived, func(o *Options) { o.Images.MaxBytes = 100 })
	small.Push(id, "k2", "loose")
	small.Close(t.Context())
	if _, push := w.told(runapi.KindCachePush); push.Code != CodePush || !strings.Contains(push.Why, "larger than 100 bytes") {
		t.Errorf("told %+v", push)
	}
	if left, _ := os.ReadDir(w.temp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// status is a registry that answers everything with a status.
func status(code int, retryAfter string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(code)
		return true
	}
}

// Engines and registries repeat what they were given; people are told the rest.
func TestNoCredentialIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.built("env")
	w.engineFails("push", "Get https://robot:other-secret@blobs.example.com/x?signature=signed-secret: denied for robot:"+password)
	cache := w.open()
	cache.Push("env", "k", "loose")
	cache.Close(t.Context())
	_, push := w.told(runapi.KindCachePush)
	if push.Code != CodeLogin || !strings.Contains(push.Why, "denied for robot:***") || strings.Contains(push.Why, "-secret") {
		t.Errorf("told %+v", push)
	}
	if a := cache.Account(); strings.Contains(a, password) || strings.Contains(a, "-secret") {
		t.Errorf("the account: %s", a)
	}
}

// Where nobody can say what the bases stand for now, the image that was kept last is
// found, and not built anew: its own registry may be the one that is away.
func TestASilentRegistryOfABase(t *testing.T) {
	t.Parallel()
	for backend, change := range map[string]func(*Options){
		"registry": func(*Options) {},
		"archive":  func(o *Options) { o.Images = runapi.ImageCache{Backend: runapi.ImagesArchive, MaxBytes: 1 << 20} },
	} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var away atomic.Bool
			inner := ocireg.New(ocireg.Logger(nolog))
			bases := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if away.Load() {
					panic(http.ErrAbortHandler)
				}
				inner.ServeHTTP(rw, r)
			}))
			t.Cleanup(bases.Close)
			of := strings.TrimPrefix(bases.URL, "http://") + "/base:1"
			publish(t, of, v1.Config{OnBuild: []string{"COPY go.mod /w/"}})
			tool := strings.TrimPrefix(bases.URL, "http://") + "/tool:1"
			feature(t, tool, `{"dependsOn": {"`+strings.TrimPrefix(bases.URL, "http://")+`/other:1": {}}}`)
			feature(t, strings.TrimPrefix(bases.URL, "http://")+"/other:1", `{}`)
			built := configuration(t, map[string]string{
				".devcontainer.json": `{"build": {"dockerfile": "Dockerfile"}, "features": {"` + tool + `": {}}}`, "go.mod": "a",
				"Dockerfile": "FROM " + of + "\nRUN --mount=from=$VARIABLE,target=/v --mount=from=known.example/base@sha256:" + strings.Repeat("7", 64) + ",target=/k make\n",
			})
			keep := &server{host: w.host(), files: map[string][]byte{}}
			keysOf := func(c *Cache) (key, loose string, warned []string) {
				all := c.Bases(t.Context(), built, func(text string) { warned = append(warned, text) })
				key, loose = all.Keys(func(bases string) string { return short(bases) })
				return key, loose, warned
			}
			open := func() *Cache {
				return w.open(change, onARM, func(o *Options) { o.Server, o.Images.LookupSeconds = keep, 1 })
			}
			cold := open()
			key, loose, warned := keysOf(cold)
			if key == loose || len(warned) != 1 || !strings.Contains(warned[0], "$VARIABLE") {
				t.Fatalf("keys %s and %s, warned %q", key, loose, warned)
			}
			id := w.built("env")
			cold.Push("env", key, loose)
			cold.Close(t.Context())
			w.wipe()

			away.Store(true)
			warm := open()
			now, _, warned := keysOf(warm)
			if now != loose || len(warned) != 3 {
				t.Errorf("the key is %s, want %s; warned %q", now, loose, warned)
			}
			found, ok := warm.Lookup(t.Context(), now)
			if !ok {
				t.Fatal("what was kept is not found")
			}
			if image, err := warm.Pull(t.Context(), found); err != nil || image.ID != id {
				t.Errorf("pulled %+v, %v; built %s", image, err, id)
			}
		})
	}
}

// Podman does not say which digest it has pushed.
func TestPushThatTellsNoDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.built("env")
	if err := os.WriteFile(filepath.Join(w.dir, "podman"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cache := w.open()
	cache.Push("env", "k", "loose")
	cache.Close(t.Context())
	_, push := w.told(runapi.KindCachePush)
	found, ok := w.open().Lookup(t.Context(), "k")
	if push.Code != "" || !ok || push.Digest != found.Digest {
		t.Errorf("told %+v, and %+v is found", push, found)
	}
}

// A new branch's first build takes layers from the default branch's image.
func TestTheFirstBuildOfABranch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.built("env")
	on := func(branch string) *Cache {
		return w.open(func(o *Options) { o.Branch, o.Images.DefaultBranch = branch, "main" })
	}
	main := on("main")
	main.Push("env", "k", "loose")
	main.Close(t.Context())
	if from, want := on("topic").From(t.Context()), main.From(t.Context()); len(want) != 1 || !slices.Equal(from, want) {
		t.Errorf("a new branch builds on %v, want %v", from, want)
	}
}

// The logins that the machine has at other registries are there for a build, and not the
// one that it has at the cache's: that is the run's.
func TestLoginKeepsOthers(t *testing.T) {
	t.Parallel()
	w, usual := newWorld(t), t.TempDir()
	config := fmt.Sprintf(`{"auths": {"other.example": {"auth": "b3RoZXI="}, %q: {"auth": "b2xk"}}, "credHelpers": {"helped.example": "x", %[1]q: "y"}, "credsStore": "z"}`, w.host())
	if err := os.WriteFile(filepath.Join(usual, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	env, done, err := w.open(func(o *Options) { o.Environ = append(slices.Clone(o.Environ), "DOCKER_CONFIG="+usual) }).Login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	text, err := os.ReadFile(filepath.Join(getenv(env, "DOCKER_CONFIG"), "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	auth := func(text string) any { return map[string]any{"auth": text} }
	want := map[string]any{
		"auths":       map[string]any{"other.example": auth("b3RoZXI="), w.host(): auth(base64.StdEncoding.EncodeToString([]byte("robot:" + password)))},
		"credHelpers": map[string]any{"helped.example": "x"}, "cliPluginsExtraDirs": []any{filepath.Join(usual, "cli-plugins")},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the client reads %s", text)
	}
}

// What a build leaves for later ones depends on the builder, and on whether anybody waits
// for it.
func TestTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open()
	inline, whole := []string{"type=inline"}, []string{"type=registry,mode=max,ignore-error=true,ref=" + w.host() + "/acme/web/anvil-env:stages-k"}
	for driver, want := range map[string][2][]string{
		"":                 {nil, nil}, // no buildx
		"docker":           {inline, inline},
		"docker-container": {inline, whole},
	} {
		path := filepath.Join(w.dir, "driver")
		if driver != "" {
			if err := os.WriteFile(path, []byte(driver), 0o600); err != nil {
				t.Fatal(err)
			}
		} else if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		for i, stages := range []bool{false, true} {
			if got := c.To(t.Context(), "k", stages); !slices.Equal(got, want[i]) {
				t.Errorf("%q, with stages %v: %v, want %v", driver, stages, got, want[i])
			}
		}
	}
}

// The builder that was chosen for the machine or the job is the one that builds, although
// the login has a configuration of its own.
func TestLoginKeepsTheBuilder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		env  []string
		want string
	}{
		"usual":           {[]string{"HOME=/home/mona"}, "/home/mona/.docker/buildx"},
		"of a setup step": {[]string{"HOME=/home/mona", "DOCKER_CONFIG=/tmp/docker"}, "/tmp/docker/buildx"},
		"named":           {[]string{"HOME=/home/mona", "DOCKER_CONFIG=/tmp/docker", "BUILDX_CONFIG=/tmp/builders"}, "/tmp/builders"},
	} {
		cache := w.open(func(o *Options) { o.Environ = append(slices.Clone(o.Environ), c.env...) })
		env, done, err := cache.Login(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		done()
		if got := getenv(env, "BUILDX_CONFIG"); got != c.want || getenv(env, "DOCKER_CONFIG") == "" {
			t.Errorf("%s: the builders are looked for in %q of %v, want %q", name, got, env, c.want)
		}
	}
}
