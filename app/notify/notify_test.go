package notify_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/linear"
	"github.com/seed-bc0cc349/anvil/app/notify"
)

var update = flag.Bool("update", false, "write the golden files anew")

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// story is a task of mona's whose run is in the given state.
func story(state anvil.State, change ...func(*anvil.Story)) anvil.Story {
	s := anvil.Story{
		Session: anvil.Session{Repository: anvil.Repository{Owner: "acme", Name: "web", DefaultBranch: "main"}, Issue: 12, Branch: "anvil/12-login-loops"},
		Task: anvil.Task{ID: "7q2m9x1c4k", Version: 3, CreatedAt: start, Command: anvil.Command{
			Requester: anvil.Actor{ID: 583231, Login: "mona"}, Comment: 7, Verb: anvil.VerbDo,
			Prompt: anvil.Prompt{Instruction: "fix the login redirect", IssueTitle: "Login loops"},
		}},
		Effects: map[string]anvil.Effect{},
	}
	run := anvil.Run{ID: "7q2m9x1c4k.1", Task: s.Task.ID, Attempt: 1, State: state, CreatedAt: start}
	if state != anvil.Queued {
		run.BaseRef, run.BaseCommit = "main", strings.Repeat("c0ffee", 7)[:40]
		run.Engine = anvil.EngineInfo{Name: "codex", Kind: "command", Model: "big"}
		run.Placement = anvil.Placement{WorkflowRun: 5, URL: "https://github.example/acme/web/actions/runs/5"}
	}
	switch state {
	case anvil.Inspecting, anvil.Held, anvil.Delivering, anvil.Succeeded, anvil.Unchanged:
		run.Report = &anvil.Report{Result: "proposed", Answer: "The redirect lost its query. It is kept now.", Verification: anvil.Verification{
			Status: anvil.Passed, Source: ".github/anvil.yml", Checks: []anvil.Check{
				{Name: "npm test", Status: anvil.Passed, DurationMS: 12_300},
				{Name: "npm run lint | tee log", Status: anvil.Passed, DurationMS: 900},
			},
		}}
	}
	switch state {
	case anvil.Held, anvil.Delivering, anvil.Succeeded:
		run.Verdict = &anvil.Verdict{Tree: "t", Additions: 4, Deletions: 1, Files: []anvil.FileChange{{Path: "src/login.js", Status: "M", Additions: 4, Deletions: 1}}}
	}
	if state.Ended() {
		s.Task.ClosedAt = start.Add(83 * time.Second)
		s.Task.Outcome = &anvil.Outcome{State: state}
	}
	s.Runs = []anvil.Run{run}
	for _, c := range change {
		c(&s)
	}
	return s
}

func problem(p *anvil.Problem) func(*anvil.Story) {
	return func(s *anvil.Story) {
		s.Runs[0].Problem = p
		if s.Task.Outcome != nil {
			s.Task.Outcome.Problem = p
		}
	}
}

// asks makes the agent ask.
func asks(s *anvil.Story) {
	s.Runs[0].Question = &anvil.Question{Text: "Which one do you want?\n\nJWT needs no session store.", Choices: []string{"JWT", "Passport"}, AskedAt: start}
	if s.Runs[0].State == anvil.Waiting {
		s.Runs[0].Deadline = start.Add(7 * 24 * time.Hour)
	}
}

// asksApproval makes the run one that waits with a plan.
func asksApproval(s *anvil.Story) {
	s.Runs[0].Question = &anvil.Question{Text: "1. Keep the query.\n2. Test it.\n\nOne file, half an hour. @team", AskedAt: start, Plan: strings.Repeat("0123456789abcdef", 4)}
	s.Runs[0].Deadline = start.Add(7 * 24 * time.Hour)
}

