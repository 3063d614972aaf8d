package lease

import (
	"strings"
	"unicode/utf8"
)

// limit returns at most n bytes of a runner's text, readable: without what moves a
// terminal's cursor, and with a mark where it was cut.
func limit(s string, n int) string {
	s = plain(s)
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "\n[cut]"
	}
	return s
}

// cut returns the first n bytes of s in one line.
func cut(s string, n int) string {
	s = strings.NewReplacer("\n", " ", "\t", " ").Replace(plain(s))
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// code keeps of a runner's word only what a code is made of.
func code(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return -1
	}, s)
	if s == "" || len(s) > 40 {
		return "RUN_FAILED"
	}
	return s
}

const (
	escape = '\x1b'
	csi    = '\u009b' // escape and "[" in one
	osc    = '\u009d' // escape and "]" in one
)

// plain removes terminal sequences and every control character but line ends and
// tabs. Bytes that are no UTF-8 become U+FFFD.
func plain(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !strings.ContainsFunc(s, isControl) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		switch {
		case r == escape && len(s) > 0:
			s = s[sequence(s):]
		case r == csi:
			s = s[parameters(s):]
		case r == osc:
			s = s[toTerminator(s):]
		case r == '\r':
			if !strings.HasPrefix(s, "\n") {
				b.WriteByte('\n')
			}
		case !isControl(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isControl(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0
}

// sequence is the length of what belongs to an escape in front of s.
func sequence(s string) int {
	switch c := s[0]; {
	case c == '[':
		return 1 + parameters(s[1:])
	case strings.IndexByte("]PX^_", c) >= 0: // a text for the terminal, such as a title or a link
		return 1 + toTerminator(s[1:])
	case c >= ' ' && c <= '/':
		if n := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '/' }); n > 0 && s[n] < 0x7f {
			return n + 1
		}
		return 1
	case c >= '0' && c < 0x7f:
		return 1
	}
	return 0
}

// parameters is the length of a control sequence's parameters and its last byte.
func parameters(s string) int {
	for i := 0; i < len(s) && i < 64; i++ {
		switch c := s[i]; {
		case c >= '@' && c <= '~':
			return i + 1
		case c < ' ' || c > '?':
			return i
		}
	}
	return 0
}

// toTerminator is the length of a text for the terminal with its end. One without
// an end would swallow all that follows, so only its beginning is dropped.
func toTerminator(s string) int {
	line := s[:min(len(s), 4096)]
	if n := strings.IndexByte(line, '\n'); n >= 0 {
		line = line[:n]
	}
	for _, end := range []string{"\a", "\x1b\\", "\u009c"} {
		if n := strings.Index(line, end); n >= 0 {
			return n + len(end)
		}
	}
	return 0
}
