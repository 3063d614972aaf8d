package runner

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// The phases of a run, in order.
const (
	phasePrepare = "prepare"
	phaseWork    = "work"
	phaseVerify  = "verify"
	phaseReport  = "report"
)

// phase is a stretch of the run.
type phase struct {
	name string
	took time.Duration // of a phase that is over
}

// phases times what the run does.
type phases struct {
	mu    sync.Mutex
	list  []phase
	since time.Time
}

// begin ends the present phase and begins the named one. It returns the one that
// ended, if any.
func (p *phases) begin(name string, now time.Time) (ended phase, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.list); n > 0 {
		p.list[n-1].took = now.Sub(p.since)
		ended, ok = p.list[n-1], true
	}
	p.list = append(p.list, phase{name: name})
	p.since = now
	return ended, ok
}

// current names the present phase.
func (p *phases) current() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.list) == 0 {
		return phasePrepare
	}
	return p.list[len(p.list)-1].name
}

// all lists the phases; the last one took until now.
func (p *phases) all(now time.Time) []phase {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := append([]phase(nil), p.list...)
	if n := len(out); n > 0 {
		out[n-1].took = now.Sub(p.since)
	}
	return out
}

// enter begins a phase: in the journal, and as a group in the log.
func (j *job) enter(name, title string) {
	var data json.RawMessage
	if ended, ok := j.phases.begin(name, time.Now()); ok {
		j.log.EndGroup()
		data, _ = json.Marshal(map[string]any{"after": ended.name, "ms": ended.took.Milliseconds()})
	}
	j.log.Group(title)
	j.journal.add(runapi.KindPhase, name, data)
}
