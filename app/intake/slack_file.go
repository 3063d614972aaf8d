package intake

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/app/slack"
)

// slackFile is a file that was attached to a message.
type slackFile struct {
	Name string `json:"name"`
	Size int    `json:"size"` // bytes
	URL  string `json:"url_private"`
}

// Files that go with a request.
const (
	mostFiles    = 5
	mostFileSize = 10 << 20
	mostFileText = 8 << 10 // of each, in bytes: what the agent is told has an end
)

// files are the files of a message as the agent is told them: what is text, the beginning
// of it, and of others that they are there.
func (p *Slack) files(ctx context.Context, told slackTold) (string, error) {
	var b strings.Builder
	for i, f := range told.Files {
		name := firstWords(f.Name)
		if i == mostFiles {
			fmt.Fprintf(&b, "\n%d more files were attached and are not shown.\n", len(told.Files)-i)
			break
		}
		if f.Size > mostFileSize {
			fmt.Fprintf(&b, "\nThe file %s was attached; it is too big to be shown.\n", name)
			continue
		}
		content, err := p.API.File(ctx, f.URL, mostFileSize)
		switch {
		case err != nil && !slack.RetryAt(err, p.Now()).IsZero():
			return "", err
		case err != nil:
			fmt.Fprintf(&b, "\nThe file %s was attached; Slack does not give it away.\n", name)
		case !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0:
			fmt.Fprintf(&b, "\nThe file %s was attached; it is no text.\n", name)
		default:
			text, cut := string(content), ""
			if len(text) > mostFileText {
				text, cut = strings.ToValidUTF8(text[:mostFileText], ""), fmt.Sprintf(" (the first %d of %d bytes)", mostFileText, len(content))
			}
			fmt.Fprintf(&b, "\nThe file %s was attached%s:\n\n%s\n", name, cut, text)
		}
	}
	return b.String(), nil
}
