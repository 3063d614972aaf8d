package imagecache

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	ocireg "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"

	"github.com/seed-bc0cc349/anvil/action/devcontainer"
)

// configuration is the dev container of a checkout with these files.
func configuration(t *testing.T, files map[string]string) *devcontainer.Configuration {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	for name, text := range files {
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := root.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := devcontainer.Find(root, "")
	if err != nil || found == nil {
		t.Fatalf("found %v, %v", found, err)
	}
	return found
}

// others is a registry that anybody may read, where bases and features are.
func others(t *testing.T) (host string) {
	t.Helper()
	s := httptest.NewServer(ocireg.New(ocireg.Logger(nolog)))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func reference(t *testing.T, text string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// publish puts an image under a name, for ARM, and another one for what most machines are.
func publish(t *testing.T, as string, config v1.Config) {
	t.Helper()
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "arm64", Config: config})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64"})
	if err != nil {
		t.Fatal(err)
	}
	both := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: foreign, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}})
	if err := remote.WriteIndex(reference(t, as), both); err != nil {
		t.Fatal(err)
	}
}

// feature puts a feature under a name, with what it says of itself.
func feature(t *testing.T, as, metadata string) {
	t.Helper()
	img := mutate.Annotations(empty.Image, map[string]string{"dev.containers.metadata": metadata}).(v1.Image)
	if err := remote.Write(reference(t, as), img); err != nil {
		t.Fatal(err)
	}
}

func onARM(o *Options) { o.Platform = "linux/arm64" }

// learned asks for all that a configuration is built on, and knows all of it.
func learned(t *testing.T, found *devcontainer.Configuration) Bases {
	t.Helper()
	return newWorld(t).open(onARM).Bases(t.Context(), found, func(text string) { t.Errorf("warned: %s", text) })
}

func keyOf(all Bases) string {
	key, _ := all.Keys(func(bases string) string { return bases })
	return key
}

// A feature that lies in no registry has no digest there. That is told, and no registry is
// asked for something else of that name.
func TestFeaturesOfNoRegistryAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.breaks(func(_ http.ResponseWriter, r *http.Request) bool {
		t.Errorf("asked for %s", r.URL)
		return false
	})
	features := []string{"https://" + w.host() + "/a/tool.tgz", "legacy", "owner/repository/tool", "owner/repository/tool@v1"}
	var named []string
	for _, feature := range features {
		named = append(named, fmt.Sprintf("%q: {}", feature))
	}
	found := configuration(t, map[string]string{".devcontainer.json": `{"features": {` + strings.Join(named, ", ") + `}}`})
	var warned []string
	all := w.open().Bases(t.Context(), found, func(text string) { warned = append(warned, text) })
	for i, feature := range features {
		if all[i].Name != feature || all[i].Digest != "" {
			t.Errorf("%s became %+v", feature, all[i])
		}
		if !slices.ContainsFunc(warned, func(text string) bool {
			return strings.Contains(text, "What "+feature+" stands for") && strings.Contains(text, "in no registry")
		}) {
			t.Errorf("nothing was said of %s: %q", feature, warned)
		}
	}
}

