package redact

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// form is one shape of a known value.
type form struct {
	text string
	fold bool // capital and small letters are the same in it
}

// longestForm bounds a form: a longer value is known by its parts.
const longestForm = overlap / 2

// formsOf returns the shapes of v.
func formsOf(v string) []form {
	const part = longestForm / 3 // percent-encoding makes three of one
	var out []form
	add := func(text string, fold bool) {
		if len(text) >= shortest {
			out = append(out, form{text, fold})
		}
	}
	for len(v) >= shortest {
		piece := v
		if len(v) > part {
			piece = v[:part]
		}
		v = v[len(piece):]
		add(piece, false)
		for _, encoded := range base64Of(piece) {
			add(encoded, false)
		}
		add(hex.EncodeToString([]byte(piece)), true)
		var percent strings.Builder
		for _, c := range []byte(piece) {
			fmt.Fprintf(&percent, "%%%02x", c)
		}
		add(percent.String(), true)
		if escaped := url.QueryEscape(piece); escaped != piece {
			add(escaped, true)
		}
		backwards := []byte(piece)
		slices.Reverse(backwards)
		add(string(backwards), false)
	}
	return out
}

// base64Of returns what every base64 text that contains v must contain. The three
// alignments encode different characters; those at the ends that mix with
// neighbouring bytes are left out.
func base64Of(v string) (out []string) {
	for shift := range 3 {
		padded := append(make([]byte, shift), v...)
		whole := len(padded) / 3 * 3
		from := 0
		if shift > 0 {
			from = 4
		}
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if e := enc.EncodeToString(padded[:whole]); len(e) > from {
				out = append(out, e[from:])
			}
		}
	}
	return out
}
