package github

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	gh "github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Target is what a reaction is on: a comment if Comment is set, else an issue or
// pull request.
type Target struct {
	Comment int64
	Issue   int
}

func (t Target) path() []string {
	if t.Comment != 0 {
		return []string{"issues", "comments", itoa(t.Comment), "reactions"}
	}
	return []string{"issues", itoa(t.Issue), "reactions"}
}

// React adds a reaction (eyes, rocket, confused, …) and returns its id. A second
// equal one is the first.
func (a *App) React(ctx context.Context, repo anvil.Repository, on Target, content string) (id int64, err error) {
	var answer struct {
		ID int64 `json:"id"`
	}
	c := onRepo("react", repo, mayWriteIssues, http.MethodPost, on.path()...)
	c.body = struct {
		Content string `json:"content"`
	}{content}
	c.out = &answer
	if _, err := a.do(ctx, c); err != nil {
		return 0, err
	}
	if answer.ID == 0 {
		return 0, c.unreadable("a reaction without an id")
	}
	return answer.ID, nil
}

// Reaction is what somebody showed.
type Reaction struct {
	ID int64
	By anvil.Actor
}

// Reactions returns the first hundred reactions of one kind.
func (a *App) Reactions(ctx context.Context, repo anvil.Repository, on Target, content string) ([]Reaction, error) {
	var all []struct {
		ID   int64    `json:"id"`
		User *gh.User `json:"user"`
	}
	c := onRepo("look at reactions", repo, mayReadIssues, http.MethodGet, on.path()...)
	c.query, c.out = url.Values{"content": {content}, "per_page": {"100"}}, &all
	if _, err := a.do(ctx, c); err != nil {
		return nil, err
	}
	var found []Reaction
	for _, r := range all {
		if r.User.GetID() != 0 { // else the account is gone
			found = append(found, Reaction{r.ID, anvil.Actor{ID: r.User.GetID(), Login: r.User.GetLogin(), Bot: r.User.GetType() != "User"}})
		}
	}
	return found, nil
}

// Unreact takes a reaction of ours back. One that is gone already is no error.
func (a *App) Unreact(ctx context.Context, repo anvil.Repository, on Target, id int64) error {
	c := onRepo("take a reaction back", repo, mayWriteIssues, http.MethodDelete, append(on.path(), itoa(id))...)
	if _, err := a.do(ctx, c); !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}
