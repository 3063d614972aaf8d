package slacktest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// User is a person or a bot.
type User struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	RealName string `json:"real_name"`
	// Team is the workspace the user belongs to; another one than the server's own for
	// somebody who is here through a shared channel.
	Team    string `json:"team"`
	Bot     bool   `json:"bot"`
	Guest   bool   `json:"guest"`
	Deleted bool   `json:"deleted"`
}

// Channel is a conversation.
type Channel struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Private  bool            `json:"private"`
	Direct   bool            `json:"direct"` // of two people
	Shared   bool            `json:"shared"` // with another workspace
	Archived bool            `json:"archived"`
	Members  map[string]bool `json:"members"`

	messages []*Message // in order of their timestamps
}

// kind is the channel_type of events, and what scopes and subscriptions are named after.
func (c *Channel) kind() string {
	switch {
	case c.Direct:
		return "im"
	case c.Private:
		return "group"
	}
	return "channel"
}

// scope is the scope of an action in the channel, such as history.
func (c *Channel) scope(action string) string {
	plural := map[string]string{"im": "im", "group": "groups", "channel": "channels"}
	return plural[c.kind()] + ":" + action
}

// AddUser adds somebody to the workspace. The id is given.
func (s *Server) AddUser(u User) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.ID = s.newID('U')
	if u.Team == "" {
		u.Team = s.team.ID
	}
	if u.RealName == "" && u.Name != "" {
		u.RealName = strings.ToUpper(u.Name[:1]) + u.Name[1:]
	}
	s.users[u.ID] = &u
	s.changed()
	return u
}

// AddStranger adds somebody from another workspace, who is here through shared channels.
func (s *Server) AddStranger(name string) User {
	return s.AddUser(User{Name: name, Team: elsewhere.ID})
}

// RenameUser gives a user another name. The id stays.
func (s *Server) RenameUser(id, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[id]; u != nil {
		u.Name, u.RealName = name, name
		s.changed()
	}
}

// AddChannel adds a channel in which the members are; the app's bot is one of them if
// withBot is set.
func (s *Server) AddChannel(c Channel, withBot bool, members ...string) Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := byte('C')
	if c.Direct {
		kind = 'D'
	}
	c.ID, c.Members, c.messages = s.newID(kind), map[string]bool{}, nil
	for _, m := range members {
		c.Members[m] = true
		if u := s.users[m]; u != nil && u.Team != s.team.ID {
			c.Shared = true
		}
	}
	if withBot {
		c.Members[s.app.BotUser] = true
	}
	s.channels[c.ID] = &c
	s.changed()
	return c.copy()
}

// Archive archives a channel, named by its id or its name, or opens it again.
func (s *Server) Archive(channel string, archived bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, err := s.channel(channel); err == nil {
		c.Archived = archived
		s.changed()
	}
}

// Users lists everybody, in the order in which they came.
func (s *Server) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []User
	for _, id := range slices.Sorted(maps.Keys(s.users)) {
		all = append(all, *s.users[id])
	}
	return all
}

// Channels lists all channels, in the order in which they were made.
func (s *Server) Channels() []Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Channel
	for _, id := range slices.Sorted(maps.Keys(s.channels)) {
		all = append(all, s.channels[id].copy())
	}
	return all
}

func (c *Channel) copy() Channel {
	out := *c
	out.Members, out.messages = maps.Clone(c.Members), nil
	return out
}

// user finds a user by id or name. The lock is held.
func (w *world) user(ref string) (*User, error) {
	if u := w.users[ref]; u != nil {
		return u, nil
	}
	for _, u := range w.users {
		if u.Name == ref {
			return u, nil
		}
	}
	return nil, fmt.Errorf("there is no user %q", ref)
}

// channel finds a channel by id, or by name with or without #. The lock is held.
func (w *world) channel(ref string) (*Channel, error) {
	if c := w.channels[ref]; c != nil {
		return c, nil
	}
	for _, c := range w.channels {
		if c.Name != "" && c.Name == strings.TrimPrefix(ref, "#") {
			return c, nil
		}
	}
	return nil, fmt.Errorf("there is no channel %q", ref)
}