// answered makes the task one whose question was answered, and which works on.
func answered(s *anvil.Story) {
	second := s.Runs[0]
	second.ID, second.Attempt, second.State, second.Question = "7q2m9x1c4k.2", 2, anvil.Working, nil
	q := s.Runs[0].Question
	q.Answer, q.Answerer = "Passport, please.", anvil.Actor{ID: 9, Login: "ada"}
	s.Runs[0].State = anvil.Answered
	s.Runs = append(s.Runs, second)
}

// reports makes the agent's last words a report in parts, and lets the checks have been
// run before the change too. A heading in a block of code is none.
func reports(s *anvil.Story) {
	s.Runs[0].Engine.Version = "0.169.0"
	r := s.Runs[0].Report
	r.Answer = "The redirect lost its query; it is kept now.\n\n## Data flow\n\nrequest → `login` → redirect\n\n### In detail\n\n```sh\n## Untested\n```\n\n" +
		"## Untested gaps:\n\nA query over 8 KiB.\n\n## By the way\n\nThe log is noisy."
	r.Verification.Checks[0].Before, r.Verification.Checks[1].Before = anvil.NotPassed, anvil.Passed
	r.Verification.Checks = append(r.Verification.Checks, anvil.Check{Name: "npm run e2e", Status: anvil.Passed, DurationMS: 900})
	s.Runs[0].Verdict.Files = append(s.Runs[0].Verdict.Files, anvil.FileChange{Path: "docs/login.md", Status: "M"}, anvil.FileChange{Path: "src/old.js", Status: "D"})
}

// afterLost makes the task one whose first runner went silent.
func afterLost(s *anvil.Story) {
	second := s.Runs[0]
	second.ID, second.Attempt = "7q2m9x1c4k.2", 2
	s.Runs[0].State, s.Runs[0].Problem = anvil.Lost, anvil.Problemf("ATTEMPT_LOST", "", "the runner went silent")
	s.Runs = append(s.Runs, second)
}

// followsUp makes the task one that two others of its session came before.
func followsUp(s *anvil.Story) {
	first := story(anvil.Succeeded, merged, func(s *anvil.Story) { s.Task.Command.Prompt.Instruction = "keep the query" })
	failed := story(anvil.Failed, merged, problem(anvil.Problemf("BASE_MISSING", "", "there is no branch dev in this repository")))
	failed.Task.Command.Prompt.Instruction, failed.Task.Command.Requester = "move it to dev "+evil, anvil.Actor{ID: 9, Login: "ada"}
	s.Earlier = []anvil.Story{first, failed}
}

func merged(s *anvil.Story) {
	s.Session.PullRequest = 13
	s.Effects["pull/7q2m9x1c4k"] = anvil.Effect{URL: "https://github.example/acme/web/pull/13"}
	s.Effects["comment/7q2m9x1c4k"] = anvil.Effect{URL: "https://github.example/acme/web/issues/12#issuecomment-9"}
}

// inDevContainer lets the run have worked in the repository's dev container.
func inDevContainer(s *anvil.Story) {
	s.Runs[0].Report.Environment = &anvil.Environment{
		Path: ".devcontainer/devcontainer.json", Key: "k", Image: "sha256:" + strings.Repeat("ab", 32), Warm: true, DurationMS: 3_240,
	}
}

// withoutDevContainer lets it have worked without the one that the repository has.
func withoutDevContainer(s *anvil.Story) {
	s.Runs[0].Report.Environment = &anvil.Environment{Path: ".devcontainer/devcontainer.json", Without: "this runner contains by bubblewrap, which runs no images"}
}

// cutShort lets the budget have been used up while the agent mended the change.
func cutShort(s *anvil.Story) {
	s.Runs[0].Report.Over = anvil.Problemf(anvil.CodeBudgetExceeded, "Ask for less at a time.", "the budget of the run ($5.00) is used up")
	s.Runs[0].Report.Verification.Status, s.Runs[0].Report.Verification.Checks[1].Status = anvil.NotPassed, anvil.NotPassed
}

