package workspace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
)

// Workspace is the directory of one run.
type Workspace struct {
	// Origin says where the base commit came from, and Trouble why not from a mirror
	// that there should be, or not from its spare tree. Spared says that the tree was made
	// of that. All are settled once the trees are made.
	Origin  Origin
	Trouble error
	Spared  bool

	dir    string
	base   string // commit
	source Source
	git    *git
	tree   os.FileInfo // of the agent's tree, as it was made

	submodules []fetched
	outside    string // paths that the agent's tree was made without, each ended by NUL

	leaving sync.Mutex
	mirror  *mirror // nil without one
	left    bool    // the mirror, because it was broken
}

// Source says what to start from.
type Source struct {
	URL    string // without credentials
	Commit string
	Token  string // may read URL; empty for none
	// Mirrors is a directory of this machine that outlives runs and that no agent
	// reaches, for a mirror of each repository; empty: none is kept.
	Mirrors string
	// Spare lets the run start in the tree that an earlier one made for it. It must be
	// false where agents can write to Mirrors.
	Spare bool
	// Sparse lists the directories that the agent's tree has, with / between their parts;
	// empty: all of them.
	Sparse []string
}

// objectName is a full SHA-1 or SHA-256 name: anything else could be an option
// or a ref, which may point elsewhere tomorrow.
var objectName = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// Fetch has the base commit on this machine, in a workspace at dir, which must not
// exist. job is the job's environment.
func Fetch(ctx context.Context, dir string, job []string, s Source) (*Workspace, error) {
	if !objectName.MatchString(s.Commit) {
		return nil, fmt.Errorf("base commit %q is not a full object name", s.Commit)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, fmt.Errorf("make workspace: %w", err)
	}
	empty := filepath.Join(dir, "empty")
	for _, d := range []string{dir, empty} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return nil, fmt.Errorf("make workspace: %w", err)
		}
	}
	w := &Workspace{dir: dir, base: s.Commit, source: s}
	var err error
	if w.git, err = newGit(job, empty); err == nil {
		err = w.fetch(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, w.Remove())
	}
	return w, nil
}

// Prepare is Fetch and MakeTree, one after the other.
func Prepare(ctx context.Context, dir string, job []string, s Source) (*Workspace, error) {
	w, err := Fetch(ctx, dir, job, s)
	if err != nil {
		return nil, err
	}
	if err := w.MakeTree(ctx); err != nil {
		return nil, errors.Join(err, w.Remove())
	}
	return w, nil
}

// fromBase does what reads the base commit's objects, and once more with others if
// those of a mirror could not be read. undo takes away what it left.
func (w *Workspace) fromBase(ctx context.Context, do, undo func() error) error {
	err := do()
	if err == nil {
		return nil
	}
	again, leaving := w.leaveMirror(ctx, err)
	if !again || leaving != nil {
		return errors.Join(err, leaving)
	}
	if err := undo(); err != nil {
		return err
	}
	return do()
}

// MakeTree makes the agent's tree and repository.
func (w *Workspace) MakeTree(ctx context.Context) error {
	return w.fromBase(ctx, func() error { return w.makeTree(ctx) }, func() error { return os.RemoveAll(w.path("agent")) })
}

// makeTree checks the base commit out for the agent.
func (w *Workspace) makeTree(ctx context.Context) error {
	if err := os.Mkdir(w.path("agent"), 0o755); err != nil {
		return fmt.Errorf("make tree: %w", err)
	}
	own := "[user]\n\tname = Agent\n\temail = agent@anvil.invalid\n"
	if len(w.source.Sparse) > 0 {
		own += "[core]\n\tsparseCheckout = true\n\tsparseCheckoutCone = true\n"
	}
	repository := w.path("agent", "repository.git")
	if err := bare(repository, w.base, own, borrowed); err != nil {
		return err
	}
	if err := os.Symlink("../base.git", w.path("agent", "base.git")); err != nil {
		return fmt.Errorf("make tree: %w", err)
	}
	if err := w.checkoutAgent(ctx, repository); err != nil {
		return err
	}
	// The index says how each file was when it was checked out; see Checkpoint.
	worktree := filepath.Join(repository, "worktrees", "tree")
	index, err := os.ReadFile(filepath.Join(worktree, "index"))
	if err == nil {
		w.outside, err = w.leftOut(ctx, worktree)
	}
	if err == nil {
		err = os.WriteFile(w.path("base.index"), index, 0o600)
	}
	if err != nil {
		return fmt.Errorf("make tree: %w", err)
	}
	if w.tree, err = os.Lstat(w.Tree()); err != nil {
		return fmt.Errorf("make tree: %w", err)
	}
	return nil
}

