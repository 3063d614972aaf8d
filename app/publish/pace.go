package publish

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/queue"
)

// GitHub takes about 80 writes a minute and 500 an hour that make content, of an
// installation as a whole. Half of the hour's are for edits that only say how far a task
// is; what people must hear (a first comment, a question, an end) is not counted.
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
const (
	editsPerHour = 250
	editsAtOnce  = 40
)

// Pace says when a text that is edited in place may be written again. The zero value
// writes at every change.
type Pace struct {
	// Every is the shortest time between two writes of one text.
	Every time.Duration

	mu    sync.Mutex
	edits map[int64]*rate.Limiter // by installation; guarded by mu
}

// wait is nil if a text of s that was written at a time may be written now, else the
// time to come again. A state that a run passes through is not worth the write that its
// end would then wait for: it is told if it lasts. scarce is until when GitHub has few
// requests left for the installation.
func (p *Pace) wait(s anvil.Story, written, now, scarce time.Time) error {
	if p.Every <= 0 {
		return nil
	}
	at, ended := written.Add(p.Every), s.Task.Outcome != nil
	if !ended {
		if run := s.Run(); run.State.Passing() {
			at = latest(at, run.ChangedAt.Add(p.Every))
		}
		if at = latest(at, scarce); !now.Before(at) {
			at = p.budget(s.Session.Repository.Installation, now)
		}
	}
	if now.Before(at) {
		return &queue.Later{At: at, Reason: "a text that is edited in place was written a moment ago"}
	}
	return nil
}

// latest is the later one of two times.
func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// budget takes one edit from an installation's budget, or says when there is one again.
func (p *Pace) budget(installation int64, now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.edits == nil {
		p.edits = map[int64]*rate.Limiter{}
	}
	l := p.edits[installation]
	if l == nil {
		l = rate.NewLimiter(rate.Every(time.Hour/editsPerHour), editsAtOnce)
		p.edits[installation] = l
	}
	r := l.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return now.Add(wait)
}
