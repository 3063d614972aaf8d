package tool

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// store is a registry with one package, and a machine that lacks it.
type store struct {
	t        *testing.T
	archive  []byte
	served   []byte // in its place
	status   func(n int64) int
	asked    atomic.Int64
	path     string // that was asked for last
	integral string
	env      map[string]string
	said     []string
}

// newStore has a program greet, in a package that is made of files.
func newStore(t *testing.T, files ...tar.Header) *store {
	t.Helper()
	s := &store{t: t, env: map[string]string{"RUNNER_TEMP": t.TempDir(), "RUNNER_TOOL_CACHE": t.TempDir()}}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range append([]tar.Header{{Name: "package/bin/greet", Mode: 0o755}, {Name: "package/README.md", Mode: 0o644}}, files...) {
		text := "#!/bin/sh\necho hello\n"
		if h.Typeflag == 0 {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(text))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			_, _ = w.Write([]byte(text))
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	s.archive = b.Bytes()
	s.served = s.archive
	sum := sha512.Sum512(s.archive)
	s.integral = "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := s.asked.Add(1)
		s.path = r.URL.Path
		if s.status != nil && s.status(n) != 0 {
			w.WriteHeader(s.status(n))
			return
		}
		_, _ = w.Write(s.served)
	}))
	t.Cleanup(registry.Close)
	s.env["NPM_CONFIG_REGISTRY"] = registry.URL + "/npm/"
	return s
}

// job is a job that gets the program.
func (s *store) job(ctx context.Context) (string, error) {
	s.t.Helper()
	b := &Box{
		Tools:  Tools{"greet": {Version: "1.2.3", Program: "b*/greet", Archives: map[string]Archive{"": {"@acme/greet@1.2.3-x", s.integral}}}},
		Getenv: func(name string) string { return s.env[name] },
		Say:    func(format string, args ...any) { s.said = append(s.said, fmt.Sprintf(format, args...)) },
	}
	s.t.Cleanup(b.Close)
	return b.Get(ctx, "greet")
}

// kept is the archive as it stays on the machine.
func (s *store) kept() string {
	return filepath.Join(s.env["RUNNER_TOOL_CACHE"], "anvil", "greet-1.2.3-x.tgz")
}

// nothing fails the test if there is a program or an archive.
func (s *store) nothing() {
	s.t.Helper()
	for _, dir := range []string{s.env["RUNNER_TEMP"], s.env["RUNNER_TOOL_CACHE"]} {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				s.t.Errorf("there is %s", path)
			}
			return nil
		})
	}
}

func code(err error) string {
	var e *runapi.Error
	if errors.As(err, &e) && e.What != "" && e.Next != "" {
		return e.Code
	}
	return ""
}

// A machine that lacks a program fetches it once, where npm has it. Each job has its own
// copy, which nobody writes to, and it goes with the job.
func TestAToolIsFetchedOnce(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var before string
	for range 2 {
		program, err := s.job(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), program).Output(); err != nil || string(out) != "hello\n" {
			t.Errorf("%v: %q", err, out)
		}
		if info, err := os.Stat(program); err != nil || info.Mode().Perm() != 0o555 {
			t.Errorf("%v: its mode is %v", err, info.Mode())
		}
		if program == before || !strings.HasSuffix(program, "/node_modules/@acme/greet/bin/greet") {
			t.Errorf("one job has %s, and the next has %s", before, program)
		}
		before = program
	}
	if n := s.asked.Load(); n != 1 || s.path != "/npm/@acme/greet/-/greet-1.2.3-x.tgz" {
		t.Errorf("asked %d times, at last for %s", n, s.path)
	}
	if said := strings.Join(s.said, "\n"); !strings.Contains(said, "@acme/greet@1.2.3-x from http://") || !strings.Contains(said, "from "+filepath.Dir(s.kept())) {
		t.Errorf("said: %s", said)
	}
	b := &Box{dirs: []string{before}}
	b.Close()
	if _, err := os.Stat(before); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it did not go with the job: %v", err)
	}
}

