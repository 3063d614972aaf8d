package githubtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// gitProgram runs the git program in an environment that nothing on the machine
// reaches into: no system or personal configuration, no prompts, our hooks only.
type gitProgram struct {
	path    string
	backend string // git-http-backend
	env     []string
}

// updateHook refuses, as GitHub does, a push by an App without the workflows
// permission that brings commits which touch workflow files.
const updateHook = `#!/bin/sh
# update REF OLD NEW
[ "$ANVIL_SIM_MAY_WORKFLOWS" = yes ] && exit 0
case $3 in 0000000*) exit 0 ;; esac
touched=$(git log -m --format= --name-only --no-renames "$3" --not --all -- .github/workflows | head -n 1)
[ -z "$touched" ] && exit 0
echo "refusing to allow a GitHub App to create or update workflow \` + "`$touched\\`" + ` without \` + "`workflows\\`" + ` permission" >&2
exit 1
`

func findGit(dir string) (gitProgram, error) {
	path, err := exec.LookPath("git")
	if err != nil {
		return gitProgram{}, fmt.Errorf("the git program is needed: %w", err)
	}
	out, err := exec.Command(path, "--exec-path").Output()
	if err != nil {
		return gitProgram{}, fmt.Errorf("asking git where its programs are: %w", err)
	}
	g := gitProgram{path: path, backend: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")}
	if _, err := os.Stat(g.backend); err != nil {
		return gitProgram{}, fmt.Errorf("git's http-backend is needed to serve git over HTTP: %w", err)
	}
	hooks := filepath.Join(dir, "hooks")
	if err := os.MkdirAll(hooks, 0o755); err != nil {
		return gitProgram{}, err
	}
	if err := os.WriteFile(filepath.Join(hooks, "update"), []byte(updateHook), 0o755); err != nil {
		return gitProgram{}, err
	}
	g.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(dir, "home"), "LC_ALL=C", "TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0",
	}
	config := [][2]string{
		{"core.hooksPath", hooks}, {"safe.directory", "*"}, {"gc.auto", "0"}, {"receive.autogc", "false"},
		{"http.receivepack", "true"}, {"uploadpack.allowAnySHA1InWant", "true"}, {"uploadpack.allowReachableSHA1InWant", "true"},
		{"uploadpack.allowFilter", "true"}, {"receive.advertisePushOptions", "true"}, {"core.quotePath", "false"},
		{"receive.fsckObjects", "true"}, {"transfer.hideRefs", "refs/sim"}, {"diff.renames", "true"},
	}
	g.env = append(g.env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config)))
	for i, kv := range config {
		g.env = append(g.env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, kv[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, kv[1]))
	}
	return g, nil
}

// out runs git in a repository and returns what it prints.
func (g gitProgram) out(dir string, args ...string) (string, error) {
	b, err := g.run(dir, nil, nil, args...)
	return strings.TrimRight(string(b), "\n"), err
}

// run runs git with more environment and an input.
func (g gitProgram) run(dir string, env []string, stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(context.Background(), g.path, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, append(append([]string{}, g.env...), env...), bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.Bytes(), fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// commit finds the commit that a branch, tag, ref or id names; empty if none.
func (g gitProgram) commit(dir, name string) string {
	if name == "" || strings.HasPrefix(name, "-") || strings.ContainsAny(name, "^~:@{ \\?*[\x00") || strings.Contains(name, "..") {
		return ""
	}
	for _, full := range []string{"refs/heads/" + name, "refs/tags/" + name, name} {
		if sha, err := g.out(dir, "rev-parse", "--verify", "--quiet", full+"^{commit}"); err == nil && sha != "" {
			return sha
		}
	}
	return ""
}

// refs returns all refs of a repository by full name.
func (g gitProgram) refs(dir string, patterns ...string) (map[string]string, error) {
	out, err := g.out(dir, append([]string{"for-each-ref", "--format=%(objectname) %(refname)"}, patterns...)...)
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		sha, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" {
			refs[name] = sha
		}
	}
	return refs, nil
}
