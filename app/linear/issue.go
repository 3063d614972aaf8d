package linear

import "context"

// Issue is an issue, as far as we look at it.
type Issue struct {
	ID, Identifier, URL string
	Team                Team
	Project             string // its name; empty: none
	State               State
	Delegate            string // id of the app's user that it is delegated to; empty: none
}

// Team is a team with the states that its issues go through.
type Team struct {
	Key, Name string
	States    []State
}

// State is one of them. Type is triage, backlog, unstarted, started, completed or
// canceled; Position is its place in the team's list.
type State struct {
	ID, Name, Type string
	Position       float64
}

const readIssue = `query($id: String!) { issue(id: $id) {
	id identifier url project { name } state { id name type position } delegate { id }
	team { key name states(first: 100) { nodes { id name type position } } }
} }`

// Issue returns an issue by its id.
func (c *Client) Issue(ctx context.Context, id string) (Issue, error) {
	var out struct {
		Issue struct {
			ID, Identifier, URL string
			Project             *struct{ Name string }
			State               State
			Delegate            *struct{ ID string }
			Team                struct {
				Key, Name string
				States    struct{ Nodes []State }
			}
		}
	}
	if err := c.ask(ctx, "read the issue", readIssue, map[string]any{"id": id}, &out); err != nil {
		return Issue{}, err
	}
	r := out.Issue
	i := Issue{ID: r.ID, Identifier: r.Identifier, URL: r.URL, State: r.State, Team: Team{r.Team.Key, r.Team.Name, r.Team.States.Nodes}}
	if r.Project != nil {
		i.Project = r.Project.Name
	}
	if r.Delegate != nil {
		i.Delegate = r.Delegate.ID
	}
	return i, nil
}

// MoveIssue moves an issue into a state of its team.
func (c *Client) MoveIssue(ctx context.Context, id, state string) error {
	return c.update(ctx, "move the issue", `mutation($id: String!, $input: IssueUpdateInput!) { issueUpdate(id: $id, input: $input) { success } }`,
		id, map[string]any{"stateId": state}, "issueUpdate")
}
