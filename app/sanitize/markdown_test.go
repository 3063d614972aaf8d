package sanitize

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMarkdownDoesNothingButSpeak(t *testing.T) {
	t.Parallel()
	for name, c := range map[string][2]string{
		"plain":                 {"I fixed **it**; see `main.go`.\n\n- one\n- two", "I fixed **it**; see `main.go`.\n\n- one\n- two"},
		"requester":             {"Thanks, @Ann! (@ann)", "Thanks, @Ann! (@ann)"},
		"others":                {"cc @bob, @acme/team and @ann-b, @ann/x", "cc ＠bob, ＠acme/team and ＠ann-b, ＠ann/x"},
		"mail and versions":     {"a@b.example, x@v1.2.3", "a@b.example, x@v1.2.3"},
		"mention after a sign":  {"(@bob) *@bob* /@bob -@bob \\@bob", "(＠bob) *＠bob* /＠bob -＠bob \\＠bob"},
		"mention in code":       {"use `@Override` and\n\n```java\n@Override #1\n```\n\n@bob", "use `@Override` and\n\n```java\n@Override #1\n```\n\n＠bob"},
		"mention in an address": {"https://medium.example/@bob", "https://medium.example/%40bob"},
		"mention by entity":     {"&#64;bob &#x40;bob &commat;bob &amp; &lt;", "&amp;＃64;bob &amp;#x40;bob &amp;commat;bob &amp; &lt;"},
		"no code after all":     {"` a\nb `@bob`", "` a\nb `＠bob`"},
		"escaped code":          {"\\`@bob`", "\\`＠bob`"},
		"issue":                 {"see #12 and GH-12, gh-3, acme/shop#4", "see ＃12 and GH\u201112, gh\u20113, acme/shop＃4"},
		"closing":               {"Fixes #1, closes: acme/shop#2", "Fixes ＃1, closes: acme/shop＃2"},
		"heading stays":         {"# 1. Title\n## 2", "# 1. Title\n## 2"},
		"fragment stays":        {"https://example.com/a#12", "https://example.com/a#12"},
		"issue's address":       {"Fixes https://github.com/acme/shop/issues/1", "Fixes https://redirect.github.com/acme/shop/issues/1"},
		"pull's address":        {"[x](http://www.github.com/acme/shop/pull/1#issuecomment-2)", "[x](https://redirect.github.com/acme/shop/pull/1#issuecomment-2)"},
		"address of our own":    {"https://git.example.com/acme/shop/issues/1", "git.example.com/acme/shop/issues/1"},
		"command of others":     {"/close\n  /lgtm cancel\n> /approve\n/usr/bin/go and a /close", "\\/close\n  \\/lgtm cancel\n> \\/approve\n/usr/bin/go and a /close"},
		"command in code":       {"```\n/close\n```", "```\n\\/close\n```"},
		"picture":               {"![image](https://evil.example/x?d=1)", "[image](https://evil.example/x?d=1)"},
		"picture in HTML":       {"<img src=\"https://evil.example/x\">", "&lt;img src=\"https://evil.example/x\">"},
		"HTML":                  {"<details open><summary>x</summary>y</details>", "&lt;details>&lt;summary>x&lt;/summary>y&lt;/details>"},
		"comment":               {"a <!-- anvil:task=1 --> b", "a  b"},
		"link title":            {"[a](b \"obey\")", "[a](b)"},
		"drawing":               {"```mermaid\ngraph LR\n%% obey\n```", "```text\ngraph LR\n%% obey\n```"},
		"hidden characters":     {"a\u200bb\U000e0041", "ab"},
		"terminal":              {"\x1b[1mbold\x1b[0m", "bold"},
		"HTML in code":          {"```html\n<b>@x</b>\n```", "```html\n<b>@x</b>\n```"},
	} {
		got := Markdown(c[0], "ann")
		if got != c[1] {
			t.Errorf("%s: %q became %q, want %q", name, c[0], got, c[1])
		}
		if again := Markdown(got, "ann"); again != got {
			t.Errorf("%s: a second time it became %q", name, again)
		}
		if _, removed := Prompt("x", got); len(removed) > 0 {
			t.Errorf("%s: what we publish hides something: %v", name, removed)
		}
	}
	if got := Markdown("@ann @@ @", ""); got != "＠ann @@ @" {
		t.Errorf("without a requester: %q", got)
	}
}

var live = regexp.MustCompile(`(^|[^A-Za-z0-9_])@[A-Za-z0-9]`)

func FuzzMarkdown(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clean := Markdown(text, "ann")
		mustBeVisible(t, clean)
		if again := Markdown(clean, "ann"); again != clean {
			t.Errorf("%q became %q and then %q", text, clean, again)
		}
		if _, removed := Prompt("x", clean); len(removed) > 0 {
			t.Errorf("%q became %q, which hides %v", text, clean, removed)
		}
		code := strings.ContainsAny(clean, "`~")
		for _, m := range live.FindAllStringIndex(clean, -1) {
			if !code && !strings.HasPrefix(strings.ToLower(clean[m[1]-2:]), "@ann") {
				t.Errorf("%q became %q, which mentions somebody", text, clean)
			}
		}
		if !code && (strings.Contains(clean, "<!--") || strings.Contains(clean, "![")) {
			t.Errorf("%q became %q", text, clean)
		}
	})
}

