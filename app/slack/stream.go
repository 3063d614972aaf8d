package slack

import (
	"context"
	"strings"
	"time"

	api "github.com/slack-go/slack"
)

// Stream begins a message that grows while people look, in a thread, for one person. It
// begins with a line by which it is found again ([Client.Streaming]).
func (c *Client) Stream(ctx context.Context, channel, thread, person, line string) (ts string, err error) {
	self, err := c.Self(ctx)
	if err != nil {
		return "", err
	}
	err = c.do("begin to speak", "post "+channel, func() (err error) {
		_, ts, err = c.api.StartStreamContext(ctx, channel, api.MsgOptionTS(thread), api.MsgOptionMarkdownText(line),
			api.MsgOptionRecipientUserID(person), api.MsgOptionRecipientTeamID(self.Team))
		return err
	})
	return ts, err
}

// Grow adds text to a message that grows.
func (c *Client) Grow(ctx context.Context, channel, ts, text string) error {
	return c.do("go on speaking", "stream", func() error {
		_, _, err := c.api.AppendStreamContext(ctx, channel, ts, api.MsgOptionMarkdownText(text))
		return err
	})
}

// Hush ends a message that grows. One that has ended is no error.
func (c *Client) Hush(ctx context.Context, channel, ts string) error {
	err := c.do("end speaking", "stream", func() error {
		_, _, err := c.api.StopStreamContext(ctx, channel, ts)
		return err
	})
	if e := AsError(err); e != nil && e.Code == "message_not_in_streaming_state" {
		return nil
	}
	return err
}

// Streaming looks in a thread for a message of ours that begins with a line.
func (c *Client) Streaming(ctx context.Context, channel, thread, line string, since time.Time) (ts string, found bool, err error) {
	self, err := c.Self(ctx)
	if err != nil {
		return "", false, err
	}
	err = c.replies(ctx, channel, thread, since, func(m api.Message) bool {
		if m.User == self.User && strings.HasPrefix(m.Text, strings.TrimSpace(line)) {
			ts, found = m.Timestamp, true
		}
		return !found
	})
	return ts, found, err
}
