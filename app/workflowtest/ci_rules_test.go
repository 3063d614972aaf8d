package workflowtest

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const ciFile = ".github/workflows/ci.yml"

// The workflow that checks Anvil runs what anybody proposes: it may read, has no secret,
// and its jobs leave nothing behind that a later one would use.
func TestCIRules(t *testing.T) {
	t.Parallel()
	text := readText(t, filepath.Join(root, ciFile))
	for _, problem := range brokenCI(text) {
		t.Error(problem)
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"it may write":               {"contents: read", "contents: write", "permissions of job check"},
		"with our secrets for forks": {"  pull_request: {}\n", "  pull_request_target: {}\n", "started by"},
		"a secret":                   {"        run: |\n", "        env: { KEY: \"${{ secrets.KEY }}\" }\n        run: |\n", "a secret"},
		"what is typed in a command": {"          .ci/run\n", "          .ci/run ${{ github.head_ref }}\n", "an expression in a command"},
		"an image that moves":        {"@sha256:", ":sha256-", "is not pinned"},
		"a token that git keeps":     {"        with: { persist-credentials: false }\n", "", "keeps its token"},
		"no limit of time":           {"    timeout-minutes:", "    # timeout-minutes:", "no time limit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(text, c.from, c.to, 1)
			if changed == text {
				t.Fatalf("there is no %q to change", c.from)
			}
			if got := brokenCI(changed); len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("noticed %q, want one problem with %q", got, c.want)
			}
		})
	}
}

// brokenCI lists which rules the text of ci.yml breaks.
func brokenCI(text string) []string {
	file, problems := brokenOwn(text, map[string]string{"check": "{contents: read}"})
	if got := sortedKeys(file.On); !slices.Equal(got, []string{"pull_request", "push"}) {
		problems = append(problems, "it is started by "+strings.Join(got, ", "))
	}
	if got := file.holders(); len(got) > 0 || strings.Contains(text, "github.token") {
		problems = append(problems, "it has a secret or a token: "+strings.Join(got, ", "))
	}
	return problems
}
