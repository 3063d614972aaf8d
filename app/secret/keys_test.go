package secret_test

import (
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
