package workflowtest

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// own is a workflow of this repository, for itself.
type own struct {
	On          map[string]yaml.Node
	Permissions yaml.Node
	Jobs        map[string]ownJob
}

type ownJob struct {
	If, Environment string
	Timeout         string `yaml:"timeout-minutes"`
	Permissions     yaml.Node
	Container       struct{ Image string }
	Steps           []struct {
		Name, Uses, Run string
		Env             map[string]string
		With            map[string]string
	}
}

// brokenOwn reads a workflow and lists which of the rules that hold for each it breaks:
// every job may do what is said in may, has a time limit, and leaves no token to git; no
// step has an expression in a command line, or a cache that others can write.
func brokenOwn(text string, may map[string]string) (file own, problems []string) {
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return file, []string{err.Error()}
	}
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if got := permissions(file.Permissions); got != "{}" {
		say("the permissions of the workflow are %s", got)
	}
	if got := sortedKeys(file.Jobs); !slices.Equal(got, sortedKeys(may)) {
		say("the jobs are %v", got)
	}
	for _, name := range sortedKeys(file.Jobs) {
		job := file.Jobs[name]
		if got := permissions(job.Permissions); got != may[name] {
			say("the permissions of job %s are %s", name, got)
		}
		if job.Timeout == "" {
			say("job %s has no time limit", name)
		}
		if image := job.Container.Image; image != "" && !pinned.MatchString("docker://"+image) {
			say("job %s: the image %s is not pinned", name, image)
		}
		for _, s := range job.Steps {
			if strings.Contains(s.Run, "${{") {
				say("job %s: an expression in a command: %s", name, s.Run)
			}
			if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != "false" {
				say("job %s: checkout keeps its token", name)
			}
			if strings.HasPrefix(s.Uses, "actions/setup-go@") && s.With["cache"] != "false" {
				say("job %s: a cache that others can write", name)
			}
		}
	}
	return file, problems
}

// holders lists the steps with something in their environment that is no input, and
// what it is.
func (o own) holders() (holders []string) {
	for _, name := range sortedKeys(o.Jobs) {
		for _, s := range o.Jobs[name].Steps {
			for value := range maps.Values(s.Env) {
				if value != "${{ inputs.version }}" {
					holders = append(holders, s.Name+": "+value)
				}
			}
		}
	}
	return holders
}

var (
	uses  = regexp.MustCompile(`(?m)^[ \-]*uses: *(\S+)(.*)$`)
	named = regexp.MustCompile(`^ # v\d+\.\d+\.\d+$`)
)

// Whoever else's action a file of ours uses is pinned to a commit, and says beside it
// which version that is.
func TestWorkflowPins(t *testing.T) {
	t.Parallel()
	found := 0
	for _, pattern := range []string{"action.y*ml", ".github/workflows/*.y*ml", "config/workflow/*.y*ml"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			for _, m := range uses.FindAllStringSubmatch(readText(t, file), -1) {
				if action := m[1]; !ours.MatchString(action) && !(pinned.MatchString(action) && named.MatchString(m[2])) {
					t.Errorf("%s: %s is not pinned to a commit with its version beside it", strings.TrimPrefix(file, root+"/"), m[0])
				} else if !ours.MatchString(action) {
					found++
				}
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d actions of others were found: does this test still know how they are written?", found)
	}
}
