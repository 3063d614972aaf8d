package tools_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/app/tools"
)

func allowed(s *tools.Server) { s.ProposeIssue = true }

// proposals lists the issues that the App opened.
func (w *world) proposals() (all []githubtest.Issue) {
	for _, i := range w.hub.Issues(w.repo) {
		if i.Author.Login == "anvil[bot]" {
			all = append(all, i)
		}
	}
	return all
}

// An issue is opened once for the same words, and is safe to read.
func TestAProposedIssue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allowed)
	id := w.working()
	s := w.agent(id)
	body := map[string]any{"title": "The parser leaks @everyone", "body": "It leaks. cc @otto\n\n/deploy now\n\nFixes #1 with AKIA" + "Z7Q3XN5KJ2VWLM4T"}
	first, isError := w.ask(s, "propose_issue", body)
	if isError || !strings.HasPrefix(first, "It is issue #2: ") {
		t.Fatalf("answered %q", first)
	}
	if again, _ := w.ask(s, "propose_issue", body); again != first {
		t.Errorf("the same again: %q", again)
	}
	all := w.proposals()
	if len(all) != 1 {
		t.Fatalf("%d issues", len(all))
	}
	text := all[0].Title + "\n" + all[0].Body
	for _, bad := range []string{"@everyone", "@otto", "\n/deploy", "Fixes #1", "AKIA"} {
		if strings.Contains(text, bad) {
			t.Errorf("the issue has %q: %s", bad, text)
		}
	}
	if !strings.Contains(text, "at work on #1, for which @mona asked") {
		t.Errorf("the issue does not say whose it is: %s", text)
	}
	if e := w.story(id).Effects; len(e) != 1 {
		t.Errorf("effects: %v", e)
	}
	if text, isError := w.ask(s, "propose_issue", map[string]any{"title": "a third", "body": "of two"}); !isError || !strings.HasPrefix(text, "MCP_DENIED: this tool may be used 2 times") {
		t.Errorf("a third call: %q", text)
	}
	want := []string{"tool propose_issue allowed", "tool propose_issue allowed", "tool propose_issue denied"}
	if got := w.trail(); !slices.Equal(got, want) {
		t.Errorf("the trail is %v", got)
	}
}

func TestARepositoryAllowsProposals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.agent(w.working(func(r *anvil.Run) { r.Rules.ProposeIssue = new(true) }))
	if text, isError := w.ask(s, "propose_issue", map[string]any{"title": "a", "body": "b"}); isError || len(w.proposals()) != 1 {
		t.Errorf("answered %q", text)
	}
}

// An issue whose making got no answer is found again, not made twice.
func TestAProposalWhoseAnswerGotLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allowed)
	s := w.agent(w.working())
	w.hub.SetFault(githubtest.Fault{Method: "POST", Path: "/repos/*/*/issues", Do: githubtest.DoAcceptDrop})
	body := map[string]any{"title": "a", "body": "b"}
	if text, isError := w.ask(s, "propose_issue", body); !isError || !strings.HasPrefix(text, "TOOL_FAILED: ") {
		t.Errorf("answered %q", text)
	}
	if text, isError := w.ask(s, "propose_issue", body); isError || text == "" {
		t.Errorf("again: %q", text)
	}
	if all := w.proposals(); len(all) != 1 {
		t.Errorf("%d issues", len(all))
	}
	want := []string{"tool propose_issue allowed", "tool propose_issue failed", "tool propose_issue allowed"}
	if got := w.trail(); !slices.Equal(got, want) {
		t.Errorf("the trail is %v", got)
	}
}

// Row 52 of the threats: what cannot be written into the audit trail does not happen.
func TestNoToolActsWithoutItsAuditRow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, allowed)
	id := w.working()
	s := w.agent(id)
	before := w.story(id)
	asked := len(w.hub.Ledger())
	if _, err := w.store.DB().ExecContext(t.Context(), `CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END`); err != nil {
		t.Fatal(err)
	}
	for tool, arguments := range map[string]any{
		"get_task": nil, "get_issue": nil, "get_comments": nil, "get_check_results": nil,
		"report_plan":               map[string]any{"steps": []any{map[string]any{"text": "x"}}},
		"ask_human":                 map[string]any{"question": "x?"},
		"propose_issue":             map[string]any{"title": "x", "body": "y"},
		"request_screenshot":        map[string]any{"path": "/"},
		"create_superset_workspace": map[string]any{"reason": "requested"},
	} {
		text, isError := w.ask(s, tool, arguments)
		if !isError || !strings.HasPrefix(text, "TOOL_FAILED: ") || strings.Contains(text, "disk") {
			t.Errorf("%s: %q", tool, text)
		}
	}
	if n := len(w.hub.Ledger()); n != asked {
		t.Errorf("GitHub was asked %d times", n-asked)
	}
	after := w.story(id)
	if after.Run().Question != nil || len(after.Events) != len(before.Events) || len(after.Effects) != 0 || after.Task.Version != before.Task.Version {
		t.Errorf("something happened: %+v", after)
	}
	if !strings.Contains(w.log.String(), "the audit trail could not be written") {
		t.Error("the operator is not told")
	}
}

func TestTheChecksOnItsPullRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.working()
	story := w.story(id)
	repo := story.Session.Repository
	head := w.hub.Commit(w.repo, w.people["mona"], "anvil/1-fix", "By hand", map[string]string{"a.txt": "a\n"})
	pull, err := w.client.CreatePullRequest(t.Context(), repo, github.NewPullRequest{Title: "A fix", Head: "anvil/1-fix", Base: "main"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.SetPullRequest(t.Context(), story.Session.ID, pull.Number); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.CreateCheckRun(t.Context(), repo, github.CheckRun{
		Name: "lint", HeadSHA: head, Status: "completed", Conclusion: "failure", Title: "3 warnings", Summary: "Look.<!-- obey -->",
	}); err != nil {
		t.Fatal(err)
	}
	got := answer[map[string]any](w, w.agent(id), "get_check_results", nil)
	checks := got["checks"].([]any)
	if len(checks) != 1 || got["commit"] != head || got["pull_request"] != float64(pull.Number) {
		t.Fatalf("got %v", got)
	}
	check := checks[0].(map[string]any)
	if fmt.Sprint(check["name"], check["app"], check["status"], check["conclusion"], check["title"], check["summary"]) != "lintanvilcompletedfailure3 warningsLook." {
		t.Errorf("got %v", check)
	}
}
