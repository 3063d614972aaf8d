package github

import (
	"context"
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
