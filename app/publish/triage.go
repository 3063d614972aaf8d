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
	repo, rules := story.Session.Repository, run.Rules
	give := func(key string, names []string, do func() error) error {
		if len(names) == 0 {
			return nil
		}
		_, err := once(ctx, d.Store, key, story.Task.ID, nil, func() (made, error) {
			err := do()
			if hopeless(err, d.Now()) {
				d.Log.Warn("the pull request is there without what the rules want", "run", run.ID, "effect", key, "error", err)
				err = nil
			}
			return made{}, err
		})
		return err
	}
	if err := give(keyLabels(story.Session.ID), rules.Labels, func() error { return d.Triage.AddLabels(ctx, repo, number, rules.Labels) }); err != nil {
		return err
	}
	return give(keyReviewers(story.Session.ID), rules.Reviewers, func() error { return d.Triage.RequestReviewers(ctx, repo, number, rules.Reviewers) })
}
