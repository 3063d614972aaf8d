package workspace_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/workspace"
)

// What a repository keeps elsewhere is said by name: pointers of Git LFS, and no other
// file about them, and submodules, whose empty directories are no change of anybody's.
func TestAbsent(t *testing.T) {
	t.Parallel()
	url, _, second := origin(t)
	dir := strings.TrimPrefix(url, "file://")
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("4d", 32) + "\nsize 12345\n"
	write(t, dir, "assets/ü logo.png", pointer)
	write(t, dir, "docs/lfs.md", "A pointer looks like this:\n\n"+pointer)
	write(t, dir, ".gitattributes", "*.png filter=lfs diff=lfs merge=lfs -text\n")
	write(t, dir, ".gitmodules", "[submodule \"lib\"]\n\tpath = third/lib\n\turl = https://example.com/lib\n")
	git(t, dir, "-c", "filter.lfs.required=false", "add", "-A")
	git(t, dir, "update-index", "--add", "--cacheinfo", "160000,"+second+",third/lib")
	git(t, dir, "commit", "-q", "-m", "elsewhere")
	w := prepare(t, url, git(t, dir, "rev-parse", "HEAD"))
	a, err := w.Absent(t.Context())
	if err != nil || !slices.Equal(a.LFS, []string{"assets/ü logo.png"}) || !slices.Equal(a.Submodules, []workspace.Submodule{{Path: "third/lib", Commit: second}}) {
		t.Errorf("%+v %v", a, err)
	}
	if r, err := w.Collect(t.Context(), "m"); err != nil || r != nil {
		t.Errorf("nothing was changed, and collected is %+v: %v", r, err)
	}
	write(t, w.Tree(), "third/lib/f", "mine\n")
	write(t, w.Tree(), "a.txt", "changed\n")
	r, err := w.Collect(t.Context(), "m")
	if err != nil || r == nil || !slices.Equal(r.Files, []workspace.Change{{Status: "M", Path: "a.txt"}}) {
		t.Errorf("a submodule's directory is not the repository's to change, and collected is %+v: %v", r, err)
	}
}
