package intake

import (
	"regexp"
	"strings"
)

// kind is what a line of a comment is to its readers.
type kind int

const (
	plain  kind = iota // the author's own text
	quoted             // somebody else's words
	code
	hidden // HTML, of which readers see something else or nothing
)

// blockLine is one line of a comment, as Markdown's block structure has it.
type blockLine struct {
	kind      kind
	text      string // without the marks of the containers around it
	paragraph int    // lines of one paragraph share a number; 0 for none
}

// blocks follows the part of GitHub's Markdown that decides what a line is:
// block quotes with their lazy continuation, lists (because code in them ends
// with them), fenced and indented code, and HTML. Where it is simpler than the
// specification it errs towards "not plain": a command that is not taken can be
// posted again, and one that was only quoted cannot be taken back.
type blocks struct {
	root       block
	paragraphs int
	// depth counts quotes and code that were opened by HTML and are not closed:
	// what Markdown makes of the lines between is still shown inside them.
	depth int
}

// block is a container: the document, a block quote or a list item.
type block struct {
	quote  bool
	offset int // of a list item's content

	child *block // the open container inside, if any
	leaf  leaf   // else what is open here

	fence     string                 // the characters that opened the fence
	ends      func(line string) bool // whether line ends the open HTML
	paragraph int
}

type leaf int

const (
	none leaf = iota
	paragraph
	fence
	markup
)

// readBlocks says what each line of text is.
func readBlocks(lines []string) []blockLine {
	b := &blocks{}
	out := make([]blockLine, len(lines))
	for i, line := range lines {
		open := b.depth > 0
		out[i] = b.line(&b.root, expandTabs(line), 0)
		if out[i].kind == hidden {
			b.depth = max(0, b.depth+len(opensQuote.FindAllString(line, -1))-len(closesQuote.FindAllString(line, -1)))
		} else if open && out[i].kind == plain {
			out[i].kind = quoted
		}
	}
	return out
}

var (
	opensQuote  = regexp.MustCompile(`(?i)<(?:blockquote|code|samp|kbd)[\s>]`)
	closesQuote = regexp.MustCompile(`(?i)</(?:blockquote|code|samp|kbd)\s*>`)
)

// maxContainers bounds nesting. What is deeper is nobody's command.
const maxContainers = 50

// line takes one line into container c and says what it is.
func (b *blocks) line(c *block, line string, depth int) blockLine {
	if depth > maxContainers {
		return blockLine{kind: quoted}
	}
	if c.child != nil {
		if rest, ok := c.child.strip(line); ok {
			return c.child.mark(b.line(c.child, rest, depth+1))
		}
		if c.child.openParagraph() > 0 && !isBlank(line) && !startsBlock(line) {
			return c.lazy(line)
		}
		c.child = nil
	}
	switch c.leaf {
	case fence:
		if closesFence(line, c.fence) {
			c.leaf = none
		}
		return blockLine{kind: code}
	case markup:
		if c.ends(line) {
			c.leaf = none
		}
		return blockLine{kind: hidden}
	}
	return b.start(c, line, depth)
}

// start takes a line that no open block has claimed.
func (b *blocks) start(c *block, line string, depth int) blockLine {
	text := strings.TrimLeft(line, " ")
	indent := len(line) - len(text)
	inParagraph := c.leaf == paragraph
	switch {
	case text == "":
		c.leaf = none
		return blockLine{kind: plain}
	case indent >= 4 && inParagraph:
		// It continues the paragraph, but it looks like code to its writer.
		return blockLine{kind: code, text: text, paragraph: c.paragraph}
	case indent >= 4:
		return blockLine{kind: code}
	}
	if f := opensFence(text); f != "" {
		c.leaf, c.fence = fence, f
		return blockLine{kind: code}
	}
	if ends, ok := opensMarkup(text, inParagraph); ok {
		c.leaf, c.ends = markup, ends
		if ends(text) {
			c.leaf = none
		}
		return blockLine{kind: hidden}
	}
	switch {
	case text[0] == '>':
		c.leaf, c.child = none, &block{quote: true}
		rest, _ := c.child.strip(line)
		return c.child.mark(b.line(c.child, rest, depth+1))
	case isBreak(text), isHeading(text), inParagraph && isUnderline(text):
		c.leaf = none
		return blockLine{kind: plain, text: text}
	}
	if width, ok := opensItem(text, inParagraph); ok {
		c.leaf, c.child = none, &block{offset: indent + width}
		rest := ""
		if len(text) > width {
			rest = text[width:]
		}
		return b.line(c.child, rest, depth+1)
	}
	if !inParagraph {
		b.paragraphs++
		c.leaf, c.paragraph = paragraph, b.paragraphs
	}
	return blockLine{kind: plain, text: text, paragraph: c.paragraph}
}

// strip takes c's own mark off line, or says that line is not inside c.
func (c *block) strip(line string) (string, bool) {
	text := strings.TrimLeft(line, " ")
	indent := len(line) - len(text)
	if c.quote {
		if indent > 3 || !strings.HasPrefix(text, ">") {
			return "", false
		}
		return strings.TrimPrefix(text[1:], " "), true
	}
	switch {
	case text == "":
		return "", true
	case indent >= c.offset:
		return line[c.offset:], true
	}
	return "", false
}

// mark makes plain lines inside a quote quoted ones.
func (c *block) mark(l blockLine) blockLine {
	if c.quote && l.kind == plain {
		l.kind = quoted
	}
	return l
}

// openParagraph returns the number of the paragraph at the end of c, or 0.
func (c *block) openParagraph() int {
	if c.child != nil {
		return c.child.openParagraph()
	}
	if c.leaf == paragraph {
		return c.paragraph
	}
	return 0
}

// lazy takes a line that continues the paragraph at the end of c's containers
// though it lacks their marks: the words belong to the quote above them.
func (c *block) lazy(line string) blockLine {
	l := blockLine{kind: plain, text: strings.TrimLeft(line, " "), paragraph: c.openParagraph()}
	for inner := c.child; inner != nil; inner = inner.child {
		l = inner.mark(l)
	}
	return l
}
