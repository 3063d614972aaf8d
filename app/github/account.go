package github

import (
	"context"
	"errors"
	"net/http"

	gh "github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Account returns the account with an id, as it is called now. It is asked for in the name
// of the App's installation on repo.
func (a *App) Account(ctx context.Context, repo anvil.Repository, id int64) (anvil.Actor, error) {
	var user gh.User
	c := call{
		op: "look up the account", grant: grant{installation: repo.Installation},
		method: http.MethodGet, path: []string{"user", itoa(id)}, out: &user,
	}
	if _, err := a.do(ctx, c); err != nil {
		return anvil.Actor{}, err
	}
	if user.GetID() != id || user.GetLogin() == "" {
		return anvil.Actor{}, c.unreadable("another account than the one that was asked for")
	}
	return actor(&user), nil
}

// PermissionOf is [App.Permission] of an account by its id, whose login may have been changed
// since it was noted, and may be somebody else's now. It returns the account as it is called
// today; the role is empty if it has none, or if the account is gone.
func (a *App) PermissionOf(ctx context.Context, repo anvil.Repository, who anvil.Actor) (now anvil.Actor, role string, err error) {
	id, role, err := a.Permission(ctx, repo, who.Login)
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		return who, "", err
	case err == nil && id == who.ID:
		return who, role, nil
	}
	now, err = a.Account(ctx, repo, who.ID)
	if errors.Is(err, ErrNotFound) {
		return who, "", nil
	}
	if err != nil {
		return who, "", err
	}
	id, role, err = a.Permission(ctx, repo, now.Login)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return now, "", err
	}
	if err != nil || id != who.ID {
		role = ""
	}
	return now, role, nil
}
