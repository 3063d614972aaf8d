package runner_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// contained makes a run in bubblewrap, if this machine can.
func contained(t *testing.T, agent string) (*server, *machine) {
	t.Helper()
	if _, err := exec.LookPath("bwrap"); err != nil {
		t.Skip("bwrap is not on this machine")
	}
	s := newServer(t)
	s.assign(project, agent)
	s.assignment.Containment = runapi.Containment{Mode: "bubblewrap", Network: "none"}
	return s, newMachine(t, s)
}

// Agent and checks run in a container, git works for both, and what the agent leaves
// in its home and its temporary directory the checks don't find.
func TestRunContained(t *testing.T) {
	t.Parallel()
	s, m := contained(t, `cat > /dev/null
		[ "$PWD" = /anvil/tree ] && [ "$HOME" = /anvil/home ] || exit 3
		ls -d /proc/[0-9]* | wc -l; ls /anvil; cat /proc/1/cmdline | tr '\0' ' '
		touch ~/mark /tmp/mark; echo ok > good
		git add good && git commit -qm mine && git log --oneline | wc -l && [ -z "$(git status --short)" ] || exit 4`)
	s.assignment.Verify = []string{"test -f good && ! test -e ~/mark && ! test -e /tmp/mark", `[ "$(git rev-parse HEAD^)" = ` + s.assignment.BaseCommit + ` ] || git log`, "git status --short"}
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed || s.finish.Verification.Status != runapi.VerifyPassed {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}
	if !strings.Contains(s.story(), "contained bubblewrap ") {
		t.Errorf("no word of it in\n%s", s.story())
	}
	noCanaries(t, s, m)
}