// A registry that hands out something else under the name is not believed.
func TestAToolThatIsSomethingElseIsNeverStarted(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.served = append(bytes.Clone(s.archive), 0)
	if program, err := s.job(t.Context()); code(err) != CodeDigest || program != "" || !strings.Contains(err.Error(), s.integral) {
		t.Errorf("%q, %v", program, err)
	}
	s.nothing()
}

// What an earlier job left in the machine's cache is not believed either.
func TestAToolThatWasChangedOnTheMachineIsFetchedAnew(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	if _, err := s.job(t.Context()); err != nil {
		t.Fatal(err)
	}
	evil := newStore(t, tar.Header{Name: "package/bin/other", Mode: 0o755})
	if err := os.WriteFile(s.kept(), evil.archive, 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := s.job(t.Context())
	if err != nil || s.asked.Load() != 2 {
		t.Fatalf("%v; asked %d times", err, s.asked.Load())
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(program), "other")); err == nil {
		t.Error("what was put there is used")
	}
	if _, err := s.job(t.Context()); err != nil || s.asked.Load() != 2 {
		t.Errorf("%v; the cache was not mended: asked %d times", err, s.asked.Load())
	}
}

// Without a place that stays, the job has the program all the same.
func TestAToolWithoutACache(t *testing.T) {
	t.Parallel()
	for name, cache := range map[string]string{"none": "", "one that can't be written to": "/proc/nothing"} {
		s := newStore(t)
		s.env["RUNNER_TOOL_CACHE"] = cache
		if _, err := s.job(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A registry that fails is asked again; one that says no, or is not there, is named, without
// the login in its address.
func TestAToolThatCantBeHad(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status func(n int64) int
		want   string
		asked  int64
	}{
		"twice out of order":  {func(n int64) int { return map[bool]int{true: 503}[n < 3] }, "", 3},
		"out of order":        {func(int64) int { return 502 }, CodeFetch, 3},
		"no such package":     {func(int64) int { return 404 }, CodeFetch, 1},
		"a login is required": {func(int64) int { return 401 }, CodeFetch, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			s.status = c.status
			s.env["NPM_CONFIG_REGISTRY"] = strings.Replace(s.env["NPM_CONFIG_REGISTRY"], "http://", "http://user:s3cret@", 1)
			_, err := s.job(t.Context())
			if code(err) != c.want || (err == nil) != (c.want == "") || s.asked.Load() != c.asked {
				t.Errorf("%v; asked %d times", err, s.asked.Load())
			}
			if strings.Contains(fmt.Sprint(err, s.said), "s3cret") {
				t.Errorf("the login is shown: %v, %q", err, s.said)
			}
			if err != nil {
				s.nothing()
			}
		})
	}
	s := newStore(t)
	s.env["NPM_CONFIG_REGISTRY"] = "http://user:s3cret@127.0.0.1:1"
	if _, err := s.job(t.Context()); code(err) != CodeFetch || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("nobody is there: %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := newStore(t).job(stopped); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped by the run: %v", err)
	}
}

// An archive puts nothing anywhere else, and no links.
func TestAnArchiveStaysWhereItIsPut(t *testing.T) {
	t.Parallel()
	for _, h := range []tar.Header{{Name: "package/../../../escaped"}, {Name: "/escaped"}, {Name: "package/bin/greet"}} {
		s := newStore(t, h)
		if program, err := s.job(t.Context()); err == nil && strings.HasPrefix(h.Name, "package/bin") {
			t.Errorf("%s is there twice: %s", h.Name, program)
		}
		_ = filepath.WalkDir(s.env["RUNNER_TEMP"], func(path string, _ fs.DirEntry, _ error) error {
			if filepath.Base(path) == "escaped" && !strings.Contains(path, "/node_modules/@acme/greet/") {
				t.Errorf("%s was written", path)
			}
			return nil
		})
	}
	s := newStore(t, tar.Header{Name: "package/link", Typeflag: tar.TypeSymlink, Linkname: "/etc"})
	program, err := s.job(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(filepath.Dir(program), "..", "link")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a link was made: %v", err)
	}
}
