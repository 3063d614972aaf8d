package lineartest

import (
	"fmt"
	"strings"
)

// Delegate delegates an issue to the agent: a session begins. By names the user's id;
// empty means that an integration did it.
func (s *Server) Delegate(by, issue string) (AgentSession, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.issue(issue)
	if i == nil {
		return AgentSession{}, fmt.Errorf("there is no issue %s", issue)
	}
	i.Delegate = s.agent.User
	return s.begin(by, i, nil), nil
}

// Mention mentions the agent in a comment on an issue: a session begins.
func (s *Server) Mention(by, issue, body string) (AgentSession, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.issue(issue)
	if i == nil {
		return AgentSession{}, fmt.Errorf("there is no issue %s", issue)
	}
	c := Comment{ID: newID(), User: by, Body: "@anvil " + body, At: s.now()}
	i.Comments = append(i.Comments, c)
	return s.begin(by, i, &c), nil
}

// begin begins a session and tells the agent. The lock is held.
func (s *Server) begin(by string, i *Issue, c *Comment) AgentSession {
	a := &AgentSession{ID: newID(), Issue: i.ID, Creator: by, Status: "pending", BegunAt: s.now()}
	s.sessions[a.ID] = a
	s.begun = append(s.begun, a.ID)
	told := s.told(a)
	if c != nil {
		told["commentId"], told["comment"] = c.ID, obj{"id": c.ID, "body": c.Body, "userId": c.User, "issueId": i.ID}
	}
	s.send("AgentSessionEvent", "created", obj{
		"agentSession": told, "appUserId": s.agent.User, "oauthClientId": s.agent.ClientID, "previousComments": s.before(i), "guidance": nil,
		"promptContext": fmt.Sprintf("<issue identifier=%q>\n<title>%s</title>\n<description>%s</description>\n</issue>", i.Identifier, i.Title, i.Description),
	})
	s.changed()
	return *a
}

// before lists the comments of an issue as an event shows them.
func (s *Server) before(i *Issue) []obj {
	all := []obj{}
	for _, c := range i.Comments {
		all = append(all, obj{"id": c.ID, "body": c.Body, "userId": c.User, "issueId": i.ID})
	}
	return all
}

// Prompt is what a user writes to the agent in a session.
func (s *Server) Prompt(by, session, body string) error { return s.prompt(by, session, body, "") }

// Stop asks the agent to stop at once.
func (s *Server) Stop(by, session string) error { return s.prompt(by, session, "Stop", "stop") }

func (s *Server) prompt(by, session, body, signal string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.sessions[session]
	if a == nil {
		return fmt.Errorf("there is no session %s", session)
	}
	act := Activity{ID: newID(), Session: a.ID, User: by, Type: "prompt", Body: body, Signal: signal, At: s.now()}
	a.add(act)
	if signal == "stop" {
		a.Status = "stopping"
	}
	s.send("AgentSessionEvent", "prompted", obj{
		"agentSession": s.told(a), "appUserId": s.agent.User, "oauthClientId": s.agent.ClientID,
		"agentActivity": obj{
			"id": act.ID, "agentSessionId": a.ID, "userId": by, "user": s.child(by), "content": obj{"type": "prompt", "body": body},
			"signal": orNull(signal), "signalMetadata": nil, "createdAt": stamp(act.At), "updatedAt": stamp(act.At),
		},
	})
	s.changed()
	return nil
}

// Comment writes a comment on an issue that is not for the agent.
func (s *Server) Comment(by, issue, body string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.issue(issue)
	if i == nil {
		return fmt.Errorf("there is no issue %s", issue)
	}
	c := Comment{ID: newID(), User: by, Body: body, At: s.now()}
	i.Comments = append(i.Comments, c)
	s.send("Comment", "create", obj{"actor": s.actor(by), "data": obj{
		"id": c.ID, "body": body, "issueId": i.ID, "userId": by, "user": s.child(by), "issue": s.childIssue(i), "createdAt": stamp(c.At), "updatedAt": stamp(c.At),
		"reactionData": []obj{},
	}, "url": s.issueURL(i) + "#comment-" + c.ID})
	return nil
}

// Edit changes the title and the description of an issue.
func (s *Server) Edit(by, issue, title, description string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.issue(issue)
	if i == nil {
		return fmt.Errorf("there is no issue %s", issue)
	}
	was := obj{"title": i.Title, "description": i.Description}
	i.Title, i.Description = title, description
	data := s.childIssue(i)
	data["description"], data["creatorId"], data["delegateId"] = description, orNull(i.Creator), orNull(i.Delegate)
	s.send("Issue", "update", obj{"actor": s.actor(by), "data": data, "updatedFrom": was, "url": s.issueURL(i)})
	return nil
}

// told is a session as an event shows it.
func (s *Server) told(a *AgentSession) obj {
	i := s.issues[a.Issue]
	told := s.childIssue(i)
	told["description"] = orNull(i.Description)
	return obj{
		"id": a.ID, "appUserId": s.agent.User, "creatorId": orNull(a.Creator), "creator": s.child(a.Creator), "issueId": i.ID, "issue": told,
		"organizationId": s.workspace, "status": a.Status, "type": "commentThread", "url": "https://linear.app/acme/agent/" + a.ID,
		"createdAt": stamp(a.BegunAt), "updatedAt": stamp(s.now()),
	}
}

func (s *Server) childIssue(i *Issue) obj {
	t := s.teams[i.Team]
	return obj{
		"id": i.ID, "identifier": i.Identifier, "title": i.Title, "url": s.issueURL(i), "teamId": t.ID,
		"team": obj{"id": t.ID, "key": t.Key, "name": t.Name},
	}
}

// child is a user as an event shows it, or null.
func (s *Server) child(id string) any {
	u := s.users[id]
	if u == nil {
		return nil
	}
	return obj{"id": u.ID, "name": u.Name, "email": u.Email, "url": "https://linear.app/acme/profiles/" + strings.ToLower(u.Name)}
}

// actor is who changed something, as an event shows it.
func (s *Server) actor(id string) any {
	u := s.users[id]
	switch {
	case u == nil:
		return obj{"type": "integration", "id": s.workspace, "service": "github"}
	case u.App:
		return obj{"type": "OauthClient", "id": u.ID, "name": u.Name}
	}
	return obj{"type": "user", "id": u.ID, "name": u.Name, "email": u.Email, "url": "https://linear.app/acme/profiles/" + strings.ToLower(u.Name)}
}
