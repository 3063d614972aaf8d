package intake

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What readers see decides. Each case is a comment, the lines that are commands,
// and, where there are none, what the recorded reason speaks of.
func TestACommandIsTheFirstThingOnALineOfTheAuthorsOwnText(t *testing.T) {
	t.Parallel()
	const f = "```"
	cases := []struct {
		name, text string
		commands   []string // what follows /anvil on each line that counts
		miss       string
	}{
		{"alone", "/anvil fix it", []string{" fix it"}, ""},
		{"empty", "/anvil", []string{""}, ""},
		{"after text in the same paragraph", "Thanks!\n/anvil fix it", []string{" fix it"}, ""},
		{"three spaces", "   /anvil fix it", []string{" fix it"}, ""},
		{"windows line ends", "Hello\r\n/anvil fix it\r\n", []string{" fix it"}, ""},
		{"old line ends", "Hello\r/anvil fix it", []string{" fix it"}, ""},
		{"tab after it", "/anvil\tfix it", []string{"\tfix it"}, ""},
		{"no-break space after it", "/anvil\u00a0fix it", []string{"\u00a0fix it"}, ""},
		{"two", "/anvil fix it\n\n/anvil status", []string{" fix it", " status"}, ""},
		{"in a list item's continuation", "- first\n\n  /anvil fix it", []string{" fix it"}, ""},
		{"right after a list", "- first\n/anvil fix it", []string{" fix it"}, ""},
		{"after a closed fence", f + "\nx\n" + f + "\n/anvil fix it", []string{" fix it"}, ""},
		{"after a heading", "# Title\n/anvil fix it", []string{" fix it"}, ""},
		{"after a break", "> quote\n***\n/anvil fix it", []string{" fix it"}, ""},
		{"after a quote and a blank line", "> quote\n\n/anvil fix it", []string{" fix it"}, ""},
		{"after a quote that ends in a heading", "> # quote\n/anvil fix it", []string{" fix it"}, ""},
		{"after a quoted fence, which ends with its quote", "> " + f + "\n> x\n/anvil fix it", []string{" fix it"}, ""},
		{"after a fence in a list item, which ends with the item", "- " + f + "\n  x\n\n/anvil fix it", []string{" fix it"}, ""},
		{"after inline code with three backticks", f + "x" + f + "\n/anvil fix it", []string{" fix it"}, ""},
		{"after a lone backtick", "it`s broken\n/anvil fix it", []string{" fix it"}, ""},
		{"after an escaped backtick", "\\`x\n/anvil fix `it`", []string{" fix `it`"}, ""},
		{"after a closed comment", "<!-- x -->\n/anvil fix it", []string{" fix it"}, ""},
		{"after HTML and a blank line", "<details>\n<summary>x</summary>\n\n/anvil fix it", []string{" fix it"}, ""},
		{"after an HTML quote that is closed", "<blockquote>\n\nx\n\n</blockquote>\n\n/anvil fix it", []string{" fix it"}, ""},
		{"after a less-than sign", "a < b\n/anvil fix it if c > d", []string{" fix it if c > d"}, ""},
		{"after a link", "[x](http://example.com \"t\")\n/anvil fix it", []string{" fix it"}, ""},
		{"one of two is quoted", "> /anvil fix that\n\n/anvil fix this", []string{" fix this"}, ""},

		{"nothing of ours", "Looks good to me.", nil, "no line begins"},
		{"nothing at all", "", nil, "no line begins"},
		{"mid-line", "Please /anvil fix it", nil, "not at the start"},
		{"in a list item", "- /anvil fix it", nil, "not at the start"},
		{"in a heading", "# /anvil fix it", nil, "not at the start"},
		{"in bold", "**/anvil fix it**", nil, "not at the start"},
		{"escaped", "\\/anvil fix it", nil, "not at the start"},
		{"in a table", "| /anvil |", nil, "not at the start"},
		{"part of a path", "/anvil/main.go is wrong", nil, "longer word"},
		{"part of a word", "/anvils fix it", nil, "longer word"},
		{"with punctuation", "/anvil: fix it", nil, "longer word"},
		{"capital", "/Anvil fix it", nil, "capital"},
		{"all capitals", "/ANVIL fix it", nil, "capital"},
		{"zero-width inside", "/an\u200bvil fix it", nil, "invisible"},
		{"zero-width before", "\u200b/anvil fix it", nil, "invisible"},
		{"byte order mark before", "\ufeff/anvil fix it", nil, "invisible"},
		{"joiner behind", "/anvil\u200d fix it", nil, "invisible"},
		{"no-break space before", "\u00a0/anvil fix it", nil, "not at the start"},
		{"look-alike slash", "\u2215anvil fix it", nil, "no line begins"},
		{"look-alike letter", "/\u0430nvil fix it", nil, "no line begins"},

		{"quoted", "> /anvil fix it", nil, "quote"},
		{"quoted without a space", ">/anvil fix it", nil, "quote"},
		{"quoted twice", "> > /anvil fix it", nil, "quote"},
		{"quote that goes on lazily", "> I wrote\n/anvil fix it", nil, "quote"},
		{"nested quote that goes on lazily", "> > I wrote\n/anvil fix it", nil, "quote"},
		{"lazy over two lines", "> I wrote\nand then\n/anvil fix it", nil, "quote"},
		{"list in a quote that goes on lazily", "> - I wrote\n/anvil fix it", nil, "quote"},
		{"quote in a list that goes on lazily", "- > I wrote\n/anvil fix it", nil, "quote"},
		{"HTML quote", "<blockquote>\n\n/anvil fix it\n\n</blockquote>", nil, "quote"},
		{"HTML quote that is never closed", "<blockquote>\n\n/anvil fix it", nil, "quote"},
		{"e-mail reply", "On Monday, Mona wrote:\n> please\n> /anvil fix it", nil, "quote"},

		{"fenced", f + "\n/anvil fix it\n" + f, nil, "code"},
		{"fenced with tildes", "~~~\n/anvil fix it\n~~~", nil, "code"},
		{"fenced with a language", f + "sh\n/anvil fix it\n" + f, nil, "code"},
		{"fence that is never closed", f + "\n/anvil fix it", nil, "code"},
		{"shorter fence inside", "````\n" + f + "\n/anvil fix it\n" + f + "\n````", nil, "code"},
		{"other fence inside", "~~~\n" + f + "\n~~~ x\n/anvil fix it", nil, "code"},
		{"fence that interrupts a paragraph", "text\n" + f + "\n/anvil fix it", nil, "code"},
		{"fence in a list item", "- x\n  " + f + "\n  /anvil fix it\n  " + f, nil, "code"},
		{"fence on a list item's line", "1. " + f + "\n   /anvil fix it", nil, "code"},
		{"blank line in a fence in a list", "- " + f + "\n\n  /anvil fix it", nil, "code"},
		{"indented", "    /anvil fix it", nil, "code"},
		{"indented by a tab", "\t/anvil fix it", nil, "code"},
		{"indented by spaces and a tab", "  \t/anvil fix it", nil, "code"},
		{"indented after text", "text\n    /anvil fix it", nil, "code"},
		{"indented in a list item", "- x\n\n      /anvil fix it", nil, "code"},
		{"inline code over lines", "see `this\n/anvil fix it\nthat`", nil, "code"},
		{"double backticks over lines", "see ``this ` \n/anvil fix it\nthat``", nil, "code"},
		{"inline code around an indented line", "see `this\n     x\n/anvil fix it\nthat`", nil, "code"},
		{"pre", "<pre>\n\n/anvil fix it\n\n</pre>", nil, "hidden"},

		{"comment", "<!--\n/anvil fix it\n-->", nil, "hidden"},
		{"comment with blank lines", "<!-- x\n\n/anvil fix it\n\n-->", nil, "hidden"},
		{"comment that is never closed", "<!--\n/anvil fix it", nil, "hidden"},
		{"comment within a paragraph", "text <!--\n/anvil fix it\n--> text", nil, "hidden"},
		{"attribute", "<img alt=\"\n/anvil fix it\n\">", nil, "hidden"},
		{"attribute in a paragraph", "text <a title=\"\n/anvil fix it\n\">x</a>", nil, "hidden"},
		{"link title", "text [x](http://example.com \"a\n/anvil fix it\nb\")", nil, "hidden"},
		{"link title with a bracket", "text [x](http://example.com \"a)\n/anvil fix it\nb\")", nil, "hidden"},
		{"definition's title", "[x]: http://example.com \"a\n/anvil fix it\nb\"", nil, "hidden"},
		{"processing instruction", "<?x\n/anvil fix it\n?>", nil, "hidden"},
		{"details without a blank line", "<details>\n/anvil fix it\n</details>", nil, "hidden"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := find(c.text)
			var lines []string
			for _, s := range got.commands {
				lines = append(lines, s.line)
			}
			if fmt.Sprintf("%q", lines) != fmt.Sprintf("%q", c.commands) {
				t.Fatalf("commands %q, want %q (reason %q)", lines, c.commands, got.miss)
			}
			if c.commands == nil && !strings.Contains(got.miss, c.miss) {
				t.Errorf("the reason is %q, which does not speak of %q", got.miss, c.miss)
			}
		})
	}
}

