package workspace

import (
	"context"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// sparse has git leave files out of a tree, as the patterns of its git directory say.
var sparse = [][2]string{{"core.sparseCheckout", "true"}, {"core.sparseCheckoutCone", "true"}}

// narrow tells a git directory which files its tree is to have: those of the source's
// directories, all below them, and those that stand right in a directory above. Without
// directories it has all.
func (w *Workspace) narrow(gitDir string) error {
	if len(w.source.Sparse) == 0 {
		return nil
	}
	name := filepath.Join(gitDir, "info", "sparse-checkout")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(cone(w.source.Sparse)), 0o644)
}

// sparse is what git has to be told besides where it looks at a tree that may be sparse.
func (w *Workspace) sparse() [][2]string {
	if len(w.source.Sparse) == 0 {
		return nil
	}
	return sparse
}

// cone writes directories in the form that git knows to be such: patterns of whole
// directories, and of the files right in a directory.
// (https://git-scm.com/docs/git-sparse-checkout#_internalscone_mode_handling)
func cone(dirs []string) string {
	within := func(dir string) bool { // another one
		return slices.ContainsFunc(dirs, func(d string) bool { return strings.HasPrefix(dir, d+"/") })
	}
	above, whole := map[string]bool{}, map[string]bool{}
	for _, dir := range dirs {
		if within(dir) {
			continue
		}
		whole[dir] = true
		for up := path.Dir(dir); up != "."; up = path.Dir(up) {
			above[up] = true
		}
	}
	var b strings.Builder
	b.WriteString("/*\n!/*/\n")
	for _, dir := range slices.Sorted(maps.Keys(above)) {
		b.WriteString("/" + dir + "/\n!/" + dir + "/*/\n")
	}
	for _, dir := range slices.Sorted(maps.Keys(whole)) {
		b.WriteString("/" + dir + "/\n")
	}
	return b.String()
}

// leftOut lists the paths of the base commit that the agent's tree was made without, each
// ended by NUL.
func (w *Workspace) leftOut(ctx context.Context, own string) (string, error) {
	if len(w.source.Sparse) == 0 {
		return "", nil
	}
	out, err := w.git.run(ctx, command{gitDir: own, args: []string{"ls-files", "-t", "-z"}, env: []string{"GIT_WORK_TREE=" + w.Tree()}})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for entry := range strings.SplitSeq(out, "\x00") {
		if name, ok := strings.CutPrefix(entry, "S "); ok {
			b.WriteString(name + "\x00")
		}
	}
	return b.String(), nil
}

// wasLeftOut is which of the paths, each ended by NUL, the agent's tree was made without.
func (w *Workspace) wasLeftOut(paths string) string {
	if w.outside == "" {
		return ""
	}
	outside := map[string]bool{}
	for name := range strings.SplitAfterSeq(w.outside, "\x00") {
		outside[name] = name != ""
	}
	var b strings.Builder
	for name := range strings.SplitAfterSeq(paths, "\x00") {
		if outside[name] {
			b.WriteString(name)
		}
	}
	return b.String()
}

// bringBack has git look again at changed paths that the agent's tree was made without: what
// an earlier run did to them counts, and that a file is not there is then its removal.
func (w *Workspace) bringBack(ctx context.Context, changed []Change) error {
	var paths strings.Builder
	for _, c := range changed {
		paths.WriteString(c.Path + "\x00")
	}
	back := w.wasLeftOut(paths.String())
	if back == "" {
		return nil
	}
	for _, index := range []string{w.path("base.index"), w.path("agent", "repository.git", "worktrees", "tree", "index")} {
		if _, err := w.git.run(ctx, command{
			gitDir: w.path("base.git"), args: []string{"update-index", "-z", "--no-skip-worktree", "--stdin"}, stdin: back,
			env: []string{"GIT_WORK_TREE=" + w.Tree(), "GIT_INDEX_FILE=" + index},
		}); err != nil {
			return err
		}
	}
	var rest strings.Builder
	for name := range strings.SplitAfterSeq(w.outside, "\x00") {
		if name != "" && !strings.Contains("\x00"+back, "\x00"+name) {
			rest.WriteString(name)
		}
	}
	w.outside = rest.String()
	return nil
}

// LeftOut is how many files of the base commit the agent's tree was made without, and which
// of the source's directories the base commit does not have.
func (w *Workspace) LeftOut() (files int, missing []string) {
	for _, dir := range w.source.Sparse {
		if info, err := os.Lstat(filepath.Join(w.Tree(), filepath.FromSlash(dir))); err != nil || !info.IsDir() {
			missing = append(missing, dir)
		}
	}
	return strings.Count(w.outside, "\x00"), missing
}

// sparseFor is sparse for a checkout of a result or of what it changes: the whole tree, if
// some of the change is where the agent's tree had nothing.
func (w *Workspace) sparseFor(r *Result) [][2]string {
	if slices.ContainsFunc(r.Files, w.beyond) {
		return nil
	}
	return w.sparse()
}

// beyond reports whether a change is of a file that a sparse tree would not have.
func (w *Workspace) beyond(c Change) bool {
	if len(w.source.Sparse) == 0 {
		return false
	}
	in := path.Dir(c.Path)
	return in != "." && !slices.ContainsFunc(w.source.Sparse, func(dir string) bool {
		return in == dir || strings.HasPrefix(in, dir+"/") || strings.HasPrefix(dir, in+"/")
	})
}
