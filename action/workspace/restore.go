package workspace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// ErrCheckpoint says that a checkpoint is not what [Workspace.Checkpoint] makes.
var ErrCheckpoint = errors.New("the checkpoint is broken")

// maxRestored is how many paths a checkpoint may change.
const maxRestored = 50_000

// Restore brings the agent's tree to what an earlier run left: the tree of the
// commit head, in the bundle file, whose parent is the base commit. The branch stays
// at the base commit, so that the agent sees the work as changes not committed. It
// must be called before anything of the agent's runs.
//
// The bundle is untrusted, for it was made of what an agent wrote. It is unpacked
// in a repository of its own, and what it changes may take at most limit bytes.
// After an error the tree is the base commit's.
func (w *Workspace) Restore(ctx context.Context, bundle, head string, limit int64) (files int, err error) {
	if !objectName.MatchString(head) {
		return 0, fmt.Errorf("%w: its head %.60q is no object name", ErrCheckpoint, head)
	}
	gitDir, err := os.MkdirTemp(w.dir, "restore-*.git")
	if err != nil {
		return 0, fmt.Errorf("restore checkpoint: %w", err)
	}
	defer os.RemoveAll(gitDir)
	if err := bare(gitDir, w.base, "", w.path("base.git", "objects")); err != nil {
		return 0, err
	}
	git := func(stdin string, args ...string) (out string) {
		if err == nil {
			out, err = w.git.run(ctx, command{gitDir: gitDir, args: args, stdin: stdin, env: []string{"GIT_WORK_TREE=" + w.Tree()}})
		}
		return out
	}
	git("", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options", bundle, "+"+runapi.BundleRef+":"+runapi.BundleRef)
	got := git("", "rev-parse", "--verify", runapi.BundleRef+"^{commit}")
	parents := git("", "rev-list", "--parents", "--max-count=1", runapi.BundleRef)
	if err == nil && (got != head || parents != head+" "+w.base) {
		err = errors.New("its commit is not the one on the base commit")
	}
	changed := changes(git("", "diff-tree", "-r", "-z", "--no-renames", "--name-status", w.base, head))
	entries := git("", "diff-tree", "-r", "-z", "--no-renames", "--raw", "--no-abbrev", w.base, head)
	if err == nil {
		err = checkEntries(entries, limit, func(ids string) string { return git(ids, "cat-file", "--batch-check=%(objectsize)") })
	}
	git("", "read-tree", head)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	err = w.bring(changed, func(paths string) error {
		git(paths, "checkout-index", "--force", "--quiet", "-z", "--stdin")
		return err
	})
	if err == nil {
		err = w.bringBack(ctx, changed)
	}
	if err != nil {
		undone := w.remake(ctx)
		return 0, errors.Join(fmt.Errorf("restore checkpoint: %w", err), undone)
	}
	return len(changed), nil
}

// checkEntries wants files and links only, of limit bytes together. raw is the
// output of diff-tree --raw -z; sizes returns the sizes of objects, a line each.
func checkEntries(raw string, limit int64, sizes func(ids string) string) error {
	var ids strings.Builder
	fields := strings.Split(strings.TrimRight(raw, "\x00"), "\x00")
	if len(fields) > 2*maxRestored {
		return fmt.Errorf("it changes more than %d paths", maxRestored)
	}
	for i := 0; i+1 < len(fields); i += 2 { // what it is, then its path
		f := strings.Fields(strings.TrimPrefix(fields[i], ":")) // modes, names, status
		if len(f) != 5 {
			return errors.New("git lists it in a way we do not know")
		}
		switch f[1] {
		case "000000": // deleted
		case "100644", "100755", "120000":
			ids.WriteString(f[3] + "\n")
		default:
			return fmt.Errorf("it has an entry of mode %s", f[1])
		}
	}
	if ids.Len() == 0 {
		return nil
	}
	var sum int64
	for line := range strings.Lines(sizes(ids.String())) {
		size, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if err != nil {
			return fmt.Errorf("an object is missing: %.80q", line)
		}
		if sum += size; sum > limit {
			return fmt.Errorf("it is more than %d bytes unpacked", limit)
		}
	}
	return nil
}

// bring takes what is no longer there out of the tree, and then lets write put all
// the rest there. write takes paths, each ended by NUL.
func (w *Workspace) bring(changed []Change, write func(paths string) error) error {
	root, err := os.OpenRoot(w.Tree())
	if err != nil {
		return err
	}
	defer root.Close()
	var rest strings.Builder
	for _, c := range changed {
		if c.Status != "D" {
			rest.WriteString(c.Path + "\x00")
		}
		if c.Status == "A" {
			continue
		}
		if err := root.RemoveAll(c.Path); err != nil {
			return err
		}
		for dir := path.Dir(c.Path); dir != "."; dir = path.Dir(dir) {
			if root.Remove(dir) != nil { // it is not empty
				break
			}
		}
	}
	if rest.Len() == 0 {
		return nil
	}
	return write(rest.String())
}

// remake makes the agent's tree and repository anew, with the submodules that it had.
func (w *Workspace) remake(ctx context.Context) error {
	if err := os.RemoveAll(w.path("agent")); err != nil {
		return fmt.Errorf("make tree again: %w", err)
	}
	if err := w.makeTree(ctx); err != nil {
		return err
	}
	return w.fillAll(ctx, w.Tree())
}
