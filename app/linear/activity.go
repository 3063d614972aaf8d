package linear

import (
	"context"
	"crypto/sha256"
	"fmt"
)

// Type is what sort of thing an activity is. By the last one's type Linear shows how a
// session is.
type Type string

const (
	Thought     Type = "thought"     // it is at work
	Action      Type = "action"      // it does something
	Elicitation Type = "elicitation" // it waits for a person
	Response    Type = "response"    // it is done
	Failure     Type = "error"       // it is done, and that is not what was wanted
)

// Activity is one thing that we say in a session.
type Activity struct {
	ID   string // by [ID]
	Type Type
	Body string // Markdown, of all types but Action
	// Action, Parameter and Result are those of an Action; Result may be empty.
	Action, Parameter, Result string
	// Fleeting goes away with the next activity. For a Thought or an Action.
	Fleeting bool
	// Choices are answers to choose from, of an Elicitation.
	Choices []Choice
}

// Choice is one answer. Label is what people see of it; empty: the value.
type Choice struct {
	Label string `json:"label,omitempty"`
	Value string `json:"value"`
}

// ID returns the id of the activity that key stands for, as a UUID: the same for the same
// secret and key.
func ID(secret []byte, key string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s", len(secret), secret)
	h.Write([]byte(key))
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

const createActivity = `mutation($input: AgentActivityCreateInput!) { agentActivityCreate(input: $input) { success } }`

// Say creates an activity in a session, unless it is there.
func (c *Client) Say(ctx context.Context, session string, a Activity) error {
	content := map[string]any{"type": a.Type, "body": a.Body}
	if a.Type == Action {
		content = map[string]any{"type": a.Type, "action": a.Action, "parameter": a.Parameter}
		if a.Result != "" {
			content["result"] = a.Result
		}
	}
	input := map[string]any{"id": a.ID, "agentSessionId": session, "content": content}
	if a.Fleeting {
		input["ephemeral"] = true
	}
	if len(a.Choices) > 0 {
		input["signal"], input["signalMetadata"] = "select", map[string]any{"options": a.Choices}
	}
	var out struct {
		Made struct{ Success bool } `json:"agentActivityCreate"`
	}
	const op = "create the activity"
	err := c.ask(ctx, op, createActivity, map[string]any{"input": input}, &out)
	if e := AsError(err); e != nil && e.Kind == Invalid {
		// It may be refused because it was made before.
		if there, lookErr := c.said(ctx, a.ID); lookErr == nil && there {
			return nil
		}
	}
	if err == nil && !out.Made.Success {
		return &Error{Op: op, Kind: Unavailable, Message: "Linear says that it was no success"}
	}
	return err
}

// said reports whether an activity is there.
func (c *Client) said(ctx context.Context, id string) (bool, error) {
	var out struct {
		Activity struct{ ID string } `json:"agentActivity"`
	}
	err := c.ask(ctx, "look for the activity", `query($id: String!) { agentActivity(id: $id) { id } }`, map[string]any{"id": id}, &out)
	if IsNotFound(err) {
		return false, nil
	}
	return err == nil && out.Activity.ID == id, err
}
