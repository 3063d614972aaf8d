package notify

import (
	"fmt"
	"strings"
)

// pictures shows the screenshots, each below its title; empty if there are none.
func pictures(d Document) string {
	var b strings.Builder
	for i, p := range d.Screenshots {
		fmt.Fprintf(&b, "%s\n\n![screenshot %d](%s)\n\n", p.Title.Code(), i+1, p.URL)
	}
	return b.String()
}

// foldedPictures is pictures, shown to who asks for them.
func foldedPictures(d Document) string {
	if len(d.Screenshots) == 0 {
		return ""
	}
	return fmt.Sprintf("<details><summary>%s</summary>\n\n%s</details>\n\n", count(len(d.Screenshots), "screenshot"), pictures(d))
}

// SlackTitles are the titles of a task's screenshots, as plain text.
func SlackTitles(d Document) (all []string) {
	for _, p := range d.Screenshots {
		all = append(all, p.Title.Line(150))
	}
	return all
}
