package notify

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Subject is one line for the pull request and its commit.
func Subject(d Document) string {
	line := strings.TrimRight(d.Subject.Line(maxSubject), ".")
	if line == "" && d.InSlack {
		return "Work that was asked for in Slack"
	}
	if line == "" {
		return fmt.Sprintf("Work on issue %d", d.Issue)
	}
	first, size := utf8.DecodeRuneInString(line)
	return string(unicode.ToUpper(first)) + line[size:]
}

// Commit is the message of the published commit. The requester is its co-author, so
// that whoever reads the history knows whom to ask.
func Commit(d Document) string {
	who := d.Requester
	return fmt.Sprintf("%s\n\nAsked for%s.\n\nAnvil-Task: %s\nCo-authored-by: %s <%d+%s@users.noreply.github.com>\n",
		Subject(d), where(d), d.Task, who.Login, who.ID, who.Login)
}

// where says on what a task was asked for; a workflow that is started by hand has no
// such place.
func where(d Document) string {
	switch {
	case d.InSlack:
		return " in Slack"
	case d.Issue == 0:
		return " by hand"
	case d.OnPull:
		return fmt.Sprintf(" on pull request %d", d.Issue)
	}
	return fmt.Sprintf(" on issue %d", d.Issue)
}
