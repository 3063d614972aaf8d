package redact_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/redact"
)

const canary = "secret_12345_canary-value.with-dots"

// A secret is taken out wherever the writes that carry it are cut.
func TestWriterAcrossEveryBorder(t *testing.T) {
	t.Parallel()
	var set redact.Set
	set.Add(canary)
	text := "before " + canary + " between " + canary + canary[:5] + " after"
	want := "before *** between ***" + canary[:5] + " after"
	for size := 1; size <= len(text); size++ {
		var out bytes.Buffer
		w := redact.NewWriter(&set, &out)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if _, err := w.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Fatalf("in writes of %d bytes: got %q, want %q", size, out.String(), want)
		}
	}
}

// When one secret begins with another, the longer one goes as a whole, even if
// the shorter one is complete before the rest arrives.
func TestWriterWaitsForTheLongerValue(t *testing.T) {
	t.Parallel()
	var set redact.Set
	set.Add("secret-value", "secret-value-and-more")
	var out bytes.Buffer
	w := redact.NewWriter(&set, &out)
	for _, part := range []string{"a secret-value", "-and-more b secret-value", "-and-less"} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "a *** b ***-and-less"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A secret inside base64, as git sends it, is found at each alignment.
func TestBase64Forms(t *testing.T) {
	t.Parallel()
	var set redact.Set
	set.Add(canary)
	for _, before := range []string{"", "x", "xy", "xyz", "x-access-token:"} {
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			encoded := enc.EncodeToString([]byte(before + canary))
			got := set.String("Authorization: Basic " + encoded)
			// What is left may decode to the ends of the secret, never to its middle.
			if !strings.Contains(got, redact.Mark) {
				t.Errorf("behind %q: %q was left as it is", before, got)
			}
		}
	}
}

func TestShortValuesAreNotSecrets(t *testing.T) {
	t.Parallel()
	var set redact.Set
	set.Add("", "main")
	if got := set.String("package main"); got != "package main" {
		t.Errorf("got %q", got)
	}
}
