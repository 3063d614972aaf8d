package policy

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		glob     string
		yes, not []string
	}{
		{"CODEOWNERS", []string{"CODEOWNERS"}, []string{"codeowners", "docs/CODEOWNERS", "CODEOWNERS/x", ""}},
		{"**/CODEOWNERS", []string{"CODEOWNERS", "docs/CODEOWNERS", "a/b/CODEOWNERS"}, []string{"CODEOWNERS/x", "xCODEOWNERS"}},
		{".github/**", []string{".github/x", ".github/a/b"}, []string{".github", ".githubx/a", "a/.github/x"}},
		{".github/*.yml", []string{".github/a.yml", ".github/.yml"}, []string{".github/a/b.yml", ".github/a.yaml"}},
		{".github/**/*.yml", []string{".github/a.yml", ".github/a/b/c.yml"}, []string{"a.yml", ".github/a/b.md"}},
		{"a/**/b/**/c", []string{"a/b/c", "a/x/b/y/z/c", "a/b/b/c/c"}, []string{"a/c", "a/b", "a/b/c/d"}},
		{"**/**/x", []string{"x", "a/x", "a/b/c/x"}, []string{"a"}},
		{"docs/[a-c]?.md", []string{"docs/ax.md"}, []string{"docs/dx.md", "docs/a.md", "docs/a/.md"}},
		{"[", nil, []string{"[", "x"}},
	} {
		for _, name := range c.yes {
			if !Match(c.glob, name) {
				t.Errorf("%s does not match %s", c.glob, name)
			}
		}
		for _, name := range c.not {
			if Match(c.glob, name) {
				t.Errorf("%s matches %s", c.glob, name)
			}
		}
	}
}

func TestMatchIsNotSlowOnPurpose(t *testing.T) {
	t.Parallel()
	glob := strings.Repeat("**/", 100) + "x"
	if Match(glob, strings.Repeat("a/", 1000)+"y") {
		t.Error("matches")
	}
}

func TestCheckGlob(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"CODEOWNERS", ".github/**", "**/AGENTS.md", "docs/*.md", "a b/c"} {
		if err := CheckGlob(good); err != nil {
			t.Errorf("%s is refused: %v", good, err)
		}
	}
	for _, bad := range []string{"", " ", "/a", "a/", "a//b", "./a", "a/../b", `a\b`, "[a", "a**/b", "**", "**/*", "**/**", strings.Repeat("a", 501)} {
		if err := CheckGlob(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
