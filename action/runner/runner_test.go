package runner_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

var project = map[string]string{"README.md": "hello\n", "dir/kept.txt": "kept\n", "dir/old.txt": "old\n"}

// The step's outputs say what the server made of the run when the job ended; a job that
// waits for the server is told how it went on, and asks no more once that is settled.
func TestRunOutputs(t *testing.T) {
	t.Parallel()
	begun := runapi.FinishAnswer{State: "inspecting", CostMicros: 123_456}
	done := runapi.FinishAnswer{State: "succeeded", Settled: true, Outcome: "succeeded", Branch: "anvil/1-a", PullRequest: 7, CostMicros: 123_456}
	waited := []runapi.FinishAnswer{begun, begun, done, {State: "asked too often"}}
	for name, c := range map[string]struct {
		wait    string
		becomes []runapi.FinishAnswer
		want    []string
		left    int
	}{
		"does not wait":   {"", waited, []string{"outcome=", "pull-request=", "branch=", "cost=0.1235"}, 3},
		"waits for 0":     {"0", waited, []string{"outcome=", "state=inspecting"}, 3},
		"waits":           {"600", waited, []string{"outcome=succeeded", "pull-request=7", "branch=anvil/1-a", "cost=0.1235", "state=succeeded"}, 1},
		"waits in vain":   {"1", []runapi.FinishAnswer{begun}, []string{"outcome=", "pull-request=", "state=inspecting"}, 0},
		"no need to wait": {"600", []runapi.FinishAnswer{done}, []string{"outcome=succeeded"}, 0},
		"not a number":    {"soon", waited, []string{"outcome=", "cost=0.1235"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.assign(project, "echo ok > good")
			s.becomes = c.becomes
			m := newMachine(t, s)
			m.config.Environ = append(m.config.Environ, "ANVIL_WAIT="+c.wait)
			if code := m.run(); code != runner.HandedBack {
				t.Fatalf("exit code %d", code)
			}
			got := outputsOf(m.file("GITHUB_OUTPUT"))
			for _, want := range append(c.want, "task="+s.assignment.Run, "result=proposed", "debug=") {
				name, value, _ := strings.Cut(want, "=")
				if has, ok := got[name]; !ok || has != value {
					t.Errorf("the output %s is %q, want %q; all: %v", name, has, value, got)
				}
			}
			if len(s.becomes) != c.left {
				t.Errorf("the server would yet have said %v", s.becomes)
			}
		})
	}
}

// outputsOf reads the file of a step's outputs as GitHub does.
func outputsOf(text string) map[string]string {
	all := map[string]string{}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if name, end, ok := strings.Cut(lines[i], "<<"); ok {
			var value []string
			for i++; i < len(lines) && lines[i] != end; i++ {
				value = append(value, lines[i])
			}
			all[name] = strings.Join(value, "\n")
		} else if name, value, ok := strings.Cut(lines[i], "="); ok {
			all[name] = value
		}
	}
	return all
}

// The agent changes the tree, the checks pass, and the server gets a bundle of
// exactly that.
func TestRunProposesWhatTheAgentLeft(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, `
		cat > /dev/null
		echo '{"event":"plan","text":"first look, then write"}'
		echo '{"event":"command","argv":["ls","-l"],"exit":0,"output":"two files"}'
		echo hello > good; rm dir/old.txt; chmod +x README.md
		git status --short >&2 && git add -A && git commit -q -m mine && git log --oneline >&2
		echo '{"event":"usage","input_tokens":12}'
		echo plain words
		echo '{"event":"answer","text":"I wrote good."}'`)
	s.dropEvents = 1
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack {
		t.Fatalf("exit code %d", code)
	}
	f := s.finish
	if f == nil || f.Result != runapi.Proposed || f.Answer != "I wrote good." || f.Problem != nil {
		t.Fatalf("finish: %+v", f)
	}
	if f.Verification.Status != runapi.VerifyPassed || len(f.Verification.Checks) != 1 || f.Verification.Source != "command" {
		t.Errorf("verification: %+v", f.Verification)
	}
	files := s.bundled()
	want := map[string]string{"README.md": "100755 hello", "dir/kept.txt": "100644 kept", "good": "100644 hello"}
	if len(files) != len(want) {
		t.Errorf("files: %v", files)
	}
	for name, text := range want {
		if files[name] != text {
			t.Errorf("%s is %q, want %q", name, files[name], text)
		}
	}
	for _, line := range []string{
		"phase prepare", "phase work", "engine.plan first look, then write", "engine.command ls -l",
		"engine.usage", "engine.message plain words", "phase verify", "verify.check test -f good: passed", "phase report",
	} {
		if !strings.Contains(s.story(), line) {
			t.Errorf("no event %q in\n%s", line, s.story())
		}
	}
	if !strings.Contains(m.file("GITHUB_STEP_SUMMARY"), "| `test -f good` | passed |") {
		t.Errorf("summary:\n%s", m.file("GITHUB_STEP_SUMMARY"))
	}
	if !strings.Contains(string(s.artifacts[runapi.ArtifactLog]), "| plain words") {
		t.Errorf("log artifact:\n%s", s.artifacts[runapi.ArtifactLog])
	}
	var record struct {
		Status string
		Checks []struct{ Name, Output string }
	}
	if err := json.Unmarshal(s.artifacts[runapi.ArtifactVerification], &record); err != nil || record.Status != runapi.VerifyPassed || len(record.Checks) != 1 {
		t.Errorf("verification artifact: %v %s", err, s.artifacts[runapi.ArtifactVerification])
	}
	var parts []string
	for _, p := range f.Spans {
		parts = append(parts, p.Name)
		if p.Began < 0 || p.Milliseconds < 0 || p.Began > time.Minute.Milliseconds() {
			t.Errorf("%+v", p)
		}
	}
	if got := strings.Join(parts, ", "); got != "claim, workspace, engine start, work, verify, report" {
		t.Errorf("timed: %s", got)
	}
	if !strings.Contains(m.file("GITHUB_STEP_SUMMARY"), "| engine start | ") {
		t.Errorf("summary:\n%s", m.file("GITHUB_STEP_SUMMARY"))
	}
	noCanaries(t, s, m)
}

