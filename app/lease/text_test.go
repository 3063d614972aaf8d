package lease

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain, ünï ✓\n\ttext":               "plain, ünï ✓\n\ttext",
		"\x1b[1;31mred\x1b[0m":               "red",
		"\x1b]0;title\aafter":                "after",
		"\x1b]8;;https://evil\x1b\\link":     "link",
		"\u009d52;c;aGk=\u009cafter":         "after",
		"\x1bPdevice\x1b\\after":             "after",
		"\x1b(Bascii":                        "ascii",
		"\x1bMup":                            "up",
		"\x1b":                               "",
		"\x1b[":                              "",
		"\x1b[31":                            "31",
		"\x1b]never ended\nnext":             "never ended\nnext",
		"\x1b]a\x1b[2Jb":                     "ab",
		"\x1b[" + strings.Repeat("1;", 90):   strings.Repeat("1;", 90),
		"\x1b[3\x00;1mx":                     ";1mx",
		"over\rwritten\r\n":                  "over\nwritten\n",
		"a\x00b\x07c\x7fd\u0085e":            "abcde",
		"\xff\xfe":                           "\uFFFD",
		"\x1bé":                              "é",
		"::error::kept, for it is only text": "::error::kept, for it is only text",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	for _, seed := range []string{"", "\x1b[31mx", "\x1b]0;a\a", "\u009b1m", "\x1b\x1b[\x1b]", "a\r\nb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := plain(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, isControl) || plain(got) != got {
			t.Errorf("%q became %q", s, got)
		}
		if c := cut(s, 10); len(c) > 10 || strings.ContainsAny(c, "\n\t\x1b") {
			t.Errorf("%q was cut to %q", s, c)
		}
	})
}
