package sanitize

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	comment     = regexp.MustCompile(`(?s)<!--(?:-)?>|<!--.*?-->`)
	declaration = regexp.MustCompile(`(?s)<\?.*?\?>|<!\[CDATA\[.*?\]\]>|<![A-Za-z][^>]*>`)
	element     = regexp.MustCompile(`(?is)<script\b[^>]*>.*?</script\s*>|<style\b[^>]*>.*?</style\s*>`)
	picture     = regexp.MustCompile(`!\[([^\[\]]*)\]`)
	title       = regexp.MustCompile(`(\]\(\s*(?:<[^<>\n]*>|[^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*))\s+(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\((?:[^()\\]|\\.)*\))\s*\)`)
	definition  = regexp.MustCompile(`\[((?:[^\[\]\\]|\\.)+)\]:[ \t]*\n?[ \t]*(<[^<>\n]*>|[^\s<]\S*)((?:[ \t]+|[ \t]*\n[ \t]*)(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\((?:[^()\\]|\\.)*\))|[ \t]+[^\n]*)?`)
	bracketed   = regexp.MustCompile(`\[(?:[^\[\]\\]|\\.)+\]`)
	footnote    = regexp.MustCompile(`\[\^([^\s\[\]]+)\]:[^\n]*(?:\n[ \t]*[^\s][^\n]*)*`)
	fenceInfo   = regexp.MustCompile("(?m)^([ \t>*+\\-0-9.)]*(?:`{3,}|~{3,}))[ \t]*([^\n`]*[^\\s`])[ \t]*$")
	language    = regexp.MustCompile(`^[A-Za-z0-9_+#.-]{1,20}$`)
	plainWord   = regexp.MustCompile(`^[\pL\pN_.-]*$`)
)

// mostWord is how long a plain word is at most, in characters. It is not in the pattern,
// where each of a class of thousands would be kept so many times.
const mostWord = 24

// shown takes out of a Markdown text what its reader does not see: comments,
// attributes, titles, descriptions of pictures, definitions that nothing
// refers to, and what follows the language of a code block.
func (p prose) shown(text string, count tally) string {
	take := func(kind string) func(string, []int) string {
		return func(string, []int) string {
			count[kind]++
			return ""
		}
	}
	text = p.replace(text, comment, take("HTML comment"))
	text = p.replace(text, element, take("HTML element"))
	text = p.replace(text, declaration, take("HTML declaration"))
	text = p.tags(text, count)
	text = p.replace(text, picture, func(text string, m []int) string {
		if word := text[m[2]:m[3]]; utf8.RuneCountInString(word) <= mostWord && plainWord.MatchString(word) {
			return text[m[0]:m[1]]
		}
		count["image description"]++
		return "![]"
	})
	text = p.replace(text, title, func(text string, m []int) string {
		count["link title"]++
		return text[m[2]:m[3]] + ")"
	})
	used := labelsIn(text)
	text = p.replace(text, footnote, func(text string, m []int) string {
		if !lineStart(text, m[0]) || used["^"+strings.ToLower(text[m[2]:m[3]])] > 1 {
			return text[m[0]:m[1]]
		}
		count["unused footnote"]++
		return ""
	})
	used = labelsIn(text)
	text = p.replace(text, definition, func(text string, m []int) string {
		label := text[m[2]:m[3]]
		if !lineStart(text, m[0]) || strings.HasPrefix(label, "^") {
			return text[m[0]:m[1]]
		}
		if used[strings.ToLower(label)] < 2 {
			count["unused link definition"]++
			return ""
		}
		if m[6] >= 0 {
			count["link title"]++
		}
		return text[m[0]:m[5]]
	})
	return p.labels(text, count)
}

// labelsIn counts what stands in square brackets, without regard to case.
func labelsIn(text string) map[string]int {
	used := map[string]int{}
	for _, label := range bracketed.FindAllString(text, -1) {
		used[strings.ToLower(label[1:len(label)-1])]++
	}
	return used
}

// labels leaves of what follows the sign of a code block only its language.
// Lines within a block are not labels, whatever they look like.
func (p prose) labels(text string, count tally) string {
	var code []region
	if !p.all {
		code = codeIn(text)
	}
	var b strings.Builder
	done := 0
	for _, m := range fenceInfo.FindAllStringSubmatchIndex(text, -1) {
		for len(code) > 0 && code[0].to <= m[0] {
			code = code[1:]
		}
		label := text[m[4]:m[5]]
		if len(code) > 0 && code[0].from < m[0] || language.MatchString(label) {
			continue
		}
		first, _, _ := strings.Cut(strings.ReplaceAll(label, "\t", " "), " ")
		if !language.MatchString(first) {
			first = ""
		}
		count["code block label"]++
		b.WriteString(text[done:m[3]] + first)
		done = m[1]
	}
	return b.String() + text[done:]
}

// settle applies change until nothing changes any more: what is left when a
// part is taken out may be a whole again. Text that is made to go on for ever
// is treated as prose throughout, and in the end without the signs of markup.
func settle(text string, change func(prose, string) string) string {
	for round := range 24 {
		next := change(prose{all: round >= 8}, text)
		if next == text && (round < 8 || change(prose{}, text) == text) {
			return text
		}
		text = next
	}
	plain := strings.NewReplacer("<", "\uff1c", "[", "\uff3b", "`", "\uff40", "~", "\uff5e")
	return change(prose{all: true}, plain.Replace(text))
}
