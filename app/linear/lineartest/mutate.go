package lineartest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// uuid4 is the form of an id that a client may give.
var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// statusAfter is what a session's status becomes by an activity.
var statusAfter = map[string]string{
	"thought": "active", "action": "active", "prompt": "active", "elicitation": "awaitingInput", "response": "complete", "error": "error",
}

func agentActivityCreate(c *call, args map[string]any) (any, error) {
	input, _ := args["input"].(map[string]any)
	session := c.sessions[text(input, "agentSessionId")]
	if session == nil {
		return nil, missing("AgentSession")
	}
	a := Activity{ID: text(input, "id"), Session: session.ID, User: c.agent.User, Signal: text(input, "signal"), At: c.now()}
	a.Ephemeral, _ = input["ephemeral"].(bool)
	switch {
	case a.ID == "":
		a.ID = newID()
	case !uuid4.MatchString(a.ID):
		return nil, invalid("id must be a UUID")
	case c.activity(a.ID) != nil:
		return nil, invalid("an entity with the id %s exists already", a.ID)
	}
	content, _ := input["content"].(map[string]any)
	if wrong := a.read(content); wrong != "" {
		return nil, invalid("Argument Validation Error: %s", wrong)
	}
	if wrong := a.signalled(input["signalMetadata"]); wrong != "" {
		return nil, invalid("Argument Validation Error: %s", wrong)
	}
	session.add(a)
	if session.Issue != "" && slices.Contains([]string{"response", "elicitation", "error"}, a.Type) {
		i := c.issues[session.Issue] // Linear shows these as comments too
		i.Comments = append(i.Comments, Comment{ID: newID(), User: a.User, Body: a.Body, At: a.At})
	}
	c.changed()
	return obj{"__typename": "AgentActivityPayload", "lastSyncId": float64(c.syncs), "agentActivity": c.activityObject(a), "success": true}, nil
}

// add puts an activity at the end, in the place of one that is ephemeral.
func (s *AgentSession) add(a Activity) {
	s.Activities = slices.DeleteFunc(s.Activities, func(b Activity) bool { return b.Ephemeral })
	s.Activities = append(s.Activities, a)
	s.Status = statusAfter[a.Type]
}

// read takes an activity's content, and says what is wrong with it.
func (a *Activity) read(content map[string]any) string {
	a.Type = text(content, "type")
	fields, required := []string{"type", "body"}, []string{"body"}
	switch a.Type {
	case "thought", "response", "elicitation", "error":
	case "action":
		fields, required = []string{"type", "action", "parameter", "result"}, []string{"action", "parameter"}
	default:
		return "content.type is not one that an agent may create"
	}
	for name, value := range content {
		if _, isText := value.(string); !isText || !slices.Contains(fields, name) {
			return "content." + name + " is not a text that this type has"
		}
	}
	for _, name := range required {
		if _, given := content[name].(string); !given {
			return "content." + name + " should not be null"
		}
	}
	if a.Type != "action" && strings.TrimSpace(text(content, "body")) == "" {
		return "content.body should not be empty"
	}
	a.Body, a.Action, a.Parameter, a.Result = text(content, "body"), text(content, "action"), text(content, "parameter"), text(content, "result")
	if a.Ephemeral && a.Type != "thought" && a.Type != "action" {
		return "only thoughts and actions can be ephemeral"
	}
	return ""
}

// signalled checks the signal of an activity that an agent creates.
func (a *Activity) signalled(metadata any) string {
	if metadata != nil {
		a.SignalMetadata, _ = json.Marshal(metadata)
	}
	switch a.Signal {
	case "":
		return ""
	case "auth", "select":
		if a.Type != "elicitation" {
			return "the signal " + a.Signal + " is for elicitations"
		}
	default:
		return "the signal " + a.Signal + " is not for agents"
	}
	var m struct {
		URL     string `json:"url"`
		Options []struct {
			Label string `json:"label"`
			Value string `json:"value"`
		} `json:"options"`
	}
	_ = json.Unmarshal(a.SignalMetadata, &m)
	if a.Signal == "auth" && m.URL == "" {
		return "signalMetadata.url is missing"
	}
	if a.Signal == "select" && (len(m.Options) == 0 || m.Options[0].Value == "") {
		return "signalMetadata.options is missing"
	}
	return ""
}

func agentSessionUpdate(c *call, args map[string]any) (any, error) {
	session := c.sessions[text(args, "id")]
	if session == nil {
		return nil, missing("AgentSession")
	}
	input, _ := args["input"].(map[string]any)
	if plan, given := input["plan"]; given {
		b, _ := json.Marshal(plan)
		if wrong := checkPlan(b); wrong != "" {
			return nil, invalid("Argument Validation Error: %s", wrong)
		}
		session.Plan = b
	}
	urls := func(name string) []ExternalURL {
		var all []ExternalURL
		b, _ := json.Marshal(input[name])
		_ = json.Unmarshal(b, &all)
		return all
	}
	if _, given := input["externalUrls"]; given {
		session.ExternalURLs = urls("externalUrls")
	} else {
		for _, u := range urls("addedExternalUrls") {
			if !slices.ContainsFunc(session.ExternalURLs, func(v ExternalURL) bool { return v.URL == u.URL }) {
				session.ExternalURLs = append(session.ExternalURLs, u)
			}
		}
	}
	c.changed()
	return obj{"__typename": "AgentSessionPayload", "lastSyncId": float64(c.syncs), "agentSession": c.sessionObject(session), "success": true}, nil
}

// checkPlan says what is wrong with a plan: it is a list of steps, given as a whole.
func checkPlan(b []byte) string {
	var steps []struct {
		Content string `json:"content"`
		Status  string `json:"status"`
	}
	if err := json.Unmarshal(b, &steps); err != nil {
		return "plan is not a list of steps"
	}
	for _, s := range steps {
		if s.Content == "" || !slices.Contains([]string{"pending", "inProgress", "completed", "canceled"}, s.Status) {
			return "a step of the plan has no content or a status that does not exist"
		}
	}
	return ""
}

func issueUpdate(c *call, args map[string]any) (any, error) {
	i := c.issue(text(args, "id"))
	if i == nil {
		return nil, missing("Issue")
	}
	input, _ := args["input"].(map[string]any)
	if id := text(input, "stateId"); id != "" {
		if !slices.ContainsFunc(c.teams[i.Team].States, func(st State) bool { return st.ID == id }) {
			return nil, invalid("the state is not one of the issue's team")
		}
		i.State = id
	}
	if id := text(input, "delegateId"); id != "" {
		if u := c.users[id]; u == nil || !u.App {
			return nil, invalid("an issue is delegated to an app user")
		}
		i.Delegate = id
	}
	c.changed()
	return obj{"__typename": "IssuePayload", "lastSyncId": float64(c.syncs), "issue": c.issueObject(i), "success": true}, nil
}
