package workspace

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// maxFetches is how many fetches a mirror lives. Then it is begun anew, so that
// neither its packs nor what nobody needs any more pile up, and nothing has to be tended.
const maxFetches = 64

// mirror is a bare repository that outlives runs: the base commits, without
// history, that runs of one repository on this machine have started from. It is held
// by a lock from opening to closing, and is only taken away by one who holds it alone.
type mirror struct {
	dir  string
	held *os.File
}

// openMirror opens the mirror of the repository at url, or makes one, below dir, which
// must be ours alone.
func openMirror(ctx context.Context, dir, url string) (*mirror, error) {
	if err := ours(dir); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%x", sha256.Sum256([]byte(url)))[:32]
	m := &mirror{dir: filepath.Join(dir, name+".git")}
	var err error
	if m.held, err = os.OpenFile(filepath.Join(dir, name+".lock"), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600); err != nil {
		return nil, err
	}
	if m.usedUp() && lockSoon(ctx, m.held) == nil {
		err = errors.Join(os.RemoveAll(m.dir), os.RemoveAll(m.spare().dir)) // whoever uses one holds the mirror
	}
	if err == nil {
		err = lock(ctx, m.held, syscall.LOCK_SH)
	}
	if err == nil {
		err = ours(m.dir)
	}
	if err != nil {
		return nil, errors.Join(err, m.held.Close())
	}
	return m, nil
}

// ours makes a directory, and refuses one that another account could write to.
func ours(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || info.Mode().Perm()&0o022 != 0 || ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not a directory that only this account can write to", dir)
	}
	return nil
}

// lock waits for a lock in small steps, since a wait of the system's has no end.
func lock(ctx context.Context, f *os.File, how int) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// forkTime is how long a run waits for a lock that it can do without: longer than a process
// that was just started keeps the files of the one that started it, and with them the lock
// of one who has let go, and shorter than making a tree takes.
const forkTime = 50 * time.Millisecond

// lockSoon takes a lock alone, unless somebody keeps it.
func lockSoon(ctx context.Context, f *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, forkTime)
	defer cancel()
	return lock(ctx, f, syscall.LOCK_EX)
}

// usedUp reports whether the mirror is to be begun anew.
func (m *mirror) usedUp() bool {
	if _, err := os.Lstat(filepath.Join(m.dir, "broken")); err == nil {
		return true
	}
	commits, _ := os.ReadDir(filepath.Join(m.dir, "refs", "anvil"))
	return len(commits) >= maxFetches
}

// condemn has the mirror begun anew by the next one who has it alone.
func (m *mirror) condemn() error {
	return os.WriteFile(filepath.Join(m.dir, "broken"), nil, 0o600)
}

// objects is the directory of the mirror's objects.
func (m *mirror) objects() string { return filepath.Join(m.dir, "objects") }

func (m *mirror) close() error {
	if m == nil {
		return nil
	}
	return m.held.Close()
}

// spare is the tree that waits beside the mirror for the next run.
func (m *mirror) spare() spare { return spare{strings.TrimSuffix(m.dir, ".git") + ".spare"} }

// spareTurn lets one run at a time make the spare tree or take it; the others do without.
func (m *mirror) spareTurn(ctx context.Context) (*os.File, error) {
	turn, err := os.OpenFile(m.spare().dir+".lock", os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockSoon(ctx, turn); err != nil {
		return nil, errors.Join(err, turn.Close())
	}
	return turn, nil
}

// ref names a commit that has been fetched whole: git writes it last.
func ref(commit string) string { return "refs/anvil/" + commit }

func (m *mirror) has(commit string) bool {
	b, err := os.ReadFile(filepath.Join(m.dir, ref(commit)))
	return err == nil && strings.TrimSpace(string(b)) == commit
}

// fetch gets a commit that is not there. What of it earlier commits have is not sent
// again. One run fetches at a time.
func (m *mirror) fetch(ctx context.Context, g *git, s Source) error {
	turn, err := os.OpenFile(strings.TrimSuffix(m.dir, ".git")+".fetch", os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer turn.Close()
	if err := lock(ctx, turn, syscall.LOCK_EX); err != nil {
		return err
	}
	if m.has(s.Commit) {
		return nil
	}
	if err := m.tidy(); err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(m.dir, "HEAD")); err != nil {
		if err := bare(m.dir, s.Commit, ""); err != nil {
			return err
		}
	}
	c := fetching(m.dir, s, s.Commit+":"+ref(s.Commit))
	c.config = append(c.config, [2]string{"core.fsync", "committed,reference"}) // it has to outlive a power cut
	_, err = g.run(ctx, c)
	return err
}

// tidy takes away what a fetch left that was killed: its locks would stop every other.
func (m *mirror) tidy() error {
	for _, pattern := range []string{"*.lock", "refs/anvil/*.lock", "objects/pack/tmp_*", "objects/pack/.tmp-*"} {
		left, err := filepath.Glob(filepath.Join(m.dir, pattern))
		if err != nil {
			return err
		}
		for _, name := range left {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
