package slack

import (
	"context"
	"encoding/json"
	"time"

	api "github.com/slack-go/slack"
)

// Message is what the app says. Everything in it must be escaped for Slack where it comes
// from outside.
type Message struct {
	Text   string // for notifications, and for readers that show no blocks
	Blocks []api.Block
	Key    string // by which it is found again; empty: nobody looks for it
}

// metadata is the type of what our messages carry.
const metadata = "anvil_message"

func (m Message) options(thread string) []api.MsgOption {
	o := []api.MsgOption{
		api.MsgOptionText(m.Text, false), api.MsgOptionBlocks(m.Blocks...),
		api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl(),
	}
	if thread != "" {
		o = append(o, api.MsgOptionTS(thread))
	}
	if m.Key != "" {
		o = append(o, api.MsgOptionMetadata(api.SlackMetadata{EventType: metadata, EventPayload: map[string]any{"key": m.Key}}))
	}
	return o
}

// Post posts a message in a thread and returns its timestamp, which is its id.
func (c *Client) Post(ctx context.Context, channel, thread string, m Message) (ts string, err error) {
	err = c.do("post the message", "post "+channel, func() (err error) {
		_, ts, err = c.api.PostMessageContext(ctx, channel, m.options(thread)...)
		return err
	})
	return ts, err
}

// Edit puts another message in the place of one of ours.
func (c *Client) Edit(ctx context.Context, channel, ts string, m Message) error {
	return c.do("edit the message", "edit", func() error {
		_, _, _, err := c.api.UpdateMessageContext(ctx, channel, ts, m.options("")...)
		return err
	})
}

// Whisper shows a message to one person only.
func (c *Client) Whisper(ctx context.Context, channel, thread, user string, m Message) error {
	m.Key = ""
	return c.do("answer the person", "post "+channel, func() error {
		_, err := c.api.PostEphemeralContext(ctx, channel, user, m.options(thread)...)
		return err
	})
}

// React puts an emoji on a message. One that is there already is no error.
func (c *Client) React(ctx context.Context, channel, ts, name string) error {
	err := c.do("react", "react", func() error {
		return c.api.AddReactionContext(ctx, name, api.NewRefToMessage(channel, ts))
	})
	if e := AsError(err); e != nil && e.Code == "already_reacted" {
		return nil
	}
	return err
}

// Find looks in a thread for a message of ours by its key.
func (c *Client) Find(ctx context.Context, channel, thread, key string, since time.Time) (ts string, found bool, err error) {
	self, err := c.Self(ctx)
	if err != nil {
		return "", false, err
	}
	err = c.replies(ctx, channel, thread, since, func(m api.Message) bool {
		if m.User == self.User && m.Metadata.EventType == metadata && m.Metadata.EventPayload["key"] == key {
			ts, found = m.Timestamp, true
		}
		return !found
	})
	return ts, found, err
}

// mostPages is how many pages of a thread are read at most, of two hundred messages each.
const mostPages = 10

// replies reads a thread, its first message included, until look returns false.
func (c *Client) replies(ctx context.Context, channel, thread string, since time.Time, look func(api.Message) bool) error {
	p := &api.GetConversationRepliesParameters{ChannelID: channel, Timestamp: thread, Limit: 200, IncludeAllMetadata: true}
	if !since.IsZero() {
		p.Oldest = stamp(since.Add(-5 * time.Minute)) // clocks differ
	}
	for range mostPages {
		var page []api.Message
		err := c.do("read the thread", "replies", func() (err error) {
			page, _, p.Cursor, err = c.api.GetConversationRepliesContext(ctx, p)
			return err
		})
		if err != nil {
			return err
		}
		for _, m := range page {
			if !look(m) {
				return nil
			}
		}
		if p.Cursor == "" {
			return nil
		}
	}
	return nil
}

// Digest is a text that differs where messages do.
func (m Message) Digest() string {
	text, err := json.Marshal(m.Blocks)
	if err != nil {
		panic("slack: blocks cannot be JSON: " + err.Error()) // they are made of strings
	}
	return string(text)
}
