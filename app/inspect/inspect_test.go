package inspect

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
)

var shop = files{
	"main.go":                  file("package main\n\nfunc main() {}\n"),
	"docs/readme.md":           file("# Shop\n"),
	"docs/old.md":              file("gone soon\n"),
	"link":                     symlink("docs/readme.md"),
	".github/workflows/ci.yml": file("on: push\n"),
}

func TestAGoodProposalPasses(t *testing.T) {
	t.Parallel()
	s := newScene(t, shop)
	checked, err := s.inspector.Inspect(t.Context(), s.propose(s.with(files{
		"main.go":     file("package main\n\nfunc main() { run() }\n"),
		"run.go":      {mode: "100755", content: "package main\n\nfunc run() {}\n"},
		"docs/old.md": {},
		"latest":      symlink("docs/readme.md"),
	})))
	if err != nil {
		t.Fatal(err)
	}
	want := []anvil.FileChange{
		{Path: "docs/old.md", Status: "D", Deletions: 1},
		{Path: "latest", Status: "A", Additions: 1},
		{Path: "main.go", Status: "M", Additions: 1, Deletions: 1},
		{Path: "run.go", Status: "A", Additions: 3},
	}
	if !slices.Equal(checked.Verdict.Files, want) || checked.Verdict.Additions != 5 || checked.Verdict.Deletions != 2 || checked.Verdict.Protected != nil {
		t.Errorf("verdict %+v", checked.Verdict)
	}
	if checked.Tree != checked.Verdict.Tree || !git.ObjectID(checked.Tree) {
		t.Errorf("tree %q, verdict's %q", checked.Tree, checked.Verdict.Tree)
	}
	ann := git.Identity{Name: "Ann", Email: "ann@example.com", When: time.Unix(1700000000, 0)}
	if _, err := checked.Repository.CommitTree(t.Context(), git.Commit{Tree: checked.Tree, Parents: []string{s.base}, Message: "x", Author: ann, Committer: ann}); err != nil {
		t.Errorf("committing the checked tree: %v", err)
	}
	if err := checked.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(s.dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLeftoversOfACrashAreSwept(t *testing.T) {
	t.Parallel()
	s := newScene(t, shop)
	if err := os.MkdirAll(filepath.Join(s.dir, prefix+"123", "repository.git"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "note"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(s.inspector.config); err != nil {
		t.Fatal(err)
	}
	left, _ := os.ReadDir(s.dir)
	if len(left) != 1 || left[0].Name() != "note" {
		t.Errorf("left: %v", left)
	}
}

// A git of the server that crashed may still write into its quarantine: a new server starts all
// the same, and takes away what it can. Anything else that keeps it from that is told.
func TestAQuarantineThatIsStillWrittenToKeepsNobodyFromStarting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"1", "2", "3"} {
		if err := os.Mkdir(filepath.Join(dir, prefix+name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	fails := func(why error) func(string) error {
		return func(path string) error {
			if strings.HasSuffix(path, "1") {
				return &os.PathError{Op: "unlinkat", Path: path, Err: why}
			}
			return os.RemoveAll(path)
		}
	}
	if err := sweep(dir, fails(syscall.ENOTEMPTY)); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	if err := sweep(dir, fails(syscall.EACCES)); err == nil {
		t.Error("nothing is said of a quarantine that cannot be removed")
	}
}

// refuses inspects p, and wants a problem with code that has each of parts in
// its text, and shows nothing that it should not. It returns the text.
func (s *scene) refuses(t *testing.T, p Proposal, code anvil.Code, parts ...string) string {
	t.Helper()
	checked, err := s.inspector.Inspect(t.Context(), p)
	if err == nil {
		t.Errorf("passed with %+v, want %s", checked.Verdict, code)
		checked.Close()
		return ""
	}
	problem := anvil.AsProblem(err)
	if problem == nil {
		t.Errorf("got %v, want %s", err, code)
		return ""
	}
	if problem.Code != code {
		t.Errorf("got %s (%v), want %s", problem, problem.Cause, code)
	}
	for _, part := range parts {
		if !strings.Contains(problem.Error(), part) {
			t.Errorf("%q does not say %q", problem, part)
		}
	}
	for _, never := range []string{s.dir, prefix, "fatal:", "error:", "\x00", "\n", "\x1b"} {
		if strings.Contains(problem.Error(), never) {
			t.Errorf("%q gives %q away", problem, never)
		}
	}
	if left, _ := os.ReadDir(s.dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return problem.Error()
}
