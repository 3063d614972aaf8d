package workflowtest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// dispatchInputs are all that the server may say to a job, sorted. Whoever can
// read a workflow run can read its inputs. Those that it always says are required.
var (
	dispatchInputs = []string{"nonce", "runner", "server", "task"}
	requiredInputs = []string{"nonce", "server", "task"}
)

// Every file of ours that GitHub interprets keeps the rules.
func TestWorkflowRules(t *testing.T) {
	t.Parallel()
	var files []string
	for _, pattern := range []string{"action.y*ml", ".github/workflows/*.y*ml", "config/workflow/*.y*ml"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Errorf("there is no %s (%v)", pattern, err)
		}
		files = append(files, found...)
	}
	for _, name := range files {
		if slices.Contains(slices.Concat(alone, warming, []string{releaseFile, ciFile}), strings.TrimPrefix(name, root+"/")) {
			continue // TestStandaloneRules, TestPrebuildRules, TestReleaseRules and TestCIRules have theirs
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range broken(string(text)) {
			t.Errorf("%s: %s", strings.TrimPrefix(name, root+"/"), problem)
		}
	}
}

// Each rule is broken once, to see that it would be noticed.
func TestWorkflowRulesAreNoticed(t *testing.T) {
	t.Parallel()
	const action, workflow = "../../action.yml", "../../.github/workflows/agent.yml"
	const caller = "../../config/workflow/anvil.yml"
	for name, test := range map[string]struct{ file, from, to, want string }{
		"expression in a command":  {action, `exec "$found" "$verb"`, `exec "$found" run ${{ inputs.task }}`, "run: has an expression"},
		"expression in a command²": {workflow, "    steps:\n", "    steps:\n      - run: echo ${{ inputs.task }}\n", "run: has an expression"},
		"text of a person":         {action, "${{ inputs.task }}", "${{ github.event.issue.title }}", "expression github.event.issue.title"},
		"a secret":                 {workflow, "${{ inputs.nonce }}", "${{ secrets.TOKEN }}", "expression secrets.TOKEN"},
		"all secrets":              {caller, "    with:", "    secrets: inherit\n    with:", "secrets"},
		"no permissions at all":    {caller, "permissions: {}\n", "", "permissions of the workflow"},
		"wide permissions":         {caller, "permissions: {}", "permissions: write-all", "permissions of the workflow"},
		"one permission more":      {caller, "{ id-token: write }", "{ id-token: write, contents: read }", "permissions of job agent"},
		"job without permissions":  {caller, "    permissions: { id-token: write }", "   ", "permissions of job agent"},
		"permissions for callers":  {workflow, "    environment: anvil\n", "    environment: anvil\n    permissions: { packages: write }\n", "permissions of job agent"},
		"the token as an input":    {action, "${{ inputs.task }}", "${{ github.token }}", "expression github.token"},
		"one input more":           {caller, "      server: {", "      prompt: { type: string }\n      server: {", "inputs of workflow_dispatch"},
		"one input less":           {caller, "      nonce: { required: true, type: string }\n", "", "inputs of workflow_dispatch"},
		"an option made required":  {workflow, "        default: ubuntu-latest", "        required: true", "required inputs of workflow_call"},
		"action: one input more":   {action, "  runner:\n", "  another: {required: true}\n  runner:\n", "required inputs of the action"},
		"another's action by tag":  {workflow, "    steps:\n", "    steps:\n      - uses: actions/checkout@v4\n", "actions/checkout@v4 is not pinned"},
		"a container by tag":       {workflow, "    steps:\n", "    steps:\n      - uses: docker://alpine:3\n", "docker://alpine:3 is not pinned"},
		"an action without a ref":  {workflow, "    steps:\n", "    steps:\n      - uses: actions/checkout\n", "actions/checkout is not pinned"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(test.file)
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Replace(string(text), test.from, test.to, 1)
			if changed == string(text) {
				t.Fatalf("%s has no %q to change", test.file, test.from)
			}
			if got := broken(changed); len(got) != 1 || !strings.Contains(got[0], test.want) {
				t.Errorf("noticed %q, want one problem with %q", got, test.want)
			}
		})
	}
	pinned := "uses: actions/checkout@" + strings.Repeat("1f", 20)
	text, err := os.ReadFile(workflow)
	if err != nil {
		t.Fatal(err)
	}
	if got := broken(strings.Replace(string(text), "    steps:\n", "    steps:\n      - "+pinned+"\n", 1)); len(got) > 0 {
		t.Errorf("a pinned action is refused: %q", got)
	}
}

