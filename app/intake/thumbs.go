package intake

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

// ThumbStore is what looking for thumbs reads and changes.
type ThumbStore interface {
	Resting(ctx context.Context, since time.Time) ([]anvil.Run, error)
	StoryOfRun(ctx context.Context, id anvil.RunID) (anvil.Story, error)
	Answer(ctx context.Context, id anvil.RunID, a anvil.Answering) error
}

// Reactors is what GitHub tells of them.
type Reactors interface {
	Reactions(ctx context.Context, repo anvil.Repository, on github.Target, content string) ([]github.Reaction, error)
	Permission(ctx context.Context, repo anvil.Repository, login string) (userID int64, role string, err error)
}

// Thumbs approves plans whose comment somebody with write access gave a thumbs-up.
// GitHub has no webhook for reactions, so the comments of plans that wait are looked
// at, ever more seldom. It keeps nothing that a restart could lose.
type Thumbs struct {
	Store  ThumbStore
	GitHub Reactors
	// Question is the key of the effect that is a run's comment with its plan.
	Question func(anvil.RunID) string
	Now      func() time.Time
	Log      *slog.Logger

	looked map[anvil.RunID]time.Time // when, by Watch alone
	denied map[int64]time.Time       // reactions that did not count, and when
}

const (
	lookEvery = 5 * time.Second
	lookMost  = 20               // plans in one round
	denyFor   = 10 * time.Minute // a role may be given meanwhile
)

// pause is how long after a look a plan of that age is looked at again.
func pause(age time.Duration) time.Duration {
	switch {
	case age < 2*time.Minute:
		return lookEvery
	case age < time.Hour:
		return 30 * time.Second
	}
	return 5 * time.Minute
}

// Watch looks until ctx ends.
func (t *Thumbs) Watch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := t.Look(ctx); err != nil && ctx.Err() == nil {
				t.Log.Error("thumbs", "error", err)
			}
		}
	}
}

// Look looks once at the plans whose time it is. One call at a time.
func (t *Thumbs) Look(ctx context.Context) error {
	now := t.Now()
	resting, err := t.Store.Resting(ctx, now)
	if err != nil {
		return err
	}
	looked, left := map[anvil.RunID]time.Time{}, lookMost
	for _, run := range resting {
		if run.State != anvil.Waiting || run.Question == nil || run.Question.Plan == "" {
			continue
		}
		last := t.looked[run.ID]
		looked[run.ID] = last
		if left == 0 || now.Sub(last) < pause(now.Sub(run.ChangedAt)) {
			continue
		}
		left--
		looked[run.ID] = now
		if err := t.plan(ctx, run); err != nil { // such as GitHub's limits: the next round sees
			t.Log.Warn("a plan's reactions could not be looked at", "run", run.ID, "error", err)
		}
	}
	t.looked = looked
	return nil
}

// plan looks at the comment of one plan.
func (t *Thumbs) plan(ctx context.Context, run anvil.Run) error {
	story, err := t.Store.StoryOfRun(ctx, run.ID)
	if err != nil {
		return err
	}
	comment := story.Effects[t.Question(run.ID)]
	id, err := strconv.ParseInt(comment.ExternalID, 10, 64)
	if comment.State != anvil.Done || err != nil {
		return nil // it is not there yet
	}
	repo := story.Session.Repository
	thumbs, err := t.GitHub.Reactions(ctx, repo, github.Target{Comment: id}, "+1")
	if err != nil {
		return err
	}
	for _, thumb := range thumbs {
		counts, err := t.counts(ctx, story, run, thumb)
		if err != nil {
			return err
		}
		if !counts {
			continue
		}
		err = t.Store.Answer(ctx, run.ID, anvil.Answering{Text: "Approved. Carry out this plan.", By: thumb.By, Approves: run.Question.Plan})
		var moved *anvil.MoveError
		if errors.As(err, &moved) || errors.Is(err, anvil.ErrNotFound) {
			return nil // answered, or planned anew, a moment ago
		}
		t.Log.Info("a plan was approved by a thumbs-up", "run", run.ID, "by", thumb.By.ID)
		return err
	}
	return nil
}

// counts reports whether a thumb is of somebody who may approve the plan.
func (t *Thumbs) counts(ctx context.Context, story anvil.Story, run anvil.Run, thumb github.Reaction) (bool, error) {
	if thumb.By.Bot || run.Rules.OthersApprove && thumb.By.ID == story.Task.Command.Requester.ID || t.Now().Sub(t.denied[thumb.ID]) < denyFor {
		return false, nil
	}
	id, role, err := t.GitHub.Permission(ctx, story.Session.Repository, thumb.By.Login)
	if err != nil && !errors.Is(err, github.ErrNotFound) {
		return false, err
	}
	if id == thumb.By.ID && policy.MayAsk(run.Rules, role) {
		return true, nil
	}
	if t.denied == nil || len(t.denied) >= 10_000 {
		t.denied = map[int64]time.Time{}
	}
	t.denied[thumb.ID] = t.Now()
	return false, nil
}
