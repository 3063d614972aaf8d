package github

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	gh "github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// clockSkew is by how much GitHub's clock may be behind ours when things are
// searched by the time they were made.
const clockSkew = 5 * time.Minute

// maxPages bounds every search through lists of a hundred.
const maxPages = 10

// FindWorkflowRun looks for the run of workflow, started by a dispatch since the
// given time, whose title contains reference as a word of its own. If there are
// several, as after a dispatch that was doubled on the way, it is the oldest.
func (a *App) FindWorkflowRun(ctx context.Context, repo anvil.Repository, workflow, reference string, since time.Time) (place anvil.Placement, found bool, err error) {
	place = anvil.Placement{Provider: "actions", Repository: repo.FullName(), Workflow: workflow}
	var oldest *gh.WorkflowRun
	for page := 1; page <= maxPages; page++ {
		var runs gh.WorkflowRuns
		c := onRepo("look for the workflow run", repo, mayReadActions, http.MethodGet, "actions", "workflows", workflow, "runs")
		c.query = url.Values{
			"event":    {"workflow_dispatch"},
			"created":  {">=" + since.Add(-clockSkew).UTC().Format("2006-01-02T15:04:05Z")},
			"per_page": {"100"}, "page": {itoa(page)},
		}
		c.out = &runs
		if _, err := a.do(ctx, c); err != nil {
			return place, false, err
		}
		for _, r := range runs.WorkflowRuns {
			if r.GetID() == 0 || (!hasWord(r.GetDisplayTitle(), reference) && !hasWord(r.GetName(), reference)) {
				continue
			}
			if oldest == nil || r.GetID() < oldest.GetID() {
				oldest = r
			}
		}
		if len(runs.WorkflowRuns) < 100 {
			break
		}
	}
	if oldest == nil {
		return place, false, nil
	}
	place.WorkflowRun, place.URL = oldest.GetID(), a.onWeb(oldest.GetHTMLURL())
	return place, true, nil
}

// hasWord reports whether s contains word with nothing before or after it that
// could be part of a longer reference: TASK.1 is not in "anvil TASK.12".
func hasWord(s, word string) bool {
	if word == "" {
		return false
	}
	part := func(b byte) bool {
		return b == '.' || b == '-' || b == '_' || b >= 0x80 ||
			'0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
	}
	for at := 0; ; {
		i := strings.Index(s[at:], word)
		if i < 0 {
			return false
		}
		start, end := at+i, at+i+len(word)
		if (start == 0 || !part(s[start-1])) && (end == len(s) || !part(s[end])) {
			return true
		}
		at = start + 1
	}
}

// WorkflowRun is the state of a run at GitHub, in GitHub's words.
type WorkflowRun struct {
	ID         int64
	Status     string // queued, in_progress, completed, …
	Conclusion string // success, failure, cancelled, …; empty until completed
	Attempt    int
	URL        string
}

// WorkflowRun returns the state of a run.
func (a *App) WorkflowRun(ctx context.Context, repo anvil.Repository, id int64) (WorkflowRun, error) {
	var r gh.WorkflowRun
	c := onRepo("look up the workflow run", repo, mayReadActions, http.MethodGet, "actions", "runs", itoa(id))
	c.out = &r
	if _, err := a.do(ctx, c); err != nil {
		return WorkflowRun{}, err
	}
	if r.GetID() != id || r.GetStatus() == "" {
		return WorkflowRun{}, c.unreadable("not the workflow run that was asked for")
	}
	return WorkflowRun{
		ID: id, Status: clean(r.GetStatus(), 40), Conclusion: clean(r.GetConclusion(), 40),
		Attempt: r.GetRunAttempt(), URL: a.onWeb(r.GetHTMLURL()),
	}, nil
}

// CancelWorkflowRun asks GitHub to cancel a run. A run that has ended already is
// no error.
func (a *App) CancelWorkflowRun(ctx context.Context, repo anvil.Repository, id int64) error {
	c := onRepo("cancel the workflow run", repo, mayRunActions, http.MethodPost, "actions", "runs", itoa(id), "cancel")
	_, err := a.do(ctx, c)
	if e := AsError(err); e != nil && e.Status == http.StatusConflict {
		return nil
	}
	return err
}
