package workspace_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/workspace"
)

const room = 1 << 20

// moveOn restores the checkpoint r of w in a fresh workspace, and returns its tree.
func moveOn(t *testing.T, url, base string, r *workspace.Result) (tree string, files map[string]string) {
	t.Helper()
	next := prepare(t, url, base)
	if _, err := next.Restore(t.Context(), r.Bundle, r.Commit, room); err != nil {
		t.Fatal(err)
	}
	files = map[string]string{}
	err := filepath.WalkDir(next.Tree(), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == ".git" {
			return err
		}
		name, _ := filepath.Rel(next.Tree(), path)
		if d.Type()&os.ModeSymlink != 0 {
			to, err := os.Readlink(path)
			files[name] = "-> " + to
			return err
		}
		b, err := os.ReadFile(path)
		files[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return next.Tree(), files
}

// A checkpoint leaves the tree alone and the agent's git working; what it holds
// comes back in another workspace as work that is not committed.
func TestCheckpointAndRestore(t *testing.T) {
	t.Parallel()
	for name, initArgs := range map[string][]string{"sha1": nil, "sha256": {"--object-format=sha256"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, first, _ := origin(t, initArgs...)
			w := prepare(t, url, first)
			tree := w.Tree()
			r, err := w.Checkpoint(t.Context(), "m", room)
			if err != nil || !r.Unchanged() {
				t.Fatalf("nothing was changed: %+v %v", r, err)
			}
			write(t, tree, "a.txt", "changed\n")
			write(t, tree, "new dir/ü.txt", "new\n")
			write(t, tree, ".gitignore", "ignored/\n")
			write(t, tree, "ignored/big", strings.Repeat("x", room+1))
			write(t, tree, "tool", "#!/bin/sh\n")
			if err := os.Chmod(filepath.Join(tree, "tool"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(tree, "sub")); err != nil { // a directory becomes a link
				t.Fatal(err)
			}
			if err := os.Symlink("/etc", filepath.Join(tree, "sub")); err != nil {
				t.Fatal(err)
			}
			git(t, "", "init", "-q", filepath.Join(tree, "nested"))
			write(t, tree, "nested/n.txt", "n\n")
			git(t, filepath.Join(tree, "nested"), "add", "-A")
			git(t, filepath.Join(tree, "nested"), "commit", "-q", "-m", "n")
			if err := syscall.Mkfifo(filepath.Join(tree, "pipe"), 0o600); err != nil {
				t.Fatal(err)
			}
			status := git(t, tree, "status", "--short")
			r, err = w.Checkpoint(t.Context(), "m", room)
			if err != nil || r.Unchanged() {
				t.Fatalf("%+v %v", r, err)
			}
			if after := git(t, tree, "status", "--short"); after != status {
				t.Errorf("the agent's status was\n%s\nand is\n%s", status, after)
			}
			if _, err := os.Stat(filepath.Join(tree, "nested", ".git")); err != nil {
				t.Errorf("the tree was touched: %v", err)
			}
			again, err := w.Checkpoint(t.Context(), "m", room)
			if err != nil || again.Tree != r.Tree {
				t.Errorf("the same tree makes another checkpoint: %v", err)
			}
			restored, files := moveOn(t, url, first, r)
			want := map[string]string{
				"a.txt": "changed\n", "new dir/ü.txt": "new\n", ".gitignore": "ignored/\n", "tool": "#!/bin/sh\n", "sub": "-> /etc", "nested/n.txt": "n\n",
			}
			if !maps.Equal(files, want) {
				t.Errorf("restored: %v", files)
			}
			if info, err := os.Stat(filepath.Join(restored, "tool")); err != nil || info.Mode()&0o100 == 0 {
				t.Errorf("the tool: %v %v", info, err)
			}
			if head := git(t, restored, "rev-parse", "HEAD"); head != first {
				t.Errorf("the branch is at %s", head)
			}
			// At the end all is as Collect has it.
			end, err := w.Collect(t.Context(), "m")
			if err != nil || end.Tree != r.Tree {
				t.Errorf("the end has another tree: %+v %v", end, err)
			}
			if _, files := moveOn(t, url, first, end); !maps.Equal(files, want) {
				t.Errorf("restored from the end: %v", files)
			}
		})
	}
}

// Work that was taken back is a checkpoint too, and so is a chain of them.
func TestRestoreAndGoOn(t *testing.T) {
	t.Parallel()
	url, first, _ := origin(t)
	w := prepare(t, url, first)
	write(t, w.Tree(), "a.txt", "half\n")
	r, err := w.Checkpoint(t.Context(), "m", room)
	if err != nil {
		t.Fatal(err)
	}
	next := prepare(t, url, first)
	if n, err := next.Restore(t.Context(), r.Bundle, r.Commit, room); err != nil || n != 1 {
		t.Fatalf("%d %v", n, err)
	}
	write(t, next.Tree(), "b.txt", "more\n")
	second, err := next.Checkpoint(t.Context(), "m", room)
	if err != nil || !slices.Equal(second.Files, []workspace.Change{{Status: "M", Path: "a.txt"}, {Status: "A", Path: "b.txt"}}) {
		t.Fatalf("%+v %v", second, err)
	}
	git(t, next.Tree(), "checkout", "-q", "a.txt")
	if err := os.Remove(filepath.Join(next.Tree(), "b.txt")); err != nil {
		t.Fatal(err)
	}
	third, err := next.Checkpoint(t.Context(), "m", room)
	if err != nil || !third.Unchanged() {
		t.Fatalf("%+v %v", third, err)
	}
	if _, files := moveOn(t, url, first, third); files["a.txt"] != "one\n" || len(files) != 2 {
		t.Errorf("restored: %v", files)
	}
}

// While files come, go, and become links to what lies outside, a checkpoint is
// made all the same, and has nothing from outside.
func TestCheckpointWhileTheAgentWrites(t *testing.T) {
	t.Parallel()
	url, first, _ := origin(t)
	w := prepare(t, url, first)
	outside := t.TempDir()
	write(t, outside, "f", "canary\n")
	ctx, stop := context.WithCancel(t.Context())
	var agent sync.WaitGroup
	// Many at once: between the moment at which git names a file and the one at which it
	// is read, some of them become a link.
	const swapped = 20
	agent.Go(func() {
		aside := t.TempDir()
		at := func(i int) (d, real, link string) {
			n := strconv.Itoa(i)
			return filepath.Join(w.Tree(), "d"+n), filepath.Join(aside, "real"+n), filepath.Join(aside, "link"+n)
		}
		for i := range swapped {
			d, _, link := at(i)
			if err := errors.Join(os.Mkdir(d, 0o755), os.WriteFile(filepath.Join(d, "f"), []byte("inside\n"), 0o644), os.Symlink(outside, link)); err != nil {
				t.Error(err)
				return
			}
		}
		for ctx.Err() == nil {
			for i := range swapped {
				d, real, link := at(i)
				if err := errors.Join(os.Rename(d, real), os.Rename(link, d)); err != nil {
					t.Error(err)
					return
				}
			}
			for i := range swapped {
				d, real, link := at(i)
				if err := errors.Join(os.Rename(d, link), os.Rename(real, d)); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	seen := map[string]int{}
	for range 12 {
		r, err := w.Checkpoint(ctx, "m", room)
		if err != nil {
			t.Error(err)
			break
		}
		for _, f := range r.Files {
			name, file := strings.CutSuffix(f.Path, "/f")
			if !strings.HasPrefix(name, "d") || strings.Contains(name, "/") {
				t.Errorf("it has %v", f)
			}
			if !file {
				seen["links"]++
				continue
			}
			seen["files"]++
			if b := r.Show(f.Path); b != "inside\n" && b != "" {
				t.Errorf("%s has %q", f.Path, b)
			}
		}
		if err := r.Discard(); err != nil {
			t.Error(err)
		}
	}
	stop()
	agent.Wait()
	if seen["files"] == 0 || seen["links"] == 0 {
		t.Errorf("the agent did not swap anything while checkpoints were made: %v", seen)
	}
}

func TestCheckpointsThatAreNotTaken(t *testing.T) {
	t.Parallel()
	url, first, second := origin(t)
	w := prepare(t, url, first)
	write(t, w.Tree(), "big", strings.Repeat("x", 5000))
	if _, err := w.Checkpoint(t.Context(), "m", 4000); !errors.Is(err, workspace.ErrTooMuch) {
		t.Errorf("too much: %v", err)
	}
	r, err := w.Checkpoint(t.Context(), "m", room)
	if err != nil {
		t.Fatal(err)
	}
	other := prepare(t, url, second)
	write(t, other.Tree(), "x", "x")
	onOther, err := other.Checkpoint(t.Context(), "m", room)
	if err != nil {
		t.Fatal(err)
	}
	nonsense := filepath.Join(t.TempDir(), "nonsense")
	write(t, filepath.Dir(nonsense), "nonsense", "nonsense")
	for what, c := range map[string]struct {
		bundle, head string
		limit        int64
	}{
		"nonsense":     {nonsense, r.Commit, room},
		"none":         {nonsense + "x", r.Commit, room},
		"another head": {r.Bundle, first, room},
		"an option":    {r.Bundle, "--upload-pack=x", room},
		"another base": {onOther.Bundle, onOther.Commit, room},
		"too large":    {r.Bundle, r.Commit, 4000},
	} {
		next := prepare(t, url, first)
		if n, err := next.Restore(t.Context(), c.bundle, c.head, c.limit); err == nil || !errors.Is(err, workspace.ErrCheckpoint) {
			t.Errorf("%s: %d %v", what, n, err)
		}
		if got := git(t, next.Tree(), "status", "--short"); got != "" {
			t.Errorf("%s: it left %s", what, got)
		}
	}
}
