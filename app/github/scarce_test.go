package github

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

// What can wait waits while GitHub says that little is left, and no longer than until
// there is more.
func TestFewRequestsLeftAreScarce(t *testing.T) {
	t.Parallel()
	c := newClock()
	left, limit := 600, 5000
	h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-RateLimit-Limit", strconv.Itoa(limit))
		w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(left))
		w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(c.now().Add(20*time.Minute).Unix(), 10))
		says(201, `{"id":1}`)(w, r)
	})
	a := h.app(t, func(cfg *Config) { cfg.Clock = c.now })
	ask := func() time.Time {
		t.Helper()
		if _, err := a.CreateComment(t.Context(), hello, 3, "hi"); err != nil {
			t.Fatal(err)
		}
		return a.Scarce(hello)
	}
	if until := ask(); !until.IsZero() {
		t.Errorf("600 of 5000 are scarce until %s", until)
	}
	left = 499
	if until := ask(); until.Unix() != c.now().Add(20*time.Minute).Unix() {
		t.Errorf("499 of 5000 are scarce until %s", until)
	}
	other := hello
	other.Installation = 10
	if until := a.Scarce(other); !until.IsZero() {
		t.Errorf("they are scarce for another installation too, until %s", until)
	}
	c.pass(21 * time.Minute)
	if until := a.Scarce(hello); !until.IsZero() {
		t.Errorf("they are scarce after the reset, until %s", until)
	}
	left = 4999
	if until := ask(); !until.IsZero() {
		t.Errorf("4999 of 5000 are scarce until %s", until)
	}
}
