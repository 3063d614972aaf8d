package devcontainer

import (
	"maps"
	"testing"
)

// keyOf is the key of a repository's dev container on a given CLI and platform.
func keyOf(t *testing.T, files map[string]string, change func(*Inputs)) string {
	t.Helper()
	c, err := Find(repository(t, files), "")
	if err != nil || c == nil {
		t.Fatalf("found %v, %v", c, err)
	}
	in, err := c.Inputs()
	if err != nil {
		t.Fatal(err)
	}
	in.Base, in.CLI, in.Platform = "sha256:1", "0.89.0", "linux/amd64"
	if change != nil {
		change(&in)
	}
	return Key(in)
}

func copying() map[string]string {
	return map[string]string{
		".devcontainer/devcontainer.json":      `{"build": {"dockerfile": "Dockerfile", "context": ".."}, "features": {"./tool": {}}}`,
		".devcontainer/devcontainer-lock.json": `{"features": {}}`,
		".devcontainer/Dockerfile":             "FROM x\nCO\\\nPY . /\n",
		".devcontainer/tool/install.sh":        "id",
		".dockerignore":                        "*.md\nout\n!KEEP.md\n",
		"go.mod":                               "module a",
		"KEEP.md":                              "kept",
		"link":                                 "-> go.mod",
		"README.md":                            "ignored",
		"out/a":                                "ignored",
	}
}

func TestWhatChangesTheKey(t *testing.T) {
	t.Parallel()
	before := keyOf(t, copying(), nil)
	if len(before) != 40 || before != keyOf(t, copying(), nil) {
		t.Fatalf("the key is %q, and not the same twice", before)
	}
	seen := map[string]string{before: "nothing"}
	differs := func(what, key string) {
		t.Helper()
		if other, ok := seen[key]; ok {
			t.Errorf("a changed %s has the key of a changed %s", what, other)
		}
		seen[key] = what
	}
	for name, text := range map[string]string{
		".devcontainer/devcontainer.json":      `{"build": {"dockerfile": "Dockerfile", "context": ".."}, "features": {"./tool": {"version": "2"}}}`,
		".devcontainer/devcontainer-lock.json": `{"features": {"a": {}}}`,
		".devcontainer/Dockerfile":             "FROM y\nCO\\\nPY . /\n",
		".devcontainer/tool/install.sh":        "id -u",
		"go.mod":                               "module b",
		"KEEP.md":                              "kept again",
		"link":                                 "-> KEEP.md",
		"new":                                  "a file that was not there",
		".dockerignore":                        "out\n*.md\n!KEEP.md\n",
	} {
		files := copying()
		files[name] = text
		differs(name, keyOf(t, files, nil))
	}
	renamed := copying()
	renamed["go.sum"] = renamed["go.mod"]
	delete(renamed, "go.mod")
	differs("name", keyOf(t, renamed, nil))
	differs("base digest", keyOf(t, copying(), func(in *Inputs) { in.Base = "sha256:2" }))
	differs("CLI", keyOf(t, copying(), func(in *Inputs) { in.CLI = "0.90.0" }))
	differs("platform", keyOf(t, copying(), func(in *Inputs) { in.Platform = "linux/arm64" }))
	differs("mode", keyOf(t, copying(), func(in *Inputs) { in.Files[0].Mode |= 0o100 }))
}

func TestWhatDoesNot(t *testing.T) {
	t.Parallel()
	before := keyOf(t, copying(), nil)
	for _, name := range []string{"README.md", "out/a", "out/new", ".git/HEAD"} {
		files := copying()
		files[name] = "other"
		if keyOf(t, files, nil) != before {
			t.Errorf("%s changes the key, though the build does not see it", name)
		}
	}
	if keyOf(t, copying(), func(in *Inputs) { in.Files[0], in.Files[1] = in.Files[1], in.Files[0] }) != before {
		t.Error("the order of the files changes the key")
	}

	// A Dockerfile that copies nothing: no file of the repository is in the image.
	plain := copying()
	plain[".devcontainer/Dockerfile"] = "FROM x\nRUN make\n"
	changed := maps.Clone(plain)
	changed["go.mod"] = "module b"
	if keyOf(t, plain, nil) != keyOf(t, changed, nil) {
		t.Error("a file that nothing copies changes the key")
	}

	// Each field counts by itself: in a repository the build context may hold it too.
	for i, in := range []Inputs{{Configuration: []byte("x")}, {Lock: []byte("x")}, {Dockerfile: []byte("x")}, {Base: "x"}, {CLI: "x"}, {Platform: "x"}, {Files: []File{{Path: "x"}}}} {
		if Key(in) == Key(Inputs{}) {
			t.Errorf("input %d does not count", i)
		}
	}

	// A changed value can't stand for another field: each has its length.
	a := Key(Inputs{Configuration: []byte("ab"), Lock: []byte("c")})
	if a == Key(Inputs{Configuration: []byte("a"), Lock: []byte("bc")}) {
		t.Error("two inputs have one key")
	}
}