// An agent that only answers changes nothing, and nothing is verified.
func TestRunUnchanged(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, `cat > /dev/null; echo first; echo "nothing to do"`)
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack {
		t.Fatalf("exit code %d", code)
	}
	f := s.finish
	if f.Result != runapi.Unchanged || f.Answer != "nothing to do" || f.Verification.Status != runapi.VerifyUnverified || s.artifacts[runapi.ArtifactBundle] != nil {
		t.Errorf("finish: %+v", f)
	}
	noCanaries(t, s, m)
}

// An agent that fails is reported with what it last said, and handed back.
func TestRunEngineFails(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, `cat > /dev/null; echo half > good; echo "the model is gone" >&2; exit 3`)
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack {
		t.Fatalf("exit code %d", code)
	}
	f := s.finish
	if f.Result != runapi.Failed || f.Problem == nil || f.Problem.Code != "ENGINE_FAILED" ||
		!strings.Contains(f.Problem.What, "exit code 3") || !strings.Contains(f.Problem.What, "the model is gone") {
		t.Errorf("finish: %+v", f)
	}
	if s.unpacked(runapi.ArtifactCheckpoint)["good"] != "100644 half" {
		t.Error("what the agent had done was not saved")
	}
	noCanaries(t, s, m)
}

// What the runner does not know how to run, or does not have, is said.
func TestRunEngineMissing(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{"command": "ENGINE_MISSING", "telepathy": "ENGINE_UNKNOWN"} {
		s := newServer(t)
		s.assign(project, "")
		s.assignment.Engine = runapi.Engine{Name: "x", Kind: kind, Command: []string{"no-such-program-anywhere"}}
		m := newMachine(t, s)
		if code := m.run(); code != runner.HandedBack || s.finish.Problem == nil || s.finish.Problem.Code != want {
			t.Errorf("%s: exit code %d, finish %+v", kind, code, s.finish)
		}
	}
}

// An engine that takes too long is ended, and that is no success.
func TestRunEngineTimeout(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, `cat > /dev/null; echo working; exec sleep 1000`)
	s.assignment.Limits.WorkSeconds = 1
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack || s.finish.Problem == nil || s.finish.Problem.Code != "ENGINE_TIMEOUT" || s.finish.Result != runapi.Failed {
		t.Errorf("exit code %d, finish %+v", code, s.finish)
	}
}

// A change that breaks the checks is still proposed: people decide. The record
// says that it failed.
func TestRunVerificationFails(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, `cat > /dev/null; echo x > other`)
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed || s.finish.Verification.Status != runapi.VerifyFailed {
		t.Errorf("exit code %d, finish %+v", code, s.finish)
	}
}

// What git ignores is not in the result, so it can't help the checks.
func TestRunVerifiesAFreshCheckout(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, `cat > /dev/null; echo good > .gitignore; echo x > good`)
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack || s.finish.Verification.Status != runapi.VerifyFailed {
		t.Errorf("exit code %d, finish %+v", code, s.finish)
	}
}

