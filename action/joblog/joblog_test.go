package joblog_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/action/joblog"
	"github.com/seed-bc0cc349/anvil/action/redact"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain ü\t日本\n":                           "plain ü\t日本\n",
		"\x1b[1;31mred\x1b[0m":                    "red",
		"\x1b]8;;http://evil\x07link\x1b]8;;\x07": "link",
		"\x1b]0;title\x1b\\text":                  "text",
		"\x1bP1$q\x1b\\a\x1b(Bb\x1bMc":            "abc",
		"\u009b31mred \u009d0;t\u009cx":           "red x",
		"over\rwrite\r\nnext\r":                   "over\nwrite\nnext",
		"\x00\x07\x08\x7f\x85":                    "\ufffd",
		"a\u202eb\u2066c\ufeff":                   "abc",
		"a\u2028::error::x":                       "a\n::error::x",
		"\xff\xfe":                                "\ufffd\ufffd",
		"\x1b]open\nnext line":                    "open\nnext line",
		"\x1b":                                    "",
		"\x1b[":                                   "",
		"x\x1b(":                                  "x",
	} {
		if got := joblog.Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[31m\x1b]0;x\x07\r\n")
	f.Add("\u009b\u009d\x90\x1b(\x1b")
	f.Fuzz(func(t *testing.T, s string) {
		out := joblog.Clean(s)
		if !utf8.ValidString(out) {
			t.Fatalf("not UTF-8: %q", out)
		}
		for _, r := range out {
			if r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r <= 0x9f {
				t.Fatalf("%q has a control character", out)
			}
		}
		if again := joblog.Clean(out); again != out {
			t.Fatalf("cleaned twice %q is not %q", again, out)
		}
	})
}

// newLog returns a log without timestamps that matter.
func newLog(out *bytes.Buffer, secrets *redact.Set) *joblog.Log {
	return joblog.New(out, func(string) string { return "" }, secrets, func() time.Time { return time.Time{} })
}

// A secret that is cut up by control characters is whole again when it is looked
// for; masks go out before the secret can.
func TestLogRedactsAfterCleaning(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := newLog(&out, &redact.Set{})
	l.Secret("canary-secret", "")
	l.Quote("a can\x1b[0mary-\x00secret b")
	l.Say("c canary-secret d")
	l.Warn("e %s", "canary-secret")
	want := "::add-mask::canary-secret\n"
	if got := out.String(); !strings.HasPrefix(got, want) || strings.Contains(got[len(want):], "secret") || strings.Count(got, redact.Mark) != 3 {
		t.Errorf("log:\n%s", got)
	}
	if got := string(l.Copy()); strings.Contains(got, "secret") || strings.Count(got, redact.Mark) != 3 {
		t.Errorf("copy:\n%s", got)
	}
}

// Every section of quoted lines has a token of its own, and ends before the
// runner speaks.
func TestLogQuotes(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := newLog(&out, &redact.Set{})
	l.Group("::error::x")
	l.Quote("::error::one\n::warning::two")
	l.Quote("##[error]three")
	l.Say("::error::%s", "from a name")
	l.Quote("four")
	l.EndGroup()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var tokens []string
	for _, line := range lines {
		if after, ok := strings.CutPrefix(line, "::stop-commands::"); ok {
			tokens = append(tokens, after)
		}
	}
	if len(tokens) != 2 || tokens[0] == tokens[1] || len(tokens[0]) < 20 {
		t.Fatalf("tokens %q", tokens)
	}
	want := fmt.Sprintf(`::group::::error::x
::stop-commands::%[1]s
| ::error::one
| ::warning::two
| ## [error]three
::%[1]s::
| ::error::from a name
::stop-commands::%[2]s
| four
::%[2]s::
::endgroup::`, tokens[0], tokens[1])
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A long log keeps its beginning and its end, and says what is missing.
func TestLogCopyIsBounded(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := newLog(&out, &redact.Set{})
	l.Limit(2000)
	for i := range 10_000 {
		l.Say("line %d", i)
	}
	got := string(l.Copy())
	if len(got) > 2100 || !strings.Contains(got, "line 0\n") || !strings.HasSuffix(got, "line 9999\n") || !strings.Contains(got, "bytes left out here") {
		t.Errorf("%d bytes:\n%s", len(got), got)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	var got []string
	l := joblog.NewLines(func(s string) { got = append(got, s) })
	for _, part := range []string{"a", "b\nc\n\nd", strings.Repeat("x", 70<<10), "\nend"} {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var sizes []string
	for _, s := range got {
		sizes = append(sizes, fmt.Sprintf("%.3s/%d", s, len(s)))
	}
	if want := "ab/2 c/1 /0 dxx/65536 xxx/6145 end/3"; strings.Join(sizes, " ") != want {
		t.Errorf("got %v, want %s", sizes, want)
	}
}
