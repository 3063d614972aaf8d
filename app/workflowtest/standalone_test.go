package workflowtest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// alone are the files of Anvil without a server. They are started by people's events
// and hold a secret, so the rules of the others are not theirs.
var alone = []string{".github/workflows/standalone.yml", "config/workflow/standalone.yml"}

// standaloneStep is a step of a job.
type standaloneStep struct {
	Uses, Run string
	With, Env map[string]string
}

// Without a server, the job that runs the agent may only read; the job that writes has
// no model key and runs nothing but our own action; the key goes to the one step that
// needs it, and both jobs are told the same. An
// issue's runs wait for each other, and the key's job is held to the rules of an environment.
func TestStandaloneRules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, alone[0]))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Permissions yaml.Node
		Concurrency struct{ Group string }
		Jobs        map[string]struct {
			Environment string
			Permissions yaml.Node
			Env         map[string]string
			Steps       []standaloneStep
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if got := file.Concurrency.Group; got != "anvil-standalone-${{ github.event.issue.number || github.run_id }}" {
		t.Errorf("the workflow runs of one issue are in the group %q", got)
	}
	if got := file.Jobs["agent"].Environment; got != "anvil" {
		t.Errorf("the job that has the key is in the environment %q", got)
	}
	if got := permissions(file.Permissions); got != "{}" {
		t.Errorf("the workflow's permissions are %s", got)
	}
	want := map[string]string{"agent": "{contents: read, issues: read}", "publish": "{checks: write, contents: write, issues: write, pull-requests: write}"}
	const ours = "seed-bc0cc349/anvil@main"
	holders, told := map[string][]string{}, map[string]map[string]string{}
	for name, job := range file.Jobs {
		if got := permissions(job.Permissions); got != want[name] {
			t.Errorf("the permissions of job %s are %s, want %s", name, got, want[name])
		}
		if len(job.Env) > 0 {
			t.Errorf("job %s: every step has %v", name, job.Env)
		}
		for _, s := range job.Steps {
			if len(s.Env) > 0 || s.Run != "" {
				t.Errorf("job %s: a step of its own: %+v", name, s)
			}
			for input, value := range s.With {
				if strings.Contains(value, "secrets.") || strings.Contains(value, "github.token") {
					holders[value] = append(holders[value], name+": "+input+" of "+s.Uses)
				}
			}
			if s.Uses != ours && !pinned.MatchString(strings.Fields(s.Uses)[0]) {
				t.Errorf("job %s: %s is not pinned", name, s.Uses)
			}
			if s.Uses == ours {
				told[name] = s.With
			}
		}
	}
	if got := holders["${{ secrets.model-key }}"]; len(holders) != 1 || !slices.Equal(got, []string{"agent: model-key of " + ours}) {
		t.Errorf("secrets are held by %q", holders)
	}
	if told["publish"]["verb"] != "publish" || told["agent"]["verb"] != "" || told["agent"]["server"] != "" {
		t.Errorf("the jobs are told %v", told)
	}
	delete(told["publish"], "verb")
	delete(told["agent"], "model-key")
	if len(told["agent"]) != 12 || !maps.Equal(told["agent"], told["publish"]) {
		t.Errorf("the jobs are not told the same: %v", told)
	}
	for input, value := range told["agent"] {
		if value != "${{ inputs."+input+" }}" {
			t.Errorf("%s is %s", input, value)
		}
	}
}

// A standalone run is decided without the key, and worked on with it and without the
// token that could write; what publishes has neither key nor runner.
func TestWorkflowScriptAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ verb, proceed, want string }{
		"to do":         {"run", "yes", "anvil prepare --assignment TEMP/assignment.json: key=no read=no token=yes\nanvil-runner run --assignment TEMP/assignment.json --out TEMP/anvil-handover: key=yes read=yes token=no\n"},
		"nothing to do": {"run", "no", "anvil prepare --assignment TEMP/assignment.json: key=no read=no token=yes\n"},
		"to publish":    {"publish", "yes", "anvil publish --from TEMP/anvil-handover: key=no read=no token=yes\n"},
		"a prebuild":    {"prebuild", "yes", "anvil-runner prebuild: key=no read=no token=yes\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, temp := t.TempDir(), t.TempDir()
			for _, program := range []string{"anvil", "anvil-runner"} {
				writeProgram(t, filepath.Join(dir, program), `#!/bin/sh
has() { if [ -n "$1" ]; then echo yes; else echo no; fi; }
echo "`+program+` $*: key=$(has "$ANVIL_MODEL_KEY") read=$(has "$ANVIL_READ_TOKEN") token=$(has "$GITHUB_TOKEN")"
if [ "$1" = prepare ] && [ "$WANT" = yes ]; then : > "$3"; fi
`)
			}
			cmd := scriptCommand(t, "PATH="+os.Getenv("PATH"), "ANVIL_SERVER=", "ANVIL_PROGRAMS="+dir, "ANVIL_VERB="+c.verb, "ANVIL_MODEL_KEY=key", "GITHUB_TOKEN=token", "WANT="+c.proceed, "RUNNER_TEMP="+temp)
			out, err := cmd.CombinedOutput()
			if got := strings.ReplaceAll(string(out), temp, "TEMP"); err != nil || got != c.want {
				t.Errorf("%v, and it did\n%s", err, got)
			}
		})
	}
}

// Caller and reusable workflow fit, and actionlint accepts both.
func TestWorkflowStandaloneCallsFit(t *testing.T) {
	t.Parallel()
	actionlint := os.Getenv("ANVIL_ACTIONLINT")
	if actionlint == "" {
		t.Skip("ANVIL_ACTIONLINT does not name the program actionlint: `make test-workflows` builds it and sets it")
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"as they are":          {},
		"an input too many":    {"engine: codex", "engin: codex", `input "engin" is not defined`},
		"a secret of no name":  {"model-key:", "modelkey:", `secret "modelkey" is not defined`},
		"an event without one": {"contains(", "contain(", "undefined function"},
	} {
		dir := t.TempDir()
		for i, to := range []string{".github/workflows/standalone.yml", ".github/workflows/anvil.yml"} {
			text, err := os.ReadFile(filepath.Join(root, alone[i]))
			if err != nil {
				t.Fatal(err)
			}
			local := strings.ReplaceAll(known(string(text)), "seed-bc0cc349/anvil/.github/workflows/standalone.yml@main", "./.github/workflows/standalone.yml")
			if i == 1 && c.from != "" {
				local = strings.Replace(local, c.from, c.to, 1)
			}
			if err := os.MkdirAll(filepath.Join(dir, ".github/workflows"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, to), []byte(local), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), actionlint, "-oneline", "-shellcheck=", "-pyflakes=")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if (err == nil) != (c.want == "") || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: want %q, got %v\n%s", name, c.want, err, out)
		}
	}
}
