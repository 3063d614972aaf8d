package sanitize

import "github.com/seed-bc0cc349/anvil/app/anvil"

// Prompt returns text as a person saw it on GitHub's page, and what was taken
// out of it: text that is in the source and not on the page, and characters
// that nobody can see. What is visible stays as it is; where says which text
// it was, for the record.
func Prompt(where, text string) (clean string, removed []anvil.RemovedHidden) {
	count := tally{}
	text = visible(withoutEscapes(text, count), count)
	text = settle(text, func(p prose, text string) string { return p.shown(text, count) })
	return text, count.removed(where)
}
