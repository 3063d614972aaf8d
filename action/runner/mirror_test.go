package runner_test

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// On a machine that keeps mirrors, a second run of the same base commit asks the
// repository's host for nothing, and neither run's token is left in the mirror.
func TestRunOnAMachineThatIsWarm(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, "cat > /dev/null; git log --oneline; echo hello > good")
	mirrors := filepath.Join(t.TempDir(), "mirrors")
	for _, want := range []string{"fetched into the mirror", "from the mirror"} {
		s.finish, s.events = nil, nil
		m := newMachine(t, s)
		m.config.Environ = append(m.config.Environ, "ANVIL_MIRRORS="+mirrors)
		if code := m.run(); code != runner.HandedBack || s.finish == nil || s.finish.Result != runapi.Proposed {
			t.Fatalf("exit code %d, finish %+v", code, s.finish)
		}
		if log := string(s.artifacts[runapi.ArtifactLog]); !strings.Contains(log, want) {
			t.Errorf("want %q in\n%s", want, log)
		}
		noCanaries(t, s, m)
		s.git = filepath.Join(s.git, "away") // where there is nothing
	}
	if err := filepath.WalkDir(mirrors, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + readToken)); bytes.Contains(b, []byte(readToken)) || bytes.Contains(b, []byte(basic)) {
			t.Errorf("%s has the read token", path)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

// What can't be had ends the run while the base commit is still on its way: they are
// had beside each other.
func TestRunDoesNotWaitForAFetchInVain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, "")
	released := make(chan struct{})
	silent := httptest.NewServer(hold(released))
	defer silent.Close()
	defer close(released)
	s.assignment.Repository.CloneURL = silent.URL + "/git/r.git"
	s.assignment.Engine = runapi.Engine{Name: "x", Kind: "command", Command: []string{"no-such-program-anywhere"}}
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack || s.finish == nil || s.finish.Problem == nil || s.finish.Problem.Code != "ENGINE_MISSING" {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}
	noCanaries(t, s, m)
}

// What the repository keeps elsewhere is told to people and to the agent.
func TestRunWithoutWhatIsKeptElsewhere(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(map[string]string{
		".gitattributes": "*.png filter=lfs\n",
		"logo.png":       "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("4d", 32) + "\nsize 12345\n",
	}, "cat > good")
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack || s.finish == nil || s.finish.Absent != (runapi.Absent{LFS: 1, Pointer: "logo.png"}) {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}
	if want := "warning Not in the workspace: 1 file of Git LFS: only pointers are there, such as logo.png."; !strings.Contains(s.story(), want) {
		t.Errorf("no event %q in\n%s", want, s.story())
	}
	if told := s.bundled()["good"]; !strings.Contains(told, "such as logo.png. Do not replace them") {
		t.Errorf("the agent was told %q", told)
	}
}

// A run whose agent is contained leaves a tree for the next run of the repository, which
// starts in it and finds nothing of the first one's. One whose agent could write to it
// neither leaves nor takes one.
func TestRunInATreeThatTheLastOneMade(t *testing.T) {
	t.Parallel()
	s, _ := contained(t, "cat > /dev/null; test -e planted && exit 3; touch planted; echo changed > good")
	bubblewrap := s.assignment.Containment
	mirrors := filepath.Join(t.TempDir(), "mirrors")
	const line = "in the tree that an earlier run made"
	for _, want := range []struct {
		contained, spared, left bool
	}{{false, false, false}, {true, false, true}, {true, true, true}, {false, false, true}} {
		s.finish, s.events = nil, nil
		if s.assignment.Containment = bubblewrap; !want.contained {
			s.assignment.Containment = runapi.Containment{Mode: "none"}
		}
		m := newMachine(t, s)
		m.config.Environ = append(m.config.Environ, "ANVIL_MIRRORS="+mirrors)
		if code := m.run(); code != runner.HandedBack || s.finish == nil || s.finish.Result != runapi.Proposed {
			t.Fatalf("exit code %d, finish %+v", code, s.finish)
		}
		if log := string(s.artifacts[runapi.ArtifactLog]); strings.Contains(log, line) != want.spared {
			t.Errorf("%+v: said is\n%s", want, log)
		}
		if got := s.bundled(); len(got) != len(project)+2 || got["good"] != "100644 changed" {
			t.Errorf("%+v: handed over is %v", want, got)
		}
		trees, _ := filepath.Glob(filepath.Join(mirrors, "*.spare"))
		if got := len(trees) == 1; got != want.left {
			t.Errorf("%+v: left are %v", want, trees)
		}
		for _, tree := range trees {
			if _, err := os.Lstat(filepath.Join(tree, "tree", "planted")); err == nil {
				t.Error("the agent's file is in the next run's tree")
			}
		}
	}
}

// Submodules of repositories that the operator names are in the agent's tree and in that of
// the checks, fetched without a login; the others are told to people and to the agent.
func TestRunWithSubmodules(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(map[string]string{".gitmodules": "[submodule \"a\"]\n\tpath = open\n\turl = ../public.git\n[submodule \"b\"]\n\tpath = closed\n\turl = ../closed.git\n"},
		"cat > good; cat open/lib.txt >> good; echo mine > open/lib.txt")
	repository := filepath.Join(s.git, "r.git")
	lib := t.TempDir()
	if err := os.WriteFile(filepath.Join(lib, "lib.txt"), []byte("of the library\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runGit(t, lib, "init", "-q", "-b", "main")
	runGit(t, lib, "add", ".")
	runGit(t, lib, "commit", "-q", "-m", "lib")
	for _, name := range []string{"public.git", "closed.git"} {
		runGit(t, lib, "clone", "-q", "--bare", lib, filepath.Join(s.git, name))
		runGit(t, filepath.Join(s.git, name), "config", "uploadpack.allowAnySHA1InWant", "true")
	}
	commit := runGit(t, lib, "rev-parse", "HEAD")
	work := filepath.Join(t.TempDir(), "work")
	runGit(t, lib, "clone", "-q", repository, work)
	for _, name := range []string{"open", "closed"} {
		runGit(t, work, "update-index", "--add", "--cacheinfo", "160000,"+commit+","+name)
	}
	runGit(t, work, "commit", "-q", "-m", "submodules")
	runGit(t, work, "push", "-q", "origin", "HEAD:main")
	s.assignment.BaseCommit = runGit(t, work, "rev-parse", "HEAD")
	s.assignment.Environment.Submodules = []string{strings.TrimPrefix(s.http.URL, "http://") + "/git"}
	s.assignment.Verify = []string{"grep -qx 'of the library' open/lib.txt && test -z \"$(ls closed)\""}
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack || s.finish == nil || s.finish.Absent != (runapi.Absent{Submodules: 1, Submodule: "closed"}) || s.finish.Verification.Status != runapi.VerifyPassed {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}
	told := s.bundled()["good"]
	for _, want := range []string{
		"Fetched for reading: 1 submodule, open. What you change in them is not part of the change.", "1 submodule: the directories are empty, such as closed.", "of the library",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("the agent was told %q, want %q in it", told, want)
		}
	}
	if want := `warning Not fetched: submodule "closed" of ` + s.http.URL + "/git/closed.git"; !strings.Contains(s.story(), want) {
		t.Errorf("no event %q in\n%s", want, s.story())
	}
	noCanaries(t, s, m)
}
