package githubtest

import (
	"fmt"
	"maps"
)

// actionsApp is the App whose installation tokens jobs get as GITHUB_TOKEN.
const actionsApp = "github-actions"

// JobToken returns what a job of the repository (OWNER/NAME) has as GITHUB_TOKEN, with
// the permissions of its workflow file.
func (s *Server) JobToken(name string, permissions map[string]string) (string, error) {
	s.mu.Lock()
	repo, err := s.repository(name)
	s.mu.Unlock()
	if err != nil {
		return "", err
	}
	app, err := s.actions()
	if err != nil {
		return "", err
	}
	inst, err := s.install(app.ID, repo.Owner.ID, nil)
	if err != nil {
		return "", fmt.Errorf("job token: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &token{
		install: inst.ID, user: app.Bot.ID, permissions: withMetadata(maps.Clone(permissions)),
		repos: []int64{repo.ID}, expires: s.now().Add(tokenLife),
	}
	shown := s.issuer.installationToken(&inst, t)
	s.tokens[shown] = t
	return shown, nil
}

// actions is the App of GitHub Actions, made when it is needed first.
func (s *Server) actions() (App, error) {
	s.mu.Lock()
	for _, a := range s.apps {
		if a.Slug == actionsApp {
			defer s.mu.Unlock()
			return *a, nil
		}
	}
	s.mu.Unlock()
	return s.createApp(App{Slug: actionsApp, Permissions: map[string]string{
		"contents": "write", "issues": "write", "pull_requests": "write", "checks": "write", "actions": "write",
	}})
}
