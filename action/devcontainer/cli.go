//go:build unix

package devcontainer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// CLI is the dev container reference CLI and the container engine that it builds with.
type CLI struct {
	// Program is the CLI; empty: devcontainer on PATH. Docker is the engine's client;
	// empty: docker on PATH.
	Program, Docker string
	// Environ is all that both see of the job's environment: PATH, HOME and where the
	// engine is. It holds no token but what pulling from a registry takes.
	Environ []string
	// Limit is the time for a build, Ask for everything else.
	Limit, Ask time.Duration
	// Clean makes output fit to be shown.
	Clean func(string) string
	Log   io.Writer // of the build
}

// Built is an image that was built.
type Built struct {
	ID string // the image's digest in the engine
	// Metadata is the label devcontainer.metadata: what configuration, features and base
	// image say together, as the CLI merged it.
	Metadata []byte
	User     string   // that its programs run as, unless the metadata says otherwise
	Env      []string // of its programs
}

// cliName is what the CLI is called.
const cliName = "devcontainer"

// tailBytes is how much of a failed build's output is told.
const tailBytes = 2 << 10

// drain is how long a program that was killed may keep its output open.
const drain = 2 * time.Second

// Have returns c with a CLI that is on this machine: its own, else the one that get returns
// the path of. Without Node no CLI can run, so none is got.
func (c CLI) Have(ctx context.Context, get func(ctx context.Context, name string) (string, error)) (CLI, error) {
	if _, err := c.look(c.program()); err == nil {
		return c, nil
	}
	if _, err := c.look("node"); err != nil {
		return c, nil // its Version says what is missing
	}
	program, err := get(ctx, cliName)
	c.Program = program
	return c, err
}

// Version tells the CLI's version, which is part of the key. The error says what is
// missing on the runner.
func (c CLI) Version(ctx context.Context) (string, error) {
	out, err := c.run(ctx, c.Ask, c.program(), "--version")
	return strings.TrimSpace(out), err
}

// Platform is what images are built for here.
const Platform = runtime.GOOS + "/" + runtime.GOARCH

// Inputs are all that this CLI would build a configuration from on this machine, but for
// Base, which registries know.
func (c CLI) Inputs(ctx context.Context, configuration *Configuration) (Inputs, error) {
	version, err := c.Version(ctx)
	if err != nil {
		return Inputs{}, err
	}
	inputs, err := configuration.Inputs()
	inputs.CLI, inputs.Platform = version, Platform
	return inputs, err
}

// Environ is what of the job's environment a build may see: no token is among it.
func Environ(job []string) []string {
	var env []string
	for _, entry := range job {
		switch name, _, _ := strings.Cut(entry, "="); name {
		case "PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "CONTAINER_HOST",
			"BUILDX_BUILDER", "BUILDX_CONFIG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "TMPDIR":
			env = append(env, entry)
		}
	}
	return env
}

// Build builds the image of a configuration in a checkout of the base commit at dir,
// and names it image. from and to are an image cache's.
func (c CLI) Build(ctx context.Context, dir string, configuration *Configuration, image string, from, to []string) (Built, error) {
	// The CLI names the folder of its Dockerfile and features by the millisecond, so two builds
	// of one account can write each other's, and one is then built of what nobody looked at.
	temp, err := os.MkdirTemp("", "devcontainer-")
	if err != nil {
		return Built{}, err
	}
	defer os.RemoveAll(temp)
	c.Environ = append(slices.Clone(c.Environ), "TMPDIR="+temp)
	args := []string{
		"build", "--workspace-folder", dir, "--config", filepath.Join(dir, filepath.FromSlash(configuration.Path)),
		"--image-name", image, "--docker-path", c.docker(),
	}
	for _, f := range from {
		args = append(args, "--cache-from", f)
	}
	for _, t := range to {
		args = append(args, "--cache-to", t)
	}
	if _, err := c.run(ctx, c.Limit, c.program(), args...); err != nil {
		return Built{}, err
	}
	return c.Inspect(ctx, image)
}

// Inspect tells of an image that is in the engine.
func (c CLI) Inspect(ctx context.Context, image string) (Built, error) {
	out, err := c.run(ctx, c.Ask, c.docker(), "image", "inspect", image)
	if err != nil {
		return Built{}, err
	}
	var list []struct {
		ID     string `json:"Id"`
		Config struct {
			User   string
			Env    []string
			Labels map[string]string
		}
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || list[0].ID == "" {
		return Built{}, &runapi.Error{Code: CodeBuild, What: "The engine's description of the image can't be read.", Next: "Look at the runner's container engine."}
	}
	of := list[0].Config
	b := Built{ID: list[0].ID, Metadata: []byte(of.Labels["devcontainer.metadata"]), User: of.User, Env: of.Env}
	if len(b.Metadata) == 0 {
		b.Metadata = []byte("[]")
	}
	return b, nil
}

func (c CLI) program() string { return or(c.Program, cliName) }
func (c CLI) docker() string  { return or(c.Docker, "docker") }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// run runs a program to its end and returns what it printed. The program sees Environ
// alone, and ends with all that it started.
func (c CLI) run(ctx context.Context, limit time.Duration, program string, args ...string) (string, error) {
	path, err := c.look(program)
	if err != nil {
		return "", &runapi.Error{
			Code: CodeMissing, What: fmt.Sprintf("%s is not on this runner.", filepath.Base(program)),
			Next: "Install Docker, and Node.js or @devcontainers/cli (npm install --global @devcontainers/cli) on the runner.",
		}
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(limited, path, args...)
	cmd.Env, cmd.Dir = c.Environ, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = drain
	var out bytes.Buffer
	// Each has a tail of its own: much on one must not push the other out.
	printed, said := &tail{}, &tail{}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, printed), io.MultiWriter(said, c.log())
	err = cmd.Run()
	switch {
	case err == nil:
		return out.String(), nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return "", &runapi.Error{
			Code: CodeTimeout, What: fmt.Sprintf("%s %s took longer than %s.", filepath.Base(program), args[0], limit),
			Next: "Make the dev container's build smaller, then say /anvil retry.",
		}
	}
	text := printed.String() + "\n" + said.String()
	if c.Clean != nil {
		text = c.Clean(text)
	}
	return "", &runapi.Error{
		Code: CodeBuild, What: fmt.Sprintf("%s %s failed (%v): %s", filepath.Base(program), args[0], err, strings.TrimSpace(text)),
		Next: "Run devcontainer build on the base branch, correct what it says, then say /anvil retry.",
	}
}

// look finds a program on the PATH of Environ, which is not this process's own.
func (c CLI) look(program string) (string, error) {
	if strings.ContainsRune(program, '/') {
		return exec.LookPath(program)
	}
	for _, entry := range c.Environ {
		list, ok := strings.CutPrefix(entry, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil && filepath.IsAbs(path) {
				return path, nil
			}
		}
	}
	return "", exec.ErrNotFound
}

func (c CLI) log() io.Writer {
	if c.Log == nil {
		return io.Discard
	}
	return c.Log
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if n := len(t.kept) - tailBytes/2; n > 0 {
		t.kept = append(t.kept[:0], t.kept[n:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(string(t.kept), "") }
