package publish

import (
	"context"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// Issues is what GitHub offers for tracking issues.
type Issues interface {
	CreateIssue(ctx context.Context, repo anvil.Repository, n github.NewIssue) (github.Issue, error)
	FindIssue(ctx context.Context, repo anvil.Repository, marker string, since time.Time) (found github.Issue, ok bool, err error)
}

// Tracker opens the issue in which the work of a thread outside of GitHub goes on.
type Tracker struct {
	Effects Effects
	GitHub  Issues
	Markers Markers

	serial serial
}

// Track opens the tracking issue of a thread, unless it is there, and returns its number.
func (t *Tracker) Track(ctx context.Context, thread anvil.PlaceThread, repo anvil.Repository, title, body string) (int, error) {
	key := "track/" + thread.Place + "/" + thread.Thread
	defer t.serial.lock(key)()
	marker := t.Markers.Of(anvil.TaskID(key))
	e, err := once(ctx, t.Effects, key, "",
		func(begun time.Time) (made, bool, error) {
			i, found, err := t.GitHub.FindIssue(ctx, repo, marker, begun)
			return made{id: int64(i.Number), url: i.URL}, found, err
		},
		func() (made, error) {
			i, err := t.GitHub.CreateIssue(ctx, repo, github.NewIssue{Title: title, Body: marked(body, marker)})
			return made{id: int64(i.Number), url: i.URL}, err
		})
	return int(external(e)), err
}
