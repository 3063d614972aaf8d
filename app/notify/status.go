package notify

import "strings"

// Status is the answer to /anvil status.
func Status(d Document) string {
	text := "**" + d.Mark + " " + d.Title + "**\n\n"
	switch d.Phase {
	case Asking, Planned:
		text += pending(d)
	case Open:
		text += checklist(d.Steps) + "\n"
	}
	if d.Comment != "" {
		text += "[The task's comment](" + d.Comment + ") tells the rest."
	}
	return strings.TrimSpace(text)
}
