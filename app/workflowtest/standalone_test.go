package workflowtest

import (
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
	Env       map[string]string
}

// Without a server, the job that runs the agent may only read; the job that writes has
// no model key and runs nothing but our own program; key and tokens are in the
// environment of the steps that need them, and no text of a person is in a command. An
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
	holders := map[string][]string{}
	for name, job := range file.Jobs {
		if got := permissions(job.Permissions); got != want[name] {
			t.Errorf("the permissions of job %s are %s, want %s", name, got, want[name])
		}
		for variable, value := range job.Env {
			if !strings.HasPrefix(value, "${{ inputs.") {
				t.Errorf("job %s: %s is %s, for every step", name, variable, value)
			}
		}
		for _, s := range job.Steps {
			for variable, value := range s.Env {
				holders[value] = append(holders[value], name+": "+variable+" for "+s.Run)
			}
			if strings.Contains(s.Run, "${{") {
				t.Errorf("job %s: an expression in a command: %s", name, s.Run)
			}
			if s.Uses != "" && !pinned.MatchString(strings.Fields(s.Uses)[0]) {
				t.Errorf("job %s: %s is not pinned", name, s.Uses)
			}
		}
	}
	run := `exec anvil-runner run --assignment "$RUNNER_TEMP/assignment.json" --out "$RUNNER_TEMP/anvil-handover"`
	if got := holders["${{ secrets.model-key }}"]; !slices.Equal(got, []string{"agent: ANVIL_MODEL_KEY for " + run}) {
		t.Errorf("the key is held by %q", got)
	}
	if len(holders) != 2 || len(holders["${{ github.token }}"]) != 3 {
		t.Errorf("held: %q", holders)
	}
	publish := file.Jobs["publish"].Steps
	if last := publish[len(publish)-1]; last.Run != `exec anvil publish --from "$RUNNER_TEMP/anvil-handover"` {
		t.Errorf("the second job ends with %q", last.Run)
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
