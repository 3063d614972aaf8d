package slacktest

import "slices"

// AgentSession is what Slack shows of an agent's work in a thread.
type AgentSession struct {
	Channel string `json:"channel"`
	Thread  string `json:"thread_ts"`
	// Status is active, processing (with a stop button), suspended or closed.
	Status    string `json:"status"`
	Title     string `json:"title"`
	Initiator string `json:"initiator_user_id"`
}

func setStatus(c *call) (obj, error) {
	if !c.Server.app.Agent {
		return nil, fail("app_not_agent")
	}
	status, channel, thread := c.args.Get("status"), c.args.Get("channel_id"), c.args.Get("thread_ts")
	if !slices.Contains([]string{"active", "processing", "suspended", "closed"}, status) {
		return nil, fail("invalid_arguments")
	}
	c.args.Set("channel", channel)
	ch, err := c.place()
	if err != nil {
		return nil, err
	}
	if ch.find(thread) == nil {
		return nil, fail("thread_not_found")
	}
	session := c.sessions[channel+" "+thread]
	if session == nil {
		initiator := c.args.Get("initiator_user_id")
		if initiator != "" && !ch.Members[initiator] {
			return nil, fail("user_not_in_channel")
		}
		title := c.args.Get("title")
		if len([]rune(title)) > 200 {
			return nil, fail("invalid_arguments")
		}
		session = &AgentSession{Channel: channel, Thread: thread, Title: title, Initiator: initiator}
		c.sessions[channel+" "+thread] = session
	}
	session.Status = status
	c.changed()
	answer := obj{"status": status, "agent_status": status, "title": session.Title}
	if status == "processing" && !slices.Contains(c.Server.app.Events, "agent_session_stopped") {
		answer["warning"] = "missing_agent_session_stopped_event_subscription"
	}
	return answer, nil
}

// AgentSession returns what Slack shows of the agent's work in a thread; ok is false if
// it shows nothing.
func (s *Server) AgentSession(channel, thread string) (session AgentSession, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.sessions[channel+" "+thread]
	if found == nil {
		return AgentSession{}, false
	}
	return *found, true
}