// A job that comes too late for its run has nothing to do, and that is fine.
func TestRunTurnedAway(t *testing.T) {
	t.Parallel()
	for _, code := range []string{runapi.CodeTaken, runapi.CodeAttempt, runapi.CodeStale, runapi.CodeNonce} {
		s := newServer(t)
		s.refuseClaim = &runapi.Error{Code: code, What: "Another job works on this run."}
		m := newMachine(t, s)
		if got := m.run(); got != runner.HandedBack || !strings.Contains(m.out.String(), "Another job works on this run.") {
			t.Errorf("%s: exit code %d, log\n%s", code, got, m.out.String())
		}
	}
	s := newServer(t)
	s.refuseClaim = &runapi.Error{Code: runapi.CodeClaim, What: "This repository is not yours."}
	m := newMachine(t, s)
	if got := m.run(); got != runner.NotHanded || !strings.Contains(m.out.String(), "::error::OIDC_CLAIM: This repository is not yours.") {
		t.Errorf("exit code %d, log\n%s", got, m.out.String())
	}
}

// The server is told whether the machine is thrown away after the job, as it was registered.
func TestRunTellsWhetherItsRunnerStays(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]bool{"": false, `{"agentId": 6}`: false, `{"agentId": 6, "ephemeral": true}`: true} {
		s := newServer(t)
		s.refuseClaim = &runapi.Error{Code: runapi.CodeTaken, What: "Another job works on this run."}
		m := newMachine(t, s)
		dir := t.TempDir()
		if settings != "" {
			if err := os.WriteFile(filepath.Join(dir, ".runner"), []byte(settings), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		temp := filepath.Join(dir, "_work", "_temp")
		if err := os.MkdirAll(temp, 0o700); err != nil {
			t.Fatal(err)
		}
		m.config.Environ = append(m.config.Environ, "RUNNER_TEMP="+temp)
		m.run()
		if s.claimed.Name != "test 1" || s.claimed.Ephemeral != want {
			t.Errorf("with %q the server is told %+v", settings, s.claimed)
		}
	}
}

// Without the permission to ask for an identity token, the runner names the line
// to add.
func TestRunWithoutIdentity(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	m := newMachine(t, s)
	var env []string
	for _, e := range m.config.Environ {
		if !strings.HasPrefix(e, "ACTIONS_") {
			env = append(env, e)
		}
	}
	m.config.Environ = env
	if got := m.run(); got != runner.NotHanded || !strings.Contains(m.out.String(), "add `permissions: id-token: write`") {
		t.Errorf("exit code %d, log\n%s", got, m.out.String())
	}
}

// A base commit that is gone ends the run with a cause and a next step.
func TestRunBaseCommitGone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, `echo never`)
	s.assignment.BaseCommit = strings.Repeat("12", 20)
	m := newMachine(t, s)
	if code := m.run(); code != runner.HandedBack || s.finish.Problem == nil || s.finish.Problem.Code != "FETCH_FAILED" {
		t.Errorf("exit code %d, finish %+v", code, s.finish)
	}
	noCanaries(t, s, m)
}

// The prompt reaches the agent in its envelope; the read token is on no disk while
// the agent works.
func TestRunPromptAndToken(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	m := newMachine(t, s)
	s.assign(project, `cat > good; if grep -rIl "`+readToken[4:]+`" "`+m.temp+`" >&2; then exit 9; fi; if grep -rl "`+
		"eC1hY2Nlc3MtdG9rZW46"+`" "`+m.temp+`" >&2; then exit 9; fi; exit 0`)
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}
	prompt := s.bundled()["good"]
	for _, part := range []string{"instruction 6 bytes]\nfix it\n", "issue title 12 bytes]\nIt is broken\n", "issue body 7 bytes]\nPlease.\n"} {
		if !strings.Contains(prompt, part) {
			t.Errorf("no %q in the prompt:\n%s", part, prompt)
		}
	}
}

// One letter of the approved text is another on the runner: no program of the
// agent's starts, and nothing is fetched for it.
func TestRunRefusesAPromptThatWasChanged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(p *runapi.Prompt){
		"instruction": func(p *runapi.Prompt) { p.Instruction = "fix it!" },
		"title":       func(p *runapi.Prompt) { p.IssueTitle, p.IssueBody = p.IssueTitle+p.IssueBody, "" },
		"answer":      func(p *runapi.Prompt) { p.Exchanges = []runapi.Exchange{{Question: "May I?", Answer: "Yes."}} },
		"no digest":   func(p *runapi.Prompt) { p.Digest = "none" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			m := newMachine(t, s)
			s.assign(project, "touch "+m.temp+"/started; echo x > good")
			s.onTheWay = change
			if code := m.run(); code != runner.HandedBack || s.finish == nil || s.finish.Result != runapi.Failed || s.finish.Problem.Code != "PROMPT_DIGEST" {
				t.Fatalf("exit code %d, finish %+v", code, s.finish)
			}
			if _, err := os.Stat(m.temp + "/started"); err == nil {
				t.Error("the agent was started")
			}
			if len(s.artifacts[runapi.ArtifactBundle]) > 0 {
				t.Error("something was proposed")
			}
		})
	}
}

func processGone(t *testing.T, pidFile string) bool {
	t.Helper()
	b, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat("/proc/" + strings.TrimSpace(string(b)))
	return os.IsNotExist(err)
}