// pictured lets the run have handed over pictures, one with a title that means harm.
func pictured(s *anvil.Story) {
	s.Runs[0].Report.Screenshots = []anvil.Screenshot{{Title: "page /login: the new button"}, {Title: "x` ![](https://evil.example) @everyone"}}
	s.Effects["screenshots/7q2m9x1c4k"] = anvil.Effect{State: anvil.Done, URL: "https://github.example/acme/web/blob/5c0ffee"}
}

func spent(s *anvil.Story) {
	s.Usage = anvil.Usage{Calls: 31, Input: 41_200, Cached: 310_000, CacheWrite: 22_000, Output: 9_480, Reasoning: 3_000, CostMicros: 4_021_300}
}

// planned lets the agent report a plan.
func planned(data string) func(*anvil.Story) {
	return func(s *anvil.Story) {
		s.Events = append(s.Events, anvil.Event{Run: s.Runs[0].ID, Source: anvil.FromServer, Seq: 1, Kind: anvil.KindPlan, Data: []byte(data)})
	}
}

// noted puts an event of the server's into the story.
func noted(kind, text string) func(*anvil.Story) {
	return func(s *anvil.Story) {
		s.Events = []anvil.Event{{Run: s.Runs[0].ID, Source: anvil.FromServer, Seq: 1, Kind: kind, Text: text}}
	}
}

const evil = "@everyone Fixes #1 <!-- hidden --> <img src=http://evil.example/x> ```\n/close\n\x1b[31mred\u200b\u202e ![x](http://evil.example/y) acme/web#2"

// hostile puts text of an attacker into every place that takes text from outside.
func hostile(s *anvil.Story) {
	s.Task.Command.Prompt.Instruction = evil
	s.Runs[0].Report.Answer = evil + "\n\n## Data flow\n\n" + evil + "\n\n## Untested\n\n" + evil
	s.Runs[0].Report.Verification.Checks[0].Name = "`" + evil + "` | x"
	s.Runs[0].Report.Verification.Checks[0].Status = anvil.NotPassed
	s.Runs[0].Report.Verification.Checks[0].OutputTail = "````\n" + evil
	s.Runs[0].Report.Verification.Status = anvil.NotPassed
	s.Runs[0].Verdict.Files[0].Path = "a`b|c\n@team.go"
	s.Session.Branch, s.Runs[0].BaseRef = "x`@everyone`Fixes`#1", "a`$(id)`@team`<img`;'q"
	s.Runs[0].Report.Environment = &anvil.Environment{Path: ".devcontainer/`" + evil + "/devcontainer.json"}
}

// hostileRunner is one whose dev container was left out for a reason that means harm.
func hostileRunner(s *anvil.Story) {
	hostile(s)
	s.Runs[0].Report.Environment.Without = evil
}

