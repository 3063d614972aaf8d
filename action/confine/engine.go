//go:build unix

package confine

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// engine makes containers with a container engine: docker, or podman, which is
// spoken to in the same way. Without an image it is an empty one, on which the
// machine's own system is mounted read-only as bubblewrap does it.
type engine struct{ name string }

// label marks containers of ours.
const label = "anvil.confinement"

// emptyImage is the image of containers that use the machine's system.
const emptyImage = "localhost/anvil-empty:1"

func (e engine) ready(ctx context.Context, c *Choice) error {
	path, err := LookPath(e.name, c.Environ)
	if err != nil {
		return fmt.Errorf("%s is not on PATH", e.name)
	}
	c.program = path
	lacks, err := c.meet(ctx, e.name)
	if err != nil {
		return fmt.Errorf("it does not answer: %w", err)
	}
	image := c.Containment.Image
	if image == "" {
		c.useMachine()
		if err := c.makeEmptyImage(ctx); err != nil {
			return err
		}
		image = emptyImage
	} else if err := c.useImage(ctx, image); err != nil {
		return err
	}
	c.image = image
	switch {
	case os.Geteuid() == 0:
		c.Evidence.User = "a user that nothing else on the machine is"
	default:
		c.Evidence.User = fmt.Sprintf("user %d, the runner's own number, in namespaces of its own", os.Geteuid())
	}
	c.limited(lacks)
	return nil
}

// meet asks the engine who it is and which limits it keeps: one that may not limit,
// as without root on cgroups of version 1, takes the words all the same and ignores
// them. What it returns is for [Choice.limited].
func (c *Choice) meet(ctx context.Context, name string) (lacks func(controller string) string, err error) {
	asked, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	text, err := c.ask(asked, "info", "--format", "{{json .}}")
	if err != nil {
		return nil, err
	}
	var docker struct {
		ServerVersion string
		MemoryLimit   bool
		CpuCfsQuota   bool
		PidsLimit     bool
	}
	var podman struct {
		Host    struct{ CgroupControllers []string }
		Version struct{ Version string }
	}
	keeps := map[string]bool{}
	if name == ModePodman {
		err = json.Unmarshal([]byte(text), &podman)
		c.Evidence.Version = podman.Version.Version
		for _, controller := range podman.Host.CgroupControllers {
			keeps[controller] = true
		}
	} else {
		err = json.Unmarshal([]byte(text), &docker)
		c.Evidence.Version = docker.ServerVersion
		keeps["memory"], keeps["cpu"], keeps["pids"] = docker.MemoryLimit, docker.CpuCfsQuota, docker.PidsLimit
	}
	if err == nil && c.Evidence.Version == "" {
		err = errors.New("info: it tells no version")
	}
	return func(controller string) string {
		if keeps[controller] {
			return ""
		}
		return "the engine may make no cgroup with " + controller
	}, err
}

