package notify

import (
	"fmt"
	"strings"
)

// Ask is the comment that asks the requester what the agent wants to know. It
// is one of its own, because GitHub tells nobody of a comment that was edited.
func Ask(d Document) string {
	if d.Phase == Planned {
		return fmt.Sprintf("@%s, here is the plan:\n\n%s", d.Requester.Login, pending(d))
	}
	return fmt.Sprintf("@%s, the agent has a question before it goes on:\n\n%s", d.Requester.Login, pending(d))
}

// pending is the question with which a run waits, and how to answer it.
func pending(d Document) string {
	q := d.Question
	if q == nil {
		return ""
	}
	var b strings.Builder
	if q.Plan != "" {
		return plan(d)
	}
	b.WriteString(quote(q.Text.Head(40).Markdown()) + "\n\n")
	for i, c := range q.Choices {
		fmt.Fprintf(&b, "%d. %s\n", i+1, c.Line(300))
	}
	if len(q.Choices) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("To answer, comment `/anvil` and your words; anybody with write access may. To end the task, comment `/anvil stop`.")
	if !q.Deadline.IsZero() {
		fmt.Fprintf(&b, " Without an answer by %s the task fails.", q.Deadline.UTC().Format("2 January, 15:04 UTC"))
	}
	b.WriteString(" No runner is held meanwhile.\n\n")
	return b.String()
}

// plan is the plan with which a run waits, and how to approve it.
func plan(d Document) string {
	q := d.Question
	var b strings.Builder
	b.WriteString(quote(q.Text.Head(120).Markdown()) + "\n\n")
	fmt.Fprintf(&b, "To have it carried out, give this comment a thumbs-up, or comment `/anvil approve %s`; anybody with write access may. To have it changed, comment `/anvil` and what is wrong with it. To drop it, comment `/anvil stop`.", q.Plan)
	if !q.Deadline.IsZero() {
		fmt.Fprintf(&b, " It is given up at %s.", q.Deadline.UTC().Format("2 January, 15:04 UTC"))
	}
	b.WriteString(" The approval is for this plan, from this commit and by the rules as they are: if one of them changes, it is void. Nothing was changed yet, and no runner is held.\n\n")
	return b.String()
}
