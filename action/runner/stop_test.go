package runner_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// stubborn is an agent that has done half of its work, left a process behind in
// a session of its own, and does not listen to SIGTERM.
const stubborn = `cat > /dev/null
	trap '' TERM INT
	echo half > good
	setsid sleep 1000 & echo $! > "$PIDFILE"
	echo ready
	sleep 1000; sleep 1000`

// stubbornly makes such a run; ready is closed once the agent has said so.
func stubbornly(t *testing.T) (s *server, m *machine, pidFile string, ready chan struct{}) {
	s = newServer(t)
	s.assign(project, stubborn)
	s.assignment.Engine.PassEnv = []string{"PIDFILE"}
	s.assignment.RenewEverySeconds = 1
	ready = make(chan struct{})
	s.onEvent = func(e runapi.Event) {
		if e.Kind == runapi.KindMessage && e.Text == "ready" {
			close(ready)
		}
	}
	m = newMachine(t, s)
	pidFile = filepath.Join(t.TempDir(), "pid")
	m.config.Environ = append(m.config.Environ, "PIDFILE="+pidFile)
	return s, m, pidFile, ready
}

// When a person stops the run, the agent and all it started are ended, what there
// is gets uploaded, and the run is finished as cancelled.
func TestRunStoppedByTheServer(t *testing.T) {
	t.Parallel()
	s, m, pidFile, ready := stubbornly(t)
	s.onRenew = func(int) (runapi.RenewAnswer, *runapi.Error) {
		select {
		case <-ready:
			return runapi.RenewAnswer{Stop: true, Reason: "@ann asked to stop"}, nil
		default:
			return runapi.RenewAnswer{}, nil
		}
	}
	if code := m.run(); code != runner.HandedBack {
		t.Fatalf("exit code %d", code)
	}
	if f := s.finish; f.Result != runapi.Cancelled || !strings.Contains(f.Problem.What, "@ann asked to stop") || f.Bundle != "" {
		t.Errorf("finish: %+v", f)
	}
	if s.unpacked(runapi.ArtifactCheckpoint)["good"] != "100644 half" {
		t.Errorf("the checkpoint has %v", s.unpacked(runapi.ArtifactCheckpoint))
	}
	if !processGone(t, pidFile) {
		t.Error("a process that the agent left behind is still there")
	}
	noCanaries(t, s, m)
}

// A cancelled job has seven seconds for all of it.
func TestRunStoppedBySignal(t *testing.T) {
	t.Parallel()
	s, m, pidFile, ready := stubbornly(t)
	var sent time.Time
	go func() {
		<-ready
		sent = time.Now()
		m.signals <- syscall.SIGINT
	}()
	if code := m.run(); code != runner.HandedBack {
		t.Fatalf("exit code %d", code)
	}
	if took := s.finishedAt.Sub(sent); took > 7*time.Second {
		t.Errorf("it took %s to hand the run back", took)
	}
	if f := s.finish; f.Result != runapi.Cancelled || s.artifacts[runapi.ArtifactCheckpoint] == nil || s.artifacts[runapi.ArtifactLog] == nil {
		t.Errorf("finish: %+v", f)
	}
	if !processGone(t, pidFile) {
		t.Error("a process that the agent left behind is still there")
	}
	noCanaries(t, s, m)
}

// When the lease is lost the work ends at once and nothing more is sent: another
// runner may be at it.
func TestRunLosesItsLease(t *testing.T) {
	t.Parallel()
	s, m, pidFile, ready := stubbornly(t)
	go func() {
		<-ready
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stale = true
	}()
	if code := m.run(); code != runner.HandedBack || !strings.Contains(m.out.String(), "the run went on without you") {
		t.Errorf("exit code %d", code)
	}
	if s.finish != nil || len(s.artifacts) > 0 {
		t.Errorf("it sent %v and %+v", s.artifacts, s.finish)
	}
	if !processGone(t, pidFile) {
		t.Error("a process that the agent left behind is still there")
	}
	noCanaries(t, s, m)
}

// A signal that comes before the claim leaves nothing to hand back.
func TestRunStoppedBeforeTheClaim(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, "echo never")
	m := newMachine(t, s)
	blocked := make(chan struct{})
	s.http.Config.Handler = hold(blocked)
	m.signals <- syscall.SIGTERM
	code := m.run()
	close(blocked)
	if code != runner.NotHanded || s.finish != nil {
		t.Errorf("exit code %d, finish %+v", code, s.finish)
	}
	if left, err := os.ReadDir(m.temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// The program itself, as a job runs it, hears SIGINT and hands the run back.
func TestProgramStoppedBySignal(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "anvil-runner")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/anvil-runner").CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v %s", err, out)
	}
	s, m, pidFile, ready := stubbornly(t)
	cmd := exec.Command(program)
	cmd.Env, cmd.Stdout, cmd.Stderr = m.config.Environ, &m.out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-ready
	sent := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, m.out.String())
	}
	if took := time.Since(sent); took > 7*time.Second {
		t.Errorf("it took %s to end", took)
	}
	if s.finish == nil || s.finish.Result != runapi.Cancelled || s.artifacts[runapi.ArtifactCheckpoint] == nil {
		t.Errorf("finish: %+v", s.finish)
	}
	if !processGone(t, pidFile) {
		t.Error("a process that the agent left behind is still there")
	}
	noCanaries(t, s, m)
}
