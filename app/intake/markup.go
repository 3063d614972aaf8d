package intake

import (
	"regexp"
	"strings"
)

var (
	verbatimTag = regexp.MustCompile(`(?i)^<(?:script|pre|style|textarea)(?:[\s>]|$)`)
	verbatimEnd = regexp.MustCompile(`(?i)</(?:script|pre|style|textarea)>`)
	declaration = regexp.MustCompile(`^<![A-Za-z]`)
	blockTag    = regexp.MustCompile(`(?i)^</?(?:` + strings.Join([]string{
		"address", "article", "aside", "base", "basefont", "blockquote", "body", "caption", "center", "col", "colgroup",
		"dd", "details", "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "frame",
		"frameset", "h[1-6]", "head", "header", "hr", "html", "iframe", "legend", "li", "link", "main", "menu", "menuitem",
		"nav", "noframes", "ol", "optgroup", "option", "p", "param", "search", "section", "summary", "table", "tbody", "td",
		"tfoot", "th", "thead", "title", "tr", "track", "ul",
	}, "|") + `)(?:\s|/?>|$)`)
	anyTag  = `<(?:[A-Za-z][A-Za-z0-9-]*(?:\s+[A-Za-z_:][A-Za-z0-9_.:-]*(?:\s*=\s*(?:[^\s"'=<>` + "`" + `]+|'[^']*'|"[^"]*"))?)*\s*/?|/[A-Za-z][A-Za-z0-9-]*\s*)>`
	tagLine = regexp.MustCompile(`^` + anyTag + `\s*$`)
)

// opensMarkup reports whether text begins a block of HTML, and when that ends.
// Ends is asked about the first line too.
func opensMarkup(text string, inParagraph bool) (ends func(line string) bool, ok bool) {
	until := func(mark string) func(string) bool {
		return func(line string) bool { return strings.Contains(line, mark) }
	}
	switch {
	case text[0] != '<':
		return nil, false
	case strings.HasPrefix(text, "<!--"):
		return until("-->"), true
	case strings.HasPrefix(text, "<?"):
		return until("?>"), true
	case strings.HasPrefix(text, "<![CDATA["):
		return until("]]>"), true
	case declaration.MatchString(text):
		return until(">"), true
	case verbatimTag.MatchString(text):
		return verbatimEnd.MatchString, true
	case blockTag.MatchString(text):
		return isBlank, true
	case !inParagraph && tagLine.MatchString(text):
		return isBlank, true
	}
	return nil, false
}
