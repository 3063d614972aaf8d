package intake

import (
	"regexp"
	"strings"
)

// What a line looks like, by itself, to the block structure.

func isBlank(line string) bool { return strings.TrimLeft(line, " ") == "" }

// startsBlock reports whether line begins something that interrupts a paragraph.
func startsBlock(line string) bool {
	text := strings.TrimLeft(line, " ")
	if text == "" || len(line)-len(text) >= 4 {
		return false
	}
	_, item := opensItem(text, true)
	_, html := opensMarkup(text, true)
	return item || html || text[0] == '>' || opensFence(text) != "" || isBreak(text) || isHeading(text)
}

// opensFence returns the run of backticks or tildes that opens fenced code, or "".
func opensFence(text string) string {
	n := len(text) - len(strings.TrimLeft(text, text[:1]))
	if n < 3 || (text[0] != '`' && text[0] != '~') {
		return ""
	}
	if text[0] == '`' && strings.Contains(text[n:], "`") {
		return "" // inline code
	}
	return text[:n]
}

func closesFence(line, opened string) bool {
	text := strings.TrimLeft(line, " ")
	if len(line)-len(text) > 3 {
		return false
	}
	rest := strings.TrimLeft(text, opened[:1])
	return len(text)-len(rest) >= len(opened) && strings.TrimSpace(rest) == ""
}

var (
	breakLine     = regexp.MustCompile(`^(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})$`)
	headingLine   = regexp.MustCompile(`^#{1,6}(?: |$)`)
	underlineLine = regexp.MustCompile(`^(?:=+|-+) *$`)
	itemMark      = regexp.MustCompile(`^(?:[-+*]|([0-9]{1,9})[.)])( +|$)`)
)

func isBreak(text string) bool     { return breakLine.MatchString(text) }
func isHeading(text string) bool   { return headingLine.MatchString(text) }
func isUnderline(text string) bool { return underlineLine.MatchString(text) }

// opensItem returns how wide a list item's mark is, with the spaces after it.
func opensItem(text string, inParagraph bool) (width int, ok bool) {
	m := itemMark.FindStringSubmatchIndex(text)
	if m == nil {
		return 0, false
	}
	empty := m[1] == len(text)
	if inParagraph && (empty || (m[2] >= 0 && text[m[2]:m[3]] != "1")) {
		return 0, false
	}
	// Five spaces or more begin indented code, one after the mark.
	if empty || m[5]-m[4] > 4 {
		return m[4] + 1, true
	}
	return m[1], true
}

// expandTabs sets tabs to stops of four columns, as Markdown counts them.
func expandTabs(line string) string {
	if !strings.Contains(line, "\t") {
		return line
	}
	var b strings.Builder
	column := 0
	for _, r := range line {
		if r == '\t' {
			n := 4 - column%4
			b.WriteString("    "[:n])
			column += n
			continue
		}
		b.WriteRune(r)
		column++
	}
	return b.String()
}
