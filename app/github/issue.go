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

// Issue is an issue or pull request as people see it in a list.
type Issue struct {
	Number    int
	URL       string
	State     string // open or closed
	Title     string
	Author    anvil.Actor
	Labels    []string
	CreatedAt time.Time
}

// Issue returns one issue.
func (a *App) Issue(ctx context.Context, repo anvil.Repository, number int) (Issue, error) {
	c := onRepo("read the issue", repo, mayReadIssues, http.MethodGet, "issues", itoa(number))
	return a.issue(ctx, c)
}

// NewIssue asks for an issue.
type NewIssue struct{ Title, Body string }

// CreateIssue opens an issue. Title and body are cut to fit.
func (a *App) CreateIssue(ctx context.Context, repo anvil.Repository, n NewIssue) (Issue, error) {
	c := onRepo("open an issue", repo, mayWriteIssues, http.MethodPost, "issues")
	c.body = struct {
		Title string `json:"title"`
		Body  string `json:"body"`
	}{Fit(n.Title, MaxTitle, ""), Fit(n.Body, MaxBody, "")}
	return a.issue(ctx, c)
}

func (a *App) issue(ctx context.Context, c call) (Issue, error) {
	var i gh.Issue
	c.out = &i
	if _, err := a.do(ctx, c); err != nil {
		return Issue{}, err
	}
	if i.GetNumber() == 0 {
		return Issue{}, c.unreadable("an issue without a number")
	}
	return a.issueOf(&i), nil
}

// FindIssue looks for an issue by this App, made since the given time, whose body
// contains marker.
func (a *App) FindIssue(ctx context.Context, repo anvil.Repository, marker string, since time.Time) (found Issue, ok bool, err error) {
	for page := 1; page <= maxPages; page++ {
		var issues []struct {
			gh.Issue
			App *struct {
				ID int64 `json:"id"`
			} `json:"performed_via_github_app"`
		}
		c := onRepo("look for the issue", repo, mayReadIssues, http.MethodGet, "issues")
		c.query = url.Values{
			"state": {"all"}, "sort": {"created"}, "direction": {"desc"}, "since": {since.Add(-clockSkew).UTC().Format(time.RFC3339)},
			"per_page": {"100"}, "page": {itoa(page)},
		}
		c.out = &issues
		if _, err := a.do(ctx, c); err != nil {
			return Issue{}, false, err
		}
		for i := range issues {
			if m := &issues[i]; m.GetNumber() != 0 && m.App != nil && m.App.ID == a.id && strings.Contains(m.GetBody(), marker) {
				return a.issueOf(&m.Issue), true, nil
			}
		}
		if len(issues) < 100 {
			break
		}
	}
	return Issue{}, false, nil
}

func (a *App) issueOf(i *gh.Issue) Issue {
	v := Issue{
		Number: i.GetNumber(), URL: a.onWeb(i.GetHTMLURL()), State: i.GetState(), Title: i.GetTitle(), Author: actor(i.GetUser()),
		CreatedAt: i.GetCreatedAt().Time,
	}
	for _, l := range i.Labels {
		v.Labels = append(v.Labels, l.GetName())
	}
	return v
}

func actor(u *gh.User) anvil.Actor {
	return anvil.Actor{ID: u.GetID(), Login: u.GetLogin(), Bot: u.GetType() != "User"}
}

// Said is a comment with what it says.
type Said struct {
	ID        int64
	Author    anvil.Actor
	ByApp     bool // an App made it, in its own name or in a person's
	Body      string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Comments returns the comments on an issue, oldest first, up to some hundreds: whole
// is false if there are more.
func (a *App) Comments(ctx context.Context, repo anvil.Repository, issue int) (all []Said, whole bool, err error) {
	for page := 1; page <= maxPages; page++ {
		var comments []struct {
			gh.IssueComment
			App *struct {
				ID int64 `json:"id"`
			} `json:"performed_via_github_app"`
		}
		c := onRepo("read the comments", repo, mayReadIssues, http.MethodGet, "issues", itoa(issue), "comments")
		c.query = url.Values{"per_page": {"100"}, "page": {itoa(page)}}
		c.out = &comments
		if _, err := a.do(ctx, c); err != nil {
			return nil, false, err
		}
		for i := range comments {
			m := &comments[i]
			all = append(all, Said{
				ID: m.GetID(), Author: actor(m.GetUser()), ByApp: m.App != nil, Body: m.GetBody(),
				CreatedAt: m.GetCreatedAt().Time, UpdatedAt: m.GetUpdatedAt().Time,
			})
		}
		if len(comments) < 100 {
			return all, true, nil
		}
	}
	return all, false, nil
}

// CheckResult is a check run of anybody's on a commit.
type CheckResult struct {
	Name, App, Status, Conclusion string
	Title, Summary                string // untrusted
	URL                           string
}

// CheckResults returns the newest check run of each name on a commit, up to a hundred.
func (a *App) CheckResults(ctx context.Context, repo anvil.Repository, sha string) ([]CheckResult, error) {
	var runs gh.ListCheckRunsResults
	c := onRepo("read the check runs", repo, mayReadChecks, http.MethodGet, "commits", sha, "check-runs")
	c.query = url.Values{"filter": {"latest"}, "per_page": {"100"}}
	c.out = &runs
	if _, err := a.do(ctx, c); err != nil {
		return nil, err
	}
	var all []CheckResult
	for _, r := range runs.CheckRuns {
		all = append(all, CheckResult{
			Name: r.GetName(), App: r.GetApp().GetSlug(), Status: r.GetStatus(), Conclusion: r.GetConclusion(),
			Title: r.GetOutput().GetTitle(), Summary: r.GetOutput().GetSummary(), URL: a.onWeb(r.GetHTMLURL()),
		})
	}
	return all, nil
}
