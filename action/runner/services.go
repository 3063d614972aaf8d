package runner

import (
	"context"
	"fmt"

	"github.com/seed-bc0cc349/anvil/action/agent"
	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/endpoint"
	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// serve opens the local endpoint, if the server offers anything behind it, and
// tells w where the agent reaches it. What it returns closes the endpoint.
func (j *job) serve(w *agent.Work, c confine.Confinement) (func(), error) {
	if !j.assignment.Model && !j.assignment.Tools {
		return func() {}, nil
	}
	e, err := endpoint.Open(firstCall{j.holder, j.spans.modelCalled})
	if err != nil {
		return nil, &runapi.Error{Code: codeWorkspace, What: fmt.Sprintf("The agent's way to the server could not be opened: %v.", err)}
	}
	j.log.Secret(e.Token())
	address, err := c.Reach(e.Socket())
	if err != nil {
		_ = e.Close()
		return nil, &runapi.Error{Code: codeWorkspace, What: fmt.Sprintf("The agent's way to the server could not be opened: %v.", err)}
	}
	if j.assignment.Model {
		w.Model = agent.Access{URL: "http://" + address, Token: e.Token()}
	}
	if j.assignment.Tools {
		w.Tools = agent.Access{URL: "http://" + address + "/mcp", Token: e.Token()}
	}
	return func() { _ = e.Close() }, nil
}

// instructions reads what the base commit tells every agent.
func (j *job) instructions(ctx context.Context, w *workspace.Workspace) (string, error) {
	text, tooLong, err := w.Instructions(ctx)
	if err != nil {
		return "", &runapi.Error{Code: codeWorkspace, What: fmt.Sprintf("The base commit's instructions for agents could not be read: %v.", err), Next: "Say /anvil retry."}
	}
	for _, name := range tooLong {
		j.log.Warn("%s is too long to be given to an agent, and is left out.", name)
		j.journal.quote(runapi.KindWarning, name+" is too long to be given to an agent, and is left out.", nil)
	}
	return text, nil
}