// ask runs a command of the engine's client and returns what it prints.
func (c *Choice) ask(ctx context.Context, args ...string) (string, error) {
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, c.program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = c.clientEnv(), &out, &said
	cmd.WaitDelay = drain
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// clientEnv is what the engine's client needs to find the engine.
func (c *Choice) clientEnv() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "CONTAINER_HOST", "XDG_RUNTIME_DIR"} {
		if v := environ(c.Environ).get(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// makeEmptyImage makes the image with nothing in it, unless it is there.
func (c *Choice) makeEmptyImage(ctx context.Context) error {
	if _, err := c.ask(ctx, "image", "inspect", emptyImage); err == nil {
		return nil
	}
	cmd := exec.CommandContext(ctx, c.program, "import", "-", emptyImage)
	cmd.Env, cmd.Stdin = c.clientEnv(), bytes.NewReader(make([]byte, 1024)) // the end of an archive
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make the empty image: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// useImage gets the image, and what it says of itself.
func (c *Choice) useImage(ctx context.Context, image string) error {
	text, err := c.ask(ctx, "image", "inspect", image)
	if err != nil {
		if _, pullErr := c.ask(ctx, "pull", "--quiet", image); pullErr != nil {
			return fmt.Errorf("the image %s can't be had: %w", image, pullErr)
		}
		if text, err = c.ask(ctx, "image", "inspect", image); err != nil {
			return err
		}
	}
	var list []struct {
		ID     string `json:"Id"`
		Config struct{ Env []string }
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 1 {
		return errors.New("the image's description can't be read")
	}
	c.Evidence.Image, c.Evidence.Digest = image, list[0].ID
	// Of the job's variables only those that are no place of the machine's.
	for _, name := range []string{"LANG", "LC_ALL", "TERM", "TZ", "GOPROXY", "GOSUMDB", "GOFLAGS", "npm_config_registry"} {
		if v := environ(c.Environ).get(name); v != "" {
			c.env.set(name, v)
		}
	}
	c.env.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	for _, entry := range slices.Concat(list[0].Config.Env, c.Options.Image) {
		if name, value, ok := strings.Cut(entry, "="); ok {
			c.env.set(name, value)
			c.given = append(c.given, name)
		}
	}
	c.ownCaches()
	return nil
}

func (e engine) launch(b *box, mounts []Mount, o *order) launch {
	c := b.choice
	name := "anvil-" + strings.ToLower(rand.Text()[:16])
	user := strconv.Itoa(b.user) + ":" + strconv.Itoa(b.user)
	args := []string{
		"run", "--rm", "--interactive", "--name", name, "--label", label + "=" + strconv.Itoa(os.Getpid()),
		"--pull", "never", "--network", "none", "--user", user, "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
		"--read-only", "--hostname", "anvil", "--ipc", "private", "--shm-size", strconv.Itoa(sharedMemory), "--workdir", "/",
		"--log-driver", "none",
	}
	if e.name == ModePodman {
		o.Filter = true // its own lets programs make user namespaces
		// It sets more than it may itself on some machines, and then starts nothing.
		// Inside lowers them to what programs get.
		for name, l := range map[string]struct {
			resource int
			enough   uint64
		}{"nofile": {syscall.RLIMIT_NOFILE, openFiles}, "nproc": {rlimitProcesses, 16384}} {
			var now syscall.Rlimit
			if syscall.Getrlimit(l.resource, &now) == nil {
				limit := strconv.FormatUint(min(now.Max, l.enough), 10)
				args = append(args, "--ulimit", name+"="+limit+":"+limit)
			}
		}
	}
	if e.name == ModePodman && os.Geteuid() != 0 {
		// Rootless, the number inside is the runner's own outside. As root there is no
		// such mode, nor any need: the programs' user is a number that is nobody's.
		args = append(args, "--userns", "keep-id")
	}
	l := c.Containment
	if l.MemoryBytes > 0 {
		n := strconv.FormatInt(l.MemoryBytes, 10)
		args = append(args, "--memory", n, "--memory-swap", n)
	}
	if l.CPUs > 0 {
		args = append(args, "--cpus", strconv.FormatFloat(l.CPUs, 'f', -1, 64))
	}
	if l.PIDs > 0 {
		args = append(args, "--pids-limit", strconv.FormatInt(l.PIDs, 10))
	}
	for _, m := range mounts {
		option := "type=bind,source=" + m.Outside + ",target=" + m.Inside
		if !m.Writable {
			option += ",readonly"
		}
		args = append(args, "--mount", option)
	}
	args = append(args, "--entrypoint", insideRunner, c.image, "inside", insideControl)
	cmd := &exec.Cmd{Path: c.program, Args: append([]string{c.program}, args...), Env: c.clientEnv(), Dir: "/"}
	return launch{cmd: cmd, kill: func() {
		// The client may be gone and the container not, or the other way round.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, _ = c.ask(ctx, "rm", "--force", name)
		_ = cmd.Process.Kill()
	}}
}
