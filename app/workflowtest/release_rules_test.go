package workflowtest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
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
func brokenRelease(text string) []string {
	file, problems := brokenOwn(text, map[string]string{"build": "{contents: read}", "publish": "{attestations: write, contents: write, id-token: write}"})
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if got := sortedKeys(file.On); !slices.Equal(got, []string{"workflow_dispatch"}) {
		say("it is started by %v", got)
	}
	if file.Jobs["build"].If != "github.ref == 'refs/heads/main'" {
		say("job build is for any branch")
	}
	if file.Jobs["publish"].Environment != "release" {
		say("the environment of job publish is %q", file.Jobs["publish"].Environment)
	}
	if got := file.holders(); !slices.Equal(got, []string{"Push the tag: ${{ secrets.RELEASE_TOKEN }}", "Publish: ${{ github.token }}"}) {
		say("tokens are held by %q", got)
	}
	return problems
}
