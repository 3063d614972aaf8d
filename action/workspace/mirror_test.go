package workspace_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/workspace"
)

// machine is one on which runs come after each other, with mirrors that last.
type machine struct {
	t            *testing.T
	url, mirrors string
	spares       bool // its runs may start in a tree that an earlier one made
}

func (m machine) run(commit string) *workspace.Workspace {
	m.t.Helper()
	w, err := workspace.Prepare(m.t.Context(), filepath.Join(m.t.TempDir(), "run"), os.Environ(), workspace.Source{URL: m.url, Commit: commit, Mirrors: m.mirrors, Spare: m.spares})
	if err != nil {
		m.t.Fatal(err)
	}
	return w
}

// works shows that the tree has a.txt with the text, that git works in it, and that
// what is changed becomes a result.
func (m machine) works(w *workspace.Workspace, text string) {
	m.t.Helper()
	if got := read(m.t, w.Tree(), "a.txt"); got != text {
		m.t.Errorf("a.txt is %q, want %q", got, text)
	}
	write(m.t, w.Tree(), "new.txt", "new\n")
	git(m.t, w.Tree(), "add", "-A")
	git(m.t, w.Tree(), "commit", "-q", "-m", "mine")
	if log := git(m.t, w.Tree(), "log", "--format=%s"); strings.Count(log, "\n") != 1 {
		m.t.Errorf("the agent sees more than its own commit and the base: %q", log)
	}
	if r, err := w.Collect(m.t.Context(), "m"); err != nil || r == nil || len(r.Files) != 1 || r.Show("new.txt") != "new\n" {
		m.t.Errorf("collected %+v: %v", r, err)
	}
}

func (m machine) origin(w *workspace.Workspace, want workspace.Origin, trouble string) {
	m.t.Helper()
	if w.Origin != want || trouble == "" && w.Trouble != nil || trouble != "" && (w.Trouble == nil || !strings.Contains(w.Trouble.Error(), trouble)) {
		m.t.Errorf("the base commit came %q, with %v; want %q, with %q", w.Origin, w.Trouble, want, trouble)
	}
}

func (m machine) packs() []string {
	m.t.Helper()
	packs, err := filepath.Glob(filepath.Join(m.mirrors, "*.git", "objects", "pack", "*.pack"))
	if err != nil {
		m.t.Fatal(err)
	}
	return packs
}

// The first run of a repository on a machine fetches its commit, a later one of another
// commit what that has more, and one of a commit that was there nothing at all.
// No run sees more history than its own commit.
func TestAMachineThatIsWarm(t *testing.T) {
	t.Parallel()
	for name, initArgs := range map[string][]string{"sha1": nil, "sha256": {"--object-format=sha256"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, first, second := origin(t, initArgs...)
			m := machine{t, url, filepath.Join(t.TempDir(), "mirrors"), false}
			w := m.run(first)
			m.origin(w, workspace.Delta, "")
			m.works(w, "one\n")

			w = m.run(second)
			m.origin(w, workspace.Delta, "")
			m.works(w, "two\n")
			if got := m.objects(); len(got) != 8 { // nothing came twice
				t.Errorf("the mirror has %d objects, want commit, tree and file twice, directory and file of it once:\n%s", len(got), strings.Join(got, "\n"))
			}

			if err := os.Rename(strings.TrimPrefix(url, "file://"), strings.TrimPrefix(url, "file://")+"-away"); err != nil {
				t.Fatal(err)
			}
			w = m.run(first)
			m.origin(w, workspace.Warm, "")
			m.works(w, "one\n")
			if err := w.Remove(); err != nil {
				t.Error(err)
			}
			m.origin(m.run(second), workspace.Warm, "")
		})
	}
}

// objects lists what the packs and directories of a mirror have; twice what is there twice.
func (m machine) objects() []string {
	m.t.Helper()
	list, _ := filepath.Glob(filepath.Join(m.mirrors, "*.git", "objects", "??", "*"))
	for _, pack := range m.packs() {
		mirror := filepath.Dir(filepath.Dir(filepath.Dir(pack)))
		for line := range strings.Lines(git(m.t, mirror, "--git-dir", mirror, "verify-pack", "-v", pack)) {
			if f := strings.Fields(line); len(f) > 3 && len(f[0]) >= 40 {
				list = append(list, f[0])
			}
		}
	}
	return list
}

