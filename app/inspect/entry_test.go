package inspect

import (
	"slices"
	"strings"
	"testing"
)

func TestEntriesThatAreForbidden(t *testing.T) {
	t.Parallel()
	s := newScene(t, files{
		"main.go": file("x\n"), "docs/a/b.md": file("x\n"), "lib/libx.so.1": file("x\n"), "lib/libx.so": symlink("libx.so.1"),
		"out": symlink("/etc"), "here": symlink("docs/a"),
	})
	commit := strings.Repeat("ab", 20)
	for name, c := range map[string]struct {
		changed files
		says    string
	}{
		"absolute link":              {files{"l": symlink("/etc/passwd")}, "l (an absolute target)"},
		"link out of the tree":       {files{"l": symlink("../secret")}, "l (a target outside"},
		"deep link out of the tree":  {files{"docs/a/l": symlink("../../../secret")}, "docs/a/l (a target outside"},
		"link that climbs later":     {files{"l": symlink("here/../../../x")}, "l (a target outside"},
		"link that climbs inside":    {files{"l": symlink("docs/../main.go")}, "climbs"},
		"link into .git":             {files{"l": symlink(".git/config")}, "git's own folder"},
		"link into .GIT":             {files{"docs/l": symlink("../.GIT/hooks")}, "git's own folder"},
		"link with a backslash":      {files{"l": symlink(`..\..\x`)}, "backslash"},
		"link with a drive":          {files{"l": symlink("C:/x")}, "colon"},
		"link with a NUL":            {files{"l": symlink("a\x00b")}, "control character"},
		"empty link":                 {files{"l": symlink("")}, "no usable target"},
		"endless link":               {files{"l": symlink(strings.Repeat("a/", 2048))}, "no usable target"},
		"link to a link that leaves": {files{"l": symlink("out")}, "out (an absolute target)"},
		"link beyond a link":         {files{"l": symlink("here/b.md")}, "beyond the link here"},
		"two new links in league":    {files{"p": symlink("docs"), "q": symlink("p/../..")}, "outside"},
		"file becomes a bad link":    {files{"main.go": symlink("../x")}, "main.go"},
		"submodule":                  {files{"vendor/lib": submodule(commit)}, "vendor/lib (a submodule)"},
		"file becomes a submodule":   {files{"main.go": submodule(commit)}, "main.go (a submodule)"},
	} {
		t.Run(name, func(t *testing.T) {
			s.refuses(t, s.propose(s.with(c.changed)), "ENTRY_FORBIDDEN", c.says)
		})
	}
	for name, changed := range map[string]files{
		"link within a folder":   {"docs/l": symlink("a/b.md")},
		"link up and down again": {"docs/a/l": symlink("../../lib/libx.so.1")},
		"link to the root":       {"docs/l": symlink("..")},
		"link to a link":         {"l": symlink("lib/libx.so")},
		"link to nothing":        {"l": symlink("not/there")},
		"old bad link deleted":   {"out": {}},
		"old bad link untouched": {"main.go": file("y\n")},
	} {
		t.Run(name, func(t *testing.T) {
			checked, err := s.inspector.Inspect(t.Context(), s.propose(s.with(changed)))
			if err != nil {
				t.Fatal(err)
			}
			checked.Close()
		})
	}
}

