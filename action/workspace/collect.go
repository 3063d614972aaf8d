package workspace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// ErrReplaced says that the agent's tree is no longer the directory that was
// made for it. Reading whatever stands in its place could publish any file of
// the machine.
var ErrReplaced = errors.New("the agent replaced its working tree by something else")

// Result is what the agent left behind, as a commit on the base commit.
type Result struct {
	Commit string
	Tree   string
	Bundle string // path of the bundle
	Size   int64  // of the bundle
	Files  []Change
	// Removed lists what was in the tree and can't be part of a commit:
	// repositories inside it, pipes, sockets.
	Removed []string

	gitDir string
	before string // the base commit's tree
}

// Unchanged reports whether the result is the base commit's tree.
func (r *Result) Unchanged() bool { return r.Tree == r.before }

// Discard removes the commit and its bundle.
func (r *Result) Discard() error {
	return errors.Join(os.RemoveAll(r.gitDir), os.RemoveAll(r.Bundle))
}

// Change is one changed path.
type Change struct {
	Status string // A, M, D or T
	Path   string
}

// Collect makes a commit and a bundle of the agent's tree as it is now. It must
// not be called while anything of the agent's still runs. It returns nil when
// nothing was changed.
func (w *Workspace) Collect(ctx context.Context, message string) (*Result, error) {
	removed, err := w.clean()
	if err != nil {
		return nil, err
	}
	r, err := w.commit(ctx, message, func(git gitCall) { git.with(nil, "", "add", "--all", "--sparse") })
	if err != nil || r.Unchanged() {
		return nil, err
	}
	r.Removed = removed
	return r, nil
}

// gitCall runs git in a repository, dir, with more environment and with input. After
// an error it does nothing.
type gitCall struct {
	dir  string
	with func(env []string, stdin string, args ...string) string
}

// commit makes a commit on the base commit, and a bundle of it, in a repository
// that did not exist before. add brings the index, which holds the base commit's
// tree, to what is to be committed.
func (w *Workspace) commit(ctx context.Context, message string, add func(git gitCall)) (*Result, error) {
	gitDir, err := os.MkdirTemp(w.dir, "result-*.git")
	if err != nil {
		return nil, fmt.Errorf("collect result: %w", err)
	}
	if err := bare(gitDir, w.base, "", borrowed); err != nil {
		return nil, err
	}
	r := &Result{gitDir: gitDir}
	when := fmt.Sprintf("%d +0000", time.Now().Unix())
	with := func(env []string, stdin string, args ...string) (out string) {
		if err != nil {
			return ""
		}
		out, err = w.git.run(ctx, command{gitDir: gitDir, args: args, stdin: stdin, config: w.sparse(), env: append([]string{
			"GIT_WORK_TREE=" + w.Tree(),
			"GIT_AUTHOR_NAME=Anvil", "GIT_AUTHOR_EMAIL=anvil@anvil.invalid", "GIT_AUTHOR_DATE=" + when,
			"GIT_COMMITTER_NAME=Anvil", "GIT_COMMITTER_EMAIL=anvil@anvil.invalid", "GIT_COMMITTER_DATE=" + when,
		}, env...)})
		return out
	}
	git := func(args ...string) string { return with(nil, "", args...) }
	r.before = git("rev-parse", "--verify", w.base+"^{tree}")
	git("read-tree", w.base)
	if w.outside != "" { // what was never there was not removed
		with(nil, w.outside, "update-index", "-z", "--skip-worktree", "--stdin")
	}
	add(gitCall{dir: gitDir, with: with})
	r.Tree = git("write-tree")
	r.Commit = git("commit-tree", r.Tree, "-p", w.base, "-m", message)
	git("update-ref", runapi.BundleRef, r.Commit)
	r.Files = changes(git("diff-tree", "-r", "-z", "--no-renames", "--name-status", r.before, r.Tree))
	r.Bundle = gitDir + ".bundle"
	git("bundle", "create", "--quiet", r.Bundle, runapi.BundleRef, "^"+w.base)
	if err != nil {
		return nil, fmt.Errorf("collect result: %w", err)
	}
	info, err := os.Lstat(r.Bundle)
	if err != nil {
		return nil, fmt.Errorf("collect result: %w", err)
	}
	r.Size = info.Size()
	return r, nil
}

// Checkout makes a fresh tree of the result, named for what it is for.
func (w *Workspace) Checkout(ctx context.Context, r *Result, name string) (string, error) {
	dir := w.path(name)
	if err := w.checkout(ctx, r.gitDir, dir, r.Commit, w.sparseFor(r)); err != nil {
		return "", fmt.Errorf("check out the result: %w", err)
	}
	return dir, w.fillAll(ctx, dir)
}

// CheckoutBefore makes a fresh tree of the base commit, as Checkout makes one of a result
// on it.
func (w *Workspace) CheckoutBefore(ctx context.Context, r *Result, name string) (string, error) {
	dir := w.path(name)
	if err := w.checkout(ctx, r.gitDir, dir, w.base, w.sparseFor(r)); err != nil {
		return "", fmt.Errorf("check out the base commit: %w", err)
	}
	return dir, w.fillAll(ctx, dir)
}

// changes reads the output of diff-tree -z --name-status.
func changes(out string) []Change {
	fields := strings.Split(strings.TrimRight(out, "\x00"), "\x00")
	var list []Change
	for i := 0; i+1 < len(fields); i += 2 {
		list = append(list, Change{Status: fields[i], Path: fields[i+1]})
	}
	return list
}
