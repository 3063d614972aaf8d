package sanitize

import (
	"regexp"
	"strings"
)

var (
	htmlOpen = regexp.MustCompile(`(?i)<(?:!--|\?|!\[CDATA\[|![a-z]|(?:pre|script|style|textarea)\b)`)
	htmlTag  = regexp.MustCompile(`<[A-Za-z/!?]`)
	openTag  = regexp.MustCompile(`^<([A-Za-z][A-Za-z0-9-]*)((?:[\s/]+[^\s<>"'=` + "`" + `/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>` + "`" + `]+))?)*)\s*(/?)>`)
	address  = regexp.MustCompile(`(?i)[\s/](href|src)\s*=\s*("[^"\s<>]*"|'[^'\s<>]*'|[^\s"'=<>` + "`" + `]+)`)
)

// htmlState knows whether what follows may be inside of an HTML block.
type htmlState struct {
	until string // what ends the element or comment that is open
	tag   bool   // something like a tag since the last blank line
}

func (h *htmlState) near() bool { return h.until != "" || h.tag }

// read takes notice of a line.
func (h *htmlState) read(line string) {
	if strings.TrimSpace(line) == "" {
		h.tag = false
	}
	h.feed(line)
}

// feed takes notice of a part of a line.
func (h *htmlState) feed(part string) {
	part = strings.ToLower(part)
	if htmlTag.MatchString(part) {
		h.tag = true
	}
	for {
		if h.until != "" {
			i := strings.Index(part, h.until)
			if i < 0 {
				return
			}
			part, h.until = part[i+len(h.until):], ""
		}
		at := htmlOpen.FindStringIndex(part)
		if at == nil {
			return
		}
		switch opener := part[at[0]:at[1]]; {
		case opener == "<!--":
			h.until = "-->"
		case opener == "<?":
			h.until = "?>"
		case opener == "<![cdata[":
			h.until = "]]>"
		case opener[1] == '!':
			h.until = ">"
		default:
			h.until = "</" + opener[1:]
		}
		part = part[at[1]:]
	}
}

// htmlWalk tells the state of HTML at growing places of a text.
type htmlWalk struct {
	text  string
	at    int // read up to here
	line  int // beginning of the line that at is on
	state htmlState
}

func (w *htmlWalk) near(to int) bool {
	for w.at < to {
		end := strings.IndexByte(w.text[w.at:to], '\n')
		if end < 0 {
			w.state.feed(w.text[w.at:to])
			w.at = to
			break
		}
		end += w.at
		w.state.feed(w.text[w.at:end])
		if strings.TrimSpace(w.text[w.line:end]) == "" {
			w.state.tag = false
		}
		w.at, w.line = end+1, end+1
	}
	return w.state.near()
}

// tags leaves of HTML tags only their names and the addresses in them. What
// begins like a tag or a comment and never ends is text in the middle of a
// paragraph; at the beginning of a line or inside HTML it hides the whole rest,
// which is therefore cut off.
func (p prose) tags(text string, count tally) string {
	var code []region
	if !p.all {
		code = codeIn(text)
	}
	html := &htmlWalk{text: text}
	var b strings.Builder
	done := 0
	for at := 0; at < len(text); {
		next := htmlTag.FindStringIndex(text[at:])
		if next == nil {
			break
		}
		from := at + next[0]
		for len(code) > 0 && code[0].to <= from {
			code = code[1:]
		}
		if len(code) > 0 && code[0].from <= from {
			at = code[0].to
			continue
		}
		raw := html.near(from) || lineStart(text, from)
		if m := openTag.FindStringSubmatchIndex(text[from:]); m != nil {
			tag, why := plainTag(text[from:from+m[1]], text[from+m[2]:from+m[3]], text[from+m[4]:from+m[5]], text[from+m[6]:from+m[7]])
			if why != "" {
				count[why]++
				b.WriteString(text[done:from] + tag)
				done = from + m[1]
			}
			at = from + m[1]
			continue
		}
		if !raw {
			at = from + 1
			continue
		}
		tag, end := rawTag(text[from:])
		if end < 0 {
			count["HTML without end"]++
			b.WriteString(text[done:from])
			return b.String()
		}
		end += from
		if tag != text[from:end] {
			count["HTML attribute"]++
			b.WriteString(text[done:from] + tag)
			done = end
		}
		at = end
	}
	b.WriteString(text[done:])
	return b.String()
}

// plainTag returns what is left of a well-formed tag, and what was taken, if
// anything was.
func plainTag(whole, name, attributes, slash string) (tag, why string) {
	if len(name) > 20 || strings.Contains(name, "-") {
		return "", "HTML tag"
	}
	kept := ""
	for _, a := range address.FindAllStringSubmatch(attributes, -1) {
		kept += " " + strings.ToLower(a[1]) + "=" + a[2]
	}
	if strings.Join(strings.Fields(kept), " ") == strings.Join(strings.Fields(attributes), " ") {
		return whole, ""
	}
	return "<" + name + kept + slash + ">", "HTML attribute"
}

// rawTag reads a tag as a browser does, however malformed, and returns what is
// to be left of it and where it ends, or -1 if it does not.
func rawTag(text string) (tag string, end int) {
	i := 1
	if text[i] == '/' {
		i++
	}
	start := i
	for i < len(text) && (text[i] == '-' || text[i] >= '0' && text[i] <= '9' || text[i]|0x20 >= 'a' && text[i]|0x20 <= 'z') {
		i++
	}
	if i == start || i-start > 20 { // <!…, <?…, </ …: a comment to a browser
		if end := strings.IndexByte(text, '>'); end >= 0 {
			return "", end + 1
		}
		return "", -1
	}
	tag = text[:i] + ">"
	for i < len(text) {
		switch text[i] {
		case '>':
			return tag, i + 1
		case '=':
			i++
			for i < len(text) && strings.IndexByte(" \t\n", text[i]) >= 0 {
				i++
			}
			if i == len(text) {
				return tag, -1
			}
			if quote := text[i]; quote == '"' || quote == '\'' {
				n := strings.IndexByte(text[i+1:], quote)
				if n < 0 {
					return tag, -1
				}
				i += n + 2
				continue
			}
			for i < len(text) && strings.IndexByte(" \t\n>", text[i]) < 0 {
				i++
			}
		default:
			i++
		}
	}
	return tag, -1
}
