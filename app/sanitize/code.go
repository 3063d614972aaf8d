package sanitize

import (
	"regexp"
	"strings"
)

// region is a part of a text, from one byte to before another.
type region struct{ from, to int }

// codeIn returns the parts of a Markdown text that are code beyond doubt, in
// order: blocks fenced from the first column, and spans within a line. As soon
// as it meets a fence that might be read in two ways, it finds no more blocks:
// taking one for an opening that closes would turn the whole rest around.
func codeIn(text string) []region {
	var found []region
	var open string     // the fence of the block that we are in
	var start int       // where that block begins
	html := htmlState{} // HTML around the line
	certain := true     // no doubtful fence yet
	paragraph := true   // no backtick or angle bracket in the paragraph so far
	for at := 0; at < len(text); {
		end := at + strings.IndexByte(text[at:], '\n') + 1
		if end <= at {
			end = len(text)
		}
		line := strings.TrimRight(text[at:end], "\n")
		fence, info := fenceOf(line)
		switch {
		case open != "":
			if closes(line, open) {
				found = append(found, region{start, at + len(line)})
				open = ""
			}
			paragraph = true
		case fence != "" && certain && line[0] == fence[0] && !strings.Contains(info, "`") && !html.near():
			open, start = fence, at
		case fence != "" || strings.Contains(line, "```") || strings.Contains(line, "~~~"):
			certain = false
			paragraph = false
		case strings.TrimSpace(line) == "":
			paragraph = true
		default:
			if certain && paragraph && !html.near() {
				found = append(found, spansIn(line, at)...)
			}
			if strings.ContainsAny(strings.TrimSpace(line), "`<\\") {
				paragraph = false
			}
		}
		if open == "" {
			html.read(line)
		}
		at = end
	}
	if open != "" {
		found = append(found, region{start, len(text)})
	}
	return found
}

var fenceLine = regexp.MustCompile("^[ \t>*+\\-0-9.)]*?(`{3,}|~{3,})(.*)$")

// fenceOf returns the fence on a line that might open or close a block,
// whatever it is nested in, and what follows it.
func fenceOf(line string) (fence, info string) {
	m := fenceLine.FindStringSubmatch(line)
	if m == nil {
		return "", ""
	}
	return m[1], m[2]
}

// closes says whether line closes the block opened by open.
func closes(line, open string) bool {
	trimmed := strings.TrimLeft(line, " ")
	if len(line)-len(trimmed) > 3 {
		return false
	}
	rest := strings.TrimLeft(trimmed, open[:1])
	return len(trimmed)-len(rest) >= len(open) && strings.Trim(rest, " \t") == ""
}

// spansIn returns the code spans of a line, as long as nothing before them on
// the line could change what they are.
func spansIn(line string, at int) []region {
	var found []region
	for i := 0; i < len(line); {
		from := strings.IndexAny(line[i:], "`<\\")
		if from < 0 || line[i+from] != '`' {
			break
		}
		from += i
		run := len(line[from:]) - len(strings.TrimLeft(line[from:], "`"))
		to := -1
		for j := from + run; j < len(line); {
			next := strings.IndexByte(line[j:], '`')
			if next < 0 {
				break
			}
			j += next
			length := len(line[j:]) - len(strings.TrimLeft(line[j:], "`"))
			if length == run {
				to = j + run
				break
			}
			j += length
		}
		if to < 0 {
			break
		}
		found = append(found, region{at + from, at + to})
		i = to
	}
	return found
}

// prose changes a Markdown text outside of its code.
type prose struct {
	// all treats everything as prose.
	all bool
}

// replace calls change with each match of re that does not begin in code, and
// puts what it returns in the match's place. The match is text[m[0]:m[1]].
func (p prose) replace(text string, re *regexp.Regexp, change func(text string, m []int) string) string {
	var code []region
	if !p.all {
		code = codeIn(text)
	}
	var b strings.Builder
	done := 0
	for at := 0; at <= len(text); {
		m := re.FindStringSubmatchIndex(text[at:])
		if m == nil {
			break
		}
		for i := range m {
			if m[i] >= 0 {
				m[i] += at
			}
		}
		for len(code) > 0 && code[0].to <= m[0] {
			code = code[1:]
		}
		if len(code) > 0 && code[0].from <= m[0] {
			at = code[0].to
			continue
		}
		b.WriteString(text[done:m[0]])
		b.WriteString(change(text, m))
		done = m[1]
		at = max(m[1], at+1)
	}
	b.WriteString(text[done:])
	return b.String()
}

// lineStart says whether text[:at] ends where a line begins, or in the spaces
// and the signs of quotes and lists at its beginning.
func lineStart(text string, at int) bool {
	line := text[strings.LastIndexByte(text[:at], '\n')+1 : at]
	return strings.Trim(line, " \t>*+-0123456789.)") == ""
}