// What an image or a feature asks for is read at its registry, so it is refused before
// anything is built on it. What comes along with a feature counts like that feature.
func TestWhatBasesAskForIsRefusedBeforeTheBuild(t *testing.T) {
	t.Parallel()
	host := others(t)
	privileged := v1.Config{Labels: map[string]string{"devcontainer.metadata": `[{"id": "a"}, {"privileged": true}]`}}
	publish(t, host+"/privileged:1", privileged)
	publish(t, host+"/network:1", v1.Config{OnBuild: []string{"RUN --network=host id"}})
	publish(t, host+"/plain:1", v1.Config{})
	feature(t, host+"/capable:1", `{"id": "capable", "capAdd": ["SYS_ADMIN"]}`)
	feature(t, host+"/outer:1", `{"id": "outer", "dependsOn": {"`+host+`/middle:1": {}}}`)
	feature(t, host+"/middle:1", `{"id": "middle", "dependsOn": {"`+host+`/outer:1": {}, "`+host+`/capable:1": {}}}`)
	feature(t, host+"/docker-in-docker:1", `{"id": "docker-in-docker"}`)
	feature(t, host+"/engine:1", `{"dependsOn": {"`+host+`/docker-in-docker:1": {}}}`)
	for _, c := range []struct{ about, text, dockerfile, key string }{
		{"an image", `{"image": "HOST/privileged:1"}`, "", "privileged"},
		{"a stage", `{"build": {"dockerfile": "Dockerfile"}}`, "ARG V=1\nFROM HOST/privileged:$V\n", "privileged"},
		{"an image that only gives files", `{"build": {"dockerfile": "Dockerfile"}}`, "FROM HOST/plain:1\nCOPY --from=HOST/privileged:1 /a /a\n", ""},
		{"what a base does in the build", `{"build": {"dockerfile": "Dockerfile"}}`, "FROM HOST/network:1 AS a\nFROM HOST/plain:1\n", "RUN --network"},
		{"a feature", `{"image": "HOST/plain:1", "features": {"HOST/capable:1": {}}}`, "", "capAdd"},
		{"a feature's feature's feature", `{"image": "HOST/plain:1", "features": {"HOST/outer:1": {}}}`, "", "capAdd"},
		{"a feature that brings an engine", `{"image": "HOST/plain:1", "features": {"HOST/engine:1": {}}}`, "", "docker-in-docker"},
		{"a local feature's feature", `{"image": "HOST/plain:1", "features": {"./local": {}}}`, "", "capAdd"},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			here := strings.NewReplacer("HOST", host)
			found := configuration(t, map[string]string{
				".devcontainer/devcontainer.json": here.Replace(c.text), ".devcontainer/Dockerfile": here.Replace(c.dockerfile),
				".devcontainer/local/devcontainer-feature.json": `{"dependsOn": {"` + host + `/capable:1": {}}}`,
			})
			if err := found.Refuse(nil); err != nil {
				t.Fatal(err)
			}
			all := learned(t, found)
			err := all.Refuse(found, nil)
			if (err != nil) != (c.key != "") || err != nil && !strings.Contains(err.Error(), c.key) {
				t.Errorf("%v; want %q refused", err, c.key)
			}
			if err := all.Refuse(found, []string{c.key}); err != nil {
				t.Errorf("with the operator's word: %v", err)
			}
		})
	}
}

// Where nothing is kept, refusing is all that registries are asked for: what they say makes
// no key, is not provided, and is not missed.
func TestWithoutACacheBasesAreRefusedToo(t *testing.T) {
	t.Parallel()
	host := others(t)
	publish(t, host+"/base:1", v1.Config{OnBuild: []string{"RUN --network=host id"}})
	found := configuration(t, map[string]string{
		".devcontainer.json": `{"build": {"dockerfile": "Dockerfile"}}`, "Dockerfile": "FROM " + host + "/base:1\nCOPY --from=" + host + "/gone:1 / /\n",
	})
	cache := None(Options{Platform: "linux/arm64"})
	warn := func(text string) { t.Errorf("warned: %s", text) }
	all := cache.Bases(t.Context(), found, warn)
	if err := all.Refuse(found, nil); err == nil || !strings.Contains(err.Error(), "RUN --network") {
		t.Errorf("refused with %v", err)
	}
	if !cache.Provide(t.Context(), all, warn) || !cache.Unmoved(t.Context(), all, warn) || len(all.Told()) > 0 {
		t.Errorf("without a cache there is something to do with %+v", all)
	}
}

// The ONBUILD of a base copies files of the repository: these are in the key, others are not.
func TestWhatTheTriggersOfABaseCopyIsInTheKey(t *testing.T) {
	t.Parallel()
	host := others(t)
	publish(t, host+"/base:1", v1.Config{OnBuild: []string{"COPY go.mod /w/", "COPY --from=" + host + "/more:1 / /"}})
	publish(t, host+"/more:1", v1.Config{})
	files := map[string]string{
		".devcontainer/devcontainer.json": `{"build": {"dockerfile": "Dockerfile", "context": ".."}}`, ".devcontainer/Dockerfile": "FROM " + host + "/base:1\n",
		"go.mod": "module a", "README.md": "a",
	}
	key := func(changed string) string {
		now := maps.Clone(files)
		now[changed] = "b"
		return keyOf(learned(t, configuration(t, now)))
	}
	before := key("elsewhere/other")
	if key("README.md") != before {
		t.Error("a file that no trigger copies changes the key")
	}
	if key("go.mod") == before {
		t.Error("a file that a trigger copies does not change the key")
	}
	publish(t, host+"/more:1", v1.Config{User: "another"})
	if key("elsewhere/other") == before {
		t.Error("an image that a trigger copies from has moved, and the key is the same")
	}
}

