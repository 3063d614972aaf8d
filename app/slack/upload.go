package slack

import (
	"bytes"
	"context"
	"slices"
	"time"

	api "github.com/slack-go/slack"
)

// Picture is an image file for a thread.
type Picture struct {
	Name  string // of the file, by which it is found again
	Title string // as people see it; it may come from outside, and Slack shows it as it is
	Bytes []byte
}

// Upload puts a picture into a thread.
func (c *Client) Upload(ctx context.Context, channel, thread string, p Picture) error {
	return c.do("upload the picture", "files", func() error {
		_, err := c.api.UploadFileContext(ctx, api.UploadFileParameters{
			Filename: p.Name, Title: p.Title, AltTxt: p.Title, FileSize: len(p.Bytes), Reader: bytes.NewReader(p.Bytes),
			Channel: channel, ThreadTimestamp: thread,
		})
		return err
	})
}

// Uploaded reports whether a thread has a file of ours of the name.
func (c *Client) Uploaded(ctx context.Context, channel, thread, name string, since time.Time) (found bool, err error) {
	self, err := c.Self(ctx)
	if err != nil {
		return false, err
	}
	err = c.replies(ctx, channel, thread, since, func(m api.Message) bool {
		found = m.User == self.User && slices.ContainsFunc(m.Files, func(f api.File) bool { return f.Name == name })
		return !found
	})
	return found, err
}
