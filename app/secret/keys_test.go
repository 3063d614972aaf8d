package secret_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/secret"
)

// A key is found in a text that comes byte by byte, and what only begins like one stays.
func TestAKnownKeyIsHidden(t *testing.T) {
	t.Parallel()
	const key = "sk-ours-0123456789abcdef"
	text := "data: {\"a\":\"" + key + " sk-ours " + key + key[:9] + "\"}\n\ndata: [DONE]\n\n"
	want := strings.ReplaceAll(text, key, strings.Repeat("*", len(key)))
	var keys secret.Keys
	keys.Add("short")
	keys.Add(key)
	var out, held []byte
	for i := range len(text) {
		chunk := append(held, text[i])
		n := keys.Hide(chunk)
		out = append(out, chunk[:len(chunk)-n]...)
		held = append([]byte{}, chunk[len(chunk)-n:]...)
	}
	if string(append(out, held...)) != want {
		t.Errorf("got %q", out)
	}
}

// A key is found in what somebody encoded, wherever in the encoded text it begins.
func TestAKnownKeyIsHiddenEncoded(t *testing.T) {
	t.Parallel()
	const key = "pa\"ss/w>rd+\u00e9 of ours?~0123456789"
	of := func(encode func([]byte) string) func(string) string {
		return func(s string) string { return encode([]byte(s)) }
	}
	inJSON := func(text string) string {
		b, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	encodings := map[string]func(string) string{
		"plain": func(s string) string { return s }, "JSON": inJSON,
		"JSON for people": func(s string) string {
			var b strings.Builder
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			if err := e.Encode(s); err != nil {
				t.Fatal(err)
			}
			return b.String()
		},
		"JSON in JSON": func(s string) string { return inJSON(inJSON(s)) },
		"base64":       of(base64.StdEncoding.EncodeToString), "base64 without padding": of(base64.RawStdEncoding.EncodeToString),
		"base64 of URLs": of(base64.URLEncoding.EncodeToString), "base64 of URLs without padding": of(base64.RawURLEncoding.EncodeToString),
		"hex": of(hex.EncodeToString), "capital hex": func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
		"query": url.QueryEscape, "path": url.PathEscape,
		"small query": func(s string) string {
			return strings.NewReplacer("%2B", "%2b", "%2F", "%2f", "%3E", "%3e", "%3F", "%3f", "%C3", "%c3", "%A9", "%a9").Replace(url.QueryEscape(s))
		},
		"percent": func(s string) string { return "%" + strings.Join(pairs(hex.EncodeToString([]byte(s))), "%") },
	}
	var keys secret.Keys
	keys.AddEncoded("short")
	keys.AddEncoded(key)
	for name, encode := range encodings {
		for _, before := range []string{"", "x", "yz", "abc"} {
			text := []byte(encode(before + key + before))
			whole := string(text)
			keys.Hide(text)
			// What is left beside the stars is of the neighbours, and shares a character with the key at most.
			left := strings.ReplaceAll(string(text), "*", "")
			if most := len(encode(before))*2 + 12; len(left) > most || len(text) != len(whole) {
				t.Errorf("%s after %q: %s of %s", name, before, text, whole)
			}
		}
	}
	for _, text := range []string{"nothing of it", "c2hvcnQ=", "short", "https://a.example/?q=of+ours"} {
		b := []byte(text)
		if keys.Hide(b); string(b) != text {
			t.Errorf("%s became %s", text, b)
		}
	}
}

// pairs cuts a text into its pairs of characters.
func pairs(s string) (all []string) {
	for ; len(s) > 1; s = s[2:] {
		all = append(all, s[:2])
	}
	return all
}
