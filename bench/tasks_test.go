package bench

import (
	"fmt"
	"os"
	"testing"
	"time"
)

const warmUp, rounds = 3, 30

// taskFigures is what the rounds of one measurement took.
type taskFigures struct {
	dispatch []time.Duration // comment POST to dispatch request
	script   []time.Duration // the peer's calls
	start    []time.Duration // runner's start to the engine's first instruction
	worktree []time.Duration // its peer, from a clone that is there
	fetch    []time.Duration // its other peer, which has to fetch as the runner has
	calls    int             // of GitHub, up to the dispatch
}

// ratio compares each round of the runner with the peer's beside it, so that a
// minute in which the machine was busy counts for both.
func ratio(ours, peers []time.Duration) float64 {
	var all []time.Duration
	for i := range ours {
		all = append(all, ours[i]*1000/peers[i])
	}
	return float64(median(all)) / 1000
}

// measureTasks sends tasks one after the other through the whole product, and
// after each lets the peers do their part. It measures once more if a limit is
// missed: a neighbour's disk can slow half a minute, but rarely twice.
func measureTasks(t *testing.T, all *table, w *town, s *server) {
	for range warmUp + 7 {
		w.task(t, w.small)
	}
	rest(t, 3*time.Second)
	all.within(t, "anvil serve: memory (VmRSS) after 10 tasks", s.resident(t).all, 40, "MB")
	small := measureTwice(t, all, w, w.small, func(f taskFigures) bool { return median(f.dispatch) > 150*time.Millisecond })
	slow := func(f taskFigures) bool { return ratio(f.start, f.worktree) > 2 }
	large := measureTwice(t, all, w, w.large, slow)
	if err := os.WriteFile(w.warm, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	warm := measureTwice(t, all, w, w.small, slow)
	all.within(t, fmt.Sprintf("comment POST to dispatch request (p50 of %d)", rounds), ms(median(small.dispatch)), 150, "ms")
	all.note("  the same, p90", inMS(percentile(small.dispatch, 0.9)), "-")
	all.note(fmt.Sprintf("  peer: a script makes the same %d calls of GitHub (p50)", small.calls), inMS(median(small.script)), "-")
	const start = "runner's start to the engine's first instruction"
	all.add(t, row{
		what: fmt.Sprintf("%s (p50 of %d; %s)", start, rounds, w.large.size(t)), measured: inMS(median(large.start)),
		peer: "worktree add + exec: " + inMS(median(large.worktree)), ratio: ratio(large.start, large.worktree), limit: 2,
	})
	all.beside("  the same", large.start, "fetch + worktree add + exec: ", large.fetch)
	all.add(t, row{ // as the peer, it finds the repository on the machine
		what: fmt.Sprintf("  on a machine that keeps mirrors (%s)", w.small.size(t)), measured: inMS(median(warm.start)),
		peer: "worktree add + exec: " + inMS(median(warm.worktree)), ratio: ratio(warm.start, warm.worktree), limit: 2,
	})
	all.beside(fmt.Sprintf("  on one that does not (%s)", w.small.size(t)), small.start, "fetch + worktree add + exec: ", small.fetch)
	rest(t, 3*time.Second)
	m := s.resident(t)
	all.note("anvil serve: memory (VmRSS) after all tasks", fmt.Sprintf("%.1f MB", m.all), "-")
	all.note("", fmt.Sprintf("%.1f MB its own, %.1f MB of the program's file", m.own, m.file), "")
}

// beside appends a row that compares with a peer and promises nothing.
func (b *table) beside(what string, ours []time.Duration, peer string, peers []time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows = append(b.rows, row{what: what, measured: inMS(median(ours)), peer: peer + inMS(median(peers)), ratio: ratio(ours, peers)})
}

// measureTwice measures a second time, and takes that, if the first time missed.
func measureTwice(t *testing.T, all *table, w *town, at site, missed func(taskFigures) bool) (f taskFigures) {
	for range 2 {
		all.timed(func() { f = w.runTasks(t, at) })
		if !missed(f) {
			break
		}
	}
	return f
}

// runTasks lets product and peers take turns.
func (w *town) runTasks(t *testing.T, at site) (f taskFigures) {
	t.Helper()
	for i := range warmUp + rounds {
		times := w.task(t, at)
		script, worktree, fetch := w.scriptCalls(t, times), w.peer(t, at, worktreeScript), w.peer(t, at, fetchScript)
		if i < warmUp {
			continue
		}
		f.dispatch = append(f.dispatch, times.dispatched.Sub(times.commented))
		f.start = append(f.start, times.agent.Sub(times.runner))
		f.script, f.worktree, f.fetch = append(f.script, script), append(f.worktree, worktree), append(f.fetch, fetch)
		f.calls = len(times.calls)
	}
	return f
}

// scriptCalls is the peer of the server's way to a dispatch: the same requests to
// the simulated GitHub, one after the other over one connection, with nothing
// decided and nothing stored. The dispatch itself is left out, as its arrival is
// the end of the measurement.
func (w *town) scriptCalls(t *testing.T, times taskTimes) time.Duration {
	t.Helper()
	w.hub.HoldRunners(true)
	defer w.hub.HoldRunners(false)
	began := time.Now()
	for _, e := range times.calls {
		path := e.Path
		if e.Query != "" {
			path += "?" + e.Query
		}
		w.call(t, e.Method, path, e.Request)
	}
	return time.Since(began)
}
