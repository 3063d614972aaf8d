package github

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sizes that GitHub accepts, in characters.
const (
	MaxBody  = 65_536 // of a comment, an issue or a pull request
	MaxCheck = 65_535 // of a check run's summary, and of its text
	MaxTitle = 256    // of a pull request; we keep a check run's to the same

	MaxAnnotations = 50 // of a check run, in one request

	maxAnnotation      = 16_000 // GitHub takes 64 KB, of which a character may need four
	maxAnnotationTitle = 255

	maxMessage = 300 // of GitHub's words in an error
)

// Fit returns text cut to max characters as GitHub counts them: whole if it
// fits, else cut between runes, at a line's end if one is near, with an open code
// fence closed and more, a line such as a link to the rest, put at the end.
func Fit(text string, max int, more string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if units(text) <= max {
		return text
	}
	if more != "" {
		more = "\n\n" + more
	}
	room := max - units(more) - units(ellipsis)
	if room < 0 {
		return prefix(text, max)
	}
	cut := prefix(text, room)
	if nl := strings.LastIndexByte(cut, '\n'); nl > len(cut)-len(cut)/8 {
		cut = cut[:nl]
	}
	for {
		closing := openFence(cut + ellipsis)
		if closing != "" {
			closing = "\n" + closing
		}
		if units(cut)+units(closing) <= room {
			return cut + ellipsis + closing + more
		}
		cut = prefix(cut, room-units(closing)) // shorter each time round
	}
}

const ellipsis = "…"

// units counts characters as UTF-16 does: no counting that GitHub might use for
// its limits comes to more, but for bytes.
func units(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

func prefix(s string, max int) string {
	n := 0
	for i, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
		if n > max {
			return s[:i]
		}
	}
	return s
}

// openFence returns the fence that a Markdown text leaves open, or "".
func openFence(s string) string {
	open := ""
	for line := range strings.Lines(s) {
		line = strings.TrimLeft(line, " ")
		run := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		if run == "" {
			run = line[:len(line)-len(strings.TrimLeft(line, "~"))]
		}
		switch {
		case len(run) < 3:
		case open == "":
			open = run
		case run[0] == open[0] && len(run) >= len(open) && strings.TrimSpace(line[len(run):]) == "":
			open = ""
		}
	}
	return open
}

// clean makes text from outside fit for an error or a log line: one line, no
// control or invisible formatting characters, at most max characters.
func clean(s string, max int) string {
	if len(s) > 8*max {
		s = s[:8*max]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case r == utf8.RuneError, !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if cut := prefix(s, max-1); len(cut) < len(s) && units(s) > max {
		return cut + "…"
	}
	return s
}

// quoted makes GitHub's words fit for a sentence that people read in Markdown:
// nothing in it opens code, a tag, a link or a mention.
func quoted(s string) string {
	return "“" + strings.NewReplacer("`", "'", "<", "‹", ">", "›", "[", "(", "]", ")", "|", "/", "@", "(at)", "*", "").Replace(s) + "”"
}
