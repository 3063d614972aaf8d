package apptest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// A repository that people use, as it is published: a task changes it, and its own
// tests say whether the change is good.
func TestARealRepository(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", "github.com/google/uuid@v1.6.0").Output()
	var module struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &module); err != nil || jsonErr != nil || module.Dir == "" {
		t.Fatalf("the module cannot be had: %v %v %s", err, jsonErr, module.Error)
	}
	w := newTrial(t, `cat >> uuid.go <<'GO'

// IsNil reports whether uuid is the nil UUID, all zeros.
func (uuid UUID) IsNil() bool { return uuid == Nil }
GO
cat > isnil_test.go <<'GO'
package uuid

import "testing"

func TestIsNil(t *testing.T) {
	if !Nil.IsNil() || New().IsNil() {
		t.Error("IsNil does not tell the nil UUID from others")
	}
}
GO
echo '{"event":"answer","text":"UUID has IsNil now, with a test."}'
`)
	repo := filepath.Join(w.Dir, "uuid")
	must(t, os.CopyFS(repo, os.DirFS(module.Dir)))
	must(t, w.CreateRepository("acme/uuid", repo, false))
	must(t, w.GitHub.Ask("POST", "repositories/acme/uuid/issues", map[string]string{"user": "mona", "title": "Tell whether a UUID is nil"}, nil))
	must(t, w.StartServer(t.Context(), w.agent(), nil))
	_, _, err = w.Comment("mona", 1, "/anvil add a method IsNil")
	must(t, err)
	must(t, w.AwaitTask(t.Context(), 1, anvil.Succeeded))

	checks, err := list[githubtest.CheckRun](w.GitHub, w.Repository, "check-runs")
	must(t, err)
	if len(checks) != 1 || checks[0].Conclusion != "success" || !strings.Contains(checks[0].Summary, "`go test ./...`") {
		t.Errorf("its own tests did not verify it: %+v", checks)
	}
	pulls, err := list[githubtest.PullRequest](w.GitHub, w.Repository, "pulls")
	must(t, err)
	if len(pulls) != 1 || pulls[0].ChangedFiles != 2 || pulls[0].Commits != 1 || !pulls[0].Draft {
		t.Errorf("the pull request is not the one change: %+v", pulls)
	}
	run, err := list[githubtest.WorkflowRun](w.GitHub, w.Repository, "runs")
	must(t, err)
	if log := w.JobLog(run[0].ID); !strings.Contains(log, "ok  \tgithub.com/google/uuid") {
		t.Errorf("the log does not show that its tests ran:\n%s", log)
	}
}
