package lineartest

import (
	"math"
	"time"
)

// Budget is how many requests may be made within a time. What is used comes back at a
// constant rate.
type Budget struct {
	Requests int
	Within   time.Duration
}

// budget is what is used of it. The zero value is a full one.
type budget struct {
	used  float64
	since time.Time
}

// spend takes a request off the budget. It returns what is left, when all of it will be
// there again, and whether there was one. The lock is held.
func (s *Server) spend() (left int, reset time.Time, ok bool) {
	b, now := s.opts.Budget, s.now()
	rate := float64(b.Requests) / float64(b.Within)
	s.budget.used = math.Max(0, s.budget.used-float64(now.Sub(s.budget.since))*rate)
	s.budget.since = now
	if ok = s.budget.used+1 <= float64(b.Requests); ok {
		s.budget.used++
	}
	return int(float64(b.Requests) - s.budget.used), now.Add(time.Duration(s.budget.used / rate)), ok
}
