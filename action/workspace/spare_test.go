package workspace_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/workspace"
)

// spare is the spare tree of a machine, and what it was made of.
func (m machine) spare() string {
	m.t.Helper()
	found, _ := filepath.Glob(filepath.Join(m.mirrors, "*.spare"))
	if len(found) != 1 {
		m.t.Fatalf("want one spare tree, got %v", found)
	}
	return found[0]
}

// makeSpare is a run that leaves a spare tree of the commit, and nothing else.
func (m machine) makeSpare(commit string) {
	m.t.Helper()
	w := m.run(commit)
	if err := w.MakeSpare(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	if err := w.Remove(); err != nil {
		m.t.Fatal(err)
	}
}

func onWarmMachine(t *testing.T, url string) machine {
	t.Helper()
	if _, err := os.Stat("/proc/sys/kernel/random/boot_id"); err != nil {
		t.Skip("spare trees are kept where a start of the machine has a name: on Linux")
	}
	return machine{t, url, filepath.Join(t.TempDir(), "mirrors"), true}
}

// same wants the tree to be what a fresh checkout of the commit is: each file's name,
// content and mode, and nothing besides.
func (m machine) same(w *workspace.Workspace, commit string) {
	m.t.Helper()
	fresh := prepare(m.t, m.url, commit)
	all := func(dir string) string {
		var b strings.Builder
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.Name() == ".git" {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			name, _ := filepath.Rel(dir, path)
			fmt.Fprintln(&b, name, info.Mode())
			if info.Mode().IsRegular() {
				text, err := os.ReadFile(path)
				fmt.Fprintf(&b, "%q\n", text)
				return err
			}
			return nil
		})
		if err != nil {
			m.t.Fatal(err)
		}
		return b.String()
	}
	if got, want := all(w.Tree()), all(fresh.Tree()); got != want {
		m.t.Errorf("the tree of %s is\n%s\nand a fresh one\n%s", commit, got, want)
	}
	if status := git(m.t, w.Tree(), "status", "--short", "--ignored"); status != "" {
		m.t.Errorf("the agent sees as changed\n%s", status)
	}
}

// A run starts in the tree that the one before it made, brought to its own commit,
// whichever way and whatever kind of change lies between them; and works as in any other.
func TestARunStartsInASpareTree(t *testing.T) {
	t.Parallel()
	for name, initArgs := range map[string][]string{"sha1": nil, "sha256": {"--object-format=sha256"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, first, second := origin(t, initArgs...)
			dir := strings.TrimPrefix(url, "file://")
			git(t, dir, "rm", "-q", "-r", "sub")
			write(t, dir, "sub", "a file now\n")
			write(t, dir, "tool", "#!/bin/sh\n")
			if err := os.Chmod(filepath.Join(dir, "tool"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("tool", filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
			write(t, dir, ".gitignore", "*.o\n")
			git(t, dir, "add", "-A")
			git(t, dir, "commit", "-q", "-m", "third")
			third := git(t, dir, "rev-parse", "HEAD")
			m := onWarmMachine(t, url)
			for _, step := range [][2]string{{first, second}, {second, third}, {third, first}, {first, first}} {
				m.makeSpare(step[0])
				w := m.run(step[1])
				if !w.Spared || w.Trouble != nil {
					t.Errorf("the spare tree was not used: %v", w.Trouble)
				}
				m.same(w, step[1])
				if again := m.run(step[1]); again.Spared {
					t.Error("two runs had one spare tree")
				}
				if err := w.Remove(); err != nil {
					t.Error(err)
				}
			}
			m.makeSpare(second)
			w := m.run(first)
			if !w.Spared {
				t.Errorf("the spare tree was not used: %v", w.Trouble)
			}
			m.works(w, "one\n")
		})
	}
}

// What is not as git left it is not passed on: a changed file is written anew, and a
// tree with a file too many, of before the machine's last start, or which is not
// whole is not used. None of it ends the run.
func TestASpareTreeThatIsNotClean(t *testing.T) {
	t.Parallel()
	url, first, second := origin(t)
	for name, c := range map[string]struct {
		spoil   func(t *testing.T, spare string)
		used    bool
		trouble string
	}{
		"changed": {func(t *testing.T, spare string) { write(t, spare, "tree/sub/b.txt", "planted\n") }, true, ""},
		"gone":    {func(t *testing.T, spare string) { _ = os.Remove(filepath.Join(spare, "tree/sub/b.txt")) }, true, ""},
		"new":     {func(t *testing.T, spare string) { write(t, spare, "tree/sub/planted.txt", "planted\n") }, false, "planted.txt"},
		"ignored": {func(t *testing.T, spare string) {
			write(t, spare, "tree/.gitignore", "*\n")
			write(t, spare, "tree/planted.txt", "planted\n")
		}, false, ".gitignore"},
		"older start": {func(t *testing.T, spare string) { write(t, spare, "made", first+" of another start") }, false, ""},
		"unfinished":  {func(t *testing.T, spare string) { _ = os.Remove(filepath.Join(spare, "made")) }, false, ""},
		"no index":    {func(t *testing.T, spare string) { _ = os.Remove(filepath.Join(spare, "index")) }, false, "index"},
		"bad index":   {func(t *testing.T, spare string) { write(t, spare, "index", "none") }, false, "index"},
		"unknown commit": {func(t *testing.T, spare string) {
			made := read(t, spare, "made")
			write(t, spare, "made", strings.Replace(made, first, strings.Repeat("4", 40), 1))
		}, false, "diff-tree"},
		"others can write": {func(t *testing.T, spare string) { _ = os.Chmod(spare, 0o777) }, false, "only this account"},
		"a link": {func(t *testing.T, spare string) {
			_ = os.Rename(spare, spare+"-away")
			_ = os.Symlink(spare+"-away", spare)
		}, false, "only this account"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := onWarmMachine(t, url)
			m.makeSpare(first)
			c.spoil(t, m.spare())
			for _, commit := range []string{second, first} {
				w := m.run(commit)
				if commit == second && w.Spared != c.used {
					t.Errorf("used: %v, trouble %v", w.Spared, w.Trouble)
				}
				if commit == second && (c.trouble == "") != (w.Trouble == nil) || w.Trouble != nil && !strings.Contains(w.Trouble.Error(), c.trouble) {
					t.Errorf("trouble: %v, want %q", w.Trouble, c.trouble)
				}
				m.same(w, commit)
			}
		})
	}
}

// Where attributes changed, files differ whose content in the repository does not.
func TestASpareTreeAndAttributes(t *testing.T) {
	t.Parallel()
	url, first, _ := origin(t)
	dir := strings.TrimPrefix(url, "file://")
	write(t, dir, "sub/.gitattributes", "*.txt text eol=crlf\n")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "ends of lines")
	m := onWarmMachine(t, url)
	m.makeSpare(first)
	w := m.run(git(t, dir, "rev-parse", "HEAD"))
	if got := read(t, w.Tree(), "sub/b.txt"); w.Spared || w.Trouble != nil || got != "b\r\n" {
		t.Errorf("spared: %v, %v, %q", w.Spared, w.Trouble, got)
	}
}

