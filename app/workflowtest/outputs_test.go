package workflowtest

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

// handedOn are the outputs of the action; agent.yml has them too, but for the path of a file
// that goes with the job's machine.
var handedOn = []string{"branch", "cache", "cost", "debug", "outcome", "pull-request", "result", "task"}

// What the runner says at the end comes out under the same name, at each of the three
// levels. act can't show it: it hands on what a step of an action said, whether the action
// does or not.
func TestOutputsKeepTheirNames(t *testing.T) {
	t.Parallel()
	type output struct{ Value, Description string }
	var action struct{ Outputs map[string]output }
	var agent struct {
		On struct {
			Call struct{ Outputs map[string]output } `yaml:"workflow_call"`
		}
		Jobs map[string]struct{ Outputs map[string]string }
	}
	for name, into := range map[string]any{"action.yml": &action, ".github/workflows/agent.yml": &agent} {
		if err := yaml.Unmarshal([]byte(readText(t, filepath.Join(root, name))), into); err != nil {
			t.Fatal(err)
		}
	}
	inJob := agent.Jobs["agent"].Outputs
	ofJob := slices.DeleteFunc(slices.Clone(handedOn), func(name string) bool { return name == "debug" })
	for where, got := range map[string][]string{
		"action.yml": slices.Sorted(maps.Keys(action.Outputs)), "the job of agent.yml": slices.Sorted(maps.Keys(inJob)), "agent.yml": slices.Sorted(maps.Keys(agent.On.Call.Outputs)),
	} {
		want := ofJob
		if where == "action.yml" { // proceed is for a second job, which agent.yml has not
			want = slices.Sorted(slices.Values(append(slices.Clone(handedOn), "proceed")))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has the outputs %v, want %v", where, got, want)
		}
	}
	for _, name := range handedOn {
		if o := action.Outputs[name]; o.Value != "${{ steps.run.outputs."+name+" }}" || o.Description == "" {
			t.Errorf("action.yml: %s is %+v", name, o)
		}
	}
	for _, name := range ofJob {
		if got := inJob[name]; got != "${{ steps.anvil.outputs."+name+" }}" {
			t.Errorf("the job of agent.yml: %s is %q", name, got)
		}
		if o := agent.On.Call.Outputs[name]; o.Value != "${{ jobs.agent.outputs."+name+" }}" || o.Description == "" {
			t.Errorf("agent.yml: %s is %+v", name, o)
		}
	}
}
