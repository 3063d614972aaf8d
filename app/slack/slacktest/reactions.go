package slacktest

import "slices"

// reacted finds the message that a reaction is about.
func (c *call) reacted() (*Message, error) {
	ch, err := c.place()
	if err != nil {
		return nil, err
	}
	m := ch.find(c.args.Get("timestamp"))
	if m == nil {
		return nil, fail("message_not_found")
	}
	return m, nil
}

func addReaction(c *call) (obj, error) {
	m, err := c.reacted()
	if err != nil {
		return nil, err
	}
	name := c.args.Get("name")
	if slices.Contains(m.Reactions[name], c.Server.app.BotUser) {
		return nil, fail("already_reacted")
	}
	m.Reactions[name] = append(m.Reactions[name], c.Server.app.BotUser)
	c.changed()
	return obj{}, nil
}

func removeReaction(c *call) (obj, error) {
	m, err := c.reacted()
	if err != nil {
		return nil, err
	}
	name := c.args.Get("name")
	i := slices.Index(m.Reactions[name], c.Server.app.BotUser)
	if i < 0 {
		return nil, fail("no_reaction")
	}
	if m.Reactions[name] = slices.Delete(m.Reactions[name], i, i+1); len(m.Reactions[name]) == 0 {
		delete(m.Reactions, name)
	}
	c.changed()
	return obj{}, nil
}
