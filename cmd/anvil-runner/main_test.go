package main

import (
	"os/exec"
	"strings"
	"testing"
)

// Nothing that holds a write credential, or could read the server's
// configuration, is linked into the runner: of the server it links the contract.
func TestLinksOnlyTheContract(t *testing.T) {
	t.Parallel()
	const module = "github.com/seed-bc0cc349/anvil/"
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Skipf("go list: %v", err)
	}
	allowed := map[string]bool{"github.com/sethvargo/go-githubactions": true}
	own := 0
	for dep := range strings.FieldsSeq(string(out)) {
		if part, ok := strings.CutPrefix(dep, module); ok {
			own++
			if part != "app/runapi" && part != "cmd/anvil-runner" && part != "action" && !strings.HasPrefix(part, "action/") {
				t.Errorf("the runner links %s", part)
			}
			continue
		}
		if first, _, _ := strings.Cut(dep, "/"); strings.Contains(first, ".") && !allowed[dep] {
			t.Errorf("the runner links %s", dep)
		}
	}
	if own < 5 {
		t.Errorf("only %d packages of ours were seen", own)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"publish"}, {"run", "x"}, {"version", "x"}, {"supervise"}} {
		if code := run(args); code != 2 {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
	if code := run([]string{"version"}); code != 0 {
		t.Errorf("version: exit code %d", code)
	}
}
