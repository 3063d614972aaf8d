package redact

import (
	"math"
	"regexp"
	"slices"
	"strings"
)

// span is a secret in a text.
type span struct{ from, to int }

// Lines redacts one line after another, without their ends. It remembers whether
// they are in the middle of a private key. It is not safe for concurrent use.
type Lines struct {
	set   *Set
	inKey int // lines of a key so far; 0 outside
	lower []byte
	hit   []bool // of rules, for one line
}

// NewLines returns what redacts the secrets of s.
func NewLines(s *Set) *Lines { return &Lines{set: s} }

// Line returns line with every secret replaced.
func (l *Lines) Line(line string) string {
	if l.keyBody(line) {
		return Mark
	}
	spans := l.find(line, true)
	if len(spans) == 0 {
		return line
	}
	return replaced(line, spans)
}

func replaced(text string, spans []span) string {
	var b strings.Builder
	b.Grow(len(text))
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s.from])
		b.WriteString(Mark)
		at = s.to
	}
	b.WriteString(text[at:])
	return b.String()
}

// find returns where the secrets of a part of one line are, in order, none touching
// the other. Whole tells that it is all of the line.
func (l *Lines) find(text string, whole bool) []span {
	var spans []span
	l.lower = appendLower(l.lower[:0], text)
	if known := l.set.known.Load(); known != nil {
		known.find.Walk(l.lower, func(end, n, beginning int64) bool {
			from := int(end - n + 1)
			for _, i := range known.of[beginning] {
				f, to := known.forms[i], from+len(known.forms[i].text)
				if to <= len(text) && (text[from:to] == f.text || f.fold && strings.EqualFold(text[from:to], f.text)) {
					spans = append(spans, span{from, to})
				}
			}
			return true
		})
	}
	r := shapes()
	if len(l.hit) != len(r.all) {
		l.hit = make([]bool, len(r.all))
	}
	var candidates []int
	r.find.Walk(l.lower, func(_, _, keyword int64) bool {
		for _, i := range r.of[keyword] {
			if !l.hit[i] {
				l.hit[i] = true
				candidates = append(candidates, i)
			}
		}
		return true
	})
	for _, i := range candidates {
		l.hit[i] = false
		for _, match := range r.all[i].expression().FindAllStringSubmatchIndex(text, -1) {
			if from, to := r.all[i].secret(match); to > from && bits(text[from:to]) >= r.all[i].entropy {
				spans = append(spans, span{from, to})
			}
		}
	}
	if at := l.keyBegins(text, whole); at >= 0 {
		spans = append(spans, span{at, len(text)})
	}
	return joined(spans)
}

// joined sorts spans and makes one of those that overlap.
func joined(spans []span) []span {
	if len(spans) < 2 {
		return spans
	}
	slices.SortFunc(spans, func(a, b span) int {
		if a.from != b.from {
			return a.from - b.from
		}
		return b.to - a.to
	})
	out := spans[:1]
	for _, s := range spans[1:] {
		if last := &out[len(out)-1]; s.from < last.to {
			last.to = max(last.to, s.to)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// bits is how many bits of information each character of text carries by itself.
func bits(text string) float64 {
	var n [256]int
	for _, c := range []byte(text) {
		n[c]++
	}
	sum := 0.0
	for _, k := range n {
		if k > 0 {
			p := float64(k) / float64(len(text))
			sum -= p * math.Log2(p)
		}
	}
	return sum
}

func lower(text string) string { return string(appendLower(nil, text)) }

// appendLower makes small letters of capital ones in ASCII, so that every byte
// keeps its place.
func appendLower(to []byte, text string) []byte {
	to = append(to, text...)
	for i, c := range to {
		if c-'A' < 26 {
			to[i] = c + 'a' - 'A'
		}
	}
	return to
}

// Private keys have many lines, of which only the first tells what it is.
var (
	keyBegin = regexp.MustCompile(`-----BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----`)
	keyLine  = regexp.MustCompile(`^[A-Za-z0-9+/=]{1,100}$|^[A-Za-z-]{1,30}: [^ ]+.{0,60}$|^$`)
)

const longestKey = 400 // lines

// keyBegins returns where in a line a private key begins that does not end in it, or -1.
func (l *Lines) keyBegins(text string, whole bool) int {
	if !whole || !strings.Contains(text, "-----BEGIN") {
		return -1
	}
	at := keyBegin.FindStringIndex(text)
	if at == nil || strings.Contains(text[at[1]:], "-----END") {
		return -1
	}
	if rest := margin(text[at[1]:]); rest != "" && !keyLine.MatchString(rest) {
		return -1 // somebody writes about keys
	}
	l.inKey = 1
	return at[0]
}

// keyBody tells whether a line belongs to a key that began before it.
func (l *Lines) keyBody(line string) bool {
	if l.inKey == 0 {
		return false
	}
	if l.inKey++; l.inKey > longestKey {
		l.inKey = 0
		return false
	}
	if strings.Contains(line, "-----END") {
		l.inKey = 0
		return true
	}
	if !keyLine.MatchString(margin(line)) {
		l.inKey = 0
		return false
	}
	return true
}

// margin removes what programs put around lines that they quote.
func margin(line string) string { return strings.Trim(line, " \t\r|>#*+\"'`,;\\") }
