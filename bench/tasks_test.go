package bench

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// measureTasks sends tasks one after the other through the whole product, and
// after each lets the peers do their part.
func measureTasks(t *testing.T, all *table, w *town, s *server) {
	const warmUp, rounds = 3, 30
	var dispatch, script, start, checkout []time.Duration
	calls := 0
	for i := range warmUp + rounds {
		times := w.task(t)
		scripted := w.scriptCalls(t, times)
		peer := w.checkout(t)
		if i == 9 {
			rest(t, 3*time.Second)
			all.within(t, "anvil serve: memory (VmRSS) after 10 tasks", s.resident(t).all, 40, "MB")
		}
		if times.agent.Sub(times.runner) > 60000*time.Millisecond {
			runs := w.hub.WorkflowRuns(w.repo)
			id := runs[len(runs)-1].ID
			text, _ := exec.Command("sh", "-c", "cat "+w.hubDir+"/jobs/"+fmt.Sprint(id)+"-1/job.log").CombinedOutput()
			t.Logf("runner %v agent %v peer %v\n%s\nserver: %s", times.runner, times.agent, peer, text, s.log.String())
		}
		if i < warmUp {
			continue
		}
		dispatch = append(dispatch, times.dispatched.Sub(times.commented))
		script = append(script, scripted)
		start = append(start, times.agent.Sub(times.runner))
		checkout = append(checkout, peer)
		calls = len(times.calls)
	}
	all.within(t, fmt.Sprintf("comment POST to dispatch request (p50 of %d)", rounds), ms(median(dispatch)), 150, "ms")
	all.note("  the same, p90", inMS(percentile(dispatch, 0.9)), "-")
	all.note(fmt.Sprintf("  peer: a script makes the same %d calls of GitHub (p50)", calls), inMS(median(script)), "-")
	all.add(t, row{
		what: fmt.Sprintf("runner's start to the engine's first instruction (p50 of %d)", rounds), measured: inMS(median(start)),
		peer: "fetch + worktree add + exec: " + inMS(median(checkout)), ratio: ms(median(start)) / ms(median(checkout)), limit: 2,
	})
	m := s.resident(t)
	all.note(fmt.Sprintf("anvil serve: memory (VmRSS) after %d tasks", warmUp+rounds), fmt.Sprintf("%.1f MB", m.all), "-")
	all.note("", fmt.Sprintf("%.1f MB its own, %.1f MB of the program's file", m.own, m.file), "")
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

// checkoutScript is the peer of the runner: what anybody would write to start an
// agent on a commit. A bare repository, the one commit fetched into it over HTTP
// without history, a worktree of it, and the same static binary in it.
const checkoutScript = `set -e
git init --quiet --bare "$1/base.git"
git -C "$1/base.git" fetch --quiet --no-tags --depth=1 "$2" "$3"
git -C "$1/base.git" worktree add --quiet --detach "$1/tree" "$3"
cd "$1/tree"
exec "$4" "$5"
`

// checkout lets the peer of the runner do its part, and returns how long it took
// from the start of its process to the first instruction of the binary.
func (w *town) checkout(t *testing.T) time.Duration {
	t.Helper()
	dir := t.TempDir()
	stamps := filepath.Join(dir, "stamps")
	commit := w.hub.Refs(w.repo)["refs/heads/"+w.repo.DefaultBranch]
	cmd := exec.CommandContext(t.Context(), filepath.Join(w.bin, "stamp"), stamps, "sh", "-c", checkoutScript, "sh",
		dir, w.hub.URL+"/"+w.repo.FullName()+".git", commit, filepath.Join(w.bin, "stamp"), filepath.Join(dir, "agent"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the peer's checkout: %v\n%s", err, out)
	}
	return lastStamp(t, filepath.Join(dir, "agent")).Sub(lastStamp(t, stamps))
}
