package slacktest

import (
	"maps"
	"slices"
	"strconv"
)

// readable finds the channel whose history the bot may read.
func (c *call) readable() (*Channel, error) {
	ch := c.channels[c.args.Get("channel")]
	switch {
	case ch == nil:
		return nil, fail("channel_not_found")
	case !c.Server.app.has(ch.scope("history")):
		return nil, missingScope(c.Server.app, ch.scope("history"))
	case !ch.Members[c.Server.app.BotUser]:
		return nil, fail("not_in_channel")
	}
	return ch, nil
}

func conversationsInfo(c *call) (obj, error) {
	ch := c.channels[c.args.Get("channel")]
	if ch == nil || ch.Private && !ch.Members[c.Server.app.BotUser] {
		return nil, fail("channel_not_found")
	}
	return obj{"channel": c.channelJSON(ch)}, nil
}

func (c *call) channelJSON(ch *Channel) obj {
	return obj{
		"id": ch.ID, "name": ch.Name, "name_normalized": ch.Name, "is_channel": !ch.Direct && !ch.Private, "is_group": ch.Private,
		"is_im": ch.Direct, "is_private": ch.Private || ch.Direct, "is_archived": ch.Archived, "is_member": ch.Members[c.Server.app.BotUser],
		"is_shared": ch.Shared, "is_ext_shared": ch.Shared, "context_team_id": c.team.ID, "num_members": len(ch.Members),
	}
}

func conversationsMembers(c *call) (obj, error) {
	ch := c.channels[c.args.Get("channel")]
	if ch == nil {
		return nil, fail("channel_not_found")
	}
	all := slices.Sorted(maps.Keys(ch.Members))
	page, next := c.page(len(all), 100)
	return obj{"members": all[page[0]:page[1]], "response_metadata": obj{"next_cursor": next}}, nil
}

// page is the part of n things that the call asks for, and the cursor of the next one.
func (c *call) page(n, usual int) (bounds [2]int, next string) {
	from, _ := strconv.Atoi(c.args.Get("cursor"))
	from = max(0, min(from, n))
	to := min(n, from+c.number("limit", usual, 1000))
	if to < n {
		next = strconv.Itoa(to)
	}
	return [2]int{from, to}, next
}

func conversationsReplies(c *call) (obj, error) {
	ch, err := c.readable()
	if err != nil {
		return nil, err
	}
	all := ch.thread(c.args.Get("ts"))
	if len(all) == 0 {
		return nil, fail("thread_not_found")
	}
	return c.list(all), nil
}

func conversationsHistory(c *call) (obj, error) {
	ch, err := c.readable()
	if err != nil {
		return nil, err
	}
	var all []*Message
	for _, m := range slices.Backward(ch.messages) { // the newest first
		if (m.Thread == "" || m.Thread == m.TS) && !m.Deleted && m.EphemeralTo == "" {
			all = append(all, m)
		}
	}
	return c.list(all), nil
}

// list answers with the messages that are asked for.
func (c *call) list(all []*Message) obj {
	oldest, latest := c.args.Get("oldest"), c.args.Get("latest")
	inclusive := c.flag("inclusive")
	all = slices.DeleteFunc(all, func(m *Message) bool {
		before := oldest != "" && (m.TS < oldest || m.TS == oldest && !inclusive)
		after := latest != "" && (m.TS > latest || m.TS == latest && !inclusive)
		return before || after
	})
	bounds, next := c.page(len(all), 100)
	found := []obj{}
	for _, m := range all[bounds[0]:bounds[1]] {
		found = append(found, m.json(c.flag("include_all_metadata")))
	}
	return obj{"messages": found, "has_more": next != "", "response_metadata": obj{"next_cursor": next}}
}

func conversationsOpen(c *call) (obj, error) {
	id := c.args.Get("users")
	if c.users[id] == nil {
		return nil, fail("user_not_found")
	}
	for _, ch := range c.channels {
		if ch.Direct && ch.Members[id] && ch.Members[c.Server.app.BotUser] {
			return obj{"channel": obj{"id": ch.ID}, "already_open": true}, nil
		}
	}
	ch := &Channel{ID: c.newID('D'), Direct: true, Members: map[string]bool{id: true, c.Server.app.BotUser: true}}
	c.channels[ch.ID] = ch
	c.changed()
	return obj{"channel": obj{"id": ch.ID}}, nil
}

func usersInfo(c *call) (obj, error) {
	u := c.users[c.args.Get("user")]
	if u == nil {
		return nil, fail("user_not_found")
	}
	return obj{"user": obj{
		"id": u.ID, "team_id": u.Team, "name": u.Name, "real_name": u.RealName, "deleted": u.Deleted, "is_bot": u.Bot,
		"is_restricted": u.Guest, "is_ultra_restricted": false, "is_stranger": u.Team != c.team.ID, "is_app_user": false,
		"profile": obj{"real_name": u.RealName, "display_name": u.Name, "team": u.Team},
	}}, nil
}