// checkoutAgent makes the agent's worktree: of the spare tree if there is one of use.
func (w *Workspace) checkoutAgent(ctx context.Context, repository string) error {
	own, err := linkWorktree(repository, w.Tree(), w.base)
	if err == nil {
		err = w.narrow(own)
	}
	if err != nil {
		return err
	}
	err = w.useSpare(ctx, own, w.Tree())
	if w.Spared = err == nil; w.Spared {
		return pointTo(own, w.Tree())
	}
	if !errors.Is(err, errNoSpare) {
		w.Trouble = err
	}
	return w.checkout(ctx, repository, w.Tree(), w.base, w.sparse())
}

// checkout makes a worktree of the repository at to, which must not exist, with
// the commit's files, or with the settings of a sparse tree some of them. It is what
// `git worktree add` makes, with one process instead of three.
func (w *Workspace) checkout(ctx context.Context, gitDir, to, commit string, sparse [][2]string) error {
	own, err := linkWorktree(gitDir, to, commit)
	if err != nil {
		return err
	}
	if sparse != nil {
		err = w.narrow(own)
	}
	if err := errors.Join(err, os.Mkdir(to, 0o755)); err != nil {
		return err
	}
	if err := w.readTree(ctx, own, to, commit, sparse); err != nil {
		return err
	}
	return pointTo(own, to)
}

// linkWorktree has in the repository what it keeps of a worktree at to, in a directory
// that it returns.
func linkWorktree(gitDir, to, commit string) (own string, err error) {
	own = filepath.Join(gitDir, "worktrees", filepath.Base(to))
	if err := os.MkdirAll(own, 0o755); err != nil {
		return "", err
	}
	for name, text := range map[string]string{"gitdir": filepath.Join(to, ".git"), "commondir": "../..", "HEAD": commit} {
		if err := os.WriteFile(filepath.Join(own, name), []byte(text+"\n"), 0o644); err != nil {
			return "", err
		}
	}
	return own, nil
}

// pointTo has the worktree at to say where its repository keeps what it knows of it, in
// words that also hold where the two are mounted elsewhere.
func pointTo(own, to string) error {
	fromTree, err := filepath.Rel(to, own)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, ".git"), []byte("gitdir: "+fromTree+"\n"), 0o644)
}

// readTree brings the index of a git directory, and the files at to, to a commit.
func (w *Workspace) readTree(ctx context.Context, gitDir, to, commit string, sparse [][2]string, env ...string) error {
	_, err := w.git.run(ctx, command{
		gitDir: gitDir,
		args:   []string{"read-tree", "--reset", "-u", commit},
		env:    append(env, "GIT_WORK_TREE="+to),
		config: append([][2]string{{"checkout.workers", "0"}}, sparse...), // as many as there are processors
	})
	return err
}

// CheckoutBase makes a tree of the base commit that no agent sees, without a
// repository: what an environment is built from.
func (w *Workspace) CheckoutBase(ctx context.Context) (string, error) {
	to := w.path("base-tree")
	do := func() error { return w.checkout(ctx, w.path("base.git"), to, w.base, nil) }
	undo := func() error {
		return errors.Join(os.RemoveAll(to), os.RemoveAll(w.path("base.git", "worktrees", "base-tree")))
	}
	if err := w.fromBase(ctx, do, undo); err != nil {
		return "", fmt.Errorf("check out the base commit: %w", err)
	}
	return to, os.Remove(filepath.Join(to, ".git"))
}

// Tree is the directory that the agent works in.
func (w *Workspace) Tree() string { return w.path("agent", "tree") }

// Scratch makes an empty directory of the given name for a program's home or
// temporary files.
func (w *Workspace) Scratch(name string) (string, error) {
	dir := w.path("scratch", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make directory for %s: %w", name, err)
	}
	return dir, nil
}

// TempFile makes an empty file without a name in any directory: it is gone once it
// is closed, or this process ends.
func (w *Workspace) TempFile(pattern string) (*os.File, error) {
	f, err := os.CreateTemp(w.dir, pattern)
	if err != nil {
		return nil, fmt.Errorf("make file: %w", err)
	}
	return f, os.Remove(f.Name())
}

// Remove takes the workspace away, even where an agent took its own rights to
// it away.
func (w *Workspace) Remove() error {
	w.leaving.Lock()
	defer w.leaving.Unlock()
	return errors.Join(w.remove(), w.mirror.close())
}

func (w *Workspace) remove() error {
	if err := os.RemoveAll(w.dir); err == nil {
		return nil
	}
	root, err := os.OpenRoot(w.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("remove workspace: %w", err)
	}
	defer root.Close()
	_ = openUp(root)
	return os.RemoveAll(w.dir)
}

func (w *Workspace) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}
