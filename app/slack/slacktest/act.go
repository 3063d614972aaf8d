package slacktest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Said is what somebody writes.
type Said struct {
	User    string // id or name
	Channel string // id or name
	Thread  string // ts of the thread's first message; empty for the channel itself
	// Text is as people type it: @NAME and #CHANNEL become what Slack makes of them.
	Text  string
	Files map[string][]byte // by name
}

// Say posts a message in somebody's name and tells the app of it.
func (s *Server) Say(said Said) (Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ch, err := s.present(said.User, said.Channel)
	if err != nil {
		return Message{}, err
	}
	if said.Thread != "" && ch.find(said.Thread) == nil {
		return Message{}, fmt.Errorf("there is no thread %s", said.Thread)
	}
	m := &Message{Channel: ch.ID, TS: s.stamp(), Thread: said.Thread, User: u.ID, Text: s.typed(said.Text), Reactions: map[string][]string{}}
	for _, name := range sortedKeys(said.Files) {
		m.Files = append(m.Files, *s.newFile(name, "text/plain", said.Files[name]))
	}
	ch.messages = append(ch.messages, m)
	s.changed()
	s.tell(ch, u, m)
	return m.copy(), nil
}

// Type begins a thread in somebody's name.
func (s *Server) Type(user, channel, text string) error {
	_, err := s.Say(Said{User: user, Channel: channel, Text: text})
	return err
}

func sortedKeys(m map[string][]byte) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// present finds somebody in a channel. The lock is held.
func (w *world) present(user, channel string) (*User, *Channel, error) {
	u, err := w.user(user)
	if err != nil {
		return nil, nil, err
	}
	ch, err := w.channel(channel)
	if err != nil {
		return nil, nil, err
	}
	if !ch.Members[u.ID] {
		return nil, nil, fmt.Errorf("%s is not in %s", u.Name, ch.Name)
	}
	if ch.Archived {
		return nil, nil, fmt.Errorf("%s is archived", ch.Name)
	}
	return u, ch, nil
}

// typed is what Slack makes of what people type.
func (w *world) typed(text string) string {
	text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	words := strings.SplitAfter(text, " ")
	for i, word := range words {
		name := strings.TrimRight(word, " .,:;!?\n")
		if rest, ok := strings.CutPrefix(name, "@"); ok {
			if u, err := w.user(rest); err == nil {
				words[i] = "<@" + u.ID + ">" + word[len(name):]
			}
		}
		if rest, ok := strings.CutPrefix(name, "#"); ok {
			if ch, err := w.channel(rest); err == nil {
				words[i] = "<#" + ch.ID + "|" + ch.Name + ">" + word[len(name):]
			}
		}
	}
	return strings.Join(words, "")
}

// tell sends the events of a message that somebody wrote: one for the channel if the
// app is in it, and one more if its bot is mentioned. The lock is held.
func (s *Server) tell(ch *Channel, u *User, m *Message) {
	inner := func(kind string) obj {
		e := obj{"type": kind, "user": u.ID, "text": m.Text, "ts": m.TS, "channel": ch.ID, "event_ts": m.TS, "team": u.Team, "client_msg_id": m.TS}
		if m.Thread != "" {
			e["thread_ts"] = m.Thread
		}
		if len(m.Files) > 0 {
			e["files"] = fileList(m.Files)
		}
		if u.Team != s.team.ID {
			e["user_team"], e["source_team"] = u.Team, u.Team
		}
		if u.Bot {
			e["bot_id"] = "B" + u.ID[1:]
		}
		return e
	}
	if s.mentions(m.Text) && !ch.Direct && ch.Members[s.app.BotUser] {
		s.event("app_mention", inner("app_mention"), ch.Shared)
	}
	if ch.Members[s.app.BotUser] {
		e := inner("message")
		e["channel_type"] = ch.kind()
		if len(m.Files) > 0 {
			e["subtype"] = "file_share"
		}
		s.event(ch.subscription(), e, ch.Shared)
	}
}

// subscription is the event that an app in the channel subscribes to for messages.
func (c *Channel) subscription() string {
	return map[string]string{"im": "message.im", "group": "message.groups", "channel": "message.channels"}[c.kind()]
}

// Edit changes what somebody wrote.
func (s *Server) Edit(channel, ts, text string) error {
	return s.change(channel, ts, func(ch *Channel, m *Message) {
		before := m.copy()
		m.Text = s.typed(text)
		m.Edits++
		s.event(ch.subscription(), obj{
			"type": "message", "subtype": "message_changed", "channel": ch.ID, "channel_type": ch.kind(), "ts": s.stamp(), "event_ts": m.TS, "hidden": true,
			"message": m.json(false), "previous_message": before.json(false),
		}, ch.Shared)
	})
}