// Every state as people see it, kept in files that can be read in a review.
func TestGolden(t *testing.T) {
	t.Parallel()
	stories := map[string]anvil.Story{
		"queued":     story(anvil.Queued, func(s *anvil.Story) { s.Ahead = 2 }),
		"dispatched": story(anvil.Dispatched),
		"working":    story(anvil.Working),
		"verifying": story(anvil.Working, func(s *anvil.Story) {
			s.Events = []anvil.Event{{Run: s.Runs[0].ID, Source: anvil.FromRunner, Seq: 1, Kind: "phase", Text: "verify"}}
		}),
		"second-try": story(anvil.Dispatching, func(s *anvil.Story) { s.Runs[0].Attempt = 2 }),
		"planned":    story(anvil.Working, planned(`{"steps": [{"text": "Look", "status": "done"}, {"text": "Fix it", "status": "in_progress"}, {"text": "Test it"}]}`)),
		"inspecting": story(anvil.Inspecting),
		"held":       story(anvil.Held, problem(anvil.Problemf("PROTECTED_FILES", "", "the change touches 2 protected file(s)")), func(s *anvil.Story) { s.Runs[0].Verdict.Protected = []string{".github/workflows/ci.yml", "CODEOWNERS"} }),
		"waiting":    story(anvil.Waiting, asks),
		"answered":   story(anvil.Waiting, asks, answered),
		"plan":       story(anvil.Waiting, asksApproval),
		"held-patch": story(anvil.Held, problem(anvil.Problemf("PROTECTED_FILES", "", "the change touches 1 protected file(s)")), func(s *anvil.Story) {
			s.Runs[0].Verdict.Tree, s.Runs[0].Verdict.Protected = strings.Repeat("beef", 10), []string{"CODEOWNERS"}
			s.Runs[0].Verdict.Patch = "--- a/CODEOWNERS\n+++ b/CODEOWNERS\n@@ -0,0 +1 @@\n+* @otto\n"
		}),
		"released": story(anvil.Succeeded, merged, func(s *anvil.Story) {
			s.Runs[0].Verdict.Released = &anvil.Release{By: anvil.Actor{ID: 9, Login: "ada"}}
		}),
		"stacked":    story(anvil.Succeeded, merged, func(s *anvil.Story) { s.Task.Command.Thread = anvil.Thread{Issue: 12, PullRequest: true} }),
		"expired":    story(anvil.Failed, asks, problem(anvil.Problemf("QUESTION_EXPIRED", "Comment /anvil retry to start again.", "nobody answered the agent's question within 168h0m0s"))),
		"delivering": story(anvil.Delivering),
		"succeeded":  story(anvil.Succeeded, merged),
		"unverified": story(anvil.Succeeded, merged, func(s *anvil.Story) {
			s.Runs[0].Report.Verification = anvil.Verification{Status: anvil.Unverified, Reason: "no commands are configured and none could be detected"}
		}),
		"check-failed": story(anvil.Succeeded, merged, func(s *anvil.Story) {
			v := &s.Runs[0].Report.Verification
			v.Status, v.Checks[0].Status, v.Checks[0].OutputTail = anvil.NotPassed, anvil.NotPassed, "1 failing\n  login redirects"
		}),
		"refused": story(anvil.Succeeded, merged, func(s *anvil.Story) {
			s.Runs[0].Report.Refused = []anvil.RefusedHost{
				{Host: "docs.example.com", Port: "443", Why: "the host is not on the list", Allow: "docs.example.com"},
				{Host: "tickets.example.com", Port: "443", Why: "the host is not on the list", Allow: "tickets.example.com", Operator: true},
				{Host: "169.254.169.254", Port: "80", Why: "an address is not allowed, only names are"},
				{Host: "`|<b>\n@team", Port: "443", Why: "the name has a part that no host name has", Allow: "x\n```\n@team"},
			}
		}),
		"after-lost": story(anvil.Working, afterLost),
		"follow-up":  story(anvil.Succeeded, merged, followsUp),
		"reported":   story(anvil.Succeeded, merged, reports),
		"unchanged":  story(anvil.Unchanged),
		"failed":     story(anvil.Failed, problem(anvil.Problemf("BASE_MISSING", "Name a branch that is there: /anvil base=BRANCH …", "there is no branch dev in this repository"))),
		"lost":       story(anvil.Lost, problem(anvil.Problemf("ATTEMPT_LOST", "Comment /anvil retry.", "the runner went silent"))),
		"stopping":   story(anvil.Stopping),
		"cancelled":  story(anvil.Cancelled),
		"notices": story(anvil.Queued, func(s *anvil.Story) {
			s.Task.Command.Notices = []*anvil.Problem{anvil.Problemf("CMD_MULTIPLE", "Post the others as comments of their own.", "the comment has 2 commands, and only the first one runs")}
		}),
		"dev-container":    story(anvil.Succeeded, merged, spent, inDevContainer),
		"no-dev-container": story(anvil.Succeeded, merged, withoutDevContainer),
		"screenshots":      story(anvil.Succeeded, merged, pictured),
		"hostile":          story(anvil.Succeeded, merged, hostile),
		"hostile-runner":   story(anvil.Succeeded, merged, hostileRunner),
		"cost":             story(anvil.Succeeded, merged, spent),
		"budget-low":       story(anvil.Working, spent, noted(anvil.KindBudgetLow, "$4.02 of the budget of the run ($5.00) are used. The run ends when it is used up")),
		"budget-wait":      story(anvil.Queued, noted(anvil.KindBudgetWait, "the budget of the user per day ($50.00) is used up; it begins anew at 2026-11-23 00:00 UTC")),
		"budget-cut":       story(anvil.Succeeded, merged, spent, cutShort),
		"budget-over":      story(anvil.Failed, spent, problem(anvil.Problemf(anvil.CodeBudgetExceeded, "Ask for less at a time.", "the budget of the run ($5.00) is used up"))),
	}
	for name, s := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := notify.Of(s)
			check := notify.CheckRun(d)
			heading := strings.TrimRight(fmt.Sprintf("=== check run %s: %s %s: %s", check.Name, check.Status, check.Conclusion, check.Title), " ")
			for _, a := range check.Actions {
				heading += fmt.Sprintf(" [%s: %s]", a.Label, a.Description)
			}
			parts := []string{"=== comment", notify.Comment(d), heading, check.Summary, "=== status", notify.Status(d), "=== plain", notify.Plain(d), "=== handoff", notify.Handoff(d), "=== linear", linearText(notify.Linear(d))}
			if d.Phase == notify.Done {
				title, body := notify.PullRequest([]notify.Document{d})
				parts = append(parts, "=== pull request: "+title, body, "=== commit", notify.Commit(d))
			}
			if d.Phase == notify.Asking || d.Phase == notify.Planned {
				parts = append(parts, "=== question", notify.Ask(d))
			}
			got := strings.Join(append(parts, ""), "\n")
			golden(t, name, got)
		})
	}
}

