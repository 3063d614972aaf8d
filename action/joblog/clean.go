package joblog

import (
	"strings"
	"unicode/utf8"
)

// Clean returns text fit for a terminal, a log and a page: no escape sequences,
// no control characters but newline and tab, no characters that reorder text,
// valid UTF-8. A lone carriage return, with which programs draw over a line,
// becomes a newline, so that nothing can be drawn over.
func Clean(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == 0x1b || r == 0x9b || r == 0x9d || r == 0x90:
			n = sequence(text[i:], r, n)
		case r == '\r':
			if !strings.HasPrefix(text[i+1:], "\n") && i+1 < len(text) {
				b.WriteByte('\n')
			}
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case r < 0x20, r >= 0x7f && r <= 0x9f:
		case r == 0x2028 || r == 0x2029:
			b.WriteByte('\n')
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c, r == 0xfeff:
		case r == utf8.RuneError && n == 1:
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

// sequence returns the length of the escape sequence that s begins with, by
// ECMA-48: ESC [ parameters final, or a string that BEL or ST ends, or ESC and
// intermediates and a final. A string without an end is only its introducer:
// else one byte could swallow the rest of a log.
func sequence(s string, first rune, n int) int {
	kind := first
	if first == 0x1b {
		if len(s) < 2 {
			return 1
		}
		n = 2
		switch s[1] {
		case '[':
			kind = 0x9b
		case ']', 'P', '^', '_', 'X':
			kind = 0x9d
		default:
			for n-1 < len(s) && s[n-1] >= 0x20 && s[n-1] <= 0x2f {
				n++
			}
			if n > len(s) || s[n-1] < 0x20 || s[n-1] > 0x7e {
				n-- // what should end it is none of its own
			}
			return max(1, min(n, len(s)))
		}
	}
	if kind == 0x9b {
		for n < len(s) && s[n] >= 0x20 && s[n] <= 0x3f {
			n++
		}
		if n < len(s) && s[n] >= 0x40 && s[n] <= 0x7e {
			n++
		}
		return n
	}
	for i := n; i < len(s) && s[i] != '\n'; i++ {
		switch {
		case s[i] == 0x07:
			return i + 1
		case s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\':
			return i + 2
		case strings.HasPrefix(s[i:], "\u009c"):
			return i + len("\u009c")
		}
	}
	return n
}

// Tail returns the last limit bytes of text, cut at a line where there is one.
func Tail(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	text = text[len(text)-limit:]
	if i := strings.IndexByte(text, '\n'); i >= 0 && i < len(text)/2 {
		return text[i+1:]
	}
	for len(text) > 0 && !utf8.RuneStart(text[0]) {
		text = text[1:]
	}
	return text
}
