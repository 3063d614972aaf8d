package githubtest_test

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// git runs the git program with a token, as a job or the server would.
func (w *town) git(dir, token string, args ...string) (string, error) {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.test", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.test"}
	if token != "" {
		cmd.Env = append(cmd.Env, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader",
			"GIT_CONFIG_VALUE_0=Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token)))
	}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (w *town) mustGit(dir, token string, args ...string) string {
	w.Helper()
	out, err := w.git(dir, token, args...)
	if err != nil {
		w.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

func (w *town) remote() string { return w.srv.URL + "/acme/widget.git" }

func TestGitAsksForTheSameTokens(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	dir := filepath.Join(t.TempDir(), "clone")
	reader, writer := w.token(map[string]string{"contents": "read"}), w.token(nil)

	for name, c := range map[string]struct{ token, says string }{
		"nobody":           {"", "could not read Username"},
		"an unknown token": {"ghs_made_up", "could not read Username"},
		"no permission":    {w.token(map[string]string{"issues": "read"}), "403"},
	} {
		if out, err := w.git("", c.token, "clone", w.remote(), filepath.Join(t.TempDir(), "x")); err == nil || !strings.Contains(out, c.says) {
			t.Errorf("%s: %v %s, want %q", name, err, out, c.says)
		}
	}
	w.mustGit("", reader, "clone", "--quiet", w.remote(), dir)
	first := w.mustGit(dir, "", "rev-parse", "HEAD")
	if info, err := os.Stat(filepath.Join(dir, "bin/run")); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("the executable file is %v, %v", info, err)
	}

	// A push needs write, moves the ref, and is in the ledger with who did it.
	w.mustGit(dir, "", "switch", "--quiet", "-c", "anvil/1-fix")
	w.must(os.WriteFile(filepath.Join(dir, "fix.go"), []byte("package main\n"), 0o644))
	w.mustGit(dir, "", "add", "fix.go")
	w.mustGit(dir, "", "commit", "--quiet", "-m", "Fix")
	second := w.mustGit(dir, "", "rev-parse", "HEAD")
	if out, err := w.git(dir, reader, "push", w.remote(), "HEAD:refs/heads/anvil/1-fix"); err == nil || !strings.Contains(out, "403") {
		t.Errorf("pushed with a token that may read: %v %s", err, out)
	}
	w.mustGit(dir, writer, "push", "--quiet", w.remote(), "HEAD:refs/heads/anvil/1-fix")
	if pushes := w.srv.Pushes(w.repo); len(pushes) != 1 || pushes[0].Ref != "refs/heads/anvil/1-fix" || pushes[0].Old != "" || pushes[0].New != second ||
		!strings.HasPrefix(pushes[0].Actor, "installation:") {
		t.Errorf("pushes %+v", pushes)
	}
	if n := len(w.srv.Requests("POST", "/acme/widget.git/git-receive-pack")); n != 1 {
		t.Errorf("%d pushes in the ledger, want 1", n)
	}

	// A pull request follows its branch.
	gh := w.asInstallation(nil)
	pull, _, err := gh.PullRequests.Create(t.Context(), "acme", "widget", &github.NewPullRequest{Title: new("Fix"), Head: new("anvil/1-fix"), Base: new("main")})
	w.must(err)
	big := make([]byte, 3<<20) // more than git sends in one piece
	_, _ = rand.Read(big)
	w.must(os.WriteFile(filepath.Join(dir, "big.bin"), big, 0o644))
	w.mustGit(dir, "", "add", "big.bin")
	w.mustGit(dir, "", "commit", "--quiet", "-m", "More")
	third := w.mustGit(dir, "", "rev-parse", "HEAD")
	w.mustGit(dir, writer, "push", "--quiet", w.remote(), "HEAD:refs/heads/anvil/1-fix")
	pull, _, err = gh.PullRequests.Get(t.Context(), "acme", "widget", pull.GetNumber())
	w.must(err)
	if pull.GetHead().GetSHA() != third || pull.GetCommits() != 2 || pull.GetChangedFiles() != 2 {
		t.Errorf("the pull request is at %s with %d commits, want %s with 2", pull.GetHead().GetSHA(), pull.GetCommits(), third)
	}

	// Any commit can be fetched by its id.
	bare := t.TempDir()
	w.mustGit(bare, "", "init", "--quiet", "--bare")
	for _, sha := range []string{first, second} {
		w.mustGit(bare, reader, "fetch", "--quiet", "--depth=1", w.remote(), sha)
	}
	// An expected old value that is no longer true stops a push.
	if out, err := w.git(dir, writer, "push", "--force-with-lease=anvil/1-fix:"+first, w.remote(), second+":refs/heads/anvil/1-fix"); err == nil {
		t.Errorf("pushed over what was not expected: %s", out)
	}
	w.mustGit(dir, writer, "push", "--quiet", w.remote(), ":refs/heads/anvil/1-fix")
	if pulls := w.srv.PullRequests(w.repo); pulls[0].State != "closed" {
		t.Errorf("the pull request is %s without its branch", pulls[0].State)
	}
}

func TestWorkflowFilesNeedTheirOwnPermission(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	dir := filepath.Join(t.TempDir(), "clone")
	writer := w.token(nil)
	w.mustGit("", writer, "clone", "--quiet", w.remote(), dir)
	w.must(os.WriteFile(filepath.Join(dir, ".github/workflows/evil.yml"), []byte("on: push\n"), 0o644))
	w.mustGit(dir, "", "add", ".")
	w.mustGit(dir, "", "commit", "--quiet", "-m", "Evil")
	out, err := w.git(dir, writer, "push", w.remote(), "HEAD:refs/heads/evil")
	if err == nil || !strings.Contains(out, "refusing to allow a GitHub App to create or update workflow `.github/workflows/evil.yml` without `workflows` permission") {
		t.Errorf("pushed a workflow: %v %s", err, out)
	}
	if refs := w.srv.Refs(w.repo); refs["refs/heads/evil"] != "" {
		t.Error("the branch is there all the same")
	}
	// Taking it back in the next commit does not help: the first one is in the push.
	w.must(os.Remove(filepath.Join(dir, ".github/workflows/evil.yml")))
	w.mustGit(dir, "", "add", ".")
	w.mustGit(dir, "", "commit", "--quiet", "-m", "Nothing to see")
	if _, err := w.git(dir, writer, "push", w.remote(), "HEAD:refs/heads/evil"); err == nil {
		t.Error("pushed a workflow in an earlier commit")
	}
	w.mustGit(dir, w.srv.UserToken(w.mona), "push", "--quiet", w.remote(), "HEAD:refs/heads/mona")
	with := map[string]string{"workflows": "write", "contents": "write"}
	w.srv.GrantPermissions(w.inst.ID, with)
	w.must(os.WriteFile(filepath.Join(dir, ".github/workflows/good.yml"), []byte("on: push\n"), 0o644))
	w.mustGit(dir, "", "add", ".")
	w.mustGit(dir, "", "commit", "--quiet", "-m", "Good")
	w.mustGit(dir, w.token(with), "push", "--quiet", w.remote(), "HEAD:refs/heads/good")
}

func TestARepositoryFromADirectoryAndFromABundle(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	dir := t.TempDir()
	w.must(os.WriteFile(filepath.Join(dir, `odd "name".txt`), []byte("x"), 0o644))
	w.must(os.Symlink("elsewhere", filepath.Join(dir, "link")))
	w.mustGit(dir, "", "init", "--quiet", "--initial-branch=main")
	w.mustGit(dir, "", "add", ".")
	w.mustGit(dir, "", "commit", "--quiet", "-m", "One")
	bundle := filepath.Join(t.TempDir(), "b.bundle")
	w.mustGit(dir, "", "bundle", "create", "--quiet", bundle, "main")
	a, err := w.srv.CreateRepository(w.owner, "from-dir", githubtest.From{Dir: dir}, githubtest.RepositoryOptions{})
	w.must(err)
	b, err := w.srv.CreateRepository(w.owner, "from-bundle", githubtest.From{Bundle: bundle}, githubtest.RepositoryOptions{})
	w.must(err)
	for _, repo := range []githubtest.Repository{a, b} {
		for path, want := range map[string]string{`odd "name".txt`: "x", "link": "elsewhere"} {
			if got, there := w.srv.File(repo, "main", path); !there || got != want {
				t.Errorf("%s: %s is %q, %v", repo.Name, path, got, there)
			}
		}
	}
	if w.srv.Refs(b)["refs/heads/main"] != w.mustGit(dir, "", "rev-parse", "HEAD") {
		t.Error("the bundle's commit has another id")
	}
	if _, err := w.srv.CreateRepository(w.owner, "widget", githubtest.From{}, githubtest.RepositoryOptions{}); err == nil {
		t.Error("two repositories of one name")
	}
}
