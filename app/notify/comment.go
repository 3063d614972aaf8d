package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// Comment is the body of a task's one comment.
func Comment(s anvil.Story) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", headline(s))
	b.WriteString(links(s))
	b.WriteString(quoteInstruction(s))
	b.WriteString(answers(s))
	switch {
	case s.Run().State == anvil.Waiting:
		b.WriteString(pending(s.Run()))
	case s.Task.Outcome == nil && s.Run().State != anvil.Held:
		b.WriteString(checklist(steps(s)) + "\n" + plan(s))
	default:
		b.WriteString(ending(s))
	}
	b.WriteString(budgets(s))
	b.WriteString(notices(s))
	b.WriteString("---\n" + footer(s))
	return b.String()
}

// headline says in a few words where the task is.
func headline(s anvil.Story) string {
	run := s.Run()
	took := ""
	if !s.Task.ClosedAt.IsZero() {
		took = " after " + duration(s.Task.ClosedAt.Sub(s.Task.CreatedAt))
	}
	if o := s.Task.Outcome; o != nil {
		switch o.State {
		case anvil.Succeeded:
			switch v := run.Report; {
			case v != nil && v.Verification.Status == anvil.NotPassed:
				return fmt.Sprintf("⚠️ Pull request #%d is there%s, but its verification failed", s.Session.PullRequest, took)
			case v != nil && v.Verification.Status == anvil.Unverified:
				return fmt.Sprintf("☑️ Pull request #%d is there%s, and could not be verified", s.Session.PullRequest, took)
			}
			return fmt.Sprintf("✅ Pull request #%d is ready for you%s", s.Session.PullRequest, took)
		case anvil.Unchanged:
			return "💬 Answered, nothing to change" + took
		case anvil.Cancelled:
			return "⏹️ Stopped" + took
		default:
			return "❌ Could not finish" + took
		}
	}
	again := ""
	if run.Attempt > 1 {
		again = fmt.Sprintf(" (attempt %d)", run.Attempt)
	}
	switch run.State {
	case anvil.Queued:
		return "⏳ Queued" + again
	case anvil.Held:
		return "✋ Held: a person has to look at this first"
	case anvil.Waiting:
		return "❓ The agent asks, and waits for an answer"
	case anvil.Stopping:
		return "⏹️ Stopping"
	case anvil.Inspecting:
		return "🔎 Inspecting the change" + again
	case anvil.Delivering:
		return "📦 Publishing the change" + again
	case anvil.Working:
		return "🔨 Working on it" + again
	}
	return "🚀 Starting a runner" + again
}

// links puts the places to look at on one line.
func links(s anvil.Story) string {
	var all []string
	switch n := s.Session.PullRequest; {
	case s.Task.Outcome != nil && s.Task.Outcome.State == anvil.Succeeded: // the headline names it
		all = append(all, "branch `"+s.Session.Branch+"`")
	case n != 0:
		all = append(all, fmt.Sprintf("pull request #%d", n))
	}
	if url := s.Run().Placement.URL; url != "" {
		all = append(all, "[workflow run]("+url+")")
	}
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, " · ") + "\n\n"
}

func quoteInstruction(s anvil.Story) string {
	c := s.Task.Command
	what := strings.TrimSpace(c.Prompt.Instruction)
	if what == "" {
		return fmt.Sprintf("@%s handed over this issue.\n\n", c.Requester.Login)
	}
	return fmt.Sprintf("@%s asked:\n%s\n\n", c.Requester.Login, quote(sanitize.Markdown(cutLines(what, 12), "")))
}

