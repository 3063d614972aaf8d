package slacktest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// mostText is how long a message's text may be.
const mostText = 40_000

// place finds the channel that the bot writes to.
func (c *call) place() (*Channel, error) {
	ch := c.channels[c.args.Get("channel")]
	switch {
	case ch == nil:
		return nil, fail("channel_not_found")
	case ch.Archived:
		return nil, fail("is_archived")
	case !ch.Members[c.Server.app.BotUser]:
		return nil, fail("not_in_channel")
	}
	return ch, nil
}

// content reads what a message says.
func (c *call) content(m *Message) error {
	m.Text = c.args.Get("text")
	if markdown := c.args.Get("markdown_text"); markdown != "" {
		m.Text = markdown
	}
	if utf8.RuneCountInString(m.Text) > mostText {
		return fail("msg_too_long")
	}
	m.Blocks = nil
	if text := c.args.Get("blocks"); text != "" && text != "[]" {
		m.Blocks = json.RawMessage(text)
		if wrong := checkBlocks(m.Blocks); wrong != "" {
			return &failure{code: "invalid_blocks", fields: obj{"response_metadata": obj{"messages": []string{"[ERROR] " + wrong}}}}
		}
	}
	if m.Text == "" && len(m.Blocks) == 0 {
		return fail("no_text")
	}
	if text := c.args.Get("metadata"); text != "" {
		var meta struct {
			Type    string         `json:"event_type"`
			Payload map[string]any `json:"event_payload"`
		}
		if err := json.Unmarshal([]byte(text), &meta); err != nil || meta.Type == "" || meta.Payload == nil {
			return fail("invalid_metadata_format")
		}
		m.Metadata = json.RawMessage(text)
	}
	return nil
}

// compose makes a message of the bot's. It is not in the channel yet.
func (c *call) compose(ch *Channel) (*Message, error) {
	m := &Message{Channel: ch.ID, Thread: c.args.Get("thread_ts"), User: c.Server.app.BotUser, BotID: c.Server.app.BotID, Reactions: map[string][]string{}}
	if m.Thread != "" {
		root := ch.find(m.Thread)
		if root == nil {
			return nil, fail("thread_not_found")
		}
		if root.Thread != "" {
			m.Thread = root.Thread
		}
	}
	if err := c.content(m); err != nil {
		return nil, err
	}
	m.Unfurls = !(c.args.Get("unfurl_links") == "false" && c.args.Get("unfurl_media") == "false") && linkText.MatchString(m.Text+string(m.Blocks))
	return m, nil
}

func postMessage(c *call) (obj, error) {
	ch, err := c.place()
	if err != nil {
		return nil, err
	}
	m, err := c.compose(ch)
	if err != nil {
		return nil, err
	}
	if err := c.pace(ch.ID); err != nil {
		return nil, err
	}
	m.TS = c.stamp()
	ch.messages = append(ch.messages, m)
	c.changed()
	return obj{"channel": ch.ID, "ts": m.TS, "message": m.json(true)}, nil
}

func postEphemeral(c *call) (obj, error) {
	ch, err := c.place()
	if err != nil {
		return nil, err
	}
	m, err := c.compose(ch)
	if err != nil {
		return nil, err
	}
	if m.EphemeralTo = c.args.Get("user"); !ch.Members[m.EphemeralTo] {
		return nil, fail("user_not_in_channel")
	}
	m.TS = c.stamp()
	ch.messages = append(ch.messages, m)
	c.changed()
	return obj{"message_ts": m.TS}, nil
}

// own finds a message of the bot's.
func (c *call) own(notOwn string) (*Channel, *Message, error) {
	ch, err := c.place()
	if err != nil {
		return nil, nil, err
	}
	m := ch.find(c.args.Get("ts"))
	switch {
	case m == nil || m.EphemeralTo != "":
		return nil, nil, fail("message_not_found")
	case m.User != c.Server.app.BotUser:
		return nil, nil, fail(notOwn)
	}
	return ch, m, nil
}

func updateMessage(c *call) (obj, error) {
	ch, m, err := c.own("cant_update_message")
	if err != nil {
		return nil, err
	}
	next := *m
	if err := c.content(&next); err != nil {
		return nil, err
	}
	m.Text, m.Blocks, m.Metadata = next.Text, next.Blocks, next.Metadata
	m.Edits++
	c.changed()
	return obj{"channel": ch.ID, "ts": m.TS, "text": m.Text, "message": m.json(true)}, nil
}

func deleteMessage(c *call) (obj, error) {
	ch, m, err := c.own("cant_delete_message")
	if err != nil {
		return nil, err
	}
	m.Deleted = true
	c.changed()
	return obj{"channel": ch.ID, "ts": m.TS}, nil
}

func permalink(c *call) (obj, error) {
	ch := c.channels[c.args.Get("channel")]
	if ch == nil {
		return nil, fail("channel_not_found")
	}
	m := ch.find(c.args.Get("message_ts"))
	if m == nil {
		return nil, fail("message_not_found")
	}
	return obj{"channel": ch.ID, "permalink": c.link(m)}, nil
}

// link is the address of a message's page.
func (s *Server) link(m *Message) string {
	at := fmt.Sprintf("%s/archives/%s/p%s", s.URL, m.Channel, strings.ReplaceAll(m.TS, ".", ""))
	if m.Thread != "" && m.Thread != m.TS {
		at += "?thread_ts=" + m.Thread + "&cid=" + m.Channel
	}
	return at
}

// Streams are messages whose text grows while people look.

func startStream(c *call) (obj, error) {
	ch, err := c.place()
	if err != nil {
		return nil, err
	}
	if c.args.Get("thread_ts") == "" {
		return nil, fail("missing_thread_ts")
	}
	if !ch.Direct && (c.args.Get("recipient_user_id") == "" || c.args.Get("recipient_team_id") == "") {
		return nil, fail("missing_recipient_user_id")
	}
	if c.args.Get("markdown_text") == "" {
		c.args.Set("markdown_text", " ")
	}
	m, err := c.compose(ch)
	if err != nil {
		return nil, err
	}
	m.Text, m.TS, m.Streaming = strings.TrimSpace(m.Text), c.stamp(), true
	ch.messages = append(ch.messages, m)
	c.changed()
	return obj{"channel": ch.ID, "ts": m.TS}, nil
}

func appendStream(c *call) (obj, error) {
	ch, m, err := c.own("message_not_owned_by_app")
	if err != nil {
		return nil, err
	}
	if !m.Streaming {
		return nil, fail("message_not_in_streaming_state")
	}
	m.Text += c.args.Get("markdown_text")
	c.changed()
	return obj{"channel": ch.ID, "ts": m.TS}, nil
}

func stopStream(c *call) (obj, error) {
	ch, m, err := c.own("message_not_owned_by_app")
	if err != nil {
		return nil, err
	}
	if !m.Streaming {
		return nil, fail("message_not_in_streaming_state")
	}
	m.Text += c.args.Get("markdown_text")
	if text := c.args.Get("blocks"); text != "" {
		m.Blocks = json.RawMessage(text)
		if wrong := checkBlocks(m.Blocks); wrong != "" {
			return nil, fail("invalid_blocks")
		}
	}
	m.Streaming = false
	c.changed()
	return obj{"channel": ch.ID, "ts": m.TS, "message": m.json(true)}, nil
}

// streams lists the timestamps of the bot's messages in a thread that still grow.
func (c *Channel) streams(thread string) []string {
	all := []string{}
	for _, m := range c.thread(thread) {
		if m.Streaming {
			all = append(all, m.TS)
		}
	}
	slices.Sort(all)
	return all
}
