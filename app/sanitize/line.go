package sanitize

import (
	"strings"
	"unicode/utf8"
)

// Line returns text as a title: one line of at most limit characters that
// mentions nobody and refers to nothing, for a title may become the subject of
// a commit.
func Line(text string, limit int) string {
	text = visible(withoutEscapes(text, tally{}), tally{})
	text = prose{all: true}.withoutReferences(strings.Join(strings.Fields(text), " "), "")
	text = strings.TrimLeft(text, "/")
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	runes := []rune(text)
	return strings.TrimRight(string(runes[:max(limit-1, 0)]), " \u200c\u200d\ufe0e") + "…"
}
