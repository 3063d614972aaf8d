package workspace_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// origin makes a repository with two commits and returns its address and both.
func origin(t *testing.T, initArgs ...string) (url, first, second string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not on PATH")
	}
	dir := t.TempDir()
	git(t, dir, append([]string{"init", "-q", "-b", "main"}, initArgs...)...)
	write(t, dir, "a.txt", "one\n")
	write(t, dir, "sub/b.txt", "b\n")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "first")
	write(t, dir, "a.txt", "two\n")
	git(t, dir, "commit", "-q", "-am", "second")
	return "file://" + dir, git(t, dir, "rev-parse", "HEAD~1"), git(t, dir, "rev-parse", "HEAD")
}

func prepare(t *testing.T, url, commit string) *workspace.Workspace {
	t.Helper()
	w, err := workspace.Prepare(t.Context(), filepath.Join(t.TempDir(), "run"), os.Environ(), workspace.Source{URL: url, Commit: commit})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// The agent gets exactly the base commit, as a repository in which git works; what
// it leaves becomes one commit on that base, in a bundle with one ref that asks
// for that base and nothing else.
func TestPrepareAndCollect(t *testing.T) {
	t.Parallel()
	for name, initArgs := range map[string][]string{"sha1": nil, "sha256": {"--object-format=sha256"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, first, _ := origin(t, initArgs...)
			w := prepare(t, url, first)
			if got := read(t, w.Tree(), "a.txt"); got != "one\n" {
				t.Errorf("a.txt is %q", got)
			}
			git(t, w.Tree(), "checkout", "-q", "-b", "mine")
			write(t, w.Tree(), "new dir/ü.txt", "new\n")
			git(t, w.Tree(), "add", "-A")
			git(t, w.Tree(), "commit", "-q", "-m", "the agent's own")
			write(t, w.Tree(), "a.txt", "changed\n")
			if err := os.Remove(filepath.Join(w.Tree(), "sub/b.txt")); err != nil {
				t.Fatal(err)
			}
			if log := git(t, w.Tree(), "log", "--format=%s"); log != "the agent's own\nfirst" {
				t.Errorf("the agent's log: %q", log)
			}

			r, err := w.Collect(t.Context(), "message")
			if err != nil || r == nil {
				t.Fatalf("%+v %v", r, err)
			}
			want := []workspace.Change{{Status: "M", Path: "a.txt"}, {Status: "A", Path: "new dir/ü.txt"}, {Status: "D", Path: "sub/b.txt"}}
			if !slices.Equal(r.Files, want) {
				t.Errorf("files: %v", r.Files)
			}
			clone := filepath.Join(t.TempDir(), "clone")
			git(t, "", "clone", "-q", url, clone)
			header, _, _ := strings.Cut(read(t, filepath.Dir(r.Bundle), filepath.Base(r.Bundle)), "\n\n")
			var refs []string
			for _, line := range strings.Split(header, "\n") {
				if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "@") {
					refs = append(refs, line)
				}
			}
			if len(refs) != 2 || !strings.HasPrefix(refs[0], "-"+first) || refs[1] != r.Commit+" "+runapi.BundleRef {
				t.Errorf("the bundle's header: %q", header)
			}
			git(t, clone, "fetch", "-q", r.Bundle, runapi.BundleRef)
			if got := git(t, clone, "log", "--format=%s %P", "-1", "FETCH_HEAD"); got != "message "+first {
				t.Errorf("the commit: %q", got)
			}
			verify, err := w.Checkout(t.Context(), r, "verify")
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, verify, "a.txt"); got != "changed\n" {
				t.Errorf("in the fresh checkout a.txt is %q", got)
			}
		})
	}
}

// Nothing changed, or changed and back again, is no result. A second round is as
// good as the first.
func TestCollectUnchangedThenChanged(t *testing.T) {
	t.Parallel()
	url, _, second := origin(t)
	w := prepare(t, url, second)
	if r, err := w.Collect(t.Context(), "m"); r != nil || err != nil {
		t.Errorf("%+v %v", r, err)
	}
	write(t, w.Tree(), "x", "x")
	r, err := w.Collect(t.Context(), "m")
	if err != nil || r == nil || len(r.Files) != 1 {
		t.Errorf("%+v %v", r, err)
	}
}

