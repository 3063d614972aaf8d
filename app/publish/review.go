package publish

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// Threads is what GitHub offers for the threads of a review.
type Threads interface {
	ReplyToReview(ctx context.Context, repo anvil.Repository, number int, comment int64, body string) (github.Comment, error)
	ReviewThreads(ctx context.Context, repo anvil.Repository, number int) ([]github.ReviewThread, error)
	ResolveThread(ctx context.Context, repo anvil.Repository, id string) error
}

// answerReview answers each thread of the review that an ended task took up, and
// resolves those whose change is in.
func (a *Announcer) answerReview(ctx context.Context, s anvil.Story) error {
	review, number, id := s.Task.Command.Review, s.Session.PullRequest, s.Task.ID
	if review == nil || number == 0 || s.Task.Outcome == nil {
		return nil
	}
	repo := s.Session.Repository
	var threads map[int64]github.ReviewThread // asked for once, when it is needed
	thread := func(comment int64) (github.ReviewThread, bool, error) {
		if threads == nil {
			all, err := a.Threads.ReviewThreads(ctx, repo, number)
			if err != nil {
				return github.ReviewThread{}, false, err
			}
			threads = map[int64]github.ReviewThread{}
			for _, t := range all {
				threads[t.Comment] = t
			}
		}
		t, ok := threads[comment]
		return t, ok, nil
	}
	for _, c := range review.Comments {
		key := fmt.Sprintf("review-answer/%s/%d", id, c.ID)
		marker := a.Markers.Of(anvil.TaskID(key))
		_, err := once(ctx, a.Store, key, id,
			func(time.Time) (made, bool, error) {
				t, _, err := thread(c.ID)
				return made{}, strings.Contains(strings.Join(t.Bodies, "\n"), marker), err
			},
			func() (made, error) {
				m, err := a.Threads.ReplyToReview(ctx, repo, number, c.ID, marked(a.Words.ReviewAnswer(s), marker))
				return made{id: m.ID, url: m.URL}, err
			})
		if err != nil && !hopeless(err, a.Now()) { // the thread may be gone
			return err
		}
		if s.Task.Outcome.State != anvil.Succeeded {
			continue
		}
		// Resolving twice is the same as once.
		_, err = once(ctx, a.Store, fmt.Sprintf("review-resolved/%s/%d", id, c.ID), id, nil, func() (made, error) {
			t, ok, err := thread(c.ID)
			if err != nil || !ok || t.Resolved {
				return made{}, err
			}
			return made{}, a.Threads.ResolveThread(ctx, repo, t.ID)
		})
		if err != nil && !hopeless(err, a.Now()) {
			return err
		}
	}
	return nil
}
