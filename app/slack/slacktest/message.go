package slacktest

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
)

// Message is a message in a channel.
type Message struct {
	Channel string          `json:"channel"`
	TS      string          `json:"ts"`
	Thread  string          `json:"thread_ts,omitempty"` // ts of the thread's first message
	User    string          `json:"user"`
	BotID   string          `json:"bot_id,omitempty"`
	Text    string          `json:"text"`
	Blocks  json.RawMessage `json:"blocks,omitempty"`
	// Metadata is what the app keeps with its message; people don't see it.
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Files    []File          `json:"files,omitempty"`
	// Edits counts how often it was changed after it was posted.
	Edits int `json:"edits"`
	// EphemeralTo is the only person who sees it.
	EphemeralTo string `json:"ephemeral_to,omitempty"`
	// Streaming tells that its text still grows.
	Streaming bool `json:"streaming,omitempty"`
	// Unfurls tells that Slack would fetch what it links to.
	Unfurls bool `json:"unfurls,omitempty"`

	Reactions map[string][]string `json:"reactions,omitempty"` // users by emoji
	Deleted   bool                `json:"deleted,omitempty"`
}

// pinging are the forms of text that notify people.
var pinging = regexp.MustCompile(`<(@[UW][A-Z0-9]+|!channel|!here|!everyone|!subteam\^[A-Z0-9]+)(\|[^>]*)?>`)

// Pings lists whom the message notifies: user ids, or channel, here, everyone and
// subteam^ID. Only text that is no plain_text object pings.
func (m Message) Pings() []string {
	var found []string
	add := func(text string) {
		for _, hit := range pinging.FindAllStringSubmatch(text, -1) {
			if who := hit[1][1:]; !slices.Contains(found, who) {
				found = append(found, who)
			}
		}
	}
	if len(m.Blocks) == 0 {
		add(m.Text)
		return found
	}
	var blocks any
	_ = json.Unmarshal(m.Blocks, &blocks)
	eachText(blocks, func(kind, text string) {
		if kind == "mrkdwn" {
			add(text)
		}
	})
	return found
}

// eachText calls f for each text object in blocks.
func eachText(v any, f func(kind, text string)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			eachText(e, f)
		}
	case map[string]any:
		kind, _ := v["type"].(string)
		if text, ok := v["text"].(string); ok && (kind == "mrkdwn" || kind == "plain_text" || kind == "markdown") {
			f(kind, text)
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			eachText(v[k], f)
		}
	}
}

func (m *Message) copy() Message {
	out := *m
	out.Files, out.Reactions = slices.Clone(m.Files), map[string][]string{}
	for k, v := range m.Reactions {
		out.Reactions[k] = slices.Clone(v)
	}
	return out
}

// json is the message as the Web API shows it.
func (m *Message) json(withMetadata bool) obj {
	o := obj{"type": "message", "ts": m.TS, "user": m.User, "text": m.Text, "team": ""}
	if m.Thread != "" {
		o["thread_ts"] = m.Thread
	}
	if m.BotID != "" {
		o["bot_id"] = m.BotID
	}
	if len(m.Blocks) > 0 {
		o["blocks"] = m.Blocks
	}
	if withMetadata && len(m.Metadata) > 0 {
		o["metadata"] = m.Metadata
	}
	if m.Edits > 0 {
		o["edited"] = obj{"user": m.User, "ts": m.TS}
	}
	if len(m.Files) > 0 {
		o["files"] = fileList(m.Files)
	}
	if len(m.Reactions) > 0 {
		var all []obj
		for _, name := range slices.Sorted(maps.Keys(m.Reactions)) {
			all = append(all, obj{"name": name, "users": m.Reactions[name], "count": len(m.Reactions[name])})
		}
		o["reactions"] = all
	}
	return o
}

// find returns the message with a timestamp; nil if there is none.
func (c *Channel) find(ts string) *Message {
	for _, m := range c.messages {
		if m.TS == ts && !m.Deleted {
			return m
		}
	}
	return nil
}

// thread returns the messages of a thread, its first one included, in order.
func (c *Channel) thread(ts string) []*Message {
	var all []*Message
	for _, m := range c.messages {
		if (m.TS == ts || m.Thread == ts) && !m.Deleted && m.EphemeralTo == "" {
			all = append(all, m)
		}
	}
	return all
}

// Messages lists the messages of a channel, or of one of its threads, those that only
// one person sees included.
func (s *Server) Messages(channel, thread string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.channel(channel)
	if err != nil {
		return nil
	}
	var all []Message
	for _, m := range c.messages {
		if !m.Deleted && (thread == "" || m.TS == thread || m.Thread == thread) {
			all = append(all, m.copy())
		}
	}
	return all
}
