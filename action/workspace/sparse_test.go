package workspace_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/workspace"
)

// large makes a repository of several parts, and returns its address and commit.
func large(t *testing.T) (url, commit string) {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	for _, name := range []string{"README.md", "services/README.md", "services/web/a.go", "services/web/deep/b.go", "services/mail/m.go", "lib/l.go", "lib two/x.go", "docs/d.md"} {
		write(t, dir, name, name+"\n")
	}
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "first")
	return "file://" + dir, git(t, dir, "rev-parse", "HEAD")
}

func narrow(t *testing.T, url, commit, mirrors string, dirs ...string) *workspace.Workspace {
	t.Helper()
	w, err := workspace.Prepare(t.Context(), filepath.Join(t.TempDir(), "run"), os.Environ(), workspace.Source{
		URL: url, Commit: commit, Mirrors: mirrors, Spare: mirrors != "", Sparse: dirs,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// files lists what a tree has.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.Type().IsRegular() && d.Name() != ".git" {
			name, _ := filepath.Rel(dir, path)
			all = append(all, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A sparse tree has the directories that are named, and git in it says that nothing is
// changed; what the agent changes there, and what it makes beyond, is the result, and all
// else stays as it was.
func TestASparseTree(t *testing.T) {
	t.Parallel()
	url, commit := large(t)
	w := narrow(t, url, commit, "", "services/web", "lib", "lib/below", "gone")
	here := []string{"README.md", "lib/l.go", "services/README.md", "services/web/a.go", "services/web/deep/b.go"}
	if got := files(t, w.Tree()); !slices.Equal(got, here) {
		t.Errorf("the tree has %v", got)
	}
	if n, missing := w.LeftOut(); n != 3 || !slices.Equal(missing, []string{"lib/below", "gone"}) {
		t.Errorf("left out: %d, missing: %v", n, missing)
	}
	if status := git(t, w.Tree(), "status", "--short"); status != "" {
		t.Errorf("the agent sees as changed\n%s", status)
	}
	if base, err := w.CheckoutBase(t.Context()); err != nil || len(files(t, base)) != 8 {
		t.Errorf("what an environment is built from is not whole: %v", err)
	}
	if r, err := w.Collect(t.Context(), "m"); err != nil || r != nil {
		t.Errorf("nothing was changed, and collected is %+v: %v", r, err)
	}
	write(t, w.Tree(), "services/web/a.go", "changed\n")
	if err := os.Remove(filepath.Join(w.Tree(), "lib/l.go")); err != nil {
		t.Fatal(err)
	}
	r, err := w.Checkpoint(t.Context(), "m", room)
	want := []workspace.Change{{Status: "D", Path: "lib/l.go"}, {Status: "M", Path: "services/web/a.go"}}
	if err != nil || !slices.Equal(r.Files, want) {
		t.Errorf("saved: %+v, %v", r, err)
	}
	if r, err = w.Collect(t.Context(), "m"); err != nil || !slices.Equal(r.Files, want) {
		t.Fatalf("collected: %+v, %v", r, err)
	}
	tree, err := w.Checkout(t.Context(), r, "verify")
	if got := files(t, tree); err != nil || !slices.Equal(got, slices.DeleteFunc(slices.Clone(here), func(s string) bool { return s == "lib/l.go" })) {
		t.Errorf("what is checked has %v, %v", got, err)
	}

	write(t, w.Tree(), "docs/d.md", "written without seeing it\n")
	write(t, w.Tree(), "new/n.go", "new\n")
	want = append([]workspace.Change{{Status: "M", Path: "docs/d.md"}}, want[0], workspace.Change{Status: "A", Path: "new/n.go"}, want[1])
	saved, err := w.Checkpoint(t.Context(), "m", room)
	if err != nil || !slices.Equal(saved.Files, want) {
		t.Errorf("saved: %+v, %v", saved, err)
	}
	if r, err = w.Collect(t.Context(), "m"); err != nil || !slices.Equal(r.Files, want) {
		t.Fatalf("collected: %+v, %v", r, err)
	}
	for name, checkout := range map[string]func() (string, error){
		"after":  func() (string, error) { return w.Checkout(t.Context(), r, "verify-2") },
		"before": func() (string, error) { return w.CheckoutBefore(t.Context(), r, "before") },
	} {
		if tree, err := checkout(); err != nil || len(files(t, tree)) != 8 {
			t.Errorf("%s a change beyond the directories what is checked has %v, %v", name, files(t, tree), err)
		}
	}

	next := narrow(t, url, commit, "", "services/web", "lib")
	if _, err := next.Restore(t.Context(), saved.Bundle, saved.Commit, room); err != nil {
		t.Fatal(err)
	}
	if r, err = next.Collect(t.Context(), "m"); err != nil || !slices.Equal(r.Files, want) {
		t.Errorf("restored and collected: %+v, %v", r, err)
	}
}

// Names of directories are names, and no patterns; a name with a space is one too.
func TestSparseNames(t *testing.T) {
	t.Parallel()
	url, commit := large(t)
	for _, c := range []struct{ dirs, want string }{
		{"lib two", "README.md lib two/x.go"},
		{"services", "README.md services/README.md services/mail/m.go services/web/a.go services/web/deep/b.go"},
		{"services/web/deep", "README.md services/README.md services/web/a.go services/web/deep/b.go"},
		{"nowhere", "README.md"},
	} {
		if got := strings.Join(files(t, narrow(t, url, commit, "", c.dirs).Tree()), " "); got != c.want {
			t.Errorf("%s: the tree has %s", c.dirs, got)
		}
	}
}

// The tree that a run leaves for the next one is of the same directories, or not used.
func TestASpareTreeThatIsSparse(t *testing.T) {
	t.Parallel()
	url, commit := large(t)
	mirrors := filepath.Join(onWarmMachine(t, url).mirrors, "m")
	for _, c := range []struct {
		dirs   []string
		spared bool
	}{{[]string{"lib"}, false}, {[]string{"lib"}, true}, {[]string{"docs"}, false}, {nil, false}, {nil, true}} {
		w := narrow(t, url, commit, mirrors, c.dirs...)
		if w.Spared != c.spared || w.Trouble != nil {
			t.Errorf("%v: spared: %v, %v", c.dirs, w.Spared, w.Trouble)
		}
		want := 8
		if c.dirs != nil {
			want = 2
		}
		if got := files(t, w.Tree()); len(got) != want || git(t, w.Tree(), "status", "--short") != "" {
			t.Errorf("%v: the tree has %v", c.dirs, got)
		}
		if err := errors.Join(w.MakeSpare(t.Context()), w.Remove()); err != nil {
			t.Error(err)
		}
	}
}

// What an earlier run removed, changed and added beyond the directories, or a merge brings,
// stays so in a run whose tree has nothing of it.
func TestASparseTreeTakesOverWhatIsBeyondIt(t *testing.T) {
	t.Parallel()
	url, commit := large(t)
	dir := strings.TrimPrefix(url, "file://")
	change := func(tree string) {
		write(t, tree, "services/mail/m.go", "changed\n")
		write(t, tree, "new/n.go", "new\n")
		if err := os.Remove(filepath.Join(tree, "docs/d.md")); err != nil {
			t.Fatal(err)
		}
	}
	want := []workspace.Change{{Status: "D", Path: "docs/d.md"}, {Status: "A", Path: "new/n.go"}, {Status: "M", Path: "services/mail/m.go"}}
	whole := narrow(t, url, commit, "")
	change(whole.Tree())
	saved, err := whole.Checkpoint(t.Context(), "m", room)
	if err != nil {
		t.Fatal(err)
	}
	git(t, dir, "checkout", "-q", "-b", "branch")
	change(dir)
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "beyond")
	for name, take := range map[string]func(w *workspace.Workspace) error{
		"a checkpoint": func(w *workspace.Workspace) error {
			_, err := w.Restore(t.Context(), saved.Bundle, saved.Commit, room)
			return err
		},
		"a merge": func(w *workspace.Workspace) error {
			conflicts, err := w.Merge(t.Context(), git(t, dir, "rev-parse", "branch"), commit)
			if len(conflicts) > 0 {
				t.Errorf("conflicts: %v", conflicts)
			}
			return err
		},
	} {
		w := narrow(t, url, commit, "", "lib")
		if err := take(w); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r, err := w.Checkpoint(t.Context(), "m", room); err != nil || !slices.Equal(r.Files, want) {
			t.Errorf("%s, saved: %+v, %v", name, r, err)
		}
		if r, err := w.Collect(t.Context(), "m"); err != nil || r == nil || !slices.Equal(r.Files, want) {
			t.Errorf("%s, collected: %+v, %v", name, r, err)
		}
	}
}
