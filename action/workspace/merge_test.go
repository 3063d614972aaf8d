package workspace_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/workspace"
)

// A merge finds what the two sides changed since they went apart, renames included, without
// their history; what is in conflict has marks, and what an agent makes of it is looked at
// without following it anywhere.
func TestMerge(t *testing.T) {
	t.Parallel()
	url, first, _ := origin(t)
	repo := strings.TrimPrefix(url, "file://")
	work := filepath.Join(t.TempDir(), "work")
	git(t, ".", "clone", "-q", repo, work)
	git(t, work, "checkout", "-q", "-b", "ground", first)
	for name, text := range map[string]string{"one": "1\n2\n3\n", "two": "a\nb\nc\n", "old-name": strings.Repeat("the same lines\n", 20), "gone": "x\n", "both": "here\n"} {
		write(t, work, name, text)
	}
	commit := func(message string) string {
		git(t, work, "add", "-A")
		git(t, work, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", message)
		git(t, work, "push", "-q", "origin", "HEAD")
		return strings.TrimSpace(git(t, work, "rev-parse", "HEAD"))
	}
	ancestor := commit("ground")
	git(t, work, "checkout", "-q", "-b", "base")
	git(t, work, "mv", "old-name", "new-name")
	write(t, work, "one", "1\n2\n3\nbase\n")
	write(t, work, "both", "of the base\n")
	write(t, work, "gone", "changed by the base\n")
	base := commit("base")
	git(t, work, "checkout", "-q", "-b", "branch", ancestor)
	write(t, work, "old-name", strings.Repeat("the same lines\n", 20)+"and one of the branch\n")
	write(t, work, "two", "of the branch\nb\nc\n")
	write(t, work, "both", "of the branch\n")
	git(t, work, "rm", "-q", "gone")
	branch := commit("branch")

	w := prepare(t, url, base)
	conflicts, err := w.Merge(t.Context(), branch, ancestor)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(conflicts, []string{"both", "gone"}) {
		t.Fatalf("in conflict are %q", conflicts)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(w.Tree(), name))
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	for name, want := range map[string]string{
		"one": "1\n2\n3\nbase\n", "two": "of the branch\nb\nc\n", "new-name": strings.Repeat("the same lines\n", 20) + "and one of the branch\n",
		"both": "<<<<<<< base\nof the base\n=======\nof the branch\n>>>>>>> branch\n", "gone": "changed by the base\n",
	} {
		if got := read(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if _, err := os.Lstat(filepath.Join(w.Tree(), "old-name")); err == nil {
		t.Error("the old name is there again")
	}

	if left, err := w.Marked(conflicts); err != nil || !slices.Equal(left, []string{"both"}) {
		t.Errorf("marks are left in %q, %v", left, err)
	}
	write(t, w.Tree(), "both", "of both\n=======\na heading\n")
	if left, _ := w.Marked(conflicts); len(left) > 0 {
		t.Errorf("marks are seen in %q", left)
	}
	r, err := w.Collect(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, c := range r.Files {
		paths = append(paths, c.Status+" "+c.Path)
	}
	if !slices.Equal(paths, []string{"M both", "M new-name", "M two"}) {
		t.Errorf("the change on the base is %q", paths)
	}

	// A path that has become a way out, or a wait.
	outside := filepath.Join(t.TempDir(), "outside")
	write(t, filepath.Dir(outside), "outside", "<<<<<<< base\n>>>>>>> branch\n")
	if err := os.Remove(filepath.Join(w.Tree(), "both")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(w.Tree(), "both")); err != nil {
		t.Fatal(err)
	}
	if left, err := w.Marked(conflicts); err != nil || len(left) > 0 {
		t.Errorf("a link out of the tree is followed: %q, %v", left, err)
	}

	for what, names := range map[string][2]string{"an option": {"--upload-pack=x", ancestor}, "a ref": {branch, "main"}, "no commit": {strings.Repeat("0", 39) + "1", ancestor}} {
		if _, err := prepare(t, url, base).Merge(t.Context(), names[0], names[1]); err == nil {
			t.Errorf("%s is merged", what)
		}
	}
}

// A branch that moves a submodule is not merged, since the tree of files that comes of a
// merge can't tell of it, and the move would be undone without a word; one that removes
// a submodule is.
func TestMergeOfABranchThatMovesASubmodule(t *testing.T) {
	t.Parallel()
	url, first, dir := modular(t)
	work := filepath.Join(dir, "acme", "web")
	commit := func(branch string, change ...string) string {
		git(t, work, "checkout", "-q", "-b", branch, first)
		git(t, work, append([]string{"update-index"}, change...)...)
		git(t, work, "commit", "-q", "-m", branch)
		return git(t, work, "rev-parse", "HEAD")
	}
	write(t, work, "b.txt", "of the base\n")
	base := commit("base", "--add", "b.txt")
	moved := commit("moved", "--add", "--cacheinfo", "160000,"+strings.Repeat("6", 40)+",third/lib")
	gone := commit("gone", "--force-remove", "third/lib")

	if _, err := prepare(t, url, base).Merge(t.Context(), moved, first); err == nil || !strings.Contains(err.Error(), "third/lib") {
		t.Errorf("a branch that moves third/lib is merged: %v", err)
	}
	w := prepare(t, url, base)
	if conflicts, err := w.Merge(t.Context(), gone, first); err != nil || len(conflicts) > 0 {
		t.Fatalf("in conflict are %q, %v", conflicts, err)
	}
	r, err := w.Collect(t.Context(), "m")
	if err != nil || r == nil || !slices.Equal(r.Files, []workspace.Change{{Status: "D", Path: "third/lib"}}) {
		t.Errorf("collected %+v: %v", r, err)
	}
}
