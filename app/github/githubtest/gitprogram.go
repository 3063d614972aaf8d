package githubtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// gitProgram runs the git program in an environment that nothing on the machine
// reaches into: no system or personal configuration, no prompts, our hooks only.
type gitProgram struct {
	path    string
	backend string // git-http-backend
	env     []string
	known   *sync.Map // answers about objects, by repository and question
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
	g := gitProgram{path: path, known: &sync.Map{}, backend: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")}
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
	if objectID.MatchString(name) { // GitHub has no branches that are called so
		sha, _ := g.line(dir, "rev-parse", "--verify", "--quiet", name+"^{commit}")
		return sha
	}
	var asked strings.Builder
	for _, full := range []string{"refs/heads/" + name, "refs/tags/" + name, name} {
		asked.WriteString(full + "^{commit}\n")
	}
	found, err := g.run(dir, nil, []byte(asked.String()), "cat-file", "--batch-check=%(objectname)")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(found)) {
		if line = strings.TrimSpace(line); objectID.MatchString(line) { // else "… missing"
			return line
		}
	}
	return ""
}

var objectID = regexp.MustCompile(`^[0-9a-f]{40}$`)

// about is run for a question about objects, whose answer never changes where they are
// named by their ids. It is then asked once: starting a program for each costs more than
// everything else here.
func (g gitProgram) about(dir, command string, args ...string) ([]byte, error) {
	fixed := true
	for _, arg := range args {
		fixed = fixed && (strings.HasPrefix(arg, "-") || arg == "blob" || byID.MatchString(arg))
	}
	key := strings.Join(append([]string{dir, command}, args...), "\x00")
	if answer, ok := g.known.Load(key); ok && fixed {
		return answer.([]byte), nil
	}
	b, err := g.run(dir, nil, nil, append([]string{command}, args...)...)
	if err == nil && fixed && len(b) < 64<<10 {
		g.known.Store(key, b)
	}
	return b, err
}

// line is about for an answer of one line.
func (g gitProgram) line(dir, command string, args ...string) (string, error) {
	b, err := g.about(dir, command, args...)
	return strings.TrimRight(string(b), "\n"), err
}

// byID is an argument that names objects by ids alone, a path in one included.
var byID = regexp.MustCompile(`^[0-9a-f]{40}(:.*|\.\.[0-9a-f]{40}|\^\{[a-z]+\})?$`)

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
