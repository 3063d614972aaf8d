package githubtest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Limits are GitHub's secondary rate limits, for each installation. The zero value
// refuses nothing.
type Limits struct {
	// Points is how many may be used within the window: a read is 1, a write 5.
	Points int `json:"points"`
	// Content is how many issues, comments, pull requests and reactions may be made
	// within the window, and ContentLong within sixty of them.
	Content     int `json:"content"`
	ContentLong int `json:"content_long"`
	// WindowMS is the window's length in milliseconds.
	WindowMS int `json:"window_ms"`
	// RetryAfter is the number of seconds that a refused installation is told to wait.
	// A request before that is refused too, and the wait begins anew.
	RetryAfter int `json:"retry_after"`
}

// GitHubsLimits are those of github.com.
var GitHubsLimits = Limits{Points: 900, Content: 80, ContentLong: 500, WindowMS: 60_000, RetryAfter: 60}

// Refusals says what [Limits] came to.
type Refusals struct {
	Refused int `json:"refused"` // requests over a limit
	Early   int `json:"early"`   // requests by an installation that had been told to wait
}

// inFlight is how long after a refusal requests may arrive that were sent before it
// was heard. They are refused, and are nobody's fault.
const inFlight = time.Second

// allowance is what an installation has used of its limits.
type allowance struct {
	reads, writes, content []time.Time // of the requests that still count
	refusedAt, until       time.Time   // of the last refusal
}

// SetLimits makes the simulator refuse what is over the limits.
func (s *Server) SetLimits(l Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits, s.allowances, s.refusals = l, map[int64]*allowance{}, Refusals{}
}

// Refusals says how often a limit was met.
func (s *Server) Refusals() Refusals {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusals
}

// overLimit refuses a request of an installation that has used up what it may.
func (s *Server) overLimit(c *call) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.limits
	if l.WindowMS == 0 || c.actor.install == nil {
		return nil
	}
	used := s.allowances[c.actor.install.ID]
	if used == nil {
		used = &allowance{}
		s.allowances[c.actor.install.ID] = used
	}
	now, window := s.now(), time.Duration(l.WindowMS)*time.Millisecond
	if now.Before(used.until) {
		if now.Sub(used.refusedAt) < inFlight {
			return tooMuch(used.until.Sub(now))
		}
		s.refusals.Early++
		return s.refuse(used, now)
	}
	write := c.r.Method != http.MethodGet && c.r.Method != http.MethodHead
	content := write && c.r.Method == http.MethodPost && makesContent(c.r.URL.Path)
	used.reads, used.writes = since(used.reads, now.Add(-window)), since(used.writes, now.Add(-window))
	used.content = since(used.content, now.Add(-60*window))
	switch {
	case len(used.reads)+5*len(used.writes) >= l.Points,
		content && len(since(used.content, now.Add(-window))) >= l.Content,
		content && len(used.content) >= l.ContentLong:
		return s.refuse(used, now)
	}
	if write {
		used.writes = append(used.writes, now)
	} else {
		used.reads = append(used.reads, now)
	}
	if content {
		used.content = append(used.content, now)
	}
	return nil
}

// refuse makes the installation wait. The caller holds mu.
func (s *Server) refuse(used *allowance, now time.Time) *answer {
	s.refusals.Refused++
	wait := time.Duration(s.limits.RetryAfter) * time.Second
	used.refusedAt, used.until = now, now.Add(wait)
	return tooMuch(wait)
}

func tooMuch(wait time.Duration) *answer {
	a := fail(http.StatusForbidden, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
	a.header = map[string]string{"Retry-After": strconv.Itoa(int((wait + time.Second - 1) / time.Second))}
	return &a
}

func makesContent(path string) bool {
	for _, end := range []string{"/issues", "/comments", "/pulls", "/reactions"} {
		if strings.HasSuffix(path, end) {
			return true
		}
	}
	return false
}

// since drops the times before one.
func since(times []time.Time, begin time.Time) []time.Time {
	for len(times) > 0 && times[0].Before(begin) {
		times = times[1:]
	}
	return times
}
