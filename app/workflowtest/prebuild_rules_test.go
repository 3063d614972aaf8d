package workflowtest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// warming are the files that keep dev containers' images: the reusable workflow, and the
// one that calls it.
var warming = []string{".github/workflows/prebuild.yml", "config/workflow/prebuild.yml"}

// ofDefaultBranch lets in what happens on the default branch. A schedule always does, and
// its payload may have no repository to say which branch that is.
const ofDefaultBranch = "github.event_name == 'schedule' || github.ref_name == github.event.repository.default_branch"

// What keeps images may read the repository and write packages. One step has the login
// of a registry. It is called, and the caller asks at most every 30 minutes.
func TestPrebuildRules(t *testing.T) {
	t.Parallel()
	called, caller := readText(t, filepath.Join(root, warming[0])), readText(t, filepath.Join(root, warming[1]))
	for _, problem := range slices.Concat(brokenPrebuild(called), brokenPrebuildCaller(caller)) {
		t.Error(problem)
	}
	for name, c := range map[string]struct {
		broken               func(string) []string
		text, from, to, want string
	}{
		"it may push":                {brokenPrebuild, called, "contents: read", "contents: write", "permissions of job prebuild"},
		"the login for npm":          {brokenPrebuild, called, "    steps:\n", "    steps:\n      - run: npm ci\n        env: { P: \"${{ secrets.registry-password }}\" }\n", "held by"},
		"what is typed in a command": {brokenPrebuild, called, "    steps:\n", "    steps:\n      - run: echo ${{ inputs.registry }}\n", "an expression in a command"},
		"started by a pull request":  {brokenPrebuild, called, "  workflow_call:\n", "  pull_request_target: {}\n  workflow_call:\n", "started by"},
		"of any branch":              {brokenPrebuild, called, "    if: " + ofDefaultBranch + "\n", "", "for any branch"},
		"not for a schedule":         {brokenPrebuild, called, "github.event_name == 'schedule' || ", "", "for no schedule"},
		"waiting for somebody":       {brokenPrebuild, called, "    permissions:\n", "    environment: anvil\n    permissions:\n", "waits for the environment"},
		"the caller asks for more":   {brokenPrebuildCaller, caller, "contents: read,", "contents: read, id-token: write,", "permissions of job prebuild"},
		"too often":                  {brokenPrebuildCaller, caller, "7,37 *", "7,22,37,52 *", "too often"},
		"every few minutes":          {brokenPrebuildCaller, caller, "7,37 *", "*/10 *", "too often"},
		"for pull requests":          {brokenPrebuildCaller, caller, "  workflow_dispatch: {}\n", "  pull_request: {}\n", "started by"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.broken(strings.Replace(c.text, c.from, c.to, 1)); len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("noticed %q, want one problem with %q", got, c.want)
			}
		})
	}
}

// brokenPrebuild lists which rules the reusable workflow breaks.
func brokenPrebuild(text string) []string {
	file, problems := brokenOwn(text, map[string]string{"prebuild": "{contents: read, packages: write}"})
	if got := sortedKeys(file.On); !slices.Equal(got, []string{"workflow_call"}) {
		problems = append(problems, fmt.Sprintf("it is started by %v", got))
	}
	if file.Jobs["prebuild"].If != ofDefaultBranch {
		problems = append(problems, "it is for any branch, or for no schedule")
	}
	if got := file.Jobs["prebuild"].Environment; got != "" {
		problems = append(problems, "it waits for the environment "+got)
	}
	for _, step := range file.Jobs["prebuild"].Steps {
		for _, value := range step.Env {
			if strings.Contains(value, "secrets.") && step.With["verb"] != "prebuild" {
				problems = append(problems, fmt.Sprintf("%s is held by %q", value, step.Name))
			}
		}
	}
	return problems
}

// brokenPrebuildCaller lists which rules the workflow breaks that repositories copy.
func brokenPrebuildCaller(text string) (problems []string) {
	var file struct {
		On          map[string]yaml.Node
		Permissions yaml.Node
		Jobs        map[string]ownJob
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return []string{err.Error()}
	}
	if got := sortedKeys(file.On); !slices.Equal(got, []string{"push", "schedule", "workflow_dispatch"}) {
		problems = append(problems, fmt.Sprintf("it is started by %v", got))
	}
	if got := permissions(file.Permissions); got != "{}" {
		problems = append(problems, "the permissions of the workflow are "+got)
	}
	for name, job := range file.Jobs {
		if got := permissions(job.Permissions); got != "{contents: read, packages: write}" {
			problems = append(problems, "the permissions of job "+name+" are "+got)
		}
	}
	var times []struct{ Cron string }
	node := file.On["schedule"]
	if err := node.Decode(&times); err != nil || len(times) != 1 || tooOften(times[0].Cron) {
		problems = append(problems, fmt.Sprintf("it is asked too often: %v %v", times, err))
	}
	return problems
}

// tooOften reports whether a schedule has minutes that are less than 30 apart, or says
// them in a way that is not looked into.
func tooOften(cron string) bool {
	last := -30
	minutes, _, _ := strings.Cut(cron, " ")
	var first int
	for i, text := range strings.Split(minutes, ",") {
		minute, err := strconv.Atoi(text)
		if err != nil || minute-last < 30 || i > 0 && first+60-minute < 30 {
			return true
		}
		if i == 0 {
			first = minute
		}
		last = minute
	}
	return false
}
