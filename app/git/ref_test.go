package git

import (
	"os/exec"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// badRefs are names that must never reach git, a workflow or a page.
func badRefs() []string {
	bad := []string{
		"", "@", "HEAD", "a/HEAD", "/", "//", ".", "..", "...", "/a", "a/", "a//b", "a/./b", "a/../b", "../a", "a/..",
		".a", "a/.b", "a.", "a..b", "a.lock", "a.lock/b", "a/b.lock", ".lock", "a@{b", "a@{1}", "@{-1}", "@{u}", "@{",
		"-", "-x", "--", "-D", "--upload-pack=touch x", "--force", "--end-of-options", "-c", "--exec=sh", "--output=/x",
		"+refs/heads/main", ":refs/heads/main", "a:b", "main:evil", "a^", "a^{}", "a^{tree}", "a~1", "~", "^", "a?b", "a*b",
		"a[b", "[", "a\\b", "\\", "refs/heads/*", "*:*", "a b", " a", "a ", "a\tb", "a\nb", "a\rb", "a\x00b", "a\x7fb",
		"a\u200bb", "a\u202eb", "a\ufeffb", "a\u00a0b", "a\u2028b", "a\U000e0041b", "a\u00adb", "a\u2066b", "a\xffb", "\xc3(",
		"a\xed\xa0\x80b", "1234567890123456789012345678901234567890", "ABCDEF7890123456789012345678901234567890",
		strings.Repeat("a", 245), strings.Repeat("a", 300), strings.Repeat("a/", 150) + "a", "a?", "$(touch x)..", "`id`~1",
	}
	for c := rune(0); c < 0x20; c++ {
		bad = append(bad, "a"+string(c), string(c)+"a", "a"+string(c)+"b")
	}
	for _, c := range " ~^:?*[\\\u200b\u200e\u202a" {
		bad = append(bad, string(c), "anvil/"+string(c)+"x", "x/y"+string(c))
	}
	for _, part := range []string{"..", "@{", ".lock/", "//", "/."} {
		bad = append(bad, "anvil/1"+part+"x", part, "x"+part)
	}
	return bad
}

func TestValidateRefRefuses(t *testing.T) {
	t.Parallel()
	bad := badRefs()
	if len(bad) < 200 {
		t.Errorf("only %d names", len(bad))
	}
	for _, name := range bad {
		err := ValidateRef(name)
		if p := anvil.AsProblem(err); p == nil || p.Code != "REF_INVALID" {
			t.Errorf("%q: got %v, want REF_INVALID", name, err)
		} else if strings.ContainsFunc(p.Error(), unicode.IsControl) {
			t.Errorf("%q: the problem repeats what it should not: %q", name, p)
		}
	}
}

func TestValidateRefAccepts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"main", "anvil/1-fix-the-build", "refs/heads/main", "release-1.2", "feature/ünïcode", "日本", "a-b_c.d", "a@b", "{x}",
		"a-", "lock", "x.lock.y", "user@host/x", "$x;y&z|'\"", "123", strings.Repeat("a", 244),
	} {
		if err := ValidateRef(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if !oracle(t, name) {
			t.Errorf("%q: git would not take it", name)
		}
	}
}

// FuzzValidateRef holds our rule against git's own: what we accept, git
// accepts; what only we refuse, we refuse for a reason of ours.
func FuzzValidateRef(f *testing.F) {
	for _, name := range badRefs() {
		f.Add(name)
	}
	f.Add("main")
	f.Add("anvil/1-fix")
	f.Fuzz(func(t *testing.T, name string) {
		if strings.ContainsRune(name, 0) {
			if ValidateRef(name) == nil {
				t.Errorf("%q accepted", name)
			}
			return // not an argument that a program can get
		}
		ours, gits := ValidateRef(name) == nil, oracle(t, name)
		if ours && !gits {
			t.Errorf("%q: accepted, though git refuses it", name)
		}
		if !ours && gits && !stricter(name) {
			t.Errorf("%q: refused, though git accepts it", name)
		}
	})
}

// stricter says whether name breaks one of our rules beyond git's.
func stricter(name string) bool {
	return len(name) > 244 || !utf8.ValidString(name) || name == "@" || name == "HEAD" || strings.HasSuffix(name, "/HEAD") ||
		strings.HasPrefix(name, "-") || strings.HasPrefix(name, "+") || ObjectID(strings.ToLower(name)) ||
		strings.HasSuffix(name, ".") ||
		strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) })
}

func oracle(t *testing.T, name string) bool {
	t.Helper()
	err := exec.CommandContext(t.Context(), "git", "check-ref-format", "refs/heads/"+name).Run()
	if err != nil {
		if _, ok := err.(*exec.ExitError); !ok {
			t.Fatal(err)
		}
	}
	return err == nil
}
