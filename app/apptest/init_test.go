package apptest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// A person sets a repository up with their own token: one pull request, however often.
func TestInit(t *testing.T) {
	t.Parallel()
	l := newLone(t, greeter, nil)
	call := func(login string, args ...string) (string, error) {
		t.Helper()
		var given struct {
			Token string `json:"token"`
		}
		l.must(l.GitHub.Ask("POST", "users/"+login+"/tokens", nil, &given))
		cmd := exec.CommandContext(t.Context(), programs.Path("anvil"), append([]string{"init"}, args...)...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GITHUB_TOKEN=" + given.Token, "GITHUB_SERVER_URL=" + l.GitHub.URL, "GITHUB_API_URL=" + l.GitHub.URL + "/api/v3"}
		out, err := cmd.CombinedOutput()
		if strings.Contains(string(out), given.Token) {
			t.Error("the token was shown")
		}
		return string(out), err
	}
	if out, err := call("rita", "acme/web"); err == nil || !strings.Contains(out, "INIT_PUSH") {
		t.Errorf("who may only read: %v %s", err, out)
	}
	if out, err := call("mona", "acme/nowhere"); err == nil || !strings.Contains(out, "INIT_REPOSITORY") {
		t.Errorf("no repository: %v %s", err, out)
	}
	if out, err := call("mona", "web"); err == nil || !strings.Contains(out, "INIT_REPOSITORY") {
		t.Errorf("no name: %v %s", err, out)
	}
	for round, want := range []string{"opened", "open already"} {
		if out, err := call("mona", "--standalone", "acme/web"); err != nil || !strings.Contains(out, want) || !strings.Contains(out, "this is a development build") {
			t.Errorf("round %d: %v %s", round, err, out)
		}
	}
	pulls, err := list[githubtest.PullRequest](l.GitHub, "acme/web", "pulls")
	l.must(err)
	// The rules are there already, and stay as they are.
	if len(pulls) != 1 || pulls[0].Head != "anvil/setup" || pulls[0].ChangedFiles != 1 || pulls[0].Draft {
		t.Fatalf("%+v", pulls)
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "workflow", "standalone.yml"))
	l.must(err)
	// The program under test is no release, and says so.
	version, err := exec.CommandContext(t.Context(), programs.Path("anvil"), "version").Output()
	l.must(err)
	at := "main"
	if words := strings.Fields(string(version)); len(words) == 4 { // anvil development build COMMIT, without changes
		at = words[3]
	}
	want := strings.Replace(string(text), ".yml@main\n", ".yml@"+at+" # of a development build, which is no release\n", 1)
	if got := l.file("anvil/setup", ".github/workflows/anvil.yml"); string(got) != want {
		t.Errorf("the workflow is\n%s", got)
	}
	if out, err := call("mona", "--print"); err != nil || !strings.Contains(out, "==> .github/anvil.yml") || !strings.Contains(out, "\n#base: main") {
		t.Errorf("print: %v %s", err, out)
	}
}
