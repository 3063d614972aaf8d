package onboard

import (
	"testing"

	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

// The rules that a repository begins with choose nothing.
func TestTheFirstRulesAreNone(t *testing.T) {
	t.Parallel()
	rules, problem := policy.Parse(Files(false)[policy.Path], "", git.ValidateRef)
	if problem != nil || rules.Base != "" || rules.Engine != "" || rules.Verify != nil || rules.AllowHosts != nil {
		t.Errorf("%+v, %v", rules, problem)
	}
}