// A feature that only comes along with another has its digest in the key too.
func TestWhatFeaturesDependOnIsInTheKey(t *testing.T) {
	t.Parallel()
	host := others(t)
	feature(t, host+"/outer:1", `{"dependsOn": {"`+host+`/inner:1": {}}, "installsAfter": ["`+host+`/never"]}`)
	feature(t, host+"/inner:1", `{"version": "1.0.0"}`)
	found := configuration(t, map[string]string{".devcontainer.json": `{"features": {"` + host + `/outer:1": {}}}`})
	all := learned(t, found)
	if len(all) != 2 || all[1].Name != host+"/inner:1" || all[1].Digest == "" || len(all.Told()) != 2 {
		t.Errorf("it is built on %+v", all)
	}
	feature(t, host+"/inner:1", `{"version": "1.0.1"}`)
	if keyOf(learned(t, found)) == keyOf(all) {
		t.Error("a feature that another depends on has moved, and the key is the same")
	}
}

// The CLI takes the version that the lock file has, of a feature and of what it depends on.
// So that version is looked at, and where the tag has gone since makes no new key.
func TestALockedFeatureIsTheOneOfTheLockFile(t *testing.T) {
	t.Parallel()
	host := others(t)
	feature(t, host+"/inner:1", `{"id": "inner"}`)
	feature(t, host+"/outer:1", `{"dependsOn": {"`+host+`/inner:1": {}}}`)
	digest := func(name string) string {
		d, err := remote.Head(reference(t, name))
		if err != nil {
			t.Fatal(err)
		}
		return d.Digest.String()
	}
	outer, inner := digest(host+"/outer:1"), digest(host+"/inner:1")
	found := configuration(t, map[string]string{
		".devcontainer.json": `{"features": {"` + host + `/outer:1": {}}}`,
		".devcontainer-lock.json": fmt.Sprintf(`{"features": {"%[1]s/outer:1": {"version": "1.0.0", "resolved": "%[1]s/outer@%[2]s", "integrity": "%[2]s"},
			"%[1]s/inner:1": {"version": "1.0.0", "resolved": "%[1]s/inner@%[3]s", "integrity": "%[3]s"}}}`, host, outer, inner),
	})
	before := learned(t, found)
	feature(t, host+"/outer:1", `{"id": "outer", "privileged": true}`)
	feature(t, host+"/inner:1", `{"id": "inner", "privileged": true}`)
	after := learned(t, found)
	if len(after) != 2 || after[0].Digest != outer || after[1].Digest != inner || keyOf(before) != keyOf(after) {
		t.Errorf("it is built on %v, after %v", after.Told(), before.Told())
	}
	if err := after.Refuse(found, nil); err != nil {
		t.Errorf("what it does not use is refused: %v", err)
	}
	if !newWorld(t).open(onARM).Unmoved(t.Context(), before, func(text string) { t.Errorf("warned: %s", text) }) {
		t.Error("what is locked is said to have moved")
	}
}

