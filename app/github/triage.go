package github

import (
	"context"
	"net/http"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// AddLabels adds labels to an issue or a pull request. Those that it has stay.
func (a *App) AddLabels(ctx context.Context, repo anvil.Repository, number int, labels []string) error {
	c := onRepo("add labels", repo, mayWriteIssues, http.MethodPost, "issues", itoa(number), "labels")
	c.body = struct {
		Labels []string `json:"labels"`
	}{labels}
	_, err := a.do(ctx, c)
	return err
}

// RequestReviewers asks people, by login, and teams, as ORGANISATION/TEAM, to review a
// pull request.
func (a *App) RequestReviewers(ctx context.Context, repo anvil.Repository, number int, reviewers []string) error {
	body := struct {
		Reviewers []string `json:"reviewers"`
		Teams     []string `json:"team_reviewers"`
	}{[]string{}, []string{}}
	for _, name := range reviewers {
		if _, team, ok := strings.Cut(name, "/"); ok {
			body.Teams = append(body.Teams, team)
		} else {
			body.Reviewers = append(body.Reviewers, name)
		}
	}
	c := onRepo("ask for reviews", repo, mayWritePulls, http.MethodPost, "pulls", itoa(number), "requested_reviewers")
	c.body = body
	_, err := a.do(ctx, c)
	return err
}
