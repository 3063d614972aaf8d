package lineartest

import (
	"encoding/json"
	"slices"
	"time"
)

// How things look in an answer. A function is a field with arguments.

func (w *world) userObject(id string) any {
	u := w.users[id]
	if u == nil {
		return nil
	}
	var github any
	if u.GitHubUserID != "" {
		github = u.GitHubUserID
	}
	return obj{
		"__typename": "User", "id": u.ID, "name": u.Name, "displayName": u.Name, "email": u.Email, "active": !u.Suspended, "admin": false, "app": u.App,
		"guest": u.Guest, "gitHubUserId": github, "url": "https://linear.app/acme/profiles/" + u.Name,
	}
}

func (w *world) teamObject(id string) any {
	t := w.teams[id]
	if t == nil {
		return nil
	}
	return obj{"__typename": "Team", "id": t.ID, "key": t.Key, "name": t.Name, "states": func(args map[string]any) any {
		var nodes []obj
		for _, st := range t.States {
			if fits(args["filter"], st.Type) {
				nodes = append(nodes, stateObject(st))
			}
		}
		return obj{"__typename": "WorkflowStateConnection", "nodes": nodes}
	}}
}

// fits reports whether a filter lets a type of state through.
func fits(filter any, kind string) bool {
	f, _ := filter.(map[string]any)
	c, _ := f["type"].(map[string]any)
	if eq, ok := c["eq"].(string); ok && eq != kind {
		return false
	}
	if in, ok := c["in"].([]any); ok && !slices.Contains(in, any(kind)) {
		return false
	}
	return true
}

func stateObject(st State) obj {
	return obj{"__typename": "WorkflowState", "id": st.ID, "name": st.Name, "type": st.Type, "position": st.Position}
}

func (w *world) issueURL(i *Issue) string { return "https://linear.app/acme/issue/" + i.Identifier }

func (w *world) issueObject(i *Issue) any {
	if i == nil {
		return nil
	}
	var project any
	if p := w.projects[i.Project]; p != nil {
		project = obj{"__typename": "Project", "id": p.ID, "name": p.Name, "url": "https://linear.app/acme/project/" + p.ID}
	}
	return obj{
		"__typename": "Issue", "id": i.ID, "identifier": i.Identifier, "title": i.Title, "description": i.Description, "url": w.issueURL(i),
		"team": w.teamObject(i.Team), "project": project, "state": stateObject(w.state(i)), "creator": w.userObject(i.Creator), "delegate": w.userObject(i.Delegate),
		"comments": func(map[string]any) any {
			var nodes []obj
			for _, c := range i.Comments {
				nodes = append(nodes, obj{"__typename": "Comment", "id": c.ID, "body": c.Body, "user": w.userObject(c.User), "createdAt": stamp(c.At)})
			}
			return obj{"__typename": "CommentConnection", "nodes": nodes}
		},
	}
}

func (w *world) sessionObject(a *AgentSession) any {
	if a == nil {
		return nil
	}
	urls := a.ExternalURLs
	if urls == nil {
		urls = []ExternalURL{}
	}
	var plan any
	if a.Plan != nil {
		plan = a.Plan
	}
	return obj{
		"__typename": "AgentSession", "id": a.ID, "status": a.Status, "issue": w.issueObject(w.issues[a.Issue]), "creator": w.userObject(a.Creator),
		"appUser": w.userObject(w.agent.User), "url": "https://linear.app/acme/agent/" + a.ID, "plan": plan, "externalUrls": urls,
		"activities": func(map[string]any) any {
			var nodes []obj
			for _, act := range a.Activities {
				nodes = append(nodes, w.activityObject(act))
			}
			return obj{"__typename": "AgentActivityConnection", "nodes": nodes}
		},
	}
}

// contentTypes are the types of an activity's content.
var contentTypes = map[string]string{
	"thought": "AgentActivityThoughtContent", "action": "AgentActivityActionContent", "response": "AgentActivityResponseContent",
	"elicitation": "AgentActivityElicitationContent", "error": "AgentActivityErrorContent", "prompt": "AgentActivityPromptContent",
}

func (w *world) activityObject(a Activity) obj {
	content := obj{"__typename": contentTypes[a.Type], "type": a.Type}
	if a.Type == "action" {
		content["action"], content["parameter"], content["result"] = a.Action, a.Parameter, orNull(a.Result)
	} else {
		content["body"] = a.Body
	}
	var metadata any
	if a.SignalMetadata != nil {
		metadata = json.RawMessage(a.SignalMetadata)
	}
	return obj{
		"__typename": "AgentActivity", "id": a.ID, "user": w.userObject(a.User), "content": content, "ephemeral": a.Ephemeral,
		"signal": orNull(a.Signal), "signalMetadata": metadata, "createdAt": stamp(a.At),
	}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
