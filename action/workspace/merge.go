package workspace

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
)

// How the two sides of a conflict are called in the marks that git leaves.
const (
	sideBase   = "base"
	sideBranch = "branch"
)

// Merge merges the base commit with a branch's commit and brings the agent's tree to what
// comes of it, as changes that are not committed: what is in conflict has git's marks. It
// returns the paths in conflict. Ancestor is the commit from which the two went apart, which
// whoever has their history has to find: none of it is fetched. Merge must be called before
// anything of the agent's runs.
func (w *Workspace) Merge(ctx context.Context, head, ancestor string) (conflicts []string, err error) {
	for _, name := range []string{head, ancestor} {
		if !objectName.MatchString(name) {
			return nil, fmt.Errorf("merge: %q is not a full object name", name)
		}
	}
	gitDir, err := os.MkdirTemp(w.dir, "merge-*.git")
	if err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	defer os.RemoveAll(gitDir)
	if err := bare(gitDir, w.base, "", w.path("base.git", "objects")); err != nil {
		return nil, err
	}
	for _, commit := range []string{head, ancestor} {
		if _, err := w.git.run(ctx, fetching(gitDir, w.source, commit)); err != nil {
			return nil, fmt.Errorf("fetch %s of %s: %w", commit, w.source.URL, err)
		}
	}
	git := func(stdin string, args ...string) (out string) {
		if err != nil {
			return ""
		}
		c := command{gitDir: gitDir, args: args, stdin: stdin, env: []string{
			"GIT_WORK_TREE=" + w.Tree(), "GIT_AUTHOR_NAME=Anvil", "GIT_AUTHOR_EMAIL=anvil@anvil.invalid", "GIT_COMMITTER_NAME=Anvil", "GIT_COMMITTER_EMAIL=anvil@anvil.invalid",
		}}
		if args[0] == "merge-tree" {
			c.answer = 1 // there are conflicts
		}
		out, err = w.git.run(ctx, c)
		return out
	}
	// git merges by history: the three trees get the shortest that says how they belong
	// together.
	root := git("", "commit-tree", ancestor+"^{tree}", "-m", "ancestor")
	for side, commit := range map[string]string{sideBase: w.base, sideBranch: head} {
		git("", "update-ref", "refs/heads/"+side, git("", "commit-tree", commit+"^{tree}", "-p", root, "-m", side))
	}
	tree, names, _ := strings.Cut(git("", "merge-tree", "--write-tree", "--name-only", "-z", sideBase, sideBranch), "\x00")
	if err == nil && !objectName.MatchString(tree) {
		err = fmt.Errorf("git says %.60q", tree)
	}
	for name := range strings.SplitSeq(names, "\x00") {
		if name == "" { // what follows is words about it
			break
		}
		conflicts = append(conflicts, name)
	}
	changed := changes(git("", "diff-tree", "-r", "-z", "--no-renames", "--name-status", w.base, tree))
	entries := git("", "diff-tree", "-r", "-z", "--no-renames", "--raw", "--no-abbrev", w.base, tree)
	if name := submoduleIn(entries); err == nil && name != "" {
		err = fmt.Errorf("it changes the submodule %.200q, of which only its commit's name is here", name)
	}
	git("", "read-tree", tree)
	if err == nil {
		err = w.bring(changed, func(paths string) error {
			git(paths, "checkout-index", "--force", "--quiet", "-z", "--stdin")
			return err
		})
	}
	if err == nil {
		err = w.bringBack(ctx, changed)
	}
	if err != nil {
		return nil, fmt.Errorf("merge %s into %s: %w", head, w.base, err)
	}
	slices.Sort(conflicts)
	return slices.Compact(conflicts), nil
}

// submoduleIn returns the path of a submodule that is new or moved in what diff-tree --raw
// -z tells. A tree of files can't say of which commit a submodule is, so that what is
// collected of it has the base commit's.
func submoduleIn(raw string) string {
	fields := strings.Split(raw, "\x00")
	for i := 0; i+1 < len(fields); i += 2 { // what it is, then its path
		if modes := strings.Fields(fields[i]); len(modes) > 1 && modes[1] == "160000" {
			return fields[i+1]
		}
	}
	return ""
}

// maxMarked is how much of a file is looked at for marks, in bytes.
const maxMarked = 16 << 20

// Marked returns those of the paths in which a mark of a conflict is left. What was made of
// them meanwhile is not trusted: nothing outside of the tree is read.
func (w *Workspace) Marked(paths []string) (marked []string, err error) {
	root, err := os.OpenRoot(w.Tree())
	if err != nil {
		return nil, fmt.Errorf("look for conflicts: %w", err)
	}
	defer root.Close()
	for _, path := range paths {
		text, err := readRegular(root, path, maxMarked)
		if err != nil {
			continue // it is gone, or something else now: that is somebody's decision
		}
		if hasMarks(text) {
			marked = append(marked, path)
		}
	}
	return marked, nil
}

// readRegular reads a regular file of at most limit bytes.
func readRegular(root *os.Root, path string, limit int64) ([]byte, error) {
	f, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// hasMarks reports whether a text has both marks that git sets around a conflict.
func hasMarks(text []byte) bool {
	begun := false
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "<<<<<<< "+sideBase):
			begun = true
		case strings.HasPrefix(line, ">>>>>>> "+sideBranch):
			return true
		}
	}
	return begun
}
