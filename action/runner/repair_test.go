package runner_test

import (
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// mends does half of it at first, and the rest when it is told what failed.
const mends = `prompt=$(cat)
	case "$prompt" in
	*"failed check 1"*"(exit code 1)"*) [ -f half ] && [ "$ANVIL_RESUME" = thread-1 ] && echo x > good && echo '{"event":"answer","text":"mended"}' ;;
	*) echo x > half; echo '{"event":"resume","text":"thread-1"}' ;;
	esac`

// An agent whose work fails the checks is told, goes on with its conversation, and
// what counts is the last record. The checks begin anew each time.
func TestRunRepairs(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, mends)
	s.assignment.RepairRounds = 2
	s.assignment.Verify = []string{"test -f good", "! test -e ~/mark && touch ~/mark"}
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed || s.finish.Answer != "mended" ||
		s.finish.Verification.Status != runapi.VerifyPassed {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}
	if files := s.bundled(); files["good"] == "" || files["half"] == "" {
		t.Errorf("the bundle has %v", files)
	}
	if strings.Count(s.story(), "The checks failed; the engine is told, round 1 of 2.") != 1 || strings.Contains(s.story(), "round 2 of 2") {
		t.Errorf("events:\n%s", s.story())
	}
	noCanaries(t, s, m)
}

// The rounds are bounded, and end early when nothing is changed; the change is
// proposed with the record that it failed.
func TestRunRepairsNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]int{
		`cat > /dev/null; echo x >> other`: 2,
		`cat > /dev/null; echo x > other`:  1,
	} {
		s := newServer(t)
		s.assign(project, script)
		s.assignment.RepairRounds = 2
		m := newMachine(t, s)
		if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed || s.finish.Verification.Status != runapi.VerifyFailed {
			t.Errorf("exit code %d, finish %+v", code, s.finish)
		}
		if n := strings.Count(s.story(), "the engine is told"); n != want {
			t.Errorf("%s: %d rounds, want %d", script, n, want)
		}
		s.bundled()
	}
}
