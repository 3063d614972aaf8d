package github

import (
	"context"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// A token that is handed on must outlive what it is used for: a runner's fetch
// of a large repository, a push.
const handedLife = 30 * time.Minute

// ReadToken returns a token that may read the contents of repo and nothing else,
// for the runner's fetch. It is never a token that this package uses itself.
func (a *App) ReadToken(ctx context.Context, repo anvil.Repository) (token string, expires time.Time, err error) {
	return a.hand(ctx, "get a read token", grantOn(repo, mayReadContents))
}

// PublishToken returns a token that may push to repo and open pull requests
// there, for the one push of a checked change.
func (a *App) PublishToken(ctx context.Context, repo anvil.Repository) (token string, expires time.Time, err error) {
	return a.hand(ctx, "get a publish token", grantOn(repo, mayPublish))
}

func (a *App) hand(ctx context.Context, op string, g grant) (string, time.Time, error) {
	if a.given != "" {
		return a.given, a.now().Add(2 * handedLife), nil // how long it lives is not told
	}
	g.handed = true
	if err := a.paused(op, g); err != nil {
		return "", time.Time{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	for range 2 {
		e := a.granted(g)
		i, err := a.token(ctx, g, e)
		if err != nil {
			return "", time.Time{}, err
		}
		if i.expires.Sub(a.now()) >= handedLife {
			return i.token, i.expires, nil
		}
		a.forget(g, e) // too short a life left: once more, with a new one
	}
	return "", time.Time{}, &Error{Op: op, Kind: BadResponse, Message: "GitHub's tokens expire too soon; check the clocks"}
}

// forget drops e, or whatever g has if e is nil, so that the next caller gets a
// new token.
func (a *App) forget(g grant, e *granted) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e == nil || a.grants[g] == e {
		delete(a.grants, g)
	}
}
