package workspace

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A spare is a tree that one run makes for the next one of its repository, beside the
// mirror: most of the time that a workspace takes goes into making files. It is never an
// agent's. A run that starts takes it away, so that no two have it, brings it to its own
// base commit, which is little where the commits are near each other, and only then is it
// an agent's, and never anybody else's again.
//
// What a spare is like is as good as known: git wrote its files and has their sizes and
// times in the spare's index, and what differs from them is written anew. What that does
// not tell makes it worthless, see [Workspace.bringSpare].
type spare struct{ dir string }

func (s spare) tree() string  { return filepath.Join(s.dir, "tree") }
func (s spare) index() string { return filepath.Join(s.dir, "index") }

// stamp is the file that says which commit the tree is of, and in what circumstances it
// was made. It is written last.
func (s spare) stamp() string { return filepath.Join(s.dir, "made") }

// errNoSpare says that there is none to be had, which is no trouble.
var errNoSpare = errors.New("no spare tree")

// roomForSpare is the part of a file system that must be free for a spare to be made.
var roomForSpare = 0.2 // tests, which may run where less is free, want none

// circumstances are what a spare's files depend on besides the commit: the settings of
// git, which directories it has, and the start of the machine, since nothing was written so as to outlive a power cut.
// Empty: they can't be known here.
func (w *Workspace) circumstances() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Append(boot, w.git.program, settings, w.source.Sparse)))
}

// MakeSpare makes a tree of the base commit for the next run, if there is none and there
// is room. It needs the workspace until it returns. Nothing is lost if it ends early.
func (w *Workspace) MakeSpare(ctx context.Context) error {
	w.leaving.Lock()
	m := w.mirror
	w.leaving.Unlock()
	made := w.circumstances()
	if m == nil || made == "" {
		return nil
	}
	turn, err := m.spareTurn(ctx)
	if err != nil {
		return nil // another run is about it
	}
	defer turn.Close()
	s := m.spare()
	if _, err := os.Lstat(s.stamp()); err == nil || !roomy(m.dir, roomForSpare) || !w.reachable(s) {
		return nil
	}
	err = errors.Join(os.RemoveAll(s.dir), ours(s.dir), os.Mkdir(s.tree(), 0o755))
	if err == nil {
		err = w.narrow(w.path("base.git"))
	}
	if err == nil {
		err = w.readTree(ctx, w.path("base.git"), s.tree(), w.base, w.sparse(), "GIT_INDEX_FILE="+s.index())
	}
	if err == nil {
		err = os.WriteFile(s.stamp(), []byte(w.base+" "+made), 0o600)
	}
	if err != nil {
		return fmt.Errorf("make spare tree: %w", errors.Join(err, os.RemoveAll(s.dir)))
	}
	return nil
}

// reachable reports whether what stands beside the mirror can be moved into a workspace:
// between file systems it can't.
func (w *Workspace) reachable(s spare) bool {
	from, to := s.dir+".probe", w.path("probe")
	moved := errors.Join(os.WriteFile(from, nil, 0o600), os.Rename(from, to))
	_, _ = os.Remove(from), os.Remove(to)
	return moved == nil
}

// roomy reports whether that part of the file system is free.
func roomy(dir string, part float64) bool {
	var fs syscall.Statfs_t
	return syscall.Statfs(dir, &fs) == nil && float64(fs.Bavail) >= part*float64(fs.Blocks)
}

// useSpare has the base commit's tree at to, and its index in the git directory own, of
// the mirror's spare. It returns errNoSpare, or why the one that was there is of no
// use; then nothing is left at to.
func (w *Workspace) useSpare(ctx context.Context, own, to string) error {
	if w.mirror == nil || !w.source.Spare {
		return errNoSpare
	}
	taken, err := w.takeSpare(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(taken.dir)
	commit, err := w.readStamp(taken)
	if err == nil {
		err = errors.Join(os.Rename(taken.tree(), to), os.Rename(taken.index(), filepath.Join(own, "index")))
	}
	if err == nil {
		err = w.bringSpare(ctx, own, to, commit)
	}
	if err == nil {
		return nil
	}
	if !errors.Is(err, errNoSpare) {
		err = fmt.Errorf("use spare tree: %w", err)
	}
	return errors.Join(err, os.RemoveAll(to), os.RemoveAll(filepath.Join(own, "index")))
}

// takeSpare moves the spare into the workspace: from there on it is nobody else's.
func (w *Workspace) takeSpare(ctx context.Context) (spare, error) {
	there, taken := w.mirror.spare(), spare{w.path("spare")}
	if _, err := os.Lstat(there.dir); err != nil {
		return taken, errNoSpare
	}
	if err := ours(there.dir); err != nil {
		return taken, err
	}
	turn, err := w.mirror.spareTurn(ctx)
	if err != nil {
		return taken, errNoSpare // another run has it or makes it
	}
	defer turn.Close()
	if _, err := os.Lstat(there.stamp()); err != nil {
		return taken, errNoSpare
	}
	err = os.Rename(there.dir, taken.dir)
	if errors.Is(err, syscall.EXDEV) { // this job's temporary directory is elsewhere than the last one's
		err = errNoSpare
	}
	return taken, err
}

// readStamp returns of which commit the spare's tree is.
func (w *Workspace) readStamp(s spare) (commit string, err error) {
	b, err := os.ReadFile(s.stamp())
	if err != nil {
		return "", err
	}
	commit, made, _ := strings.Cut(string(b), " ")
	if now := w.circumstances(); !objectName.MatchString(commit) || made == "" || made != now {
		return "", errNoSpare // of before the machine's last start, or of another git
	}
	return commit, nil
}

// bringSpare brings the tree of one commit to the base commit's. git compares each file
// with the index by size and times, and writes those anew that differ. Of no use is a tree
//   - where attributes changed, which change files whose content did not, or
//   - that has a file which is not the commit's.
func (w *Workspace) bringSpare(ctx context.Context, own, to, commit string) error {
	at := []string{"GIT_WORK_TREE=" + to}
	if commit != w.base {
		changed, err := w.git.run(ctx, command{gitDir: own, args: []string{"diff-tree", "-r", "--name-only", commit, w.base, "--", ":(glob)**/.gitattributes"}})
		if err != nil {
			return err
		}
		if changed != "" {
			return errNoSpare
		}
	}
	if err := w.readTree(ctx, own, to, w.base, w.sparse()); err != nil {
		return err
	}
	foreign, err := w.git.run(ctx, command{gitDir: own, env: at, args: []string{"ls-files", "--others"}})
	if err == nil && foreign != "" {
		err = fmt.Errorf("the spare tree had files that are not its commit's, such as %.100q", foreign)
	}
	return err
}
