package hostlist_test

import (
	"testing"

	"github.com/seed-bc0cc349/anvil/config/hostlist"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"example.com", ".example.com", "a-b.c_d.example", "xn--bcher-kva.example"} {
		if what := hostlist.Check(entry); what != "" {
			t.Errorf("%q %s", entry, what)
		}
	}
	for _, entry := range []string{
		"", ".", "*", "*.example.com", "Example.com", "example.com.", "..example.com", "example..com", "com", ".com", "localhost", "x.localhost", "127.0.0.1", "1.1", "0x7f.1",
		"[::1]", "::1", "https://example.com", "example.com:443", "example.com/x", "user@example.com", "exämple.com", "example.com\n", "example.com\x00", "-a.com", "metadata.google.internal",
	} {
		if hostlist.Check(entry) == "" {
			t.Errorf("%q is accepted", entry)
		}
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	list := []string{"one.example", ".two.example"}
	for entry, want := range map[string]bool{
		"one.example": true, ".one.example": false, "a.one.example": false, "two.example": true, ".two.example": true, "a.two.example": true, ".a.two.example": true,
		"eviltwo.example": false, "two.example.evil": false, "three.example": false, ".example": false,
	} {
		if got := hostlist.Covers(list, entry); got != want {
			t.Errorf("%v covers %q: %v", list, entry, got)
		}
	}
	if !hostlist.Covers([]string{"*"}, ".any.example") || hostlist.Covers(nil, "one.example") {
		t.Error("* covers every host, and nothing covers none")
	}
}
