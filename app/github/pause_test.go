package github

import (
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

func TestARateLimitIsObeyedByTheWholeInstallation(t *testing.T) {
	t.Parallel()
	c := newClock()
	var limited atomic.Bool
	limited.Store(true)
	h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
		if limited.Load() {
			says(403, message("You have exceeded a secondary rate limit"), "Retry-After: 90")(w, r)
			return
		}
		says(201, `{"id":1}`)(w, r)
	})
	a := h.app(t, func(cfg *Config) { cfg.Clock = c.now })
	_, err := a.CreateComment(t.Context(), hello, 3, "hi")
	until := c.now().Add(90 * time.Second)
	if e := AsError(err); e == nil || !e.Until.Equal(until) || !RetryAt(err, c.now()).Equal(until) {
		t.Fatalf("got %v", err)
	}
	limited.Store(false) // GitHub would answer again; we have to wait all the same

	other := hello
	other.ID = 43
	c.pass(89 * time.Second)
	for _, repo := range []string{"same", "other"} {
		on := hello
		if repo == "other" {
			on = other
		}
		if _, err := a.React(t.Context(), on, Target{Issue: 3}, "eyes"); !errors.Is(err, ErrRateLimited) || !errors.Is(err, ErrNotAccepted) || !AsError(err).Until.Equal(until) {
			t.Errorf("%s repository, too early: %v", repo, err)
		}
		if _, _, err := a.ReadToken(t.Context(), on); !errors.Is(err, ErrRateLimited) {
			t.Errorf("%s repository, a token too early: %v", repo, err)
		}
	}
	if n := len(h.calls()); n != 1 {
		t.Fatalf("%d requests were sent, want the first one only", n)
	}

	elsewhere := hello
	elsewhere.Installation = 10
	if _, err := a.CreateComment(t.Context(), elsewhere, 3, "hi"); err != nil {
		t.Errorf("another installation has to wait too: %v", err)
	}
	c.pass(time.Second)
	if _, err := a.CreateComment(t.Context(), hello, 3, "hi"); err != nil {
		t.Errorf("after the time: %v", err)
	}
}

func TestHowLongToWait(t *testing.T) {
	t.Parallel()
	now := newClock().now()
	for name, c := range map[string]struct {
		header []string
		want   time.Duration
	}{
		"nothing said":             {nil, time.Minute},
		"seconds":                  {[]string{"Retry-After", "7"}, 7 * time.Second},
		"seconds before the reset": {[]string{"Retry-After", "7", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", strconv.FormatInt(now.Add(time.Hour).Unix(), 10)}, 7 * time.Second},
		"a date":                   {[]string{"Retry-After", now.Add(3 * time.Minute).Format(http.TimeFormat)}, 3 * time.Minute},
		"a reset":                  {[]string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", strconv.FormatInt(now.Add(time.Hour).Unix(), 10)}, time.Hour + time.Second},
		"a reset, some left":       {[]string{"X-RateLimit-Remaining", "9", "X-RateLimit-Reset", strconv.FormatInt(now.Add(time.Hour).Unix(), 10)}, time.Minute},
		"a reset in the past":      {[]string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1000"}, time.Second},
		"a date in the past":       {[]string{"Retry-After", now.Add(-time.Hour).Format(http.TimeFormat)}, time.Second},
		"a year":                   {[]string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", strconv.FormatInt(now.AddDate(1, 0, 0).Unix(), 10)}, mostPause},
		"more seconds than fit":    {[]string{"Retry-After", "9223372036854775807"}, time.Minute},
		"a negative number":        {[]string{"Retry-After", "-5"}, time.Minute},
		"words":                    {[]string{"Retry-After", "soon"}, time.Minute},
	} {
		h := http.Header{}
		for i := 0; i < len(c.header); i += 2 {
			h.Set(c.header[i], c.header[i+1])
		}
		if got := pauseUntil(now, h).Sub(now); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestPausesDoNotPileUp(t *testing.T) {
	t.Parallel()
	c := newClock()
	a := newHub(t, says(200, "")).app(t, func(cfg *Config) { cfg.Clock = c.now })
	for i := range int64(100) {
		a.pause(grant{installation: i}, http.Header{})
		c.pass(2 * time.Minute)
	}
	if n := len(a.pauses); n > 1 {
		t.Fatalf("%d pauses are kept", n)
	}
}
