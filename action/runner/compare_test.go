package runner_test

import (
	"testing"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// What was checked quickly is checked on the base commit too, in a tree and a home of its
// own, and what is handed back stays what it was.
func TestRunComparesWithBefore(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[int][]string{0: {"", "", ""}, 60: {runapi.VerifyFailed, runapi.VerifyPassed, runapi.VerifyPassed}} {
		s := newServer(t)
		s.assign(project, "cat > /dev/null; echo x > good")
		s.assignment.Limits.CompareSeconds = seconds
		s.assignment.Verify = []string{"test -f good", "true", "! test -e ~/mark && touch ~/mark"}
		m := newMachine(t, s)
		if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed || s.finish.Verification.Status != runapi.VerifyPassed {
			t.Fatalf("exit code %d, finish %+v", code, s.finish)
		}
		for i, c := range s.finish.Verification.Checks {
			if c.Status != runapi.VerifyPassed || c.Before != want[i] {
				t.Errorf("compared within %d s: %q ended %s, before %q, want %q", seconds, c.Name, c.Status, c.Before, want[i])
			}
		}
		if files := s.bundled(); files["good"] == "" {
			t.Errorf("the bundle has %v", files)
		}
		noCanaries(t, s, m)
	}
}
