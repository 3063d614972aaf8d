package github

import (
	"net/http"
	"strconv"
	"time"
)

// GitHub asks for at least a minute where it names no time. We believe no time
// further away than a day.
const (
	leastPause = time.Minute
	mostPause  = 24 * time.Hour
)

// pause notes that g's installation is to be left alone, and returns until when.
func (a *App) pause(g grant, h http.Header) time.Time {
	now := a.now()
	until := pauseUntil(now, h)
	a.mu.Lock()
	defer a.mu.Unlock()
	for installation, past := range a.pauses {
		if !past.After(now) {
			delete(a.pauses, installation)
		}
	}
	if until.After(a.pauses[g.installation]) {
		a.pauses[g.installation] = until
	}
	return until
}

// paused returns an error while g's installation is to be left alone.
func (a *App) paused(op string, g grant) *Error {
	a.mu.Lock()
	defer a.mu.Unlock()
	until := a.pauses[g.installation]
	if !until.After(a.now()) {
		return nil
	}
	return &Error{Op: op, Kind: RateLimited, Until: until, Message: "not sent; an earlier answer asked us to wait"}
}

// pauseUntil reads the time to wait until: retry-after if given, else the reset
// time if nothing remains, else a minute.
func pauseUntil(now time.Time, h http.Header) time.Time {
	until := now.Add(leastPause)
	if s, err := strconv.ParseInt(h.Get("Retry-After"), 10, 64); err == nil && s >= 0 && s <= int64(mostPause/time.Second) {
		until = now.Add(time.Duration(s) * time.Second)
	} else if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		until = at
	} else if s, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64); err == nil && h.Get("X-RateLimit-Remaining") == "0" {
		// One second more: the reset is a whole second, and clocks differ.
		until = time.Unix(s+1, 0)
	}
	if limit := now.Add(mostPause); until.After(limit) {
		return limit
	}
	if until.Before(now) {
		return now.Add(time.Second)
	}
	return until
}
