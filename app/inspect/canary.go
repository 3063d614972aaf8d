package inspect

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// Canary is a secret of ours, to be found in whatever form it is written.
type Canary struct {
	Kind  string // what it is, as a person should be told: "the App's private key"
	Value string
}

// window is how many characters in a row give a canary away. A canary of which
// somebody cut off the ends, or which was cut in pieces, still has such a row.
const window = 16

// canaries finds secrets of ours in text. Only letters and digits count, so
// that quotes, signs, spaces and line breaks between the parts hide nothing.
type canaries struct {
	exact  map[string]string // windows of raw, reversed and base64 forms -> kind
	folded map[string]string // windows of hexadecimal forms, in lower case -> kind
}

func newCanaries(secrets []Canary) *canaries {
	c := &canaries{map[string]string{}, map[string]string{}}
	for _, secret := range secrets {
		value := core(secret.Value)
		if len(squeeze([]byte(value))) < window {
			continue // too short to be told from ordinary words
		}
		cut(c.exact, value, secret.Kind)
		backwards := []byte(value)
		slices.Reverse(backwards)
		cut(c.exact, string(backwards), secret.Kind)
		cut(c.folded, hex.EncodeToString([]byte(value)), secret.Kind)
		// In base64 the same bytes look different by where they begin.
		for shift := range 3 {
			encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + value))
			cut(c.exact, encoded[min(4, len(encoded)):len(encoded)-2], secret.Kind)
		}
	}
	return c
}

// core drops what many secrets of the same kind have in common: the frame of a
// PEM block and the first bytes in it.
func core(value string) string {
	if !strings.Contains(value, "-----BEGIN") {
		return value
	}
	var b strings.Builder
	for line := range strings.Lines(value) {
		if !strings.HasPrefix(line, "-----") {
			b.WriteString(strings.TrimSpace(line))
		}
	}
	body := b.String()
	return body[min(48, len(body)):]
}

// cut files kind under each window of form.
func cut(into map[string]string, form, kind string) {
	form = string(squeeze([]byte(form)))
	for i := 0; i+window <= len(form); i++ {
		into[form[i:i+window]] = kind
	}
}

// squeeze returns the letters and digits of text.
func squeeze(text []byte) []byte {
	squeezed := make([]byte, 0, len(text))
	for _, c := range text {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			squeezed = append(squeezed, c)
		}
	}
	return squeezed
}

// find returns the kind of the first canary in text and the line it is on,
// counted from 1, or "".
func (c *canaries) find(text []byte) (kind string, line int) {
	if len(c.exact) == 0 {
		return "", 0
	}
	squeezed := squeeze(text)
	lower := []byte(strings.ToLower(string(squeezed)))
	for i := 0; i+window <= len(squeezed); i++ {
		kind, ok := c.exact[string(squeezed[i:i+window])]
		if !ok {
			kind, ok = c.folded[string(lower[i:i+window])]
		}
		if ok {
			return kind, lineOf(text, i)
		}
	}
	return "", 0
}

// lineOf returns the line of the nth letter or digit of text.
func lineOf(text []byte, n int) int {
	line := 1
	for _, c := range text {
		if c == '\n' {
			line++
		}
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			if n--; n < 0 {
				break
			}
		}
	}
	return line
}
