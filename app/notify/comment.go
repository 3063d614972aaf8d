package notify

import (
	"fmt"
	"slices"
	"strings"
)

// Comment is the body of a task's one comment.
func Comment(d Document) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s %s\n\n", d.Mark, d.Title)
	b.WriteString(links(d))
	b.WriteString(asked(d))
	b.WriteString(exchanges(d))
	switch d.Phase {
	case Asking, Planned:
		b.WriteString(pending(d))
	case Open:
		b.WriteString(checklist(d.Steps) + "\n" + agentsPlan(d.Plan))
	default:
		b.WriteString(ending(d))
	}
	for _, w := range d.Warnings {
		b.WriteString("> ⚠️ " + w + "\n\n")
	}
	if !d.Wait.Empty() {
		b.WriteString("> ⏳ It waits: " + stop(d.Wait.Line(300)) + "\n\n")
	}
	for _, n := range d.Notices {
		b.WriteString("> ⚠️ " + strings.ReplaceAll(n.told(), "\n\n", " ") + "\n\n")
	}
	b.WriteString(lost(d.Lost))
	b.WriteString(earlier(d.Earlier))
	b.WriteString("---\n" + footer(d))
	return b.String()
}

// lost folds away the attempts that came to nothing.
func lost(all []Lost) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<details><summary>%s came to nothing before</summary>\n\n", count(len(all), "attempt"))
	for _, l := range all {
		fmt.Fprintf(&b, "- Attempt %d: ", l.Attempt)
		if l.Why == nil {
			b.WriteString("its runner was lost.")
		} else {
			b.WriteString("**" + l.Why.Code + "**: " + stop(l.Why.What.Line(300)))
		}
		if l.Run != "" {
			b.WriteString(" [Workflow run](" + l.Run + ")")
		}
		b.WriteString("\n")
	}
	return b.String() + "\n</details>\n\n"
}

// earlier folds away how the session's earlier tasks ended. Nobody is mentioned: they
// were told then.
func earlier(all []Earlier) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	last := all[len(all)-1]
	fmt.Fprintf(&b, "<details><summary>Before this: %s %s</summary>\n\n", last.Mark, last.Title)
	for _, e := range slices.Backward(all) {
		fmt.Fprintf(&b, "- %s %s asked: %s **%s**", e.Mark, e.Requester.Login, stop(e.Asked.Line(maxSubject)), e.Title)
		if e.Why != nil {
			b.WriteString(", " + e.Why.Code + ": " + e.Why.What.Line(200))
		}
		if e.Comment != "" {
			b.WriteString(" ([its comment](" + e.Comment + "))")
		}
		b.WriteString("\n")
	}
	return b.String() + "\n</details>\n\n"
}

// links puts the places to look at on one line.
func links(d Document) string {
	var all []string
	switch {
	case d.Phase == Done: // the headline names the pull request
		all = append(all, "branch "+d.Branch.Code())
	case d.PullRequest != 0:
		all = append(all, fmt.Sprintf("pull request #%d", d.PullRequest))
	}
	if d.Run != "" {
		all = append(all, "[workflow run]("+d.Run+")")
	}
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, " · ") + "\n\n"
}

func asked(d Document) string {
	if d.Asked.Empty() {
		return fmt.Sprintf("@%s handed over this issue.\n\n", d.Requester.Login)
	}
	return fmt.Sprintf("@%s asked:\n%s\n\n", d.Requester.Login, quote(d.Asked.Head(12).Markdown()))
}

// exchanges lists what the agent asked before, and who said what.
func exchanges(d Document) string {
	var b strings.Builder
	for _, e := range d.Exchanges {
		fmt.Fprintf(&b, "The agent asked:\n%s\n\n@%s answered:\n%s\n\n",
			quote(e.Question.Head(12).Markdown()), e.By.Login, quote(e.Answer.Head(12).Markdown()))
	}
	return b.String()
}

// ending tells how a task ended, or why it is held.
func ending(d Document) string {
	var b strings.Builder
	if d.Problem != nil {
		b.WriteString(d.Problem.told() + "\n\n")
	}
	b.WriteString(debugging(d))
	b.WriteString(cutShort(d))
	b.WriteString(held(d))
	answer := d.Answer
	if d.Phase == Done { // the rest is in the pull request
		answer = d.Report.Summary
	}
	if !answer.Empty() {
		b.WriteString(answer.Markdown() + "\n\n")
	}
	b.WriteString(verification(d.Verification))
	b.WriteString(foldedPictures(d))
	b.WriteString(refused(d))
	if d.Phase == Done {
		b.WriteString(changed(d.Change))
	}
	if d.Phase == Stopped {
		b.WriteString("Nothing was published. Comment `/anvil retry` to start again.\n\n")
	}
	return b.String()
}

// held says what holds a change, and how to let it go.
func held(d Document) string {
	if d.Phase != Holding || d.Change == nil {
		return ""
	}
	var b strings.Builder
	if len(d.Held) == 0 { // the rules hold every change
		if !d.Patch.Empty() {
			b.WriteString("<details><summary>The change</summary>\n\n" + d.Patch.Fence() + "\n\n</details>\n\n")
		}
		fmt.Fprintf(&b, "To let exactly this change go, read it and comment `/anvil release %.12s`. To drop it, comment `/anvil stop`.\n\n", d.Change.Tree)
		return b.String()
	}
	b.WriteString("The change touches files that decide what runs with secrets, who must review, or how agents behave:\n\n")
	for _, path := range d.Held {
		fmt.Fprintf(&b, "- %s\n", path.Code())
	}
	if !d.Patch.Empty() {
		b.WriteString("\n<details><summary>How it changes them</summary>\n\n" + d.Patch.Fence() + "\n\n</details>\n")
	}
	fmt.Fprintf(&b, "\nTo let exactly this change go, read it and comment `/anvil release %.12s`. To let such changes go from now on, allow the paths on the default branch in `"+rulesPath+"` and comment `/anvil retry`; the change is kept and inspected again:\n\n", d.Change.Tree)
	b.WriteString("```yaml\nprotected:\n  allow:\n")
	for _, path := range d.Held {
		fmt.Fprintf(&b, "    - %s\n", path.Quoted())
	}
	b.WriteString("```\n\nTo drop it, comment `/anvil stop`.\n\n")
	return b.String()
}

// rulesPath is where a repository's own rules stand.
const rulesPath = ".github/anvil.yml"

func footer(d Document) string {
	parts := []string{"task `" + d.Task + "`"}
	if d.Attempt > 1 {
		parts = append(parts, fmt.Sprintf("attempt %d", d.Attempt))
	}
	if !d.Engine.Empty() {
		parts = append(parts, "engine "+d.Engine.Line(80))
	}
	if d.Environment != nil {
		parts = append(parts, d.Environment.told())
	}
	if d.BaseCommit != "" {
		parts = append(parts, fmt.Sprintf("from %s@`%.7s`", d.Base.Code(), d.BaseCommit))
	}
	if d.Cost != "" {
		parts = append(parts, d.Cost)
	}
	if slices.Contains(d.Actions, actStop) {
		parts = append(parts, "`/anvil stop` stops it")
	} else {
		parts = append(parts, "`/anvil help`")
	}
	return "<sub>" + strings.Join(parts, " · ") + "</sub>"
}