// Features that were published before registries were told what they say of themselves say
// it in their archive only, which the CLI reads then.
func TestWhatOldFeaturesSayIsReadInTheirArchive(t *testing.T) {
	t.Parallel()
	host := others(t)
	old := func(as, text string) {
		var packed bytes.Buffer
		w := tar.NewWriter(&packed)
		for _, file := range [][2]string{{"./install.sh", "id"}, {"./devcontainer-feature.json", text}} {
			if err := w.WriteHeader(&tar.Header{Name: file[0], Mode: 0o600, Size: int64(len(file[1]))}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte(file[1])); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		img, err := mutate.AppendLayers(empty.Image, static.NewLayer(packed.Bytes(), "application/vnd.devcontainers.layer.v1+tar"))
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(reference(t, as), img); err != nil {
			t.Fatal(err)
		}
	}
	old(host+"/outer:1", `{"id": "outer", /* old */ "dependsOn": {"`+host+`/inner:1": {}}}`)
	old(host+"/inner:1", `{"id": "inner", "securityOpt": ["seccomp=unconfined"],}`)
	found := configuration(t, map[string]string{".devcontainer.json": `{"features": {"` + host + `/outer:1": {}}}`})
	all := learned(t, found)
	if err := all.Refuse(found, nil); len(all) != 2 || err == nil || !strings.Contains(err.Error(), "securityOpt") {
		t.Errorf("it is built on %d, refused with %v", len(all), err)
	}
	feature(t, host+"/outer:1", "") // with nothing in it at all
	var warned []string
	newWorld(t).open(onARM).Bases(t.Context(), found, func(text string) { warned = append(warned, text) })
	if len(warned) != 1 || !strings.Contains(warned[0], "it does not say what it is") {
		t.Errorf("warned %q", warned)
	}
}

// Features name each other without end where somebody wants a runner to ask for ever.
func TestFeaturesWithoutEndAreNotFollowed(t *testing.T) {
	t.Parallel()
	host := others(t)
	for i := range 3 {
		var next []string
		for n := range 60 {
			next = append(next, fmt.Sprintf(`"%s/f%d-%d:1": {}`, host, i+1, n))
		}
		feature(t, fmt.Sprintf("%s/f%d-0:1", host, i), `{"dependsOn": {`+strings.Join(next, ", ")+`}}`)
	}
	found := configuration(t, map[string]string{".devcontainer.json": `{"features": {"` + host + `/f0-0:1": {}}}`})
	var warned []string
	all := newWorld(t).open().Bases(t.Context(), found, func(text string) { warned = append(warned, text) })
	key, loose := all.Keys(func(bases string) string { return bases })
	if key != loose || len(warned) == 0 || !strings.Contains(warned[len(warned)-1], "more than 100") {
		t.Errorf("%d bases, keys of %d and %d bytes, %d warnings", len(all), len(key), len(loose), len(warned))
	}
}

// Who builds asks the registries again, and so may get what has moved since the key was
// made. That image is not kept under the key; nor is one that nobody can compare.
func TestWhatMovedDuringTheBuildIsNotKept(t *testing.T) {
	t.Parallel()
	for about, c := range map[string]struct {
		meanwhile func(t *testing.T, host string, away *atomic.Bool)
		told      string // empty: all is as it was
	}{
		"nothing":          {func(*testing.T, string, *atomic.Bool) {}, ""},
		"the base":         {func(t *testing.T, host string, _ *atomic.Bool) { publish(t, host+"/base:1", v1.Config{User: "b"}) }, "/base:1 has moved"},
		"a pinned one":     {func(t *testing.T, host string, _ *atomic.Bool) { publish(t, host+"/pinned:1", v1.Config{User: "b"}) }, ""},
		"the feature":      {func(t *testing.T, host string, _ *atomic.Bool) { feature(t, host+"/outer:1", `{"id": "b"}`) }, "/outer:1 has moved"},
		"what comes along": {func(t *testing.T, host string, _ *atomic.Bool) { feature(t, host+"/inner:1", `{"id": "b"}`) }, "/inner:1 has moved"},
		"nobody knows":     {func(_ *testing.T, _ string, away *atomic.Bool) { away.Store(true) }, "could not be learned again"},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			var away atomic.Bool
			inner := ocireg.New(ocireg.Logger(nolog))
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if away.Load() {
					http.Error(w, "not today", http.StatusForbidden)
					return
				}
				inner.ServeHTTP(w, r)
			}))
			t.Cleanup(s.Close)
			host := strings.TrimPrefix(s.URL, "http://")
			publish(t, host+"/base:1", v1.Config{})
			publish(t, host+"/pinned:1", v1.Config{})
			pinned, err := remote.Head(reference(t, host+"/pinned:1"))
			if err != nil {
				t.Fatal(err)
			}
			feature(t, host+"/outer:1", `{"dependsOn": {"`+host+`/inner:1": {}}}`)
			feature(t, host+"/inner:1", `{}`)
			cache := newWorld(t).open(onARM)
			all := cache.Bases(t.Context(), configuration(t, map[string]string{
				".devcontainer.json": `{"build": {"dockerfile": "Dockerfile"}, "features": {"` + host + `/outer:1": {}}}`,
				"Dockerfile":         "FROM " + host + "/base:1\nCOPY --from=" + host + "/pinned:1@" + pinned.Digest.String() + " / /\nRUN --mount=from=$X true\n",
			}), func(string) {})
			c.meanwhile(t, host, &away)
			var warned []string
			ok := cache.Unmoved(t.Context(), all, func(text string) { warned = append(warned, text) })
			if text := strings.Join(warned, "\n"); ok != (c.told == "") || !strings.Contains(text, c.told) || ok && text != "" {
				t.Errorf("unmoved is %v, warned %q", ok, warned)
			}
		})
	}
}