// An agent that deletes everything has proposed that.
func TestCollectEmptyTree(t *testing.T) {
	t.Parallel()
	url, _, second := origin(t)
	w := prepare(t, url, second)
	for _, name := range []string{"a.txt", "sub"} {
		if err := os.RemoveAll(filepath.Join(w.Tree(), name)); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := w.Collect(t.Context(), "m"); err != nil || r == nil || len(r.Files) != 2 {
		t.Errorf("%+v %v", r, err)
	}
}

// If the tree's place is taken by a link to somewhere else, that is not read.
func TestCollectRefusesAReplacedTree(t *testing.T) {
	t.Parallel()
	secret := t.TempDir()
	write(t, secret, "secret", "canary")
	for name, replace := range map[string]func(tree string) error{
		"link":      func(tree string) error { return os.Symlink(secret, tree) },
		"directory": func(tree string) error { return os.Rename(secret, tree) },
		"file":      func(tree string) error { return os.WriteFile(tree, nil, 0o644) },
		"nothing":   func(string) error { return nil },
	} {
		url, _, second := origin(t)
		w := prepare(t, url, second)
		if err := errors.Join(os.RemoveAll(w.Tree()), replace(w.Tree())); err != nil {
			t.Fatal(err)
		}
		if r, err := w.Collect(t.Context(), "m"); !errors.Is(err, workspace.ErrReplaced) {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
}

// A repository inside the tree, with a filter or a monitor of its own, is only
// files; nothing it says is run. One that git records as a link to another commit
// is where git itself would look inside.
func TestCollectDoesNotEnterInnerRepositories(t *testing.T) {
	t.Parallel()
	url, _, second := origin(t)
	w := prepare(t, url, second)
	canary := filepath.Join(t.TempDir(), "canary")
	inner := filepath.Join(w.Tree(), "inner")
	write(t, inner, "f", "f\n")
	git(t, inner, "init", "-q")
	git(t, inner, "add", "-A")
	git(t, inner, "commit", "-q", "-m", "inner")
	git(t, w.Tree(), "add", "-A") // a gitlink, in the agent's index
	git(t, w.Tree(), "commit", "-q", "-m", "link")
	git(t, inner, "config", "core.fsmonitor", "touch "+canary+"; false")
	r, err := w.Collect(t.Context(), "m")
	if err != nil || r == nil {
		t.Fatalf("%+v %v", r, err)
	}
	if !slices.Equal(r.Files, []workspace.Change{{Status: "A", Path: "inner/f"}}) || !slices.Equal(r.Removed, []string{"inner/.git"}) {
		t.Errorf("files %v, removed %v", r.Files, r.Removed)
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("the inner repository's monitor was run")
	}
}

// A base commit that could be read as an option or a branch is not asked for.
func TestPrepareWantsAnObjectName(t *testing.T) {
	t.Parallel()
	for _, commit := range []string{"", "main", "--upload-pack=touch x", "HEAD", strings.Repeat("a", 39), strings.Repeat("A", 40), strings.Repeat("a", 40) + "\n"} {
		if w, err := workspace.Prepare(t.Context(), filepath.Join(t.TempDir(), "run"), os.Environ(), workspace.Source{URL: "file:///none", Commit: commit}); err == nil {
			t.Errorf("%q was accepted: %v", commit, w)
		}
	}
}

// Neither the job's own git settings nor a repository's start programs while the
// tree is prepared, and the transports that could are off.
func TestPrepareIsDeafToTheMachine(t *testing.T) {
	t.Parallel()
	url, _, second := origin(t)
	canary := filepath.Join(t.TempDir(), "canary")
	home := t.TempDir()
	write(t, home, ".gitconfig", "[core]\n\tfsmonitor = touch "+canary+"\n[url \"ext::touch "+canary+" \"]\n\tinsteadOf = file://\n")
	job := append(os.Environ(), "HOME="+home, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=core.fsmonitor", "GIT_CONFIG_VALUE_0=touch "+canary, "GIT_SSH_COMMAND=touch "+canary, "GIT_EXTERNAL_DIFF=touch "+canary)
	w, err := workspace.Prepare(t.Context(), filepath.Join(t.TempDir(), "run"), job, workspace.Source{URL: url, Commit: second})
	if err != nil {
		t.Fatal(err)
	}
	write(t, w.Tree(), "x", "x")
	if _, err := w.Collect(t.Context(), "m"); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"ext::touch " + canary, "ssh://127.0.0.1/x"} {
		if _, err := workspace.Prepare(t.Context(), filepath.Join(t.TempDir(), "run"), job, workspace.Source{URL: bad, Commit: second}); err == nil {
			t.Errorf("%s was fetched from", bad)
		}
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("a program was started")
	}
}

// A tree that its agent closed is read and removed all the same.
func TestClosedDirectories(t *testing.T) {
	t.Parallel()
	url, _, second := origin(t)
	w := prepare(t, url, second)
	write(t, w.Tree(), "closed/deep/f", "f")
	for _, name := range []string{"closed/deep/f", "closed/deep", "closed"} {
		if err := os.Chmod(filepath.Join(w.Tree(), name), 0); err != nil {
			t.Fatal(err)
		}
	}
	r, err := w.Collect(t.Context(), "m")
	if err != nil || r == nil || len(r.Files) != 1 {
		t.Errorf("%+v %v", r, err)
	}
	if err := os.Chmod(filepath.Join(w.Tree(), "closed"), 0); err != nil {
		t.Fatal(err)
	}
	if err := w.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(w.Tree()); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=T", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=T", "GIT_COMMITTER_EMAIL=t@example.com",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
