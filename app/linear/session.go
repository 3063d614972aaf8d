package linear

import "context"

// Step is one step of the plan that a session shows. Status is pending, inProgress,
// completed or canceled.
type Step struct {
	Content string `json:"content"`
	Status  string `json:"status"`
}

// Link is a place where the work of a session can be seen.
type Link struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

const updateSession = `mutation($id: String!, $input: AgentSessionUpdateInput!) { agentSessionUpdate(id: $id, input: $input) { success } }`

// ShowPlan puts a plan into the place of the one that a session shows.
func (c *Client) ShowPlan(ctx context.Context, session string, steps []Step) error {
	if steps == nil {
		steps = []Step{}
	}
	return c.update(ctx, "show the plan", updateSession, session, map[string]any{"plan": steps}, "agentSessionUpdate")
}

// ShowLinks puts links into the place of those that a session shows.
func (c *Client) ShowLinks(ctx context.Context, session string, links []Link) error {
	return c.update(ctx, "show the links", updateSession, session, map[string]any{"externalUrls": links}, "agentSessionUpdate")
}

func (c *Client) update(ctx context.Context, op, query, id string, input map[string]any, field string) error {
	var out map[string]struct{ Success bool }
	err := c.ask(ctx, op, query, map[string]any{"id": id, "input": input}, &out)
	if err == nil && !out[field].Success {
		return &Error{Op: op, Kind: Unavailable, Message: "Linear says that it was no success"}
	}
	return err
}