// ending tells how a task ended, or why it is held.
func ending(s anvil.Story) string {
	var b strings.Builder
	run := s.Run()
	problem := run.Problem
	if s.Task.Outcome != nil {
		problem = s.Task.Outcome.Problem
	}
	if problem != nil {
		b.WriteString(Tell(problem) + "\n\n")
	}
	if run.State == anvil.Held && run.Verdict != nil {
		b.WriteString(held(run))
	}
	if run.Report != nil {
		if answer := strings.TrimSpace(run.Report.Answer); answer != "" {
			b.WriteString(sanitize.Markdown(answer, "") + "\n\n")
		}
		if run.State != anvil.Unchanged {
			b.WriteString(verification(run.Report.Verification))
		}
		b.WriteString(refused(run.Report.Refused))
	}
	if run.Verdict != nil && s.Task.Outcome != nil && s.Task.Outcome.State == anvil.Succeeded {
		b.WriteString(files(*run.Verdict))
	}
	if s.Task.Outcome != nil && s.Task.Outcome.State == anvil.Cancelled {
		b.WriteString("Nothing was published. Comment `/anvil retry` to start again.\n\n")
	}
	return b.String()
}

// held says which protected files hold a change, and how to let it go.
func held(run anvil.Run) string {
	var b strings.Builder
	b.WriteString("The change touches files that decide what runs with secrets, who must review, or how agents behave:\n\n")
	for _, path := range run.Verdict.Protected {
		fmt.Fprintf(&b, "- %s\n", code(path))
	}
	b.WriteString("\nTo let it go, allow these paths on the default branch in `.github/anvil.yml` and comment `/anvil retry`; the change is kept and inspected again:\n\n")
	b.WriteString("```yaml\nprotected:\n  allow:\n")
	for _, path := range run.Verdict.Protected {
		fmt.Fprintf(&b, "    - %q\n", path)
	}
	b.WriteString("```\n\nTo drop it, comment `/anvil stop`.\n\n")
	return b.String()
}

// Tell is a problem as people read it.
func Tell(p *anvil.Problem) string {
	text := "**" + string(p.Code) + "**: " + sentence(p.What, true)
	if p.Next != "" {
		text += "\n\n" + sentence(p.Next, false)
	}
	return text
}

// sentence is text of a problem: one line, or Markdown in paragraphs of its own.
func sentence(text string, midLine bool) string {
	text = stop(text)
	if !strings.Contains(text, "\n") {
		return sanitize.Line(text, 1000)
	}
	if midLine {
		return "\n\n" + sanitize.Markdown(text, "")
	}
	return sanitize.Markdown(text, "")
}

func notices(s anvil.Story) string {
	var b strings.Builder
	for _, n := range slices.Concat(s.Task.Command.Notices, s.Run().Rules.Notices) {
		b.WriteString("> ⚠️ " + strings.ReplaceAll(Tell(n), "\n\n", " ") + "\n\n")
	}
	return b.String()
}

func footer(s anvil.Story) string {
	run := s.Run()
	parts := []string{"task `" + string(s.Task.ID) + "`"}
	if run.Attempt > 1 {
		parts = append(parts, fmt.Sprintf("attempt %d", run.Attempt))
	}
	if run.Engine.Name != "" {
		parts = append(parts, "engine "+sanitize.Line(engineName(run), 80))
	}
	if run.BaseCommit != "" {
		parts = append(parts, fmt.Sprintf("from `%s`@`%.7s`", run.BaseRef, run.BaseCommit))
	}
	if text := Usage(s.Usage); text != "" {
		parts = append(parts, text)
	}
	if s.Task.Outcome == nil {
		parts = append(parts, "`/anvil stop` stops it")
	} else {
		parts = append(parts, "`/anvil help`")
	}
	return "<sub>" + strings.Join(parts, " · ") + "</sub>"
}

// Status is the answer to /anvil status.
func Status(s anvil.Story) string {
	text := "**" + headline(s) + "**\n\n"
	switch {
	case s.Run().State == anvil.Waiting:
		text += pending(s.Run())
	case s.Task.Outcome == nil && s.Run().State != anvil.Held:
		text += checklist(steps(s)) + "\n"
	}
	if e, ok := s.Effects["comment/"+string(s.Task.ID)]; ok && e.URL != "" {
		text += "[The task's comment](" + e.URL + ") tells the rest."
	}
	return strings.TrimSpace(text)
}

// duration is d as people say it.
func duration(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(1, int(d.Round(time.Second).Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}
