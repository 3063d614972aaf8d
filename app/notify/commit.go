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
	if line == "" {
		return fmt.Sprintf("Work on issue %d", d.Issue)
	}
	first, size := utf8.DecodeRuneInString(line)
	return string(unicode.ToUpper(first)) + line[size:]
}

// Commit is the message of the published commit. The requester is its co-author, so
// that whoever reads the history knows whom to ask.
func Commit(d Document) string {
	who, where := d.Requester, "issue"
	if d.OnPull {
		where = "pull request"
	}
	return fmt.Sprintf("%s\n\nAsked for on %s %d.\n\nAnvil-Task: %s\nCo-authored-by: %s <%d+%s@users.noreply.github.com>\n",
		Subject(d), where, d.Issue, d.Task, who.Login, who.ID, who.Login)
}
