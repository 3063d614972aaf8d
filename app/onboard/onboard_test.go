package onboard

import (
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/config"
)

// The rules that a repository begins with choose nothing.
func TestTheFirstRulesAreNone(t *testing.T) {
	t.Parallel()
	rules, problem := policy.Parse(Files(Kind{Ref: "main"})[policy.Path], "", git.ValidateRef)
	if problem != nil || rules.Base != "" || rules.Engine != "" || rules.Verify != nil || rules.AllowHosts != nil {
		t.Errorf("%+v, %v", rules, problem)
	}
}

// The workflow that a repository begins with calls the Anvil that it is told to, and is else
// the one that everybody reads.
func TestTheWorkflowNamesItsAnvil(t *testing.T) {
	t.Parallel()
	for _, standalone := range []bool{false, true} {
		ours, want := config.CallerWorkflow, "/agent.yml@v1.2.3\n"
		if standalone {
			ours, want = config.StandaloneWorkflow, "/standalone.yml@v1.2.3\n"
		}
		got := string(Files(Kind{Standalone: standalone, Ref: "v1.2.3"})[WorkflowPath])
		if !strings.Contains(got, want) || strings.Contains(got, "@main") || strings.Replace(got, "@v1.2.3", "@main", 1) != string(ours) {
			t.Errorf("of a release:\n%s", got)
		}
		got = string(Files(Kind{Standalone: standalone, Ref: "c0ffee", Note: "a development build"})[WorkflowPath])
		if !strings.Contains(got, ".yml@c0ffee # a development build\n") || strings.Contains(got, "@main") {
			t.Errorf("of another build:\n%s", got)
		}
	}
}
