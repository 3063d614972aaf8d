package github

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Comment is a comment on an issue or pull request.
type Comment struct {
	ID  int64
	URL string
}

// comment is GitHub's answer; go-github v62 has no performed_via_github_app.
type comment struct {
	ID      int64  `json:"id"`
	Body    string `json:"body"`
	HTMLURL string `json:"html_url"`
	User    struct {
		Login string `json:"login"`
	} `json:"user"`
	App *struct {
		ID int64 `json:"id"`
	} `json:"performed_via_github_app"`
}

type bodyOnly struct {
	Body string `json:"body"`
}

// CreateComment comments on an issue or pull request. The body is cut to fit.
func (a *App) CreateComment(ctx context.Context, repo anvil.Repository, issue int, body string) (Comment, error) {
	c := onRepo("comment", repo, mayWriteIssues, http.MethodPost, "issues", itoa(issue), "comments")
	return a.sendComment(ctx, c, body)
}

// EditComment replaces the body of a comment of ours. [ErrNotFound] means that
// somebody deleted it.
func (a *App) EditComment(ctx context.Context, repo anvil.Repository, id int64, body string) (Comment, error) {
	c := onRepo("edit the comment", repo, mayWriteIssues, http.MethodPatch, "issues", "comments", itoa(id))
	return a.sendComment(ctx, c, body)
}

func (a *App) sendComment(ctx context.Context, c call, body string) (Comment, error) {
	var answer comment
	c.body, c.out = bodyOnly{Fit(body, MaxBody, "")}, &answer
	if _, err := a.do(ctx, c); err != nil {
		return Comment{}, err
	}
	if answer.ID == 0 {
		return Comment{}, c.unreadable("a comment without an id")
	}
	return Comment{ID: answer.ID, URL: a.onWeb(answer.HTMLURL)}, nil
}

// FindComment looks for a comment by this App, made since the given time, whose
// body contains marker. Others can write a marker too, so the author decides:
// GitHub says of each comment which App made it.
func (a *App) FindComment(ctx context.Context, repo anvil.Repository, issue int, marker string, since time.Time) (found Comment, ok bool, err error) {
	for page := 1; page <= maxPages; page++ {
		var comments []comment
		c := onRepo("look for the comment", repo, mayReadIssues, http.MethodGet, "issues", itoa(issue), "comments")
		c.query = url.Values{"per_page": {"100"}, "page": {itoa(page)}}
		if !since.IsZero() {
			c.query.Set("since", since.Add(-clockSkew).UTC().Format(time.RFC3339))
		}
		c.out = &comments
		if _, err := a.do(ctx, c); err != nil {
			return Comment{}, false, err
		}
		for _, m := range comments {
			var by int64
			if m.App != nil {
				by = m.App.ID
			}
			if m.ID != 0 && a.ours(by, m.User.Login) && strings.Contains(m.Body, marker) {
				return Comment{ID: m.ID, URL: a.onWeb(m.HTMLURL)}, true, nil
			}
		}
		if len(comments) < 100 {
			break
		}
	}
	return Comment{}, false, nil
}
