package github

import (
	"context"
	"errors"
	"net/http"

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

// Unreact takes a reaction of ours back. One that is gone already is no error.
func (a *App) Unreact(ctx context.Context, repo anvil.Repository, on Target, id int64) error {
	c := onRepo("take a reaction back", repo, mayWriteIssues, http.MethodDelete, append(on.path(), itoa(id))...)
	if _, err := a.do(ctx, c); !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}
