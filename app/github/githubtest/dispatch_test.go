package githubtest_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// dispatch asks for a run with the given body.
func (w *town) dispatch(gh *github.Client, file string, body map[string]any) (map[string]any, *github.Response, error) {
	w.Helper()
	req, err := gh.NewRequest("POST", "repos/acme/widget/actions/workflows/"+file+"/dispatches", body)
	w.must(err)
	var out map[string]any
	res, err := gh.Do(w.Context(), req, &out)
	return out, res, err
}

func inputs(more ...string) map[string]any {
	in := map[string]any{"task": "abc.1", "nonce": "n0nce"}
	for i := 0; i+1 < len(more); i += 2 {
		in[more[i]] = more[i+1]
	}
	return in
}

func TestADispatchStartsARun(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	gh := w.asInstallation(nil)
	out, res, err := w.dispatch(gh, "anvil.yml", map[string]any{"ref": "main", "inputs": inputs(), "return_run_details": true})
	w.must(err)
	runs := w.srv.WorkflowRuns(w.repo)
	if res.StatusCode != 200 || len(runs) != 1 || int64(out["workflow_run_id"].(float64)) != runs[0].ID || out["html_url"] != runs[0].URL {
		t.Fatalf("%d %v, runs %+v", res.StatusCode, out, runs)
	}
	if r := runs[0]; r.Title != "anvil abc.1 (n0nce)" || r.Actor.Login != "anvil[bot]" || r.Status != "queued" || r.Inputs["server"] != "http://example.test" || r.SHA != w.srv.Refs(w.repo)["refs/heads/main"] {
		t.Errorf("run %+v", r)
	}
	_, res, err = w.dispatch(gh, "anvil.yml", map[string]any{"ref": "main", "inputs": inputs()})
	w.must(err)
	if res.StatusCode != 204 {
		t.Errorf("without return_run_details: %d", res.StatusCode)
	}
	w.srv.SetDispatchMode(githubtest.DispatchPlain)
	_, res, err = w.dispatch(gh, "anvil.yml", map[string]any{"ref": "main", "inputs": inputs(), "return_run_details": true})
	w.must(err)
	if res.StatusCode != 204 {
		t.Errorf("a server that does not say: %d", res.StatusCode)
	}
	w.srv.SetDispatchMode(githubtest.DispatchOldGHES)
	_, res, err = w.dispatch(gh, "anvil.yml", map[string]any{"ref": "main", "inputs": inputs(), "return_run_details": true})
	w.refused(422, `"return_run_details" is not a permitted key`, res, err)
	if n := len(w.srv.WorkflowRuns(w.repo)); n != 3 {
		t.Errorf("%d runs, want 3: what is refused starts nothing", n)
	}

	// A run is found again by what triggered it and when, and by its title.
	ctx := t.Context()
	found, _, err := gh.Actions.ListRepositoryWorkflowRuns(ctx, "acme", "widget", &github.ListWorkflowRunsOptions{Event: "workflow_dispatch", Created: ">=" + time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)})
	w.must(err)
	if found.GetTotalCount() != 3 || found.WorkflowRuns[0].GetDisplayTitle() != "anvil abc.1 (n0nce)" {
		t.Errorf("found %d", found.GetTotalCount())
	}
	later, _, err := gh.Actions.ListWorkflowRunsByFileName(ctx, "acme", "widget", "anvil.yml", &github.ListWorkflowRunsOptions{Created: ">" + time.Now().Add(time.Minute).UTC().Format(time.RFC3339)})
	w.must(err)
	if later.GetTotalCount() != 0 {
		t.Errorf("found %d of the future", later.GetTotalCount())
	}
	one, _, err := gh.Actions.GetWorkflowRunByID(ctx, "acme", "widget", runs[0].ID)
	w.must(err)
	if one.GetStatus() != "queued" || one.Conclusion != nil || one.GetRunAttempt() != 1 {
		t.Errorf("run %+v", one)
	}
	file, _, err := gh.Actions.GetWorkflowByFileName(ctx, "acme", "widget", "anvil.yml")
	w.must(err)
	if file.GetPath() != ".github/workflows/anvil.yml" || file.GetID() != runs[0].Workflow {
		t.Errorf("workflow %+v", file)
	}
	// A queued run is cancelled at once, and only once.
	_, err = gh.Actions.CancelWorkflowRunByID(ctx, "acme", "widget", runs[0].ID)
	if accepted := new(github.AcceptedError); !errors.As(err, &accepted) {
		t.Errorf("cancelling: %v", err)
	}
	res, err = gh.Actions.CancelWorkflowRunByID(ctx, "acme", "widget", runs[0].ID)
	w.refused(409, "Cannot cancel a workflow run that is completed", res, err)
	jobs, _, err := gh.Actions.ListWorkflowJobs(ctx, "acme", "widget", runs[0].ID, nil)
	w.must(err)
	if jobs.GetTotalCount() != 1 || jobs.Jobs[0].GetConclusion() != "cancelled" {
		t.Errorf("jobs %+v", jobs)
	}
}

