package devcontainer

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// A feature of the repository brings others along, and these others: each is in the key,
// by its files or by the name that registries are asked for, though they lead in a circle.
func TestWhatLocalFeaturesDependOnIsInTheKey(t *testing.T) {
	t.Parallel()
	files := copying()
	files[".devcontainer/tool/devcontainer-feature.json"] = `{"id": "tool", /* twice */ "dependsOn": {"./deep": {}, "ghcr.io/a/b:1": {}, "legacy": {},}}`
	files[".devcontainer/deep/devcontainer-feature.json"] = `{"id": "deep", "dependsOn": {"./tool": {}, "ghcr.io/a/c@sha256:1": {}, "ghcr.io/a/b:1": {"x": 1}}, "installsAfter": ["ghcr.io/a/d"]}`
	files[".devcontainer/deep/install.sh"] = "id"
	found, err := Find(repository(t, files), "")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := found.Features(), []string{"ghcr.io/a/b:1", "ghcr.io/a/c@sha256:1", "legacy"}; !slices.Equal(got, want) {
		t.Errorf("features %q, want %q", got, want)
	}
	files[".devcontainer/Dockerfile"] = "FROM x\n"
	changed := maps.Clone(files)
	changed[".devcontainer/deep/install.sh"] = "id -u"
	if keyOf(t, files, nil) == keyOf(t, changed, nil) {
		t.Error("a changed script of a feature that another depends on has the old key")
	}
}

// What a feature of the repository asks for stands there: nothing is built before it is
// refused, also if it only comes along.
func TestLocalFeaturesAreRefusedBeforeTheBuild(t *testing.T) {
	t.Parallel()
	for text, key := range map[string]string{
		`{"privileged": true}`:                                     "privileged",
		`{"capAdd": ["SYS_PTRACE"]}`:                               "capAdd",
		`{"securityOpt": ["seccomp=unconfined"]}`:                  "securityOpt",
		`{"mounts": [{"source": "/", "target": "/h"}]}`:            "mounts",
		`{"dependsOn": {"ghcr.io/a/docker-outside-of-docker": 1}}`: "docker-outside-of-docker",
		`{"dependsOn": {"http://a.example/f.tgz": {}}}`:            "features",
		`{"dependsOn": {"../../away": {}}}`:                        "features",
	} {
		files := map[string]string{
			".devcontainer/devcontainer.json":               `{"image": "x", "features": {"./outer": {}}}`,
			".devcontainer/outer/devcontainer-feature.json": `{"id": "outer", "entrypoint": "/e", "init": true, "options": {}, "dependsOn": {"./inner": {}}}`,
			".devcontainer/inner/devcontainer-feature.json": text,
		}
		found, err := Find(repository(t, files), "")
		if err != nil {
			t.Fatal(err)
		}
		if code, said := codeOf(found.Refuse([]string{key + "x"})); code != CodeForbidden || !strings.Contains(said, key) {
			t.Errorf("%s: %q %q", text, code, said)
		}
		if err := found.Refuse([]string{key}); err != nil && !strings.Contains(text, "away") {
			t.Errorf("%s, allowed: %v", text, err)
		}
	}
}
