package github

import (
	"context"
	"net/http"
	"net/url"

	gh "github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// CheckRun is what we want a check run to be. Title, Summary and Text are cut to
// fit.
type CheckRun struct {
	Name       string
	HeadSHA    string // not changed by an update
	ExternalID string // our own reference
	DetailsURL string
	Status     string // queued, in_progress or completed
	Conclusion string // with completed only
	Title      string
	Summary    string
	Text       string
	// Annotations are at most [MaxAnnotations]. GitHub adds those of an update to
	// those that it has.
	Annotations []Annotation
	// Actions are the buttons below it, at most three.
	Actions []CheckAction
}

// CheckAction is a button. Pressed, it arrives as check_run.requested_action.
type CheckAction struct {
	Label       string // at most 20 characters
	Description string // at most 40
	Identifier  string // at most 20
}

// Annotation says something about a line of a file.
type Annotation struct {
	Path    string
	Line    int    // from 1
	Level   string // notice, warning or failure
	Title   string
	Message string
}

// PostedCheckRun is a check run that GitHub has.
type PostedCheckRun struct {
	ID         int64
	URL        string
	Status     string
	Conclusion string
	// Annotations is how many it has.
	Annotations int
}

// CreateCheckRun makes a check run on a commit.
func (a *App) CreateCheckRun(ctx context.Context, repo anvil.Repository, r CheckRun) (PostedCheckRun, error) {
	c := onRepo("make a check run", repo, mayWriteChecks, http.MethodPost, "check-runs")
	c.body = gh.CreateCheckRunOptions{
		Name: r.Name, HeadSHA: r.HeadSHA, ExternalID: some(r.ExternalID), DetailsURL: some(r.DetailsURL),
		Status: some(r.Status), Conclusion: some(r.Conclusion), Output: r.output(), Actions: r.actions(),
	}
	return a.checkRun(ctx, c)
}

// UpdateCheckRun makes an existing check run be as r says.
func (a *App) UpdateCheckRun(ctx context.Context, repo anvil.Repository, id int64, r CheckRun) (PostedCheckRun, error) {
	c := onRepo("update the check run", repo, mayWriteChecks, http.MethodPatch, "check-runs", itoa(id))
	c.body = gh.UpdateCheckRunOptions{
		Name: r.Name, ExternalID: some(r.ExternalID), DetailsURL: some(r.DetailsURL),
		Status: some(r.Status), Conclusion: some(r.Conclusion), Output: r.output(), Actions: r.actions(),
	}
	return a.checkRun(ctx, c)
}

func (a *App) checkRun(ctx context.Context, c call) (PostedCheckRun, error) {
	var r gh.CheckRun
	c.out = &r
	if _, err := a.do(ctx, c); err != nil {
		return PostedCheckRun{}, err
	}
	if r.GetID() == 0 {
		return PostedCheckRun{}, c.unreadable("a check run without an id")
	}
	return a.posted(&r), nil
}

// FindCheckRun looks for a check run of this App by commit, name and our own
// reference.
func (a *App) FindCheckRun(ctx context.Context, repo anvil.Repository, sha, name, externalID string) (found PostedCheckRun, ok bool, err error) {
	for page := 1; page <= maxPages; page++ {
		var runs gh.ListCheckRunsResults
		c := onRepo("look for the check run", repo, mayReadChecks, http.MethodGet, "commits", sha, "check-runs")
		c.query = url.Values{
			"check_name": {name}, "filter": {"all"}, "per_page": {"100"}, "page": {itoa(page)},
		}
		if a.given == "" {
			c.query.Set("app_id", itoa(a.id))
		}
		c.out = &runs
		if _, err := a.do(ctx, c); err != nil {
			return PostedCheckRun{}, false, err
		}
		for _, r := range runs.CheckRuns {
			if r.GetID() != 0 && r.GetName() == name && r.GetExternalID() == externalID && a.ours(r.GetApp().GetID(), r.GetApp().GetSlug()+"[bot]") {
				return a.posted(r), true, nil
			}
		}
		if len(runs.CheckRuns) < 100 {
			break
		}
	}
	return PostedCheckRun{}, false, nil
}

func (a *App) posted(r *gh.CheckRun) PostedCheckRun {
	return PostedCheckRun{ID: r.GetID(), URL: a.onWeb(r.GetHTMLURL()), Status: r.GetStatus(), Conclusion: r.GetConclusion(),
		Annotations: r.GetOutput().GetAnnotationsCount()}
}

// output returns nil if there is nothing to say: GitHub wants a summary with
// every title.
func (r CheckRun) output() *gh.CheckRunOutput {
	if r.Title == "" && r.Summary == "" && r.Text == "" {
		return nil
	}
	title := r.Title
	if title == "" {
		title = r.Name
	}
	return &gh.CheckRunOutput{
		Title:       gh.String(Fit(title, MaxTitle, "")),
		Summary:     gh.String(Fit(r.Summary, MaxCheck, "")),
		Text:        some(Fit(r.Text, MaxCheck, "")),
		Annotations: r.annotations(),
	}
}

func (r CheckRun) annotations() (all []*gh.CheckRunAnnotation) {
	for _, n := range r.Annotations {
		all = append(all, &gh.CheckRunAnnotation{
			Path: gh.String(n.Path), StartLine: gh.Int(n.Line), EndLine: gh.Int(n.Line), AnnotationLevel: gh.String(n.Level),
			Title: some(Fit(n.Title, maxAnnotationTitle, "")), Message: gh.String(Fit(n.Message, maxAnnotation, "")),
		})
	}
	return all
}

func (r CheckRun) actions() (all []*gh.CheckRunAction) {
	for _, a := range r.Actions {
		all = append(all, &gh.CheckRunAction{Label: a.Label, Description: a.Description, Identifier: a.Identifier})
	}
	return all
}

func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
