package dispatch

import (
	"context"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// Actions is the provider that starts a workflow on GitHub Actions.
type Actions struct {
	GitHub   Workflows
	Workflow string // file name in .github/workflows
	// Central is OWNER/NAME of the repository whose workflow serves every task;
	// empty: each task's own repository.
	Central string
	Ref     string // branch whose workflow file is run; empty: the default branch
}

// Workflows is what Actions needs of GitHub.
type Workflows interface {
	Dispatch(ctx context.Context, repo anvil.Repository, r github.DispatchRequest) (anvil.Placement, error)
	FindWorkflowRun(ctx context.Context, repo anvil.Repository, workflow, reference string, since time.Time) (anvil.Placement, bool, error)
	WorkflowRun(ctx context.Context, repo anvil.Repository, id int64) (github.WorkflowRun, error)
	CancelWorkflowRun(ctx context.Context, repo anvil.Repository, id int64) error
	InstallationOf(ctx context.Context, owner, name string) (anvil.Repository, error)
}

// Start dispatches the workflow. Its inputs are all that travels: who can read
// the workflow run can read them.
func (a *Actions) Start(ctx context.Context, o Order) (anvil.Placement, error) {
	repo, err := a.Home(ctx, o.Repository)
	if err != nil {
		return anvil.Placement{}, err
	}
	ref := a.Ref
	if ref == "" {
		ref = repo.DefaultBranch
	}
	inputs := map[string]string{"task": string(o.Run), "nonce": o.Nonce, "server": o.Server}
	if o.Runner != "" {
		inputs["runner"] = o.Runner
	}
	return a.GitHub.Dispatch(ctx, repo, github.DispatchRequest{Workflow: a.Workflow, Ref: ref, Inputs: inputs})
}

// Find looks for the workflow run by the task reference in its run-name.
func (a *Actions) Find(ctx context.Context, o Order, since time.Time) (anvil.Placement, bool, error) {
	repo, err := a.Home(ctx, o.Repository)
	if err != nil {
		return anvil.Placement{}, false, err
	}
	return a.GitHub.FindWorkflowRun(ctx, repo, a.Workflow, string(o.Run), since)
}

// Ended returns the workflow run's conclusion.
func (a *Actions) Ended(ctx context.Context, o Order, p anvil.Placement) (conclusion string, err error) {
	repo, err := a.Home(ctx, o.Repository)
	if err != nil {
		return "", err
	}
	run, err := a.GitHub.WorkflowRun(ctx, repo, p.WorkflowRun)
	if err != nil || run.Status != "completed" {
		return "", err
	}
	return run.Conclusion, nil
}

// Stop cancels the workflow run; its runner gets a signal and some seconds.
func (a *Actions) Stop(ctx context.Context, o Order, p anvil.Placement) error {
	repo, err := a.Home(ctx, o.Repository)
	if err != nil {
		return err
	}
	return a.GitHub.CancelWorkflowRun(ctx, repo, p.WorkflowRun)
}

// Home returns the repository whose workflow serves a task of repo: the central
// one if there is one, else repo itself.
func (a *Actions) Home(ctx context.Context, repo anvil.Repository) (anvil.Repository, error) {
	if a.Central == "" {
		return repo, nil
	}
	owner, name, _ := strings.Cut(a.Central, "/")
	return a.GitHub.InstallationOf(ctx, owner, name)
}
