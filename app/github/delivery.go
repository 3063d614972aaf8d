package github

import (
	"context"
	"net/http"
	"net/url"
	"time"

	gh "github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// maxAttemptPages bounds how far back one look at the attempts to deliver goes, in
// hundreds.
const maxAttemptPages = 50

// Attempts lists GitHub's attempts to deliver webhooks to this App since a time, newest
// first, without those under way. With failed only those that GitHub says have failed,
// as far as it can tell them apart: an older Enterprise Server lists all. GitHub keeps
// attempts for three days. Whole is false if there were more than can be looked at.
func (a *App) Attempts(ctx context.Context, since time.Time, failed bool) (all []anvil.Attempt, whole bool, err error) {
	cursor := ""
	for range maxAttemptPages {
		var page []*gh.HookDelivery
		c := call{op: "list deliveries of webhooks", method: http.MethodGet, path: []string{"app", "hook", "deliveries"}, query: url.Values{"per_page": {"100"}}, out: &page}
		if failed {
			c.query.Set("status", "failure")
		}
		if cursor != "" {
			c.query.Set("cursor", cursor)
		}
		c.cursor = &cursor
		if _, err := a.do(ctx, c); err != nil {
			return nil, false, err
		}
		for _, d := range page {
			if d.GetDeliveredAt().Before(since) {
				return all, true, nil
			}
			if d.GetID() == 0 || d.GetGUID() == "" {
				return nil, false, c.unreadable("a delivery without an id")
			}
			all = append(all, anvil.Attempt{ID: d.GetID(), Delivery: anvil.DeliveryID(d.GetGUID()), Event: d.GetEvent(), At: d.GetDeliveredAt().Time, Status: d.GetStatusCode()})
		}
		if cursor == "" {
			return all, true, nil
		}
	}
	return all, false, nil
}

// Redeliver has GitHub make another attempt, with the same payload and the same delivery
// id. It is made some time after the answer.
func (a *App) Redeliver(ctx context.Context, attempt int64) error {
	_, err := a.do(ctx, call{op: "ask for another delivery", method: http.MethodPost, path: []string{"app", "hook", "deliveries", itoa(attempt), "attempts"}})
	return err
}
