package redact_test

import (
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/redact"
)

// A value is found wherever the writes that carry it are cut.
func TestFinderAcrossEveryBorder(t *testing.T) {
	t.Parallel()
	var set redact.Set
	if _, err := set.Finder().Write([]byte(canary)); err != nil {
		t.Fatal(err)
	}
	set.Add(canary)
	text := "before " + strings.Repeat("x", 100) + canary + " after"
	for size := 1; size <= len(text); size++ {
		for _, c := range []struct {
			text  string
			found bool
		}{{text, true}, {strings.ReplaceAll(text, canary, canary[1:]), false}} {
			f := set.Finder()
			for rest := c.text; rest != ""; {
				n := min(size, len(rest))
				if _, err := f.Write([]byte(rest[:n])); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if f.Found() != c.found {
				t.Fatalf("in writes of %d bytes: found %v, want %v", size, f.Found(), c.found)
			}
		}
	}
}
