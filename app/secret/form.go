package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// AddEncoded adds a value and what it is in base64, hexadecimal, URLs and JSON: who
// repeats it may have encoded it, alone or as a part of more.
//
// What was folded into lines, packed or encrypted is not found, nor what was encoded
// twice, but for JSON in JSON.
func (k *Keys) AddEncoded(value string) {
	if len(value) < shortest {
		return // of a short word, too, the encoded forms are no secret
	}
	for _, form := range formsOf(value) {
		k.Add(form)
	}
}

// formsOf returns the shapes of v, each once. (Package redact has those of a runner, which
// links nothing of the server's, for searching a stream.)
func formsOf(v string) (all []string) {
	seen := map[string]bool{}
	add := func(forms ...string) {
		for _, form := range forms {
			if !seen[form] {
				seen[form] = true
				all = append(all, form)
			}
		}
	}
	quoted := inJSON(v)
	add(v, quoted, inJSON(quoted), withoutHTML(v), inJSON(withoutHTML(v)), withoutHTML(withoutHTML(v)))
	for _, escaped := range []string{url.QueryEscape(v), url.PathEscape(v)} {
		add(escaped, smallEscapes(escaped))
	}
	digits := hex.EncodeToString([]byte(v))
	add(digits, strings.ToUpper(digits))
	var percent strings.Builder
	for _, c := range []byte(v) {
		fmt.Fprintf(&percent, "%%%02X", c)
	}
	add(percent.String(), smallEscapes(percent.String()))
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		add(e.EncodeToString([]byte(v)), e.WithPadding(base64.NoPadding).EncodeToString([]byte(v)))
		for shift := range 3 {
			add(inner(e, v, shift))
		}
	}
	return all
}

// inner returns what every base64 text has in it in which shift bytes, and any number of
// threes, come before v: the characters that are of v alone.
func inner(e *base64.Encoding, v string, shift int) string {
	text := e.WithPadding(base64.NoPadding).EncodeToString(append(make([]byte, shift), v...))
	return text[(8*shift+5)/6 : 8*(shift+len(v))/6]
}

// inJSON is v as it stands in a JSON text, without the quotes.
func inJSON(v string) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // a string is always JSON
	}
	return string(text[1 : len(text)-1])
}

// withoutHTML is inJSON of an encoder that leaves <, > and & as they are, as most do.
func withoutHTML(v string) string {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // a string is always JSON
	}
	line := strings.TrimSpace(text.String())
	return line[1 : len(line)-1]
}

// smallEscapes writes the letters of percent-encoded bytes small.
func smallEscapes(v string) string {
	b := []byte(v)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], bytes.ToLower(b[i+1:i+3]))
		}
	}
	return string(b)
}
