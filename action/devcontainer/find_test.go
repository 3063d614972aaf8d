package devcontainer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// repository makes a checkout with the named files, and opens it.
func repository(t *testing.T, files map[string]string) *os.Root {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "checkout")
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if to, ok := strings.CutPrefix(text, "-> "); ok {
			if err := os.Symlink(to, p); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

// codeOf is the code of a problem, and what it says.
func codeOf(err error) (code, text string) {
	var e *runapi.Error
	if errors.As(err, &e) {
		return e.Code, e.What
	}
	return "", ""
}

func TestFind(t *testing.T) {
	t.Parallel()
	const plain = `{"image": "x"}`
	for _, c := range []struct {
		about string
		files map[string]string
		name  string
		path  string // empty: none
		code  string
	}{
		{"none", nil, "", "", ""},
		{"the folder's", map[string]string{".devcontainer/devcontainer.json": plain, ".devcontainer.json": plain}, "", ".devcontainer/devcontainer.json", ""},
		{"the file at the top", map[string]string{".devcontainer.json": plain}, "", ".devcontainer.json", ""},
		{"the only named one", map[string]string{".devcontainer/go/devcontainer.json": plain}, "", ".devcontainer/go/devcontainer.json", ""},
		{"chosen by name", map[string]string{".devcontainer/devcontainer.json": plain, ".devcontainer/go/devcontainer.json": plain}, "go", ".devcontainer/go/devcontainer.json", ""},
		{"several without a choice", map[string]string{".devcontainer/a/devcontainer.json": plain, ".devcontainer/b/devcontainer.json": plain}, "", "", CodeConfig},
		{"a name that is not there", map[string]string{".devcontainer.json": plain}, "go", "", CodeConfig},
		{"a name that leaves", map[string]string{"devcontainer.json": plain}, "..", "", CodeConfig},
		{"chosen away", map[string]string{".devcontainer.json": plain}, None, "", ""},
		{"comments and final commas", map[string]string{".devcontainer.json": "// ours\n{\"image\": \"x\", /* so */ }"}, "", ".devcontainer.json", ""},
		{"no object", map[string]string{".devcontainer.json": "[]"}, "", "", CodeConfig},
		{"null", map[string]string{".devcontainer.json": "null"}, "", "", CodeConfig},
		{"not closed", map[string]string{".devcontainer.json": "{"}, "", "", CodeConfig},
		{"a link that leaves", map[string]string{".devcontainer.json": "-> /etc/passwd"}, "", "", CodeConfig},
		{"too large", map[string]string{".devcontainer.json": plain + strings.Repeat(" ", maxFile)}, "", "", CodeConfig},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			found, err := Find(repository(t, c.files), c.name)
			code, _ := codeOf(err)
			path := ""
			if found != nil {
				path = found.Path
			}
			if code != c.code || path != c.path || (err != nil) != (c.code != "") {
				t.Errorf("found %q with %v, want %q with code %q", path, err, c.path, c.code)
			}
		})
	}
}
