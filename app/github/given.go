package github

import (
	"context"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// holder adds a token that was given to us.
type holder struct {
	next  http.RoundTripper
	token string
}

func (h holder) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+h.token)
	return h.next.RoundTrip(req)
}

// ours reports whether something was made by this App, or, with a given token, by the
// account that it acts as. No person can have a login that ends in [bot].
func (a *App) ours(app int64, login string) bool {
	if a.given != "" {
		return strings.EqualFold(login, a.bot)
	}
	return app == a.id
}

// Bot returns the account that a given token acts as. Its id is 0 if GitHub would
// not tell.
func (a *App) Bot(ctx context.Context) (anvil.Actor, error) {
	var user gh.User
	c := call{op: "look up our account", method: http.MethodGet, path: []string{"users", a.bot}, out: &user}
	if _, err := a.do(ctx, c); err != nil {
		return anvil.Actor{}, err
	}
	return anvil.Actor{ID: user.GetID(), Login: a.bot, Bot: true}, nil
}

// Named finds a repository by its name, with a given token.
func (a *App) Named(ctx context.Context, owner, name string) (anvil.Repository, error) {
	var r gh.Repository
	c := call{op: "look up the repository", method: http.MethodGet, path: []string{"repos", owner, name}, out: &r}
	if _, err := a.do(ctx, c); err != nil {
		return anvil.Repository{}, err
	}
	return c.repository(0, &r)
}
