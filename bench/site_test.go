package bench

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/config"
)

// site is a repository, and a clone of it that was on this machine before
// anything is measured.
type site struct {
	repo   githubtest.Repository
	clone  string // bare
	commit string
}

// newSite makes a repository of files. It is packed, as a server keeps it.
func (w *town) newSite(t *testing.T, owner githubtest.Account, name string, files fs.FS, dir string) site {
	t.Helper()
	s := site{clone: filepath.Join(dir, name+".git")}
	tree, bundle := filepath.Join(dir, name), filepath.Join(dir, name+".bundle")
	if err := os.CopyFS(tree, files); err != nil {
		t.Fatal(err)
	}
	workflow := filepath.Join(tree, ".github", "workflows", "anvil.yml")
	if err := os.MkdirAll(filepath.Dir(workflow), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(workflow, config.CallerWorkflow, 0o644); err != nil {
		t.Fatal(err)
	}
	gitOut(t, tree, "init", "--quiet", "--initial-branch=main")
	gitOut(t, tree, "add", "--all", "--force")
	gitOut(t, tree, "-c", "user.name=Mona", "-c", "user.email=mona@example.com", "commit", "--quiet", "--message=All of it")
	gitOut(t, tree, "repack", "-a", "-d", "--quiet")
	gitOut(t, tree, "bundle", "create", "--quiet", bundle, "main")
	gitOut(t, tree, "clone", "--quiet", "--bare", bundle, s.clone)
	s.commit = gitOut(t, s.clone, "rev-parse", "main")
	var err error
	if s.repo, err = w.hub.CreateRepository(owner, name, githubtest.From{Bundle: bundle}, githubtest.RepositoryOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := w.hub.Refs(s.repo)["refs/heads/main"]; got != s.commit {
		t.Fatalf("the repository is at %s, its clone at %s", got, s.commit)
	}
	w.hub.SetRole(s.repo, w.person, "admin")
	return s
}

// size tells how large the tree is.
func (s site) size(t *testing.T) string {
	t.Helper()
	var files, size int
	for line := range strings.Lines(gitOut(t, s.clone, "ls-tree", "-r", "--format=%(objectsize)", s.commit)) {
		var n int
		if _, err := fmt.Sscan(line, &n); err != nil {
			t.Fatal(err)
		}
		files, size = files+1, size+n
	}
	return fmt.Sprintf("%d files, %.1f MB", files, float64(size)/1e6)
}

func gitOut(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", args[0], err, out)
	}
	return strings.TrimSpace(string(out))
}

// sources are a few hundred files, as a small project has.
func sources() fstest.MapFS {
	tree := fstest.MapFS{}
	for i := range 300 {
		name := fmt.Sprintf("part%02d/file%03d.txt", i/20, i)
		tree[name] = &fstest.MapFile{Data: []byte(strings.Repeat(fmt.Sprintf("line of %s\n", name), 100)), Mode: 0o644}
	}
	return tree
}

// moduleSources are the files of a module that ours is built with, so that they
// are on this machine already.
func moduleSources(t *testing.T, path string) fs.FS {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", path)
	cmd.Dir = ".."
	out, err := cmd.Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Fatalf("the module %s is not on this machine (go mod download fetches it): %v", path, err)
	}
	return os.DirFS(dir)
}
