package workspace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrTooMuch says that more was changed than a checkpoint may hold.
var ErrTooMuch = errors.New("more was changed than a checkpoint may hold")

// Checkpoint makes a commit and a bundle of the agent's tree as it is now, like
// Collect, but while the agent may be writing to it, and even if nothing was
// changed. What comes and goes meanwhile is in it or is not. At most limit bytes of
// changed files fit.
//
// The agent may swap a directory for a link at any moment, so git reads nothing of
// the tree but names: which files differ in size or time from what was checked
// out, and which are new. Those are copied to a place of ours through a root that
// links can't lead out of, and the commit is made from the copies. Nothing in the
// tree is touched.
func (w *Workspace) Checkpoint(ctx context.Context, message string, limit int64) (*Result, error) {
	to, err := os.MkdirTemp(w.dir, "snapshot-*")
	if err != nil {
		return nil, fmt.Errorf("make checkpoint: %w", err)
	}
	defer os.RemoveAll(to)
	index, err := os.ReadFile(w.path("base.index"))
	if err != nil {
		return nil, fmt.Errorf("make checkpoint: %w", err)
	}
	var failed error
	r, err := w.commit(ctx, message, func(git gitCall) {
		if failed = os.WriteFile(filepath.Join(git.dir, "index"), index, 0o600); failed != nil {
			return
		}
		live := []string{"GIT_WORK_TREE=" + w.Tree()}
		changed := changes(git.with(live, "", "diff-files", "-z", "--no-renames", "--name-status"))
		others := git.with(live, "", "ls-files", "-z", "--others", "--exclude-standard")
		s, err := w.snapshot(to, limit)
		if failed = err; err != nil {
			return
		}
		defer s.close()
		var gone, there strings.Builder
		take := func(name string, tracked bool) {
			if failed != nil || dotGitIn(name) {
				return
			}
			copied, err := s.take(name)
			switch {
			case err != nil:
				failed = err
			case copied:
				there.WriteString(name + "\x00")
			case tracked:
				gone.WriteString(name + "\x00")
			}
		}
		for _, c := range changed {
			if c.Status == "D" {
				gone.WriteString(c.Path + "\x00")
				continue
			}
			take(c.Path, true)
		}
		for name := range strings.SplitSeq(strings.TrimRight(others, "\x00"), "\x00") {
			if dir, nested := strings.CutSuffix(name, "/"); nested { // a repository inside the tree: its files count
				failed = errors.Join(failed, s.below(dir, func(name string) { take(name, false) }))
			} else if name != "" {
				take(name, false)
			}
		}
		if failed != nil {
			return
		}
		copies := []string{"GIT_WORK_TREE=" + to}
		git.with(copies, gone.String(), "update-index", "-z", "--force-remove", "--stdin")
		if back := w.wasLeftOut(there.String()); back != "" { // or git takes them for unchanged
			git.with(copies, back, "update-index", "-z", "--no-skip-worktree", "--stdin")
		}
		git.with(copies, there.String(), "update-index", "-z", "--add", "--replace", "--stdin")
	})
	if err := errors.Join(failed, err); err != nil {
		return nil, fmt.Errorf("make checkpoint: %w", err)
	}
	return r, nil
}

// dotGitIn reports whether a part of the name is taken for ".git" by a file system.
func dotGitIn(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if dotGit(part) {
			return true
		}
	}
	return false
}

// snapshot copies files of the agent's tree while the agent is at work.
type snapshot struct {
	from, to *os.Root
	left     int64 // bytes that may yet be copied
}

func (w *Workspace) snapshot(to string, limit int64) (*snapshot, error) {
	s := &snapshot{left: limit}
	var err error
	if s.from, err = os.OpenRoot(w.Tree()); err != nil {
		return nil, err
	}
	if info, err := s.from.Stat("."); err != nil || !os.SameFile(info, w.tree) {
		s.from.Close()
		return nil, ErrReplaced
	}
	if s.to, err = os.OpenRoot(to); err != nil {
		s.from.Close()
		return nil, err
	}
	return s, nil
}

func (s *snapshot) close() {
	s.from.Close()
	s.to.Close()
}

// take copies one file or link. It reports whether there was one to copy: the
// agent may have removed it, taken its rights away, or made something else of it.
func (s *snapshot) take(name string) (copied bool, err error) {
	info, err := s.from.Lstat(name)
	if err != nil {
		return false, nil
	}
	if s.left -= 100; s.left < 0 { // so that empty files are bounded too
		return false, ErrTooMuch
	}
	if err := s.to.MkdirAll(path.Dir(name), 0o700); err != nil {
		return false, err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := s.from.Readlink(name)
		if err != nil {
			return false, nil
		}
		return true, s.to.Symlink(target, name)
	case !info.Mode().IsRegular():
		return false, nil
	}
	// Without blocking, should a pipe have taken the file's place.
	r, err := s.from.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false, nil
	}
	defer r.Close()
	if now, err := r.Stat(); err != nil || !now.Mode().IsRegular() {
		return false, nil
	}
	mode := fs.FileMode(0o600)
	if info.Mode()&0o100 != 0 {
		mode = 0o700
	}
	f, err := s.to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return false, err
	}
	n, err := io.Copy(f, io.LimitReader(r, s.left+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return false, err
	}
	if s.left -= n; s.left < 0 {
		return false, ErrTooMuch
	}
	return true, nil
}

// below visits the files and links below a directory.
func (s *snapshot) below(dir string, visit func(name string)) error {
	return fs.WalkDir(s.from.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil: // gone, or closed to us
			return nil
		case dotGit(d.Name()) && d.IsDir():
			return fs.SkipDir
		case !d.IsDir():
			visit(name)
		}
		return nil
	})
}
