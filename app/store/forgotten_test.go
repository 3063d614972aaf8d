package store

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// A secret that somebody pasted into a comment is in the signed body of its delivery.
// Once that is decided, it is nowhere in the database's files.
func TestADecidedBodyIsNowhere(t *testing.T) {
	t.Parallel()
	const small, large = "canary-of-a-small-body", "canary-of-a-large-body"
	dir := t.TempDir()
	s := at(t, dir)
	bodies := map[anvil.DeliveryID]string{
		"small": `{"comment":"` + small + `"}`,
		"large": `{"comment":"` + strings.Repeat(large+" ", 10_000) + `"}`, // more than a page
	}
	for id, body := range bodies {
		if _, err := s.Receive(t.Context(), anvil.Delivery{ID: id, Event: "issue_comment", Body: []byte(body), ReceivedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	for _, canary := range []string{small, large} {
		if holding(t, dir, canary) == "" {
			t.Fatalf("%s is not found even before: this test finds nothing", canary)
		}
	}
	for id := range bodies {
		if err := s.Decide(t.Context(), id, anvil.Ruling{Decision: anvil.Ignored, Reason: "NO_COMMAND"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, canary := range []string{small, large} {
		if file := holding(t, dir, canary); file != "" {
			t.Errorf("%s is still in %s", canary, file)
		}
	}
	for id, body := range bodies {
		r, err := s.Receive(t.Context(), anvil.Delivery{ID: id, Event: "issue_comment", Body: []byte(body), ReceivedAt: time.Now()})
		if err != nil || !r.Duplicate {
			t.Errorf("%s is not known any more: %+v, %v", id, r, err)
		}
	}
}

// holding returns the file below dir that holds a text, or nothing.
func holding(t *testing.T, dir, text string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "anvil.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(text)) {
			return file
		}
	}
	return ""
}
