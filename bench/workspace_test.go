package bench

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/workspace"
)

// forge serves one repository with a long history over HTTP, and counts what that takes.
type forge struct {
	url       string
	old, head string // commits, some way apart
	clone     string // on this machine, bare
	requests  atomic.Int64
	bytes     atomic.Int64 // answered
}

// edits is how many commits follow on the first one: each is about five objects.
const edits = 3000

// newForge makes the repository: the files of a module, then one of them changed by
// every commit.
func newForge(t *testing.T, files fs.FS, dir string) *forge {
	t.Helper()
	f := &forge{clone: filepath.Join(dir, "clone.git")}
	bare := filepath.Join(dir, "forge", "tools.git")
	gitOut(t, "", "init", "--quiet", "--bare", "--initial-branch=main", bare)
	for _, key := range []string{"uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant", "http.uploadpack"} {
		gitOut(t, bare, "config", key, "true")
	}
	cmd := exec.CommandContext(t.Context(), "git", "fast-import", "--quiet", "--done")
	cmd.Dir, cmd.Stdin = bare, history(t, files)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git fast-import: %v\n%s", err, out)
	}
	gitOut(t, bare, "repack", "-a", "-d", "-q", "--write-bitmap-index")
	f.head, f.old = gitOut(t, bare, "rev-parse", "main"), gitOut(t, bare, "rev-parse", "main~25")
	gitOut(t, "", "clone", "--quiet", "--bare", bare, f.clone)
	backend := &cgi.Handler{
		Path: filepath.Join(gitOut(t, "", "--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + filepath.Dir(bare), "GIT_HTTP_EXPORT_ALL=1"},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.requests.Add(1)
		if v := r.Header.Get("Git-Protocol"); v != "" {
			h := *backend
			h.Env = append(h.Env[:len(h.Env):len(h.Env)], "GIT_PROTOCOL="+v)
			h.ServeHTTP(counted{w, &f.bytes}, r)
			return
		}
		backend.ServeHTTP(counted{w, &f.bytes}, r)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL + "/tools.git"
	return f
}

type counted struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return c.ResponseWriter.Write(b)
}

// history is what git fast-import makes the repository of.
func history(t *testing.T, files fs.FS) io.Reader {
	t.Helper()
	var b bytes.Buffer
	var names []string
	at := 1_700_000_000
	commit := func(message string) {
		at += 60
		fmt.Fprintf(&b, "commit refs/heads/main\ncommitter Mona <mona@example.com> %d +0000\ndata %d\n%s\n", at, len(message), message)
	}
	put := func(name string, content []byte) {
		fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", strconv.Quote(name), len(content), content)
	}
	commit("All of it")
	if err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		names = append(names, name)
		put(name, content)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for n := range edits {
		name := names[n*7919%len(names)]
		content, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		commit(fmt.Sprintf("Change %d", n))
		put(name, fmt.Appendf(content, "\n// change %d\n", n))
	}
	b.WriteString("done\n")
	return &b
}

// compared is how many of the ways have a limit; the others are gone fewer times.
const compared, few = 5, 4

// way is one way to have the tree of a commit.
type way struct {
	name   string
	before func(dir string) // not measured
	have   func(dir string) error
	tidy   func(dir string)
	took   []time.Duration
	calls  int64 // of the latest round
	bytes  int64
}

// measureWorkspace compares ways to have the tree of the head of a repository: those of
// git, and the runner's on a machine that has nothing, an older commit, or the commit.
func measureWorkspace(t *testing.T, all *table) {
	dir := t.TempDir()
	f := newForge(t, moduleSources(t, "golang.org/x/tools"), dir)
	objects := gitOut(t, f.clone, "rev-list", "--all", "--objects", "--count")
	if n, err := strconv.Atoi(objects); err != nil || n < 15_000 {
		t.Fatalf("the repository has %s objects, want at least 15000", objects)
	}
	clone := func(more ...string) func(string) error {
		return func(to string) error {
			cmd := exec.CommandContext(t.Context(), "git", append(append([]string{"clone", "--quiet"}, more...), f.url, to)...)
			cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("git clone: %w: %s", err, out)
			}
			return nil
		}
	}
	prepared := func(mirrors func(to string) string, commit string, want workspace.Origin, spare bool) func(string) error {
		return func(to string) error {
			w, err := workspace.Prepare(t.Context(), to, os.Environ(), workspace.Source{URL: f.url, Commit: commit, Mirrors: mirrors(to), Spare: spare})
			if err == nil && (w.Origin != want || w.Spared != spare) {
				err = fmt.Errorf("the commit came %q, not %q; in a spare tree: %v: %w", w.Origin, want, w.Spared, w.Trouble)
			}
			return err
		}
	}
	warm := func(string) string { return filepath.Join(dir, "mirrors") }
	own := func(to string) string { return to + "-mirrors" }
	// before is a run of an older commit, which leaves a spare tree for the measured one.
	before := func(mirrors func(to string) string, spare bool) func(string) {
		return func(to string) {
			w, err := workspace.Prepare(t.Context(), to+"-before", os.Environ(), workspace.Source{URL: f.url, Commit: f.old, Mirrors: mirrors(to)})
			if err == nil && spare {
				err = w.MakeSpare(t.Context())
			}
			if err == nil {
				err = w.Remove()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := prepared(warm, f.head, workspace.Delta, false)(filepath.Join(dir, "first")); err != nil {
		t.Fatal(err)
	}
	worktree := way{name: "git worktree add, from a clone that is there", have: func(to string) error {
		gitOut(t, f.clone, "worktree", "add", "--quiet", "--detach", to, f.head)
		return nil
	}, tidy: func(to string) { gitOut(t, f.clone, "worktree", "remove", "--force", to) }}
	ways := []*way{
		{
			name: "anvil, warm: the mirror has the commit, the run before left a tree 25 commits older",
			have: prepared(warm, f.head, workspace.Warm, true), before: before(warm, true),
		},
		{
			name: "anvil, 25 commits behind: delta into the mirror, the run before left a tree",
			have: prepared(own, f.head, workspace.Delta, true), before: before(own, true),
		},
		{name: "anvil, the mirror has the commit, and no run left a tree", have: prepared(warm, f.head, workspace.Warm, false)},
		&worktree,
		{name: "git clone --depth=1", have: clone("--depth=1")},
		// From here on: for the choice of what a machine does that has nothing.
		{name: "anvil, 25 commits behind: delta into the mirror, and no tree", have: prepared(own, f.head, workspace.Delta, false), before: before(own, false)},
		{name: "anvil, cold: no mirror", have: prepared(func(string) string { return "" }, f.head, workspace.Cold, false)},
		{name: "git clone (full)", have: clone()},
		{name: "git clone --filter=blob:none", have: clone("--filter=blob:none")},
		{name: "git clone --filter=tree:0", have: clone("--filter=tree:0")},
		{name: "git clone --reference, to a clone that is there", have: clone("--reference", f.clone)},
	}
	const rounds = 8
	for round := range rounds {
		for i, y := range ways {
			if i >= compared && round >= few { // they are told, and promise nothing
				break
			}
			to := filepath.Join(dir, fmt.Sprint("to-", round, "-", i))
			if y.before != nil {
				y.before(to)
			}
			calls, sent := f.requests.Load(), f.bytes.Load()
			began := time.Now()
			if err := y.have(to); err != nil {
				t.Fatalf("%s: %v", y.name, err)
			}
			took := time.Since(began)
			y.calls, y.bytes = f.requests.Load()-calls, f.bytes.Load()-sent
			if round > 0 { // the first is to warm up
				y.took = append(y.took, took)
			}
			if y.tidy != nil {
				y.tidy(to)
			}
			_ = os.RemoveAll(to)
			_ = os.RemoveAll(own(to))
		}
	}
	name := "workspace of a repository of " + objects + " objects"
	promise := func(what string, measured, peer *way, limit float64) {
		all.add(t, row{
			what: fmt.Sprintf("%s, %s (p50 of %d)", name, what, len(peer.took)), measured: inMS(median(measured.took)),
			peer: peer.name + ": " + inMS(median(peer.took)), ratio: ratio(measured.took, peer.took), limit: limit,
		})
	}
	depth1 := ways[4]
	promise("warm", ways[0], &worktree, 1.1)
	promise("warm", ways[0], depth1, 0.35)
	promise("25 commits behind", ways[1], depth1, 0.35)
	promise("warm, no tree left", ways[2], &worktree, 1.1)
	for _, y := range ways {
		all.note("  "+y.name, inMS(median(y.took)), fmt.Sprintf("%d requests, %.1f MB answered", y.calls, float64(y.bytes)/1e6))
	}
}
