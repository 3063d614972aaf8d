//go:build unix

package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// usual is what runs are limited to by default, as far as a machine can fail to.
var usual = runapi.Containment{MemoryBytes: 4 << 30, PIDs: 1024, DiskBytes: 10 << 30}

// lookAtContainment tries each way of containing an agent. One that works is enough; the
// first that does is what runs use unless the operator names another.
func lookAtContainment(ctx context.Context, m *machine) []Finding {
	var works, fails []Finding
	for _, mode := range []string{confine.ModeDocker, confine.ModePodman, confine.ModeBubblewrap} {
		limits := usual
		limits.Mode = mode
		c, err := confine.Choose(ctx, confine.Options{Containment: limits, Environ: m.Environ, Self: m.Self})
		if err == nil {
			works = append(works, Finding{State: Good, Found: c.Evidence.String()})
			continue
		}
		fails = append(fails, Finding{State: Lacking, Found: because(mode, err), Fix: "Nothing, unless the server's containment.mode names " + mode + "."})
	}
	if len(works) == 0 {
		for i := range fails {
			fails[i].State, fails[i].Fix = Wrong, "One of the three is enough: install Docker, or apt-get install bubblewrap."
		}
	}
	return append(works, fails...)
}

// because is what a mode fails for, without the words around it.
func because(mode string, err error) string {
	what := err.Error()
	var problem *runapi.Error
	if errors.As(err, &problem) {
		what = strings.TrimPrefix(problem.What, "Nothing on this runner can contain an agent: ")
	}
	what = strings.TrimSuffix(strings.TrimSpace(what), ".")
	if !strings.HasPrefix(what, mode) {
		what = mode + ": " + what
	}
	return what
}

// What follows is for dev containers only: a run that uses none does without.

const onlyForImages = " It is for dev containers only."

func lookAtDocker(ctx context.Context, m *machine) []Finding {
	path, ok := m.path("docker")
	if !ok {
		return lacking("docker is not on PATH", "apt-get install docker.io."+onlyForImages)
	}
	server, err := m.ask(ctx, path, "version", "--format", "{{.Server.Version}}")
	if err != nil {
		return lacking("the engine does not answer: "+err.Error(), "Start it (systemctl start docker) and let this user reach it (usermod -aG docker USER)."+onlyForImages)
	}
	root, err := m.ask(ctx, path, "info", "--format", "{{.Driver}}, images at {{.DockerRootDir}}, cgroup {{.CgroupVersion}}")
	if err != nil {
		return lacking("the engine says nothing of itself: "+err.Error(), "Look at its log."+onlyForImages)
	}
	return good(server + ", " + root)
}

func lookAtBuildx(ctx context.Context, m *machine) []Finding {
	path, ok := m.path("docker")
	if !ok {
		return nil // that is told already
	}
	said, err := m.ask(ctx, path, "buildx", "version")
	if err != nil {
		return lacking("docker has no buildx", "Put docker-buildx into /usr/local/lib/docker/cli-plugins (apt-get install docker-buildx, or docker-buildx-plugin)."+onlyForImages)
	}
	return good(said)
}

func lookAtDevcontainer(ctx context.Context, m *machine) []Finding {
	path, ok := m.path("devcontainer")
	if _, node := m.path("node"); !ok && node {
		return good("not on PATH: fetched when a run needs it")
	}
	if !ok {
		return lacking("neither the dev container CLI nor Node.js is on PATH", "Install Node.js 20 or later, with which the CLI can be fetched, or @devcontainers/cli@0.89.0."+onlyForImages)
	}
	said, err := m.ask(ctx, path, "--version")
	if err != nil {
		return lacking("the dev container CLI does not run: "+err.Error(), "Install Node.js 20 or later beside it."+onlyForImages)
	}
	return good(said)
}

// ask runs a program that tells something, with the environment of a job, and returns
// its first line. The error has the first line of what it complained of.
func (m *machine) ask(ctx context.Context, path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = m.Environ, &out, &said, time.Second
	err := cmd.Run()
	if err == nil {
		return firstLine(out.String()), nil
	}
	if ctx.Err() != nil {
		return "", errors.New("no answer in 20 s")
	}
	if complaint := firstLine(said.String()); complaint != "" {
		return "", errors.New(complaint)
	}
	return "", fmt.Errorf("%s: %w", args[0], err)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line[:min(len(line), 300)]
}
