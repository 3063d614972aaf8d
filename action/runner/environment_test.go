package runner_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Agent and checks run in the dev container that the base commit describes, on a real
// engine; what touches the host ends the run before anything is built.
func TestDevcontainerRun(t *testing.T) {
	host, base := os.Getenv("ANVIL_DEVCONTAINER_HOST"), os.Getenv("ANVIL_DEVCONTAINER_BASE")
	if host == "" {
		t.Skip("this needs a real container engine: make test-devcontainer")
	}
	machineOf := func(extra string) (*server, *machine) {
		s := newServer(t)
		s.assign(map[string]string{
			".devcontainer/devcontainer.json": `{"build": {"dockerfile": "Dockerfile"}` + extra + `}`,
			".devcontainer/Dockerfile":        "FROM " + base + "\nRUN echo inside > /etc/anvil-mark\n",
		}, "cat > /dev/null; cat /etc/anvil-mark > mark")
		s.assignment.Containment = runapi.Containment{Mode: "docker", Network: "none"}
		s.assignment.Environment = runapi.Environment{DevContainer: true}
		s.assignment.Verify = []string{"test -f /etc/anvil-mark && grep -q inside mark"}
		m := newMachine(t, s)
		m.config.Environ = append(m.config.Environ, "DOCKER_HOST="+host, "PATH="+filepath.Dir(os.Getenv("ANVIL_DEVCONTAINER_CLI"))+":"+os.Getenv("PATH"))
		return s, m
	}
	s, m := machineOf("")
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed || s.finish.Verification.Status != runapi.VerifyPassed {
		t.Fatalf("exit code %d, finish %+v\n%s", code, s.finish, s.story())
	}
	if got := s.bundled()["mark"]; got != "100644 inside" {
		t.Errorf("the agent wrote %q", got)
	}
	if !strings.Contains(s.story(), "environment Environment: dev container .devcontainer/devcontainer.json, cold") {
		t.Errorf("no word of it in\n%s", s.story())
	}
	if e := s.finish.Environment; e == nil || e.Path != ".devcontainer/devcontainer.json" || e.Warm || !strings.HasPrefix(e.Image, "sha256:") {
		t.Errorf("handed back: %+v", e)
	}
	s, m = machineOf(`, "privileged": true`)
	if m.run(); s.finish.Problem == nil || s.finish.Problem.Code != "DEVC_FORBIDDEN" || !strings.Contains(s.finish.Problem.What, "privileged") {
		t.Errorf("privileged: finish %+v", s.finish)
	}
}
