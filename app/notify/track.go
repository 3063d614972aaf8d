package notify

import (
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// Tracked is what was asked for outside of GitHub, as the tracking issue shows it.
type Tracked struct {
	Place     string // as people call it
	URL       string // of where it was asked
	Name      string // of what it is about there, such as WEB-12; empty: it has none
	Requester Person
	Title     sanitize.Text
	Text      sanitize.Text // empty: it is not for everybody who can see the repository
}

// Track is the issue in which work goes on that was asked for outside of GitHub.
func Track(t Tracked) (title, body string) {
	where := t.Place
	if t.Name != "" {
		where = t.Name + " in " + t.Place
	}
	body = fmt.Sprintf("@%s asked for this in [%s](%s). Whatever is commented here counts there too, and the other way round.", t.Requester.Login, where, t.URL)
	if !t.Text.Empty() {
		body += "\n\n" + quote(t.Text.Markdown())
	}
	return t.Title.Line(200), body
}
