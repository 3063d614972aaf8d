package notify

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// PullRequest is the title and body of a session's pull request, as its first task
// opens it.
func PullRequest(s anvil.Story) (title, body string) {
	return Title(s), fmt.Sprintf("Closes #%d. Asked for by @%s.\n\n", s.Session.Issue, s.Task.Command.Requester.Login) + told(s, "##")
}

// FollowUp is what a further task of the session adds to the pull request's body.
func FollowUp(s anvil.Story) string {
	return fmt.Sprintf("## Then @%s asked for more\n\n", s.Task.Command.Requester.Login) + told(s, "###")
}

// told says what was asked of one task, what it did, and how that was verified,
// below headings of a level such as ##.
func told(s anvil.Story, level string) string {
	run := s.Run()
	var b strings.Builder
	b.WriteString(level + " What was asked\n\n")
	b.WriteString(quote(sanitize.Markdown(asked(s), "")) + "\n\n")
	b.WriteString(level + " What was done\n\n")
	if run.Report != nil && strings.TrimSpace(run.Report.Answer) != "" {
		b.WriteString(sanitize.Markdown(run.Report.Answer, "") + "\n\n")
	} else {
		b.WriteString("The agent gave no summary.\n\n")
	}
	if run.Verdict != nil {
		b.WriteString(files(*run.Verdict))
	}
	b.WriteString(level + " Verification\n\n")
	if run.Report != nil {
		b.WriteString(verification(run.Report.Verification))
		b.WriteString(refused(run.Report.Refused))
	}
	b.WriteString("---\n<sub>Made by " + sanitize.Line(engineName(run), 80) + " with Anvil; somebody who did not ask for it should review it.")
	if run.Placement.URL != "" {
		fmt.Fprintf(&b, " [Workflow run](%s) ·", run.Placement.URL)
	}
	fmt.Fprintf(&b, " task `%s`", s.Task.ID)
	if text := Usage(s.Usage); text != "" {
		b.WriteString(" · " + text)
	}
	b.WriteString("</sub>")
	return b.String()
}

// asked is the instruction. A label and an assignment have none of their own: they
// hand the issue over.
func asked(s anvil.Story) string {
	c := s.Task.Command
	if what := strings.TrimSpace(c.Prompt.Instruction); what != "" && c.Comment != 0 {
		return what
	}
	return c.Prompt.IssueTitle
}

// Title is one line for the pull request and its commit: the instruction if it is
// short enough to be one, else the issue's title.
func Title(s anvil.Story) string {
	c := s.Task.Command
	line := asked(s)
	if line == "" || strings.Contains(line, "\n") || utf8.RuneCountInString(line) > 72 {
		line = c.Prompt.IssueTitle
	}
	line = strings.TrimRight(sanitize.Line(line, 72), ".")
	if line == "" {
		line = fmt.Sprintf("Work on issue %d", s.Session.Issue)
	}
	first, size := utf8.DecodeRuneInString(line)
	return string(unicode.ToUpper(first)) + line[size:]
}

// CommitMessage is the message of the published commit. The requester is its
// co-author, so that whoever reads the history knows whom to ask.
func CommitMessage(s anvil.Story) string {
	who := s.Task.Command.Requester
	return fmt.Sprintf("%s\n\nAsked for on issue %d.\n\nAnvil-Task: %s\nCo-authored-by: %s <%d+%s@users.noreply.github.com>\n",
		Title(s), s.Session.Issue, s.Task.ID, who.Login, who.ID, who.Login)
}

// CheckRun is the check run that carries a task's verdict.
func CheckRun(s anvil.Story) github.CheckRun {
	run := s.Run()
	check := github.CheckRun{Name: "anvil", DetailsURL: run.Placement.URL, Conclusion: "neutral"}
	var b strings.Builder
	if o := s.Task.Outcome; o != nil && o.Problem != nil {
		b.WriteString(Tell(o.Problem) + "\n\n")
		check.Title = string(o.Problem.Code)
	}
	if run.Report != nil {
		v := run.Report.Verification
		if check.Title == "" {
			check.Title, check.Conclusion = verdict(v)
		}
		if s.Task.Outcome != nil && s.Task.Outcome.State == anvil.Unchanged {
			check.Title, check.Conclusion = "Nothing to change", "neutral"
			b.WriteString(sanitize.Markdown(run.Report.Answer, "") + "\n\n")
		} else {
			b.WriteString(verification(v))
		}
		b.WriteString(refused(run.Report.Refused))
	}
	if run.Verdict != nil {
		b.WriteString(files(*run.Verdict))
	}
	if check.Title == "" {
		check.Title = "Stopped"
	}
	fmt.Fprintf(&b, "Asked for by %s on issue %d.", sanitize.Line(s.Task.Command.Requester.Login, 60), s.Session.Issue)
	if text := Usage(s.Usage); text != "" {
		b.WriteString(" The models took " + text + ".")
	}
	check.Summary, check.Annotations = b.String(), annotations(s)
	return check
}

// verdict sums a verification up for a check run.
func verdict(v anvil.Verification) (title, conclusion string) {
	passed := 0
	for _, c := range v.Checks {
		if c.Status == anvil.Passed {
			passed++
		}
	}
	switch v.Status {
	case anvil.Passed:
		return "Verified: " + count(passed, "check") + " passed", "success"
	case anvil.NotPassed:
		return fmt.Sprintf("%d of %s failed", len(v.Checks)-passed, count(len(v.Checks), "check")), "failure"
	}
	return "Could not verify: " + sanitize.Line(v.Reason, 100), "neutral"
}