// linearText is what a session of Linear's shows, as a file.
func linearText(v linear.View) string {
	var b strings.Builder
	for _, a := range v.Say {
		fmt.Fprintf(&b, "[%s: %s", a.Key, a.Type)
		if a.Fleeting {
			b.WriteString(", fleeting")
		}
		b.WriteString("] " + strings.Trim(a.Body+a.Action+" "+a.Parameter+a.Result, " ") + "\n")
		for _, c := range a.Choices {
			fmt.Fprintf(&b, "  ( %s ) %s\n", c.Label, c.Value)
		}
	}
	for _, st := range v.Plan {
		fmt.Fprintf(&b, "plan: %s, %s\n", st.Content, st.Status)
	}
	for _, l := range v.Links {
		fmt.Fprintf(&b, "link: %s, %s\n", l.Label, l.URL)
	}
	return b.String() + "issue: " + string(v.Stage)
}

// golden compares a text with a file that can be read in a review.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".md")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not as it was; run go test ./app/notify -update and look at the difference\n%s", path, got)
	}
}

// What an attacker writes pings nobody, links nothing, closes nothing, hides
// nothing, and loads nothing, in any of the texts.
func TestTextFromOutsideDoesNothing(t *testing.T) {
	t.Parallel()
	s := story(anvil.Succeeded, merged, hostile)
	d := notify.Of(s)
	title, body := notify.PullRequest([]notify.Document{d, d})
	check := notify.CheckRun(d)
	asking := story(anvil.Waiting, asks, func(s *anvil.Story) {
		s.Runs[0].Question.Text, s.Runs[0].Question.Choices = evil, []string{evil}
	})
	told := story(anvil.Waiting, asks, answered, func(s *anvil.Story) {
		s.Runs[0].Question.Text, s.Runs[0].Question.Answer = evil, evil
	})
	steps, err := json.Marshal(map[string]any{"steps": []any{map[string]string{"text": evil, "status": evil}}})
	if err != nil {
		t.Fatal(err)
	}
	for place, text := range map[string]string{
		"follow-up": notify.Comment(notify.Of(story(anvil.Succeeded, merged, followsUp))),
		"plan":      notify.Comment(notify.Of(story(anvil.Working, planned(string(steps))))),
		"asking":    notify.Comment(notify.Of(asking)), "question": notify.Ask(notify.Of(asking)), "status": notify.Status(notify.Of(asking)), "linear": linearText(notify.Linear(d)), "linear asking": linearText(notify.Linear(notify.Of(asking))), "answered": notify.Comment(notify.Of(told)),
		"comment": notify.Comment(d), "title": title, "pull request": body, "commit": notify.Commit(d),
		"check title": check.Title, "check summary": check.Summary,
	} {
		visible := outsideCode(text)
		for _, bad := range []string{"@everyone", "@team", "Fixes #1", "<!--", "<img", "![", "acme/web#2", "\n/close"} {
			if strings.Contains(visible, bad) {
				t.Errorf("%s: %q got through:\n%s", place, bad, text)
			}
		}
		for _, r := range text {
			if r == 0x1b || r == 0x200b || r == 0x202e {
				t.Errorf("%s: the invisible %U got through", place, r)
			}
		}
	}
}

