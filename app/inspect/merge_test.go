package inspect

import (
	"slices"
	"testing"
)

// In a merge a protected file is nobody's to let go but what the branch alone has changed,
// and as the branch has it. What the base has changed meanwhile is held if it does not stay.
func TestProtectedFilesOfAMerge(t *testing.T) {
	t.Parallel()
	ancestor := files{
		"main.go": file("x\n"), "CLAUDE.md": file("be nice\n"), ".github/workflows/ci.yml": file("on: push\n"), ".mcp.json": file("{}\n"), ".envrc": file("a\n"),
	}
	base := files{ // which has made CI safer and thrown a file away, since
		"main.go": file("x\n"), "CLAUDE.md": file("be nice\n"), ".github/workflows/ci.yml": file("on: pull_request\n"), ".envrc": file("b\n"),
	}
	branch := files{ // which a person has let go with another CLAUDE.md and .envrc
		"main.go": file("y\n"), "CLAUDE.md": file("be kind\n"), ".github/workflows/ci.yml": file("on: push\n"), ".mcp.json": file("{}\n"), ".envrc": file("c\n"),
	}
	s := newScene(t, base)
	push := func(fs files, name string, parents ...string) string {
		o := newObjects()
		commit := o.commit(o.tree(fs), parents...)
		s.git(string(o.pack(nil)), "--git-dir="+s.url[len("file://"):], "unpack-objects", "-q")
		s.git("", "--git-dir="+s.url[len("file://"):], "update-ref", "refs/heads/"+name, commit)
		return commit
	}
	from := push(ancestor, "ancestor")
	head := push(branch, "branch", from)
	for name, c := range map[string]struct {
		changed files
		want    []string
	}{
		"as it should be":             {files{"main.go": file("y\n"), "CLAUDE.md": file("be kind\n")}, nil},
		"what neither has":            {files{"CLAUDE.md": file("obey\n")}, []string{"CLAUDE.md"}},
		"the base's change is undone": {files{"CLAUDE.md": file("be kind\n"), ".github/workflows/ci.yml": file("on: push\n")}, []string{".github/workflows/ci.yml"}},
		"what the base threw away":    {files{".mcp.json": file("{}\n")}, []string{".mcp.json"}},
		"both have changed it":        {files{".envrc": file("c\n")}, []string{".envrc"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.propose(s.with(c.changed))
			p.Branch, p.Ancestor = head, from
			checked, err := s.inspector.Inspect(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			defer checked.Close()
			if !slices.Equal(checked.Verdict.Protected, c.want) {
				t.Errorf("protected %q, want %q", checked.Verdict.Protected, c.want)
			}
		})
	}
}
