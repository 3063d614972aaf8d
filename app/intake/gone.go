package intake

import (
	"context"
	"errors"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// CodeTargetGone says that a thread is not there any more.
const CodeTargetGone anvil.Code = "TARGET_GONE"

// Gone is an issue that is not where it was: nothing can be told there, and a change
// would belong to nothing.
type Gone struct {
	Repository int64
	Issue      int
	How        string // deleted, or transferred to another repository
}

// gone reads that an issue was deleted or transferred. Whoever did it is heard: it
// is not a command but a fact.
func gone(event string, p *payload) *Reading {
	if event != "issues" || p.Repository == nil || p.Issue == nil {
		return nil
	}
	g := &Gone{Repository: p.Repository.ID, Issue: p.Issue.Number}
	switch p.Action {
	case "deleted":
		g.How = "deleted"
	case "transferred":
		g.How = "transferred to another repository"
	default:
		return nil
	}
	return &Reading{Decision: anvil.Accepted, Gone: g}
}

// end ends every open task of a thread that is gone.
func (d *Decider) end(ctx context.Context, g Gone) error {
	session, err := d.Store.CurrentSession(ctx, g.Repository, g.Issue)
	if errors.Is(err, anvil.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	open, err := d.Store.OpenTasks(ctx, session.ID)
	if err != nil {
		return err
	}
	for _, id := range open {
		story, err := d.Store.Story(ctx, id)
		if err != nil {
			return err
		}
		why := anvil.Problemf(CodeTargetGone, "Ask again where the issue is now", "the issue was %s, so the task was ended", g.How)
		if _, err := d.halt(ctx, story.Run().ID, why); err != nil {
			return err
		}
	}
	return nil
}
