package sanitize

import (
	"strings"
	"unicode/utf8"
)

// Line returns text as a title: one line of at most limit characters that
// mentions nobody and refers to nothing, for a title may become the subject of
// a commit. It may also stand in the middle of a line of Markdown.
func Line(text string, limit int) string {
	text = visible(withoutEscapes(text, tally{}), tally{})
	text = prose{all: true}.withoutReferences(strings.Join(strings.Fields(text), " "), "")
	// Signs that make HTML, entities, links and pictures give way to others
	// that look alike.
	text = angle.ReplaceAllString(text, "\uff1c$1")
	text = entity.ReplaceAllString(text, "\uff06$1")
	text = strings.NewReplacer("](", "\uff3d(", "![", "!\uff3b").Replace(text)
	text = strings.TrimLeft(text, "/ ")
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	runes := []rune(text)
	return strings.TrimRight(string(runes[:max(limit-1, 0)]), " \u200c\u200d\ufe0e") + "…"
}
