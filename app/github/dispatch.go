package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Bounds that GitHub sets on a dispatch.
const (
	maxInputs     = 25
	maxInputChars = 65_535
)

// DispatchRequest starts a workflow. The inputs can be read by everyone who can
// read the workflow run: no token belongs in them.
type DispatchRequest struct {
	Workflow string // file name, such as anvil.yml
	Ref      string // branch whose workflow file is run
	Inputs   map[string]string
}

// Dispatch starts a workflow in repo, once. The placement has no workflow run id
// where GitHub tells none; see [App.FindWorkflowRun].
//
// An error is [ErrNotAccepted] if no run was started, or [ErrUncertain] if one
// may have been.
func (a *App) Dispatch(ctx context.Context, repo anvil.Repository, r DispatchRequest) (anvil.Placement, error) {
	c := onRepo("start the workflow "+r.Workflow, repo, mayRunActions, http.MethodPost, "actions", "workflows", r.Workflow, "dispatches")
	place := anvil.Placement{Provider: "actions", Repository: repo.FullName(), Workflow: r.Workflow}
	if err := r.check(c); err != nil {
		return place, err
	}

	// go-github v62 knows neither the field nor the answer with details.
	type request struct {
		Ref              string            `json:"ref"`
		Inputs           map[string]string `json:"inputs,omitempty"`
		ReturnRunDetails bool              `json:"return_run_details,omitempty"`
	}
	var details struct {
		WorkflowRunID int64  `json:"workflow_run_id"`
		HTMLURL       string `json:"html_url"`
	}
	ask := !a.noRunDetails.Load()
	c.body, c.out = request{r.Ref, r.Inputs, ask}, &details
	status, err := a.do(ctx, c)
	if e := AsError(err); ask && e != nil && e.refusesRunDetails() {
		// An older Enterprise Server refused the request for its unknown field:
		// nothing was started, and asking without it is no repetition.
		if a.noRunDetails.CompareAndSwap(false, true) {
			a.log.WarnContext(ctx, "this GitHub does not return run details; workflow runs are found by their title", "code", "GHES_COMPAT", "host", a.api.Host)
		}
		c.body = request{r.Ref, r.Inputs, false}
		status, err = a.do(ctx, c)
	}
	if err != nil {
		return place, dispatchError(err)
	}
	if status == http.StatusOK {
		// It was accepted. Without an id it can still be found.
		place.WorkflowRun, place.URL = details.WorkflowRunID, a.onWeb(details.HTMLURL)
	}
	return place, nil
}

// check refuses what GitHub would refuse, with a better reason.
func (r DispatchRequest) check(c call) *Error {
	chars := 0
	for k, v := range r.Inputs {
		chars += utf8.RuneCountInString(k) + utf8.RuneCountInString(v)
	}
	e := &Error{Op: c.op, Kind: BadInputs, write: true}
	switch {
	case r.Workflow == "" || strings.ContainsAny(r.Workflow, "/\\"):
		e.Kind, e.Message = NoWorkflow, fmt.Sprintf("%q is not a workflow's file name", clean(r.Workflow, 80))
	case len(r.Inputs) > maxInputs:
		e.Message = fmt.Sprintf("%d inputs, at most %d", len(r.Inputs), maxInputs)
	case chars > maxInputChars:
		e.Message = fmt.Sprintf("inputs of %d characters, at most %d", chars, maxInputChars)
	default:
		return nil
	}
	return e
}

func (e *Error) refusesRunDetails() bool {
	return (e.Status == http.StatusBadRequest || e.Status == http.StatusUnprocessableEntity) &&
		strings.Contains(e.Message, "return_run_details")
}

// dispatchError says of a refusal whether the workflow or our inputs are the
// reason.
func dispatchError(err error) error {
	e := AsError(err)
	if e == nil || (e.Kind != NotFound && e.Kind != Invalid) {
		return err
	}
	d := *e
	said := strings.ToLower(e.Message)
	switch {
	case e.Kind == NotFound:
		d.Kind = NoWorkflow
	case strings.Contains(said, "input"):
		d.Kind = BadInputs
	case strings.Contains(said, "workflow"), strings.Contains(said, "ref"):
		d.Kind = NoWorkflow // no trigger, disabled, or not on that branch
	}
	return &d
}

const inputsAdvice = "Compare the `inputs` of the workflow's `workflow_dispatch` with `config/workflow/anvil.yml` of the Anvil project; it needs `task`, `nonce` and `server` and no other required ones"

const workflowAdvice = "Copy `config/workflow/anvil.yml` of the Anvil project to `.github/workflows/anvil.yml` on the default branch; it must start with\n\n" +
	"```yaml\non:\n  workflow_dispatch:\n    inputs:\n      task: {required: true}\n      nonce: {required: true}\n      server: {required: true}\n```\n\n" +
	"and must be enabled, and the App needs actions: write"

// onWeb returns address if it is one of this GitHub's pages, else "".
func (a *App) onWeb(address string) string {
	if strings.HasPrefix(address, a.web.String()) {
		return clean(address, 500)
	}
	return ""
}
