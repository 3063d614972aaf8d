package intake

import (
	"context"
	"errors"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Pull names a pull request.
type Pull struct {
	Repository int64
	Number     int
}

// pullOf is the pull request of which a payload tells that it may have another review or
// another head. Whoever it is that did it is heard: it is no command but a fact, which
// GitHub is asked about.
func pullOf(event string, p *payload) *Pull {
	if p.Repository == nil || p.PullRequest == nil {
		return nil
	}
	switch event + "." + p.Action {
	case "pull_request.synchronize", "pull_request.closed", "pull_request.reopened",
		"pull_request_review.submitted", "pull_request_review.dismissed":
		return &Pull{p.Repository.ID, p.PullRequest.Number}
	}
	return nil
}

// reviewed is the session whose own pull request that is; empty: nobody's.
func (d *Decider) reviewed(ctx context.Context, p Pull) (anvil.SessionID, error) {
	session, err := d.Store.CurrentSession(ctx, p.Repository, p.Number)
	if errors.Is(err, anvil.ErrNotFound) || err == nil && session.PullRequest != p.Number {
		return "", nil
	}
	return session.ID, err
}