// Runs beside each other: at most one has the spare tree, and each its own commit's.
func TestASpareTreeForRunsBesideEachOther(t *testing.T) {
	t.Parallel()
	url, first, second := origin(t)
	m := onWarmMachine(t, url)
	m.makeSpare(first)
	var all sync.WaitGroup
	var mu sync.Mutex
	spared := 0
	for range 4 {
		for commit, text := range map[string]string{first: "one\n", second: "two\n"} {
			all.Go(func() {
				w, err := workspace.Prepare(t.Context(), filepath.Join(t.TempDir(), "run"), os.Environ(), workspace.Source{URL: url, Commit: commit, Mirrors: m.mirrors, Spare: true})
				if err != nil || w.Trouble != nil || read(t, w.Tree(), "a.txt") != text {
					t.Errorf("%s: %v %+v", commit, err, w)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if w.Spared {
					spared++
				}
			})
		}
	}
	all.Wait()
	if spared != 1 {
		t.Errorf("%d runs had the one spare tree", spared)
	}
}

// Runs that make one at the same time do not spoil each other's.
func TestSpareTreesMadeBesideEachOther(t *testing.T) {
	t.Parallel()
	url, first, second := origin(t)
	m := onWarmMachine(t, url)
	var makers []*workspace.Workspace
	for n := range 6 {
		makers = append(makers, m.run([]string{first, second}[n%2]))
	}
	var all sync.WaitGroup
	for _, w := range makers {
		all.Go(func() {
			if err := w.MakeSpare(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w := m.run(second)
	if !w.Spared || w.Trouble != nil {
		t.Errorf("spared: %v, %v", w.Spared, w.Trouble)
	}
	m.same(w, second)
}

// Neither a run that may not, nor one whose mirror is begun anew, starts in it; and a
// spare tree that is there stays as it is.
func TestASpareTreeIsLeftAlone(t *testing.T) {
	t.Parallel()
	url, first, second := origin(t)
	m := onWarmMachine(t, url)
	m.makeSpare(first)
	was := inode(t, m.spare())
	m.makeSpareAgain(second)
	careful := m
	careful.spares = false
	if w := careful.run(first); w.Spared || inode(t, m.spare()) != was {
		t.Error("a run took a spare tree that it was not to take")
	} else if err := w.Remove(); err != nil {
		t.Error(err)
	}
	mirrors, _ := filepath.Glob(filepath.Join(m.mirrors, "*.git"))
	write(t, mirrors[0], "broken", "")
	// The mirror is held a moment longer than its run where another test starts a program
	// just then, which has the file until it is another program.
	for n := 0; ; n++ {
		if err := careful.run(second).Remove(); err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(filepath.Join(m.mirrors, "*.spare")); len(left) == 0 {
			break
		}
		if n == 20 {
			t.Fatal("the mirror was begun anew, and the spare tree is still there")
		}
	}
	w := m.run(second)
	if w.Spared || w.Trouble != nil {
		t.Errorf("spared: %v, %v", w.Spared, w.Trouble)
	}
	m.same(w, second)
}

// makeSpareAgain is a run that finds a spare tree made, and may not take it.
func (m machine) makeSpareAgain(commit string) {
	m.t.Helper()
	m.spares = false
	m.makeSpare(commit)
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// A spare tree is made where there is room for it, by what the file system says.
func TestRoomIsMeasured(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if !workspace.Roomy(dir, 0) || workspace.Roomy(dir, 1.01) || workspace.Roomy(filepath.Join(dir, "nowhere"), 0) {
		t.Error("room is not told from none")
	}
}