func FuzzFence(f *testing.F) {
	for _, seed := range append(seeds, "```", "````\n`````", "x\n```\n@team", "\n\n```text") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		block := Fence(text)
		mustBeVisible(t, block)
		code := codeIn(block)
		if len(code) != 1 || code[0] != (region{0, len(block)}) {
			t.Errorf("%q is not one block of code: %v", block, code)
		}
		if after := block + "\n\n<!-- x -->"; len(codeIn(after)) != 1 || codeIn(after)[0].to != len(block) {
			t.Errorf("%q does not end where it ends", block)
		}
	})
}

func FuzzTerminal(f *testing.F) {
	for _, seed := range append(seeds, "\x1b", "\x1b[", "\u009b31mx", "\x1b]52;c;aGk=\x07", "\x1bP+q\x1b\\", "\x1b(B", "10%\r20%\r\n", "\b\b\b") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clean := Terminal(text)
		mustBeVisible(t, clean)
		for _, c := range []byte(clean) {
			if c < 0x20 && c != '\n' && c != '\t' || c == 0x7f {
				t.Errorf("%q became %q", text, clean)
			}
		}
		if again := Terminal(clean); again != clean {
			t.Errorf("%q became %q and then %q", text, clean, again)
		}
	})
}

func TestTerminal(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"\x1b[31;1mred\x1b[0m plain", "red plain"},
		{"\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"},
		{"\x1b]52;c;c2VjcmV0\x07x", "x"},
		{"\x1b]0;title\nnext", "\nnext"},
		{"50%\r100%\r\ndone", "50%\n100%\ndone"},
		{"\x1b[2J\x1b[Hgone", "gone"},
		{"\u009b31mx\u009d0;t\u009cy", "xy"},
		{"a\bb\x07", "ab"},
		{"tab\tstays", "tab\tstays"},
	} {
		if got := Terminal(c[0]); got != c[1] {
			t.Errorf("%q became %q, want %q", c[0], got, c[1])
		}
	}
}

func FuzzLine(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed, 20)
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 1 || limit > 1000 {
			return
		}
		line := Line(text, limit)
		mustBeVisible(t, line)
		if strings.ContainsAny(line, "\n\t") || utf8.RuneCountInString(line) > limit || live.MatchString(line) {
			t.Errorf("%q became %q", text, line)
		}
		if again := Line(line, limit); again != line {
			t.Errorf("%q became %q and then %q", text, line, again)
		}
	})
}

func TestLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		max  int
		want string
	}{
		{" Fix\n the   build ", 50, "Fix the build"},
		{"Fixes #1 for @team", 50, "Fixes ＃1 for ＠team"},
		{"/close this", 50, "close this"},
		{"a < b, R&D, <b>x</b> &#64;", 50, "a < b, R&D, ＜b>x＜/b> &＃64;"},
		{"![x](y) [z](w)", 50, "!［x］(y) [z］(w)"},
		{"Größenwahn", 5, "Größ…"},
		{"", 5, ""},
	} {
		if got := Line(c.text, c.max); got != c.want {
			t.Errorf("%q became %q, want %q", c.text, got, c.want)
		}
	}
}

func FuzzCut(f *testing.F) {
	const note = "Cut here; the rest is in the log."
	f.Add("short", 100)
	f.Add(strings.Repeat("line of text\n", 50), 200)
	f.Add("```go\n"+strings.Repeat("x := 1\n", 50)+"```\n", 120)
	f.Add(strings.Repeat("é", 200), 99)
	f.Add("> ````\n"+strings.Repeat("> x\n", 100), 150)
	f.Fuzz(func(t *testing.T, body string, limit int) {
		if limit < len(note) || limit > 10_000 || !utf8.ValidString(body) {
			return
		}
		cut := Cut(body, limit, note)
		if len(cut) > limit || !utf8.ValidString(cut) {
			t.Errorf("%d bytes, limit %d: %q", len(cut), limit, cut)
		}
		if len(body) > limit && (!strings.HasSuffix(cut, note) || openFence(cut) != "") {
			t.Errorf("%q cut at %d is %q", body, limit, cut)
		}
		if again := Cut(cut, limit, note); again != cut {
			t.Errorf("%q became %q and then %q", body, cut, again)
		}
	})
}

func TestPath(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"docs/read me.md", "docs/read me.md"},
		{"größe/日本.go", "größe/日本.go"},
		{"a\nb", `a\nb`},
		{"a`b@c#d<e>", `a\x60b\x40c\x23d\x3ce\x3e`},
		{"a\u202eb", `a\u202eb`},
		{"a\xffb", `a\xffb`},
		{"a\\b", `a\\b`},
	} {
		if got := Path(c[0]); got != c[1] {
			t.Errorf("%q is shown as %q, want %q", c[0], got, c[1])
		}
	}
}
