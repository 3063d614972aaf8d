package githubtest

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Issue is an issue. A pull request is one too, with a [PullRequest] beside it.
type Issue struct {
	ID          int64     `json:"id"`
	Repository  string    `json:"repository"`
	Number      int       `json:"number"`
	Title       string    `json:"title"`
	Body        string    `json:"body"`
	Author      Account   `json:"author"`
	State       string    `json:"state"` // open or closed
	StateReason string    `json:"state_reason,omitempty"`
	Locked      bool      `json:"locked"`
	Labels      []string  `json:"labels"`
	Assignees   []Account `json:"assignees"`
	PullRequest bool      `json:"pull_request"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	ClosedAt    time.Time `json:"closed_at,omitzero"`
	App         int64     `json:"app,omitempty"` // the App through which it was made

	comments int
}

// maxBody is how many characters the body of an issue or comment may have.
const maxBody = 65536

// CreateIssue opens an issue as the user.
func (s *Server) CreateIssue(repo Repository, user Account, title, body string, labels ...string) Issue {
	return must(s.createIssue(repo.ID, user.ID, title, body, labels))
}

func (s *Server) createIssue(repoID, userID int64, title, body string, labels []string) (Issue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, user, err := s.repoAndUser(repoID, userID)
	if err != nil {
		return Issue{}, err
	}
	if title == "" {
		return Issue{}, fmt.Errorf("an issue needs a title")
	}
	i := s.newIssue(repo, user, title, body)
	s.tellIssue(repo, i, "opened", user, nil)
	for _, l := range labels {
		s.addLabel(repo, i, user, l)
	}
	return *i, nil
}

func (s *Server) repoAndUser(repoID, userID int64) (*repository, *Account, error) {
	repo, user := s.repos[repoID], s.accounts[userID]
	if repo == nil {
		return nil, nil, notFound("repository %d", repoID)
	}
	if user == nil {
		return nil, nil, notFound("account %d", userID)
	}
	return repo, user, nil
}

func (s *Server) newIssue(repo *repository, user *Account, title, body string) *Issue {
	repo.lastNumber++
	now := s.now()
	i := &Issue{ID: s.newID("issue"), Repository: repo.FullName(), Number: repo.lastNumber, Title: title, Body: body,
		Author: *user, State: "open", CreatedAt: now, UpdatedAt: now}
	repo.issues[i.Number] = i
	s.changed()
	return i
}

func (s *Server) issue(repo *repository, number int) (*Issue, error) {
	if i := repo.issues[number]; i != nil {
		return i, nil
	}
	return nil, notFound("%s#%d", repo.FullName(), number)
}

// Issues returns the issues of a repository, pull requests among them, by number.
func (s *Server) Issues(repo Repository) []Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Issue
	if r := s.repos[repo.ID]; r != nil {
		for _, n := range slices.Sorted(maps.Keys(r.issues)) {
			out = append(out, r.issues[n].copy())
		}
	}
	return out
}

func (i *Issue) copy() Issue {
	c := *i
	c.Labels, c.Assignees = nonNil(i.Labels), nonNil(i.Assignees)
	return c
}

// EditIssue is what of an issue to change; a nil field stays.
type EditIssue struct {
	Title  *string `json:"title"`
	Body   *string `json:"body"`
	State  *string `json:"state"`
	Reason string  `json:"state_reason"`
	Locked *bool   `json:"locked"`
}

// EditIssue changes an issue as the user.
func (s *Server) EditIssue(repo Repository, number int, user Account, e EditIssue) Issue {
	return must(s.editIssue(repo.ID, number, user.ID, e))
}

func (s *Server) editIssue(repoID int64, number int, userID int64, e EditIssue) (Issue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, user, err := s.repoAndUser(repoID, userID)
	if err != nil {
		return Issue{}, err
	}
	i, err := s.issue(repo, number)
	if err != nil {
		return Issue{}, err
	}
	s.applyIssue(repo, i, user, e)
	return i.copy(), nil
}

func (s *Server) applyIssue(repo *repository, i *Issue, user *Account, e EditIssue) {
	before := *i
	changes := obj{}
	if e.Title != nil && *e.Title != i.Title {
		changes["title"] = obj{"from": i.Title}
		i.Title = *e.Title
		if p := repo.pulls[i.Number]; p != nil {
			p.Title = i.Title
		}
	}
	if e.Body != nil && *e.Body != i.Body {
		changes["body"] = obj{"from": i.Body}
		i.Body = *e.Body
		if p := repo.pulls[i.Number]; p != nil {
			p.Body = i.Body
		}
	}
	i.UpdatedAt = s.now()
	if len(changes) > 0 {
		s.tellIssue(repo, i, "edited", user, obj{"changes": changes})
	}
	if e.State != nil && *e.State != before.State {
		s.setState(repo, i, user, *e.State, e.Reason)
	}
	if e.Locked != nil && *e.Locked != before.Locked {
		i.Locked = *e.Locked
		s.tellIssue(repo, i, map[bool]string{true: "locked", false: "unlocked"}[i.Locked], user, nil)
	}
	s.changed()
}

// setState opens or closes an issue. A pull request's own state follows.
func (s *Server) setState(repo *repository, i *Issue, user *Account, state, reason string) {
	i.State, i.StateReason, i.ClosedAt, i.UpdatedAt = state, reason, time.Time{}, s.now()
	action := "reopened"
	if state == "closed" {
		i.ClosedAt, action = i.UpdatedAt, "closed"
		if reason == "" {
			i.StateReason = "completed"
		}
	}
	if p := repo.pulls[i.Number]; p != nil {
		p.State, p.ClosedAt, p.UpdatedAt = state, i.ClosedAt, i.UpdatedAt
		s.tellPull(repo, p, action, actor{user: user})
		return
	}
	s.tellIssue(repo, i, action, user, nil)
}

// DeleteIssue deletes an issue with its comments.
func (s *Server) DeleteIssue(repo Repository, number int, user Account) {
	must(repo, s.deleteIssue(repo.ID, number, user.ID))
}

func (s *Server) deleteIssue(repoID int64, number int, userID int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, user, err := s.repoAndUser(repoID, userID)
	if err != nil {
		return err
	}
	i, err := s.issue(repo, number)
	if err != nil {
		return err
	}
	s.tellIssue(repo, i, "deleted", user, nil)
	delete(repo.issues, number)
	maps.DeleteFunc(repo.comments, func(_ int64, c *Comment) bool { return c.Issue == number })
	s.changed()
	return nil
}

// TransferIssue moves an issue to another repository, where it gets a new number.
func (s *Server) TransferIssue(repo Repository, number int, user Account, to Repository) Issue {
	return must(s.transferIssue(repo.ID, number, user.ID, to.ID))
}

func (s *Server) transferIssue(repoID int64, number int, userID, toID int64) (Issue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, user, err := s.repoAndUser(repoID, userID)
	if err != nil {
		return Issue{}, err
	}
	i, err := s.issue(repo, number)
	if err != nil {
		return Issue{}, err
	}
	to := s.repos[toID]
	if to == nil {
		return Issue{}, notFound("repository %d", toID)
	}
	moved := s.newIssue(to, user, i.Title, i.Body)
	moved.Author = i.Author
	s.tellIssue(repo, i, "transferred", user, obj{"changes": obj{"new_issue": s.issueJSON(to, moved), "new_repository": s.repositoryJSON(to)}})
	delete(repo.issues, number)
	if repo.transferred == nil {
		repo.transferred = map[int]string{}
	}
	repo.transferred[number] = s.api("repositories", to.ID, "issues", moved.Number)
	return *moved, nil
}

// Label puts a label on an issue as the user; the label is made if need be.
func (s *Server) Label(repo Repository, number int, user Account, label string) {
	must(repo, s.onIssue(repo.ID, number, user.ID, func(r *repository, i *Issue, u *Account) { s.addLabel(r, i, u, label) }))
}

// Unlabel takes a label off an issue as the user.
func (s *Server) Unlabel(repo Repository, number int, user Account, label string) {
	must(repo, s.onIssue(repo.ID, number, user.ID, func(r *repository, i *Issue, u *Account) { s.removeLabel(r, i, u, label) }))
}

// Assign assigns an issue to somebody as the user.
func (s *Server) Assign(repo Repository, number int, user, assignee Account) {
	must(repo, s.onIssue(repo.ID, number, user.ID, func(r *repository, i *Issue, u *Account) { s.assign(r, i, u, assignee) }))
}

// Unassign takes somebody off an issue as the user.
func (s *Server) Unassign(repo Repository, number int, user, assignee Account) {
	must(repo, s.onIssue(repo.ID, number, user.ID, func(r *repository, i *Issue, u *Account) { s.unassign(r, i, u, assignee) }))
}

func (s *Server) onIssue(repoID int64, number int, userID int64, do func(*repository, *Issue, *Account)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, user, err := s.repoAndUser(repoID, userID)
	if err != nil {
		return err
	}
	i, err := s.issue(repo, number)
	if err != nil {
		return err
	}
	do(repo, i, user)
	i.UpdatedAt = s.now()
	s.changed()
	return nil
}
