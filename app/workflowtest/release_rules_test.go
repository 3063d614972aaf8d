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

const releaseFile = ".github/workflows/release.yml"

// The workflow that releases Anvil gives each job and each step what it needs and no more.
func TestReleaseRules(t *testing.T) {
	t.Parallel()
	for _, problem := range brokenRelease(readText(t, filepath.Join(root, releaseFile))) {
		t.Error(problem)
	}
}

// Each rule is broken once, to see that it would be noticed.
func TestReleaseRulesAreNoticed(t *testing.T) {
	t.Parallel()
	text := readText(t, filepath.Join(root, releaseFile))
	for name, c := range map[string]struct{ from, to, want string }{
		"the building job may write":     {"      contents: read\n", "      contents: write\n", "permissions of job build"},
		"an identity for the build":      {"      contents: read\n", "      contents: read\n      id-token: write\n", "permissions of job build"},
		"the workflow may write":         {"permissions: {}", "permissions: write-all", "permissions of the workflow"},
		"started by a push":              {"  workflow_dispatch:\n", "  push: {}\n  workflow_dispatch:\n", "started by"},
		"of any branch":                  {"    if: github.ref == 'refs/heads/main'\n", "", "job build is for any branch"},
		"published without a review":     {"    environment: release\n", "", "environment of job publish"},
		"no limit of time":               {"    timeout-minutes: 15\n", "", "job publish has no time limit"},
		"an expression in a command":     {`.ci/release "$VERSION" dist`, ".ci/release ${{ inputs.version }} dist", "an expression in a command"},
		"a token that git keeps":         {"        with: { persist-credentials: false }\n", "", "keeps its token"},
		"a token for the build":          {"          VERSION: ${{ inputs.version }}\n", "          VERSION: ${{ inputs.version }}\n          GH_TOKEN: ${{ github.token }}\n", "tokens are held by"},
		"the strong token for the files": {"${{ github.token }}", "${{ secrets.RELEASE_TOKEN }}", "tokens are held by"},
		"a cache for a release":          {"cache: false", "cache: true", "a cache that others can write"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(text, c.from, c.to, 1)
			if changed == text {
				t.Fatalf("there is no %q to change", c.from)
			}
			if got := brokenRelease(changed); len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("noticed %q, want one problem with %q", got, c.want)
			}
		})
	}
}

// brokenRelease lists which rules the text of release.yml breaks.
func brokenRelease(text string) (problems []string) {
	var file struct {
		On          map[string]yaml.Node
		Permissions yaml.Node
		Jobs        map[string]struct {
			If, Environment string
			Timeout         int `yaml:"timeout-minutes"`
			Permissions     yaml.Node
			Steps           []struct {
				Name, Uses, Run string
				Env             map[string]string
				With            map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return []string{err.Error()}
	}
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if got := sortedKeys(file.On); !slices.Equal(got, []string{"workflow_dispatch"}) {
		say("it is started by %v", got)
	}
	if got := permissions(file.Permissions); got != "{}" {
		say("the permissions of the workflow are %s", got)
	}
	may := map[string]string{"build": "{contents: read}", "publish": "{attestations: write, contents: write, id-token: write}"}
	if got := sortedKeys(file.Jobs); !slices.Equal(got, sortedKeys(may)) {
		say("the jobs are %v", got)
	}
	if file.Jobs["build"].If != "github.ref == 'refs/heads/main'" {
		say("job build is for any branch")
	}
	if file.Jobs["publish"].Environment != "release" {
		say("the environment of job publish is %q", file.Jobs["publish"].Environment)
	}
	var holders []string
	for _, name := range sortedKeys(file.Jobs) {
		job := file.Jobs[name]
		if got := permissions(job.Permissions); got != may[name] {
			say("the permissions of job %s are %s", name, got)
		}
		if job.Timeout == 0 {
			say("job %s has no time limit", name)
		}
		for _, s := range job.Steps {
			if strings.Contains(s.Run, "${{") {
				say("job %s: an expression in a command: %s", name, s.Run)
			}
			if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != "false" {
				say("job %s: checkout keeps its token", name)
			}
			if strings.HasPrefix(s.Uses, "actions/setup-") && s.With["cache"] != "false" {
				say("job %s: a cache that others can write", name)
			}
			for value := range maps.Values(s.Env) {
				if value != "${{ inputs.version }}" {
					holders = append(holders, s.Name+": "+value)
				}
			}
		}
	}
	if !slices.Equal(holders, []string{"Push the tag: ${{ secrets.RELEASE_TOKEN }}", "Publish: ${{ github.token }}"}) {
		say("tokens are held by %q", holders)
	}
	return problems
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