func TestADispatchIsCheckedAgainstTheFile(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.srv.Commit(w.repo, w.mona, "bare", "Without the workflow", map[string]string{".github/workflows/anvil.yml": ""})
	w.srv.Commit(w.repo, w.mona, "broken", "Broken", map[string]string{".github/workflows/anvil.yml": "on: [workflow_dispatch\n"})
	gh := w.asInstallation(nil)
	many := inputs()
	for i := range 24 {
		many[fmt.Sprint("x", i)] = "y"
	}
	for name, c := range map[string]struct {
		file, ref string
		inputs    map[string]any
		status    int
		says      string
	}{
		"no such file":        {"other.yml", "main", inputs(), 404, "Not Found"},
		"not a workflow":      {"README.md", "main", inputs(), 404, "Not Found"},
		"no such ref":         {"anvil.yml", "nowhere", inputs(), 422, "No ref found for: nowhere"},
		"no trigger":          {"ci.yml", "main", nil, 422, "Workflow does not have 'workflow_dispatch' trigger"},
		"not at that ref":     {"anvil.yml", "bare", inputs(), 422, "Workflow does not have 'workflow_dispatch' trigger"},
		"broken at that ref":  {"anvil.yml", "broken", inputs(), 422, "failed to parse workflow"},
		"an unexpected input": {"anvil.yml", "main", inputs("token", "x"), 422, `Unexpected inputs provided: ["token"]`},
		"a missing input":     {"anvil.yml", "main", map[string]any{"task": "x"}, 422, "Required input 'nonce' not provided"},
		"26 inputs":           {"anvil.yml", "main", many, 422, "up to 25"},
		"too much":            {"anvil.yml", "main", inputs("server", strings.Repeat("x", 65535)), 422, "inputs are too large"},
		"no ref":              {"anvil.yml", "", inputs(), 422, `"ref" wasn't supplied`},
	} {
		_, res, err := w.dispatch(gh, c.file, map[string]any{"ref": c.ref, "inputs": c.inputs})
		if err == nil || w.status(res, err) != c.status || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %d with %q", name, err, c.status, c.says)
		}
	}
	_, res, err := w.dispatch(w.asInstallation(map[string]string{"actions": "read"}), "anvil.yml", map[string]any{"ref": "main", "inputs": inputs()})
	w.refused(403, "Resource not accessible by integration", res, err)
	if n := len(w.srv.WorkflowRuns(w.repo)); n != 0 {
		t.Errorf("%d runs, want none", n)
	}
	if len(w.srv.Requests(http.MethodPost, "/repos/*/*/actions/workflows/*/dispatches")) < 11 {
		t.Error("the ledger has not seen them all")
	}
}
