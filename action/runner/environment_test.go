package runner_test

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// A runner that runs no images leaves the dev container out, and says so where people
// look: in an event, in what is handed back and in the step's summary.
func TestADevcontainerThatIsLeftOutIsTold(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(map[string]string{".devcontainer/devcontainer.json": `{"image": "debian:12"}`}, "cat > /dev/null; echo ok > good")
	s.assignment.Environment = runapi.Environment{DevContainer: true}
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed || s.finish.Verification.Status != runapi.VerifyPassed {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}
	const told = "without the dev container .devcontainer/devcontainer.json: "
	if !strings.Contains(s.story(), "environment Environment: "+told) {
		t.Errorf("no word of it in\n%s", s.story())
	}
	if e := s.finish.Environment; e == nil || e.Path != ".devcontainer/devcontainer.json" || e.Without == "" || e.Image != "" {
		t.Errorf("handed back: %+v", e)
	}
	if !strings.Contains(m.file("GITHUB_STEP_SUMMARY"), told) {
		t.Errorf("the summary is silent:\n%s", m.file("GITHUB_STEP_SUMMARY"))
	}
}

// Agent and checks run in the dev container that the base commit describes, on a real
// engine, after its lifecycle commands; what touches the host ends the run before anything
// is built, and a lifecycle command that fails before the agent begins.
func TestDevcontainerRun(t *testing.T) {
	t.Parallel()
	host, base := os.Getenv("ANVIL_DEVCONTAINER_HOST"), os.Getenv("ANVIL_DEVCONTAINER_BASE")
	if host == "" {
		t.Skip("this needs a real container engine: make test-devcontainer")
	}
	machineOf := func(extra, agent string) (*server, *machine) {
		s := newServer(t)
		s.assign(map[string]string{
			".devcontainer/devcontainer.json": `{"build": {"dockerfile": "Dockerfile"}` + extra + `}`,
			".devcontainer/Dockerfile":        "FROM " + base + "\nENV OF_IMAGE=image\nRUN echo inside > /etc/anvil-mark\n",
			"sub/there":                       "",
		}, "cat > /dev/null; "+agent)
		s.assignment.Containment = runapi.Containment{Mode: "docker", Network: "none"}
		s.assignment.Environment = runapi.Environment{DevContainer: true}
		m := newMachine(t, s)
		m.config.Environ = append(m.config.Environ, "DOCKER_HOST="+host, "PATH="+filepath.Dir(os.Getenv("ANVIL_DEVCONTAINER_CLI"))+":"+os.Getenv("PATH"))
		return s, m
	}
	lifecycle := `,
		// As people write it.
		"remoteUser": "dev", "workspaceFolder": "/workspaces/${localWorkspaceFolderBasename}/sub",
		"containerEnv": {"OF_CONTAINER": "${containerEnv:OF_IMAGE} and container", "GITHUB_TOKEN": "no"},
		"remoteEnv": {"OF_REMOTE": "remote", "PATH": "${containerEnv:PATH}:${containerEnv:HOME}/tools"},
		"onCreateCommand": "test -f there && mkdir ~/tools && echo \"$PWD\" > ~/lifecycle",
		"updateContentCommand": ["sh", "-c", "test ! -s /etc/resolv.conf && echo updated >> ~/lifecycle"],
		"postCreateCommand": {"tool": "printf '#!/bin/sh\\necho tool\\n' > ~/tools/tool && chmod +x ~/tools/tool", "log": "echo created >> ~/lifecycle"},
		"postStartCommand": "echo ${containerWorkspaceFolder} $HOME >> ~/lifecycle",
		"postAttachCommand": "echo attached >> ~/lifecycle"`
	s, m := machineOf(lifecycle, `{ cat /etc/anvil-mark ~/lifecycle; id -un; tool; echo "$OF_CONTAINER, $OF_REMOTE, ${GITHUB_TOKEN-none}"; } > mark; rm -r ~/tools`)
	s.assignment.Verify = []string{"test -f /etc/anvil-mark && tool && grep -q created ~/lifecycle && grep -q inside mark"}
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed || s.finish.Verification.Status != runapi.VerifyPassed {
		t.Fatalf("exit code %d, finish %+v\n%s", code, s.finish, s.story())
	}
	folder := "/workspaces/" + path.Base(s.assignment.Repository.FullName) + "/sub"
	want := strings.Join([]string{"inside", folder, "updated", "created", folder + " /anvil/home", "dev", "tool", "image and container, remote, none"}, "\n")
	if got := strings.TrimPrefix(s.bundled()["mark"], "100644 "); strings.TrimSpace(got) != want {
		t.Errorf("the agent wrote\n%s\nwant\n%s", got, want)
	}
	if !strings.Contains(s.story(), "environment Environment: dev container .devcontainer/devcontainer.json, cold") {
		t.Errorf("no word of it in\n%s", s.story())
	}
	if e := s.finish.Environment; e == nil || e.Path != ".devcontainer/devcontainer.json" || e.Warm || !strings.HasPrefix(e.Image, "sha256:") {
		t.Errorf("handed back: %+v", e)
	}
	s, m = machineOf(`, "privileged": true`, "true")
	if m.run(); s.finish.Problem == nil || s.finish.Problem.Code != "DEVC_FORBIDDEN" || !strings.Contains(s.finish.Problem.What, "privileged") {
		t.Errorf("privileged: finish %+v", s.finish)
	}
	s, m = machineOf(`, "postCreateCommand": {"deps": "echo no such package: frob; echo asked with `+leaseToken+` >&2; exit 3"}`, "echo began > mark")
	if m.run(); s.finish.Problem == nil || s.finish.Problem.Code != "DEVC_LIFECYCLE" || !strings.Contains(s.finish.Problem.What, "postCreateCommand deps") ||
		!strings.Contains(s.finish.Problem.What, "no such package: frob") || s.finish.Bundle != "" {
		t.Errorf("a lifecycle command that fails: finish %+v", s.finish)
	}
	// The debug package tells of it: the command, what it printed, and the dev container, without what it must not tell.
	files := unpacked(t, s.artifacts[runapi.ArtifactDebug])
	for name, parts := range map[string][]string{
		"log.txt":  {"| $ echo no such package: frob; echo asked with *** >&2; exit 3\n", "| no such package: frob\n", "| asked with ***\n", "DEVC_LIFECYCLE"},
		"run.json": {`".devcontainer/devcontainer.json"`, "DEVC_LIFECYCLE", `"contained_by"`},
	} {
		for _, part := range parts {
			if !strings.Contains(files[name], part) {
				t.Errorf("%s of the debug package has no %q:\n%s", name, part, files[name])
			}
		}
		if strings.Contains(files[name], leaseToken) {
			t.Errorf("%s of the debug package has the lease token", name)
		}
	}
	s, m = machineOf(`, "postStartCommand": "sleep 600 & wait"`, "true")
	s.assignment.Limits.VerifySeconds = 3
	if m.run(); s.finish.Problem == nil || s.finish.Problem.Code != "DEVC_LIFECYCLE" || !strings.Contains(s.finish.Problem.What, "took longer than 3s") {
		t.Errorf("a lifecycle command that hangs: finish %+v", s.finish)
	}
}
