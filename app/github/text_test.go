package github

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, more string
		max        int
		want       string
	}{
		"whole":                 {"short", "more", 5, "short"},
		"cut, with a link":      {strings.Repeat("a", 200), "more", 40, strings.Repeat("a", 33) + "…\n\nmore"},
		"not inside a rune":     {strings.Repeat("ä", 50), "", 30, strings.Repeat("ä", 29) + "…"},
		"no half surrogate":     {strings.Repeat("🚀", 50), "", 30, strings.Repeat("🚀", 14) + "…"},
		"at a line's end":       {strings.Repeat("a", 65) + "\n" + strings.Repeat("b", 50), "", 70, strings.Repeat("a", 65) + "…"},
		"no room for the link":  {"abcdefgh", "a very long link that does not fit", 4, "abcd"},
		"what is not UTF-8":     {"a\xffb", "", 10, "a\uFFFDb"},
		"a fence is closed":     {"```go\n" + strings.Repeat("x", 100), "", 40, "```go\n" + strings.Repeat("x", 29) + "…\n```"},
		"with its own length":   {"~~~~~\n```\n" + strings.Repeat("x", 100), "", 40, "~~~~~\n```\n" + strings.Repeat("x", 23) + "…\n~~~~~"},
		"a closed one stays so": {"```\nx\n```\n" + strings.Repeat("y", 100), "", 40, "```\nx\n```\n" + strings.Repeat("y", 29) + "…"},
		"cut right behind one":  {"```\nx\n```" + strings.Repeat("y", 100), "", 10, "```\nx…\n```"},
	} {
		if got := Fit(c.text, c.max, c.more); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func FuzzFit(f *testing.F) {
	f.Add("```go\nx\n```", 20, "more")
	f.Add("~~~~\n🚀🚀🚀🚀🚀🚀🚀🚀🚀", 25, "")
	f.Add("````\n```\n", 9, "x")
	f.Fuzz(func(t *testing.T, text string, max int, more string) {
		if max < 1 || max > 1000 || !utf8.ValidString(more) || strings.ContainsAny(more, "`~") {
			t.Skip("no input that callers give: limits are constants, and so is what is appended")
		}
		got := Fit(text, max, more)
		if units(got) > max || !utf8.ValidString(got) {
			t.Fatalf("%q: %d characters, at most %d", got, units(got), max)
		}
		if again := Fit(got, max, more); again != got {
			t.Fatalf("cut twice is not cut once: %q, then %q", got, again)
		}
		if units(text) > max && max > 200 && units(more) < 50 && openFence(got) != "" {
			t.Fatalf("a fence is left open: %q", got)
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[0m\u202e", 10)
	f.Fuzz(func(t *testing.T, s string, max int) {
		if max < 1 || max > 1000 {
			t.Skip("no input that callers give: limits are constants, and so is what is appended")
		}
		got := clean(s, max)
		if units(got) > max || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\t\x00\x1b\u202e\u200b") {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

func TestParseKeyTakesBothForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pem string
		ok  bool
	}{
		"as GitHub hands it out": {pkcs1(), true},
		"as openssl rewrites it": {pkcs8(testKeys()[0]), true},
		"an elliptic curve":      {ellipticKey(), false},
		"no PEM":                 {"ghp_secret", false},
		"a certificate":          {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", false},
	} {
		key, err := ParseKey([]byte(c.pem))
		if (err == nil) != c.ok || c.ok && !key.Equal(testKeys()[0]) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the key is in the error: %v", name, err)
		}
	}
}