// Whoever can comment can send the worst text there is, and reading it must not
// hold up anybody else's.
func TestHostileTextIsReadInBoundedTime(t *testing.T) {
	t.Parallel()
	const size = 64 << 10
	fill := func(unit string) string { return strings.Repeat(unit, size/len(unit)) }
	for name, text := range map[string]string{
		"tags without end":     "x " + fill(`<a b="c`) + "\n/anvil fix it",
		"links without end":    "x [" + fill(`](x "`) + "\n/anvil fix it",
		"comments without end": "x " + fill("<!-- ") + "\n/anvil fix it",
		"quotes in quotes":     fill("> ") + "\n/anvil fix it",
		"lists in lists":       fill("- ") + "\n/anvil fix it",
		"lazy quotes":          strings.Repeat("> ", 40) + "x\n" + fill("y\n") + "/anvil fix it",
		"brackets":             fill("[") + "\n/anvil fix it",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			find(text)
			// Wide enough for a busy machine: what this is about takes minutes.
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("reading %d bytes took %s", len(text), took)
			}
		})
	}
}

func FuzzFind(f *testing.F) {
	for _, seed := range []string{
		"/anvil fix it", "> q\n/anvil x", "```\n/anvil x\n```", "- a\n  ```\n/anvil", "<!--\n/anvil -->", "`a\n/anvil`", "\t/anvil",
		"[x](y \"\n/anvil\n\")", "<blockquote>\n\n/anvil", "1. > - ```\n/anvil", "\xff/anvil", "/anvil verify=\"a b\" x", "<a b='\n/anvil'>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range find(text).commands {
			if !ends(s.line) {
				t.Errorf("%q: a command goes on as a word: %q", text, s.line)
			}
		}
		// What stands in a quote, a fence or an open comment is never a command,
		// whatever it is.
		quotedText := "> " + strings.NewReplacer("\r\n", "\n> ", "\r", "\n> ", "\n", "\n> ").Replace(text)
		if got := find(quotedText).commands; len(got) > 0 {
			t.Errorf("quoted %q holds commands %q", text, got)
		}
		if got := find(strings.Repeat("~", len(text)+3) + "\n" + text).commands; len(got) > 0 {
			t.Errorf("fenced %q holds commands %q", text, got)
		}
		if got := find("<!--\n" + strings.ReplaceAll(text, "-->", "")).commands; len(got) > 0 {
			t.Errorf("commented out %q holds commands %q", text, got)
		}
	})
}