// A line that people copy into their shell does what it says, whatever a branch is called.
func TestHandoffIsSafeToCopy(t *testing.T) {
	t.Parallel()
	named := func(s *anvil.Story) { s.Session.Branch, s.Runs[0].BaseRef = "x;id", "a$(id)'b" }
	for _, test := range []struct {
		s    anvil.Story
		want string
	}{
		{story(anvil.Working, named), `git switch -c 'x;id' 'origin/a$(id)'\''b'` + "\n"},
		{story(anvil.Succeeded, merged, named), "git switch 'x;id'\n"},
		{story(anvil.Working), "git switch -c anvil/12-login-loops origin/main\n"},
		{story(anvil.Queued), "git switch -c anvil/12-login-loops origin/HEAD\n"},
	} {
		if got := notify.Handoff(notify.Of(test.s)); !strings.Contains(got, test.want) {
			t.Errorf("%q is not in\n%s", test.want, got)
		}
	}
}

// A terminal obeys nothing of it either, and a line stays one.
func TestPlainIsPlain(t *testing.T) {
	t.Parallel()
	got := notify.Plain(notify.Of(story(anvil.Succeeded, merged, hostile)))
	if strings.ContainsAny(got, "\x1b\u200b\u202e") || strings.Contains(got, "\n/close") {
		t.Errorf("it got through:\n%q", got)
	}
}

// A second task stands open in the pull request, and the first one is folded.
func TestFurtherTasksFoldTheEarlierOnes(t *testing.T) {
	t.Parallel()
	first := notify.Of(story(anvil.Succeeded, merged))
	second := notify.Of(story(anvil.Succeeded, merged, spent, func(s *anvil.Story) {
		s.Task.ID, s.Task.Command.Requester.Login, s.Task.Command.Prompt.Instruction = "8r3n0y2d5m", "ada", "use Passport"
		s.Runs[0].Report.Answer = "Passport it is."
	}))
	title, body := notify.PullRequest([]notify.Document{first, second})
	golden(t, "two-tasks", "=== pull request: "+title+"\n"+body+"\n")
}

// outsideCode is text without its fenced blocks and code spans, in which GitHub
// acts on nothing.
func outsideCode(text string) string {
	var b strings.Builder
	fence := ""
	for line := range strings.Lines(text) {
		bare := strings.TrimSpace(strings.TrimLeft(line, "> "))
		if run := bare[:len(bare)-len(strings.TrimLeft(bare, "`"))]; len(run) >= 3 && (fence == "" || len(run) >= len(fence) && bare == run) {
			if fence == "" {
				fence = run
			} else {
				fence = ""
			}
			continue
		}
		if fence == "" {
			for i, part := range strings.Split(line, "`") {
				if i%2 == 0 {
					b.WriteString(part)
				}
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
