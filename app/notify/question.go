package notify

import (
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// Question is the comment that asks the requester what the agent wants to know. It
// is one of its own, because GitHub tells nobody of a comment that was edited.
func Question(s anvil.Story) string {
	return fmt.Sprintf("@%s, the agent has a question before it goes on:\n\n%s", s.Task.Command.Requester.Login, pending(s.Run()))
}

// pending is the question with which a run waits, and how to answer it.
func pending(run anvil.Run) string {
	q := run.Question
	if q == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString(quote(sanitize.Markdown(cutLines(strings.TrimSpace(q.Text), 40), "")) + "\n\n")
	for i, c := range q.Choices {
		fmt.Fprintf(&b, "%d. %s\n", i+1, sanitize.Line(c, 300))
	}
	if len(q.Choices) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("To answer, comment `/anvil` and your words; anybody with write access may. To end the task, comment `/anvil stop`.")
	if !run.Deadline.IsZero() {
		fmt.Fprintf(&b, " Without an answer by %s the task fails.", run.Deadline.UTC().Format("2 January, 15:04 UTC"))
	}
	b.WriteString(" No runner is held meanwhile.\n\n")
	return b.String()
}

// answers lists what the agent asked before, and who said what.
func answers(s anvil.Story) string {
	var b strings.Builder
	for _, run := range s.Runs {
		if q := run.Question; q != nil && q.Answer != "" {
			fmt.Fprintf(&b, "The agent asked:\n%s\n\n@%s answered:\n%s\n\n",
				quote(sanitize.Markdown(cutLines(strings.TrimSpace(q.Text), 12), "")), q.Answerer.Login,
				quote(sanitize.Markdown(cutLines(strings.TrimSpace(q.Answer), 12), "")))
		}
	}
	return b.String()
}