// A mirror whose objects can't be read costs the run a fetch of its own, and is begun
// anew by the next.
func TestAMirrorThatIsBroken(t *testing.T) {
	t.Parallel()
	url, first, second := origin(t)
	m := machine{t, url, filepath.Join(t.TempDir(), "mirrors"), false}
	if err := m.run(first).Remove(); err != nil {
		t.Fatal(err)
	}
	loose, _ := filepath.Glob(filepath.Join(m.mirrors, "*.git", "objects", "??", "*"))
	for _, name := range append(m.packs(), loose...) {
		if err := os.Chmod(name, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("not an object"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := m.run(first)
	m.origin(w, workspace.Cold, "read-tree")
	m.works(w, "one\n")
	base, err := w.CheckoutBase(t.Context())
	if err != nil || read(t, base, "a.txt") != "one\n" {
		t.Errorf("the base commit's tree: %v", err)
	}
	if err := w.Remove(); err != nil {
		t.Fatal(err)
	}
	for _, commit := range []string{second, first} {
		m.origin(m.run(commit), workspace.Delta, "")
	}
}

// A fetch that was killed leaves its locks behind, and they stop nobody.
func TestAFetchThatWasKilled(t *testing.T) {
	t.Parallel()
	url, first, second := origin(t)
	m := machine{t, url, filepath.Join(t.TempDir(), "mirrors"), false}
	m.run(first)
	dirs, _ := filepath.Glob(filepath.Join(m.mirrors, "*.git"))
	write(t, dirs[0], "shallow.lock", "")
	write(t, dirs[0], "refs/anvil/"+second+".lock", "")
	write(t, dirs[0], "objects/pack/tmp_pack_x", "half of one")
	m.origin(m.run(second), workspace.Delta, "")
	if left, _ := filepath.Glob(filepath.Join(dirs[0], "objects", "pack", "tmp_*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// Another account that can write to mirrors could change what agents are given.
func TestAMirrorThatOthersCanWriteTo(t *testing.T) {
	t.Parallel()
	url, first, _ := origin(t)
	m := machine{t, url, filepath.Join(t.TempDir(), "mirrors"), false}
	for _, bad := range []func() error{
		func() error { return os.Mkdir(m.mirrors, 0o777) },
		func() error { return os.Chmod(m.mirrors, 0o777) },
		func() error { return os.Remove(m.mirrors) },
		func() error { return os.Symlink(t.TempDir(), m.mirrors) },
	} {
		if err := bad(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(m.mirrors); err != nil {
			continue
		}
		if info, _ := os.Lstat(m.mirrors); info.Mode().Perm()&0o022 == 0 && info.IsDir() {
			continue // the account's own mask
		}
		w := m.run(first)
		m.origin(w, workspace.Cold, "only this account")
		m.works(w, "one\n")
	}
}

// Runs beside each other share a mirror, and it is not taken away below them.
func TestRunsBesideEachOther(t *testing.T) {
	t.Parallel()
	url, first, second := origin(t)
	m := machine{t, url, filepath.Join(t.TempDir(), "mirrors"), false}
	held := m.run(second)
	mirrors, _ := filepath.Glob(filepath.Join(m.mirrors, "*.git"))
	for n := range 63 {
		write(t, mirrors[0], fmt.Sprintf("refs/anvil/%040x", n), second+"\n")
	}
	var all sync.WaitGroup
	for range 4 {
		for _, commit := range []string{first, second} {
			all.Go(func() {
				w, err := workspace.Prepare(t.Context(), filepath.Join(t.TempDir(), "run"), os.Environ(), workspace.Source{URL: url, Commit: commit, Mirrors: m.mirrors})
				if err != nil || w.Trouble != nil || w.Origin == workspace.Cold {
					t.Errorf("%s: %v %+v", commit, err, w)
					return
				}
				if err := w.Remove(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	m.works(held, "two\n")
	refs := func() int {
		all, _ := filepath.Glob(filepath.Join(m.mirrors, "*.git", "refs", "anvil", "*"))
		return len(all)
	}
	if n := refs(); n != 65 {
		t.Errorf("the mirror has %d commits, want all 65 while somebody holds it", n)
	}
	if err := held.Remove(); err != nil {
		t.Fatal(err)
	}
	m.origin(m.run(first), workspace.Delta, "")
	if n := refs(); n != 1 {
		t.Errorf("a mirror of 65 fetches was not begun anew: it has %d commits", n)
	}
}
