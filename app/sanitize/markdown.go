package sanitize

import (
	"regexp"
	"strings"
)

var (
	angle   = regexp.MustCompile(`<([A-Za-z/!?])`)
	entity  = regexp.MustCompile(`&(#?[A-Za-z0-9]+;)`)
	image   = regexp.MustCompile(`!\[`)
	drawing = regexp.MustCompile("(?im)^([ \t>*+\\-0-9.)]*(?:`{3,}|~{3,})[ \t]*)(?:mermaid|geojson|topojson|stl)\\b")
	slash   = regexp.MustCompile(`(?m)^([ \t>*+\-]*)/([A-Za-z][A-Za-z0-9_-]*(?:[ \t]|$))`)
	// harmless are the entities that stand for themselves when they are read
	// as text: none can become part of a name or a number.
	harmless = regexp.MustCompile(`^(?:amp|lt|gt|quot|apos|nbsp|hellip|mdash|ndash|copy|middot|times);$`)
)

// Markdown returns text as it can be published on GitHub under our name.
// People see what was written, and nothing more happens: nobody is mentioned
// but keepMention (a login without @, or empty), no issue is referred to or
// closed, no other bot is commanded, no picture is loaded, and nothing is
// hidden. See the package comment for where the result may be put.
func Markdown(text, keepMention string) string {
	text = visible(withoutEscapes(text, tally{}), tally{})
	text = settle(text, func(p prose, text string) string {
		text = p.shown(text, tally{})
		text = p.replace(text, angle, func(text string, m []int) string { return "&lt;" + text[m[2]:m[3]] })
		text = p.replace(text, entity, func(text string, m []int) string {
			if harmless.MatchString(text[m[2]:m[3]]) {
				return text[m[0]:m[1]]
			}
			return "&amp;" + text[m[2]:m[3]]
		})
		text = p.replace(text, image, func(string, []int) string { return "[" })
		text = p.withoutReferences(text, keepMention)
		text = drawing.ReplaceAllString(text, "${1}text")
		// Other bots read the source and know no code.
		return slash.ReplaceAllString(text, `$1\/$2`)
	})
	return strings.TrimRight(text, "\n ")
}