// broken lists which rules a workflow file or action.yml breaks.
func broken(text string) []string {
	var file struct {
		On          yaml.Node
		Permissions yaml.Node
		Jobs        map[string]struct{ Permissions yaml.Node }
		Inputs      map[string]input
		Runs        yaml.Node
	}
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		return []string{err.Error()}
	}
	if err := node.Decode(&file); err != nil {
		return []string{err.Error()}
	}
	problems := walk(&node)
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if !file.Runs.IsZero() { // an action
		if got := required(file.Inputs); len(got) > 0 { // which are needed depends on whether there is a server
			say("the required inputs of the action are %v, want none", got)
		}
		return problems
	}
	var on map[string]struct{ Inputs map[string]input }
	if err := file.On.Decode(&on); err != nil {
		return append(problems, "on: "+err.Error())
	}
	whole, each := "{}", "{id-token: write}"
	if _, called := on["workflow_call"]; called {
		whole, each = "not said", "not said" // they are the caller's, who knows whether images are kept
	}
	if got := permissions(file.Permissions); got != whole {
		say("the permissions of the workflow are %s, want %s", got, whole)
	}
	for name, job := range file.Jobs {
		if got := permissions(job.Permissions); got != each {
			say("the permissions of job %s are %s, want %s", name, got, each)
		}
	}
	for event, trigger := range on {
		switch event {
		case "workflow_dispatch":
			if got := sortedKeys(trigger.Inputs); !slices.Equal(got, dispatchInputs) {
				say("the inputs of workflow_dispatch are %v, want %v", got, dispatchInputs)
			}
		case "workflow_call": // an operator's choices have defaults, so that no caller must know them
			if got := required(trigger.Inputs); !slices.Equal(got, requiredInputs) {
				say("the required inputs of workflow_call are %v, want %v", got, requiredInputs)
			}
		default:
			say("is started by %s; only the server may start it", event)
		}
	}
	return problems
}

type input struct{ Required bool }

func required(inputs map[string]input) []string {
	return sortedKeys(maps.Collect(func(yield func(string, input) bool) {
		for name, in := range inputs {
			if in.Required && !yield(name, in) {
				return
			}
		}
	}))
}

var (
	expressions = regexp.MustCompile(`\$\{\{\s*(.*?)\s*\}\}`)
	// harmless are the expressions that our files need: what the job was called
	// with, and what the runner said at its end.
	harmless = regexp.MustCompile(`^(inputs\.[a-z-]+|(steps\.(run|anvil)|jobs\.agent)\.outputs\.(task|result|outcome|pull-request|branch|cost|cache|debug|proceed))$`)
	ours     = regexp.MustCompile(`^(\./.*|seed-bc0cc349/anvil(/.*)?@main)$`)
	pinned   = regexp.MustCompile(`^([^@]+@[0-9a-f]{40}|docker://[^@]+@sha256:[0-9a-f]{64})$`)
)

// walk keeps the rules that hold anywhere in a file.
func walk(n *yaml.Node) (problems []string) {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i].Value, n.Content[i+1]
			switch {
			case key == "run" && value.Kind == yaml.ScalarNode && strings.Contains(value.Value, "${{"):
				problems = append(problems, "run: has an expression: what somebody typed would be part of a command")
				continue
			case key == "GITHUB_TOKEN" && value.Value == "${{ github.token }}":
				continue // in the environment of a step, and nowhere else
			case key == "uses" && !ours.MatchString(value.Value) && !pinned.MatchString(value.Value):
				problems = append(problems, value.Value+" is not pinned to a commit")
			case key == "secrets":
				problems = append(problems, "secrets are handed on; the job needs none")
			}
			problems = append(problems, walk(value)...)
		}
		return problems
	}
	for _, child := range n.Content {
		problems = append(problems, walk(child)...)
	}
	for _, match := range expressions.FindAllStringSubmatch(n.Value, -1) {
		if !harmless.MatchString(match[1]) {
			problems = append(problems, "the expression "+match[1]+" is none of those that are known to be harmless")
		}
	}
	return problems
}

func permissions(n yaml.Node) string {
	if n.IsZero() {
		return "not said"
	}
	var all map[string]string
	if n.Decode(&all) != nil {
		return n.Value
	}
	var said []string
	for _, name := range sortedKeys(all) {
		said = append(said, name+": "+all[name])
	}
	return "{" + strings.Join(said, ", ") + "}"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