// Delete takes back what somebody wrote.
func (s *Server) Delete(channel, ts string) error {
	return s.change(channel, ts, func(ch *Channel, m *Message) {
		m.Deleted = true
		s.event(ch.subscription(), obj{
			"type": "message", "subtype": "message_deleted", "channel": ch.ID, "channel_type": ch.kind(), "ts": s.stamp(), "event_ts": m.TS, "hidden": true,
			"deleted_ts": m.TS, "previous_message": m.json(false),
		}, ch.Shared)
	})
}

func (s *Server) change(channel, ts string, do func(*Channel, *Message)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, err := s.channel(channel)
	if err != nil {
		return err
	}
	m := ch.find(ts)
	if m == nil {
		return fmt.Errorf("there is no message %s", ts)
	}
	do(ch, m)
	s.changed()
	return nil
}

// Press presses a button of a message, by its action_id, or chooses a value of a menu.
func (s *Server) Press(user, channel, ts, action, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ch, err := s.present(user, channel)
	if err != nil {
		return err
	}
	m := ch.find(ts)
	if m == nil || m.EphemeralTo != "" && m.EphemeralTo != u.ID {
		return fmt.Errorf("there is no message %s", ts)
	}
	e, blockID, err := actionOf(m.Blocks, action)
	if err != nil {
		return err
	}
	chosen := obj{"type": e.Type, "action_id": e.ActionID, "block_id": blockID, "action_ts": s.stamp()}
	if e.Type == "static_select" {
		i := slices.IndexFunc(e.Options, func(o option) bool { return o.Value == value })
		if i < 0 {
			return fmt.Errorf("the menu %s has no %q", action, value)
		}
		chosen["selected_option"] = e.Options[i]
	} else {
		chosen["value"], chosen["text"] = e.Value, e.Text
	}
	s.send(&Delivery{ID: rand.Text(), Kind: kindInteractive, Type: "block_actions", Payload: encode(obj{
		"type": "block_actions", "api_app_id": s.app.ID, "token": "verification", "team": obj{"id": s.team.ID, "domain": s.team.Domain},
		"user": obj{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": u.Team}, "trigger_id": rand.Text(),
		"container": obj{"type": "message", "message_ts": m.TS, "channel_id": ch.ID, "is_ephemeral": m.EphemeralTo != "", "thread_ts": m.Thread},
		"channel":   obj{"id": ch.ID, "name": ch.Name}, "message": m.json(true), "response_url": s.hook(ch.ID, u.ID, m.TS), "actions": []obj{chosen},
	})})
	return nil
}

// actionOf finds a button or a menu in blocks.
func actionOf(blocks json.RawMessage, action string) (element, string, error) {
	var all []block
	_ = json.Unmarshal(blocks, &all)
	for _, b := range all {
		elements := b.Elements
		if b.Accessory != nil {
			elements = append(elements, *b.Accessory)
		}
		for _, e := range elements {
			if e.ActionID == action {
				return e, b.BlockID, nil
			}
		}
	}
	return element{}, "", fmt.Errorf("the message has no button or menu %q", action)
}

// Command types a slash command.
func (s *Server) Command(user, channel, command, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ch, err := s.present(user, channel)
	if err != nil {
		return err
	}
	if !slices.Contains(s.app.Commands, command) {
		return fmt.Errorf("%s is not a valid command", command)
	}
	s.send(&Delivery{ID: rand.Text(), Kind: kindCommand, Type: command, Payload: encode(map[string]string{
		"token": "verification", "team_id": s.team.ID, "team_domain": s.team.Domain, "channel_id": ch.ID, "channel_name": ch.Name, "user_id": u.ID,
		"user_name": u.Name, "command": command, "text": text, "api_app_id": s.app.ID, "is_enterprise_install": "false",
		"response_url": s.hook(ch.ID, u.ID, ""), "trigger_id": rand.Text(),
	})})
	return nil
}

// StopAgent presses the stop button that Slack shows while an agent works in a thread.
// The streams of the thread stop at once.
func (s *Server) StopAgent(user, channel, thread string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ch, err := s.present(user, channel)
	if err != nil {
		return err
	}
	session := s.sessions[ch.ID+" "+thread]
	if session == nil || session.Status != "processing" {
		return fmt.Errorf("no agent is at work in %s", thread)
	}
	streams := ch.streams(thread)
	for _, ts := range streams {
		ch.find(ts).Streaming = false
	}
	s.event("agent_session_stopped", obj{
		"type": "agent_session_stopped", "channel": ch.ID, "thread_ts": thread, "user": u.ID, "streaming_message_ts": streams, "event_ts": s.stamp(),
	}, ch.Shared)
	s.changed()
	return nil
}
