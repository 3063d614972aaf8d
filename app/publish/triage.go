package publish

import (
	"context"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Triage is what GitHub offers to bring a pull request to the right people.
type Triage interface {
	AddLabels(ctx context.Context, repo anvil.Repository, number int, labels []string) error
	RequestReviewers(ctx context.Context, repo anvil.Repository, number int, reviewers []string) error
}

func keyLabels(s anvil.SessionID) string    { return "labels/" + string(s) }
func keyReviewers(s anvil.SessionID) string { return "reviewers/" + string(s) }

// triage gives the session's new pull request the labels and reviewers of the rules,
// once: what people change about them later stays. A label or a reviewer that GitHub
// does not take is no reason to fail what is published already.
func (d *Deliverer) triage(ctx context.Context, story anvil.Story, run anvil.Run, number int) error {
	repo := story.Session.Repository
	for _, c := range []struct {
		key   string
		names []string
		do    func(context.Context, anvil.Repository, int, []string) error
	}{
		{keyLabels(story.Session.ID), run.Rules.Labels, d.Triage.AddLabels},
		{keyReviewers(story.Session.ID), run.Rules.Reviewers, d.Triage.RequestReviewers},
	} {
		if len(c.names) == 0 {
			continue
		}
		_, err := once(ctx, d.Store, c.key, story.Task.ID, nil, func() (made, error) {
			err := c.do(ctx, repo, number, c.names)
			if hopeless(err, d.Now()) {
				d.Log.Warn("the pull request is there without what the rules want", "run", run.ID, "effect", c.key, "error", err)
				err = nil
			}
			return made{}, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
