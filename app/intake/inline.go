package intake

import (
	"regexp"
	"strings"
)

// span is a part of a paragraph that readers do not see as its text.
type span struct {
	from, to int
	kind     kind
}

var (
	inlineTag  = regexp.MustCompile(`^` + anyTag)
	title      = `(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\((?:\\.|[^()\\])*\))`
	address    = `(?:<[^<>\n]*>|[^\s<][^\s]*?)`
	linkTail   = regexp.MustCompile(`^\]\(\s*(?:` + address + `)?(?:\s+` + title + `)?\s*\)`)
	definition = regexp.MustCompile(`^\[(?:\\.|[^\[\]\\])+\]:\s*` + address + `(?:\s+` + title + `)`)
)

// attempts bounds, in bytes, what a paragraph may cost in vain. Text that is
// made to be costly loses its commands, not our time.
const attempts = 1 << 20

// spans returns the inline code, HTML and hidden link parts of a paragraph, from
// left to right, as Markdown gives them precedence. Only those that reach over a
// line's end matter here, for a command is the first on its line.
func spans(text string) []span {
	var found []span
	budget := attempts
	brackets := 0
	match := func(at int, re *regexp.Regexp) int {
		if budget <= 0 {
			return 0
		}
		m := re.FindStringIndex(text[at:])
		if m == nil {
			budget -= len(text) - at
			return 0
		}
		return m[1]
	}
	if text != "" && text[0] == '[' {
		if n := match(0, definition); n > 0 {
			found = append(found, span{0, n, hidden})
		}
	}
	missing := map[int]bool{} // lengths of backtick runs that have no second one
	for i := 0; i < len(text); {
		rest := text[i:]
		n, k := 0, hidden
		switch {
		case rest[0] == '\\' && len(rest) > 1:
			i += 2
			continue
		case rest[0] == '`':
			run := len(rest) - len(strings.TrimLeft(rest, "`"))
			k = code
			if !missing[run] {
				n = codeSpan(rest, run)
				missing[run] = n == 0
			}
			if n == 0 {
				i += run
				continue
			}
		case strings.HasPrefix(rest, "<!--"):
			if end := strings.Index(rest[4:], "-->"); end >= 0 {
				n = 4 + end + 3
			} else {
				budget -= len(rest)
			}
		case rest[0] == '<' && len(rest) > 1 && (rest[1] == '/' || isLetter(rest[1])):
			n = match(i, inlineTag)
		case rest[0] == '[':
			brackets++
		case brackets > 0 && strings.HasPrefix(rest, "]("):
			n = match(i, linkTail)
		}
		if n == 0 {
			i++
			continue
		}
		found = append(found, span{i, i + n, k})
		i += n
	}
	if budget <= 0 {
		return []span{{0, len(text), hidden}}
	}
	return found
}

// codeSpan returns the length of the inline code that begins with a run of n
// backticks, or 0 if no other run of that length follows.
func codeSpan(text string, n int) int {
	for i := n; i < len(text); {
		if text[i] != '`' {
			next := strings.IndexByte(text[i:], '`')
			if next < 0 {
				return 0
			}
			i += next
			continue
		}
		run := len(text[i:]) - len(strings.TrimLeft(text[i:], "`"))
		i += run
		if run == n {
			return i
		}
	}
	return 0
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
