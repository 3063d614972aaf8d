package slacktest

import (
	"math"
	"time"
)

// Pace is how many messages a channel takes: one each Every, and Burst at once.
type Pace struct {
	Every time.Duration
	Burst int
}

// allowance is what is left of a channel's pace.
type allowance struct {
	left  float64
	since time.Time
}

// pace takes a message off the channel's allowance, or refuses it until there is one
// again.
func (c *call) pace(channel string) error {
	p, now := c.opts.Pace, c.now()
	a := c.paces[channel]
	if a == nil {
		a = &allowance{left: float64(p.Burst), since: now}
		c.paces[channel] = a
	}
	a.left = math.Min(float64(p.Burst), a.left+float64(now.Sub(a.since))/float64(p.Every))
	a.since = now
	if a.left < 1 {
		return &failure{code: "ratelimited", after: max(1, int(math.Ceil((1-a.left)*p.Every.Seconds())))}
	}
	a.left--
	return nil
}
