package notify

import (
	"fmt"
	"strings"
)

// PullRequest is the title and body of a session's pull request. The tasks are those
// of the session that changed it, in order; the last one stands open, the earlier ones
// are folded.
func PullRequest(tasks []Document) (title, body string) {
	first, last := tasks[0], tasks[len(tasks)-1]
	var b strings.Builder
	does := "Closes"
	if first.OnPull {
		does = "On top of"
	}
	if first.Issue != 0 {
		fmt.Fprintf(&b, "%s #%d. ", does, first.Issue)
	}
	fmt.Fprintf(&b, "Asked for by @%s.\n\n", first.Requester.Login)
	if len(tasks) > 1 {
		fmt.Fprintf(&b, "Then @%s asked for more; this is about the latest task, and the earlier ones follow below.\n\n", last.Requester.Login)
	}
	b.WriteString(section(last, "##"))
	for i := len(tasks) - 2; i >= 0; i-- {
		fmt.Fprintf(&b, "\n\n<details><summary>Before: %s</summary>\n\n%s\n\n</details>", tasks[i].Subject.Line(maxSubject), section(tasks[i], "###"))
	}
	return Subject(first), b.String()
}

// section says what was asked of one task, what it did, and how that was verified,
// below headings of a level such as ##.
func section(d Document, level string) string {
	var b strings.Builder
	b.WriteString(level + " What was asked\n\n")
	what := d.Asked
	if d.Handed || what.Empty() {
		what = d.Subject
	}
	b.WriteString(quote(what.Markdown()) + "\n\n")
	b.WriteString(level + " What changed and why\n\n")
	if d.Report.Summary.Empty() {
		b.WriteString("The agent gave no summary.\n\n")
	} else {
		b.WriteString(d.Report.Summary.Markdown() + "\n\n")
	}
	b.WriteString(cutShort(d))
	b.WriteString(d.Absent.told())
	b.WriteString(changed(d.Change))
	if !d.Report.DataFlow.Empty() {
		b.WriteString(level + " Data flow\n\n" + d.Report.DataFlow.Markdown() + "\n\n")
	}
	b.WriteString(level + " Verification before and after\n\n")
	b.WriteString(verification(d.Verification))
	if v := d.Verification; v != nil && v.Status != Unverified && !v.compared() {
		b.WriteString("<sub>How the checks end without the change is not known: they were not run on the base commit.</sub>\n\n")
	}
	b.WriteString(level + " Untested\n\n" + untested(d))
	if len(d.Screenshots) > 0 {
		b.WriteString(level + " Screenshots\n\n" + pictures(d))
	}
	if text := refused(d); text != "" {
		b.WriteString(level + " Blocked requests\n\n" + text)
	}
	b.WriteString("---\n<sub>Made with Anvil by " + d.Engine.Line(80) + "; somebody who did not ask for it should review it.")
	if d.ReleasedBy.ID != 0 {
		fmt.Fprintf(&b, " %s read and released it before it was published.", d.ReleasedBy.Login)
	}
	if d.Run != "" {
		fmt.Fprintf(&b, " [Workflow run](%s) ·", d.Run)
	}
	if d.Comment != "" {
		fmt.Fprintf(&b, " [Session](%s) ·", d.Comment)
	}
	fmt.Fprintf(&b, " task `%s`", d.Task)
	if d.Environment != nil {
		b.WriteString(" · " + d.Environment.told())
	}
	if d.Cost != "" {
		b.WriteString(" · " + d.Cost)
	}
	if d.Spans != "" {
		b.WriteString("<br>Time: " + d.Spans + ".")
	}
	b.WriteString("</sub>")
	return b.String()
}
