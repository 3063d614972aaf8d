package github

import (
	"context"
	"net/http"
	"net/url"

	gh "github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Identity is who we are at GitHub.
type Identity struct {
	AppID int64
	Slug  string
	// Bot is the account that our comments and commits appear under. Its id is 0
	// if GitHub would not tell; its login is always known.
	Bot anvil.Actor
}

// Self asks GitHub who the App is. It shows at start that id, key and clock are
// right.
func (a *App) Self(ctx context.Context) (Identity, error) {
	var app gh.App
	c := call{op: "look up the App", method: http.MethodGet, path: []string{"app"}, out: &app}
	if _, err := a.do(ctx, c); err != nil {
		return Identity{}, err
	}
	if app.GetID() != a.id || app.GetSlug() == "" {
		return Identity{}, c.unreadable("not the App that was asked for")
	}
	self := Identity{AppID: a.id, Slug: app.GetSlug(), Bot: anvil.Actor{Login: app.GetSlug() + "[bot]", Bot: true}}

	// The JWT opens nothing but /app. Accounts are public on github.com, and behind
	// a sign-in on some Enterprise Servers, so an installation's token is better;
	// but the App may have no installation yet.
	var installations []*gh.Installation
	c = call{
		op: "list the App's installations", method: http.MethodGet, path: []string{"app", "installations"},
		query: url.Values{"per_page": {"10"}}, out: &installations,
	}
	if _, err := a.do(ctx, c); err != nil {
		return Identity{}, err
	}
	ask := grant{installation: anonymous}
	for _, i := range installations {
		if i.SuspendedAt == nil {
			ask.installation = i.GetID()
			break
		}
	}
	var user gh.User
	c = call{op: "look up the App's account", grant: ask, method: http.MethodGet, path: []string{"users", self.Bot.Login}, out: &user}
	if _, err := a.do(ctx, c); err == nil {
		self.Bot.ID = user.GetID()
	} else {
		a.log.WarnContext(ctx, "the id of the App's account is not known", "login", self.Bot.Login, "error", err)
	}
	return self, nil
}
