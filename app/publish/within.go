package publish

import (
	"strings"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// Within puts what is told of a session into the text of its pull request, between
// two markers, in place of what was told there before. What people wrote outside of
// them stays; where they took a marker away, it is told below their text. The told
// part gives way if there is no room for all.
func (m Markers) Within(text string, session anvil.SessionID, told string) string {
	begin, end := m.Of(anvil.TaskID(session)), m.Of(anvil.TaskID("end/"+session))
	before, rest, begun := strings.Cut(text, begin)
	_, after, ended := strings.Cut(rest, end)
	if !begun || !ended {
		before, after = strings.NewReplacer(begin, "", end, "").Replace(text), ""
	}
	if before = strings.TrimSpace(before); before != "" {
		before += "\n\n"
	}
	if after = strings.TrimSpace(after); after != "" {
		after = "\n\n" + after
	}
	before = github.Fit(before, github.MaxBody/2, "")
	after = github.Fit(after, github.MaxBody/4, "")
	room := github.MaxBody - utf8.RuneCountInString(before) - utf8.RuneCountInString(after) - len(begin) - len(end) - 4
	return before + begin + "\n\n" + github.Fit(strings.TrimSpace(told), room, "") + "\n\n" + end + after
}
