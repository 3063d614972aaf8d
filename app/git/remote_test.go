package git

import (
	"context"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// origin is a real repository behind git's own http-backend, on a server that
// wants a token.
type origin struct {
	url   string
	token string
	dir   string

	mu       sync.Mutex
	uploaded int64 // bytes of the last receive-pack request
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	execPath, err := exec.CommandContext(t.Context(), "git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := filepath.Join(strings.TrimSpace(string(execPath)), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Skip("this git comes without http-backend")
	}
	root := t.TempDir()
	o := &origin{token: "ghs_origin-token", dir: filepath.Join(root, "acme", "shop.git")}
	o.git(t, root, "init", "--quiet", "--bare", "-b", "main", o.dir)
	o.git(t, o.dir, "config", "http.receivepack", "true")
	o.git(t, o.dir, "config", "uploadpack.allowAnySHA1InWant", "true")

	program := &cgi.Handler{
		Path: backend,
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null"},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "x-access-token" || password != o.token {
			w.Header().Set("WWW-Authenticate", `Basic realm="origin"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			o.mu.Lock()
			o.uploaded = r.ContentLength
			o.mu.Unlock()
		}
		program.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	o.url = server.URL + "/acme/shop.git"
	return o
}

// git runs an ordinary git, as a person would, in dir.
func (o *origin) git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return plainGit(t, dir, "", args...)
}

func plainGit(t *testing.T, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_AUTHOR_DATE=@1700000000 +0000",
		"GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com", "GIT_COMMITTER_DATE=@1700000000 +0000")
	out, err := cmd.Output()
	if err != nil {
		stderr := ""
		if exit, ok := err.(*exec.ExitError); ok {
			stderr = string(exit.Stderr)
		}
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return strings.TrimSpace(string(out))
}

// commit puts files on branch, on top of what is there, and returns the commit.
func (o *origin) commit(t *testing.T, branch string, files map[string]string) string {
	t.Helper()
	work := t.TempDir()
	o.git(t, work, "init", "--quiet", "-b", "work")
	o.git(t, work, "remote", "add", "origin", o.dir)
	o.git(t, work, "fetch", "--quiet", "origin")
	if _, err := os.Stat(filepath.Join(o.dir, "refs", "heads", branch)); err == nil {
		o.git(t, work, "reset", "--quiet", "--hard", "origin/"+branch)
	}
	for name, content := range files {
		path := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o.git(t, work, "add", "-A")
	o.git(t, work, "commit", "--quiet", "--allow-empty", "-m", "work")
	o.git(t, work, "push", "--quiet", "origin", "HEAD:refs/heads/"+branch)
	return o.git(t, work, "rev-parse", "HEAD")
}

func program(t *testing.T, options ...Option) *Program {
	t.Helper()
	p, err := Find(t.Context(), options...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func bare(t *testing.T, p *Program) *Repository {
	t.Helper()
	r, err := p.InitBare(t.Context(), filepath.Join(t.TempDir(), "quarantine"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// blob writes content into r and returns a tree that has it as the only file.
func tree(t *testing.T, r *Repository, base, name, content string) string {
	t.Helper()
	id := plainGit(t, r.dir, content, "hash-object", "-w", "--stdin")
	listing := plainGit(t, r.dir, "", "ls-tree", base)
	return plainGit(t, r.dir, listing+"\n100644 blob "+id+"\t"+name+"\n", "mktree")
}

func commitOn(t *testing.T, ctx context.Context, r *Repository, base, name, content string) string {
	t.Helper()
	id, err := r.CommitTree(ctx, Commit{
		Tree: tree(t, r, base, name, content), Parents: []string{base}, Message: "A change",
		Author: ann, Committer: ann,
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}
