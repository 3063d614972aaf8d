package workspace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// git runs the git program in a hardened environment.
type git struct {
	program string
	dir     string   // working directory, an empty one of ours
	env     []string // the whole environment, without the git directory
}

// inherited are the variables of the job that git needs to reach the server
// behind a company's proxy or certificate.
var inherited = []string{
	"PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
	"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy",
}

// settings hold whatever a repository's configuration says, since the
// environment's come last. They switch off all that starts other programs.
var settings = [][2]string{
	{"core.hooksPath", "/dev/null"},
	{"core.fsmonitor", "false"},
	{"core.attributesFile", "/dev/null"},
	{"core.excludesFile", "/dev/null"},
	{"core.autocrlf", "false"},
	{"core.protectHFS", "true"},
	{"core.protectNTFS", "true"},
	{"core.sshCommand", "false"},
	{"credential.helper", ""},
	{"diff.ignoreSubmodules", "all"},
	{"submodule.recurse", "false"},
	{"fetch.fsckObjects", "false"}, // the server checks what is published
	{"gc.auto", "0"},
	{"maintenance.auto", "false"},
	{"http.followRedirects", "false"},
	{"protocol.allow", "never"},
	{"protocol.https.allow", "always"},
	{"protocol.http.allow", "always"},
	{"protocol.file.allow", "always"},
	{"safe.directory", "*"},
	{"core.fsync", "none"}, // a workspace that a power cut ended is made anew
	{"advice.detachedHead", "false"},
}

func newGit(job []string, empty string) (*git, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("find git: %w", err)
	}
	env := []string{
		"HOME=" + empty, "XDG_CONFIG_HOME=" + empty, "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=false", "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0",
	}
	for _, entry := range job {
		if name, _, _ := strings.Cut(entry, "="); slices.Contains(inherited, name) {
			env = append(env, entry)
		}
	}
	return &git{program: program, dir: empty, env: env}, nil
}

// command is one call of git.
type command struct {
	gitDir string
	args   []string
	stdin  string
	env    []string    // besides the hardened environment
	config [][2]string // besides the settings; may hold secrets
	answer int         // an exit code besides 0 that is an answer
}

// run returns what git printed. Its error carries what git said, and no secret:
// git does not print the configuration.
func (g *git) run(ctx context.Context, c command) (string, error) {
	cmd := exec.CommandContext(ctx, g.program, c.args...)
	cmd.Dir = g.dir
	cmd.Env = append(slices.Clone(g.env), "GIT_DIR="+c.gitDir)
	cmd.Env = append(cmd.Env, c.env...)
	all := append(slices.Clone(settings), c.config...)
	cmd.Env = append(cmd.Env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(all)))
	for i, kv := range all {
		cmd.Env = append(cmd.Env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, kv[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, kv[1]))
	}
	// A group of its own: git's children (remote-https, index-pack) end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(c.stdin), &out, &said
	err := cmd.Run()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok && c.answer != 0 && ended.ExitCode() == c.answer {
		err = nil
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if text := strings.TrimSpace(said.String()); text != "" {
			return "", fmt.Errorf("git %s: %w: %s", c.args[0], err, lastLines(text, 3))
		}
		return "", fmt.Errorf("git %s: %w", c.args[0], err)
	}
	return strings.TrimSpace(out.String()), nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " / ")
}

// bare makes an empty bare repository without running git: what is in its
// configuration is exactly what stands here. borrow names object directories
// that it reads from.
func bare(dir, commit, extra string, borrow ...string) error {
	for _, d := range []string{"objects/info", "objects/pack", "refs/heads", "refs/anvil", "info"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return fmt.Errorf("make repository: %w", err)
		}
	}
	format, extension := 0, ""
	if len(commit) == 64 {
		format, extension = 1, "[extensions]\n\tobjectFormat = sha256\n"
	}
	files := map[string]string{
		"HEAD":   "ref: refs/heads/none\n",
		"config": fmt.Sprintf("[core]\n\trepositoryformatversion = %d\n\tfilemode = true\n\tbare = true\n%s%s", format, extension, extra),
	}
	if len(borrow) > 0 {
		files["objects/info/alternates"] = strings.Join(borrow, "\n") + "\n"
		files["shallow"] = commit + "\n" // the base commit's parents are nowhere
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("make repository: %w", err)
		}
	}
	return nil
}
