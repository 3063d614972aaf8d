package notify

import "fmt"

// ReviewAnswer is what each thread of a review is told once the task that took the
// review up has ended.
func ReviewAnswer(d Document) string {
	more := ""
	if d.Comment != "" {
		more = fmt.Sprintf(" [What was done about each point](%s).", d.Comment)
	}
	switch d.Phase {
	case Done:
		return fmt.Sprintf("Taken up with the others in `%.7s`.%s", d.Published, more)
	case Answered:
		return "Nothing was changed for it." + more
	}
	return fmt.Sprintf("Not taken up: %s.%s", lower(d.Title), more)
}
