package workflowtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The calls between our files fit: caller -> reusable workflow -> action. `make
// lint` can't see that, because the files name each other by a repository that
// actionlint does not fetch; here the same calls are made by local paths.
func TestWorkflowCallsFit(t *testing.T) {
	t.Parallel()
	actionlint := os.Getenv("ANVIL_ACTIONLINT")
	if actionlint == "" {
		t.Skip("ANVIL_ACTIONLINT does not name the program actionlint: `make test-workflows` builds it and sets it")
	}
	const caller, agent, action = ".github/workflows/anvil.yml", ".github/workflows/agent.yml", "action.yml"
	for name, test := range map[string]struct{ file, from, to, want string }{
		"as they are":                    {},
		"caller forgets an input":        {caller, ` nonce: "${{ inputs.nonce }}",`, "", `input "nonce" is required by "./.github/workflows/agent.yml"`},
		"caller makes one up":            {caller, `task: "${{ inputs.task }}"`, `prompt: x, task: "${{ inputs.task }}"`, `input "prompt" is not defined`},
		"reusable workflow makes one up": {agent, "          nonce: ${{", "          another: x\n          nonce: ${{", `input "another" is not defined in action "Anvil"`},
		"an input that is not declared":  {agent, "${{ inputs.server }}", "${{ inputs.serve }}", `property "serve" is not defined`},
		"action renames an input":        {action, "  nonce:\n", "  once:\n", `input "nonce" is not defined in action "Anvil"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for to, from := range map[string]string{caller: "config/workflow/anvil.yml", agent: agent, action: action} {
				text, err := os.ReadFile(filepath.Join(root, from))
				if err != nil {
					t.Fatal(err)
				}
				local := strings.NewReplacer(
					"seed-bc0cc349/anvil/.github/workflows/agent.yml@main", "./.github/workflows/agent.yml",
					"seed-bc0cc349/anvil@main", "./",
				).Replace(known(string(text)))
				if to == test.file {
					if !strings.Contains(local, test.from) {
						t.Fatalf("%s has no %q to change", to, test.from)
					}
					local = strings.Replace(local, test.from, test.to, 1)
				}
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, to), []byte(local), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			// actionlint takes the directory with .git for the repository.
			if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), actionlint, "-oneline", "-shellcheck=", "-pyflakes=", caller, agent)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if test.want == "" {
				if err != nil {
					t.Errorf("%v:\n%s", err, out)
				}
				return
			}
			if err == nil || !strings.Contains(string(out), test.want) {
				t.Errorf("actionlint said %q, want %q in it", out, test.want)
			}
		})
	}
}
