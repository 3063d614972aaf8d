package lineartest

func text(args map[string]any, name string) string {
	s, _ := args[name].(string)
	return s
}

func viewer(c *call, _ map[string]any) (any, error) { return c.userObject(c.agent.User), nil }

func user(c *call, args map[string]any) (any, error) {
	if u := c.userObject(text(args, "id")); u != nil {
		return u, nil
	}
	return nil, missing("User")
}

func issue(c *call, args map[string]any) (any, error) {
	if i := c.issue(text(args, "id")); i != nil {
		return c.issueObject(i), nil
	}
	return nil, missing("Issue")
}

func team(c *call, args map[string]any) (any, error) {
	if t := c.teamObject(text(args, "id")); t != nil {
		return t, nil
	}
	return nil, missing("Team")
}

func agentSession(c *call, args map[string]any) (any, error) {
	if a := c.sessions[text(args, "id")]; a != nil {
		return c.sessionObject(a), nil
	}
	return nil, missing("AgentSession")
}

func agentActivity(c *call, args map[string]any) (any, error) {
	if a := c.activity(text(args, "id")); a != nil {
		return c.activityObject(*a), nil
	}
	return nil, missing("AgentActivity")
}

func (w *world) activity(id string) *Activity {
	for _, s := range w.sessions {
		for i := range s.Activities {
			if s.Activities[i].ID == id {
				return &s.Activities[i]
			}
		}
	}
	return nil
}
