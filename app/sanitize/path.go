package sanitize

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pathLimit is how much of a path is shown.
const pathLimit = 160

// Path returns a file's path as it can be shown anywhere: letters, digits and
// the harmless signs of paths stay, everything else is escaped as in a Go
// string, so that two different paths never look the same.
func Path(path string) string {
	var b strings.Builder
	for i, r := range path {
		if b.Len() > pathLimit {
			b.WriteString("…")
			break
		}
		switch {
		case r == utf8.RuneError && strings.IndexByte(path[i:], path[i]) == 0 && !strings.HasPrefix(path[i:], "\uFFFD"):
			b.WriteString(`\x` + strconv.FormatUint(uint64(path[i]), 16))
		case strings.ContainsRune("/._-+,=~()[] ", r), r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(r)
		case r >= utf8.RuneSelf && unicode.IsLetter(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			quoted = quoted[1 : len(quoted)-1]
			if quoted == string(r) { // an ASCII sign with a meaning in Markdown or HTML
				quoted = `\x` + strconv.FormatInt(int64(r), 16)
			}
			b.WriteString(quoted)
		}
	}
	return b.String()
}