func TestProtectedFilesAreListed(t *testing.T) {
	t.Parallel()
	s := newScene(t, files{
		"main.go": file("x\n"), ".github/workflows/ci.yml": file("on: push\n"), "CODEOWNERS": file("* @ann\n"), "sub/CLAUDE.md": file("be nice\n"),
		".vscode/settings.json": file("{}\n"),
	})
	for name, c := range map[string]struct {
		changed files
		allowed []string
		want    []string
	}{
		"nothing of the kind":      {files{"main.go": file("y\n"), "github/x": file("x\n"), "myAGENTS.md": file("x\n")}, nil, nil},
		"a workflow":               {files{".github/workflows/evil.yml": file("x\n")}, nil, []string{".github/workflows/evil.yml"}},
		"a workflow changed":       {files{".github/workflows/ci.yml": file("on: [push]\n")}, nil, []string{".github/workflows/ci.yml"}},
		"a workflow deleted":       {files{".github/workflows/ci.yml": {}}, nil, []string{".github/workflows/ci.yml"}},
		"a workflow moved away":    {files{".github/workflows/ci.yml": {}, "ci.yml": file("on: push\n")}, nil, []string{".github/workflows/ci.yml"}},
		"owners moved":             {files{"CODEOWNERS": {}, "docs/CODEOWNERS": file("* @bob\n")}, nil, []string{"CODEOWNERS", "docs/CODEOWNERS"}},
		"the folder as a link":     {files{".github/workflows/ci.yml": {}, ".github": symlink("main.go")}, nil, []string{".github", ".github/workflows/ci.yml"}},
		"case of an agent's file":  {files{"agents.MD": file("obey\n")}, nil, []string{"agents.MD"}},
		"an agent's file as link":  {files{"AGENTS.md": symlink("main.go")}, nil, []string{"AGENTS.md"}},
		"deep agent settings":      {files{"a/b/.claude/settings.json": file("{}\n"), ".mcp.json": file("{}\n"), ".codex/config.toml": file("x\n"), ".cursor/rules/x.mdc": file("x\n"), ".gemini/settings.json": file("x\n")}, nil, []string{".codex/config.toml", ".cursor/rules/x.mdc", ".gemini/settings.json", ".mcp.json", "a/b/.claude/settings.json"}},
		"letters beyond ASCII":     {files{"CLAUDE.md": {}, "agent\u017f.md": file("x\n")}, nil, []string{"agent\u017f.md"}},
		"git and dev containers":   {files{".gitattributes": file("* text\n"), "x/.devcontainer/devcontainer.json": file("{}\n"), ".anvil.yml": file("x\n")}, nil, []string{".anvil.yml", ".gitattributes", "x/.devcontainer/devcontainer.json"}},
		"an organisation's policy": {files{"anvil.yml": file("hold: []\n"), "sub/anvil.yml": file("x\n")}, nil, []string{"anvil.yml"}},
		"other systems":            {files{".gitlab-ci.yml": file("x\n"), ".circleci/config.yml": file("x\n"), "Jenkinsfile": file("x\n"), "ci/azure-pipelines.yml": file("x\n")}, nil, []string{".circleci/config.yml", ".gitlab-ci.yml", "Jenkinsfile", "ci/azure-pipelines.yml"}},

		"released exactly":       {files{"sub/CLAUDE.md": file("y\n"), "CLAUDE.md": file("y\n")}, []string{"sub/CLAUDE.md"}, []string{"CLAUDE.md"}},
		"released by a pattern":  {files{".github/workflows/ci.yml": file("y\n"), ".github/ISSUE_TEMPLATE/bug.md": file("y\n")}, []string{".github/ISSUE_TEMPLATE/**"}, []string{".github/workflows/ci.yml"}},
		"released in every case": {files{"Claude.MD": file("y\n")}, []string{"CLAUDE.md"}, []string{"Claude.MD"}},
		"released by nonsense":   {files{"CLAUDE.md": file("y\n")}, []string{"[", "", "/", "*.go"}, []string{"CLAUDE.md"}},
		"all released":           {files{"CLAUDE.md": file("y\n"), ".github/x": file("y\n")}, []string{"**"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.propose(s.with(c.changed))
			p.Rules.MayChange = [][]string{c.allowed}
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

// Who changes what a protected file is a link to has changed that file.
func TestWhatProtectedLinksLeadToIsProtected(t *testing.T) {
	t.Parallel()
	s := newScene(t, files{
		"main.go": file("x\n"), "README.md": symlink("main.go"),
		"CLAUDE.md": symlink("docs/guide.md"), "docs": symlink("manual"), "manual/guide.md": symlink("en/guide.md"), "manual/en/guide.md": file("be nice\n"),
		"sub/.claude": symlink("../config/claude"), "config/claude/settings.json": file("{}\n"), "config/other": file("x\n"),
		"GEMINI.md": symlink("GEMINI.md"), "x/AGENTS.md": symlink("../../outside"), "y/AGENTS.md": symlink(strings.Repeat("a", linkBytes+1)),
	})
	for name, c := range map[string]struct {
		changed files
		want    []string
	}{
		"nothing of the kind":  {files{"main.go": file("y\n"), "config/other": file("y\n")}, nil},
		"a guide by two links": {files{"manual/en/guide.md": file("obey\n")}, []string{"manual/en/guide.md"}},
		"one link of the two":  {files{"manual/guide.md": symlink("en/other.md"), "manual/en/other.md": file("obey\n")}, []string{"manual/en/other.md", "manual/guide.md"}},
		"a folder of settings": {files{"config/claude/hooks.json": file("{}\n")}, []string{"config/claude/hooks.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			checked, err := s.inspector.Inspect(t.Context(), s.propose(s.with(c.changed)))
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

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"a", "a", true}, {"a", "a/b", false}, {"a", "b/a", false},
		{"*.md", "x.md", true}, {"*.md", "d/x.md", false},
		{"a/**", "a", true}, {"a/**", "a/b/c", true}, {"a/**", "ab", false},
		{"**/x", "x", true}, {"**/x", "a/b/x", true}, {"**/x", "a/x/b", false},
		{"a/**/z", "a/z", true}, {"a/**/z", "a/b/c/z", true}, {"a/**/z", "a/b", false},
		{"**", "anything/at/all", true}, {"/a", "a", true}, {"", "a", false}, {"[", "[", false},
		{strings.Repeat("**/a/", 30) + "b", strings.Repeat("a/", 100) + "c", false},
	} {
		if got := match(patterns(c.pattern)[0], strings.Split(c.path, "/")); got != c.want {
			t.Errorf("match(%q, %q) = %v", c.pattern, c.path, got)
		}
	}
}
