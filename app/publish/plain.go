package publish

import (
	"strings"

	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// plain is what a remote said, as it may stand in a sentence for people.
func plain(said string) string {
	return sanitize.Line(strings.ReplaceAll(said, "\n", " "), 500)
}
