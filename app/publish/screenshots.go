package publish

import (
	"context"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// screenshots brings the run's pictures to the repository, as the files of a commit that no
// branch has: who may see the repository sees them, and nobody else. They are an
// addition; what waiting doesn't cure costs them, and not the change.
func (d *Deliverer) screenshots(ctx context.Context, story anvil.Story, run anvil.Run) error {
	if run.Report == nil || len(run.Report.Screenshots) == 0 {
		return nil
	}
	e, err := d.pushScreenshots(ctx, story, run)
	if d.final(err, run) != nil {
		d.Log.Warn("no screenshots", "run", run.ID, "error", err)
		return nil
	}
	if err == nil {
		story.Effects[e.Key] = e // what is told next shows them
	}
	return err
}

func (d *Deliverer) pushScreenshots(ctx context.Context, story anvil.Story, run anvil.Run) (anvil.Effect, error) {
	repo, key := story.Session.Repository, keyScreenshots(story.Task.ID)
	if e := story.Effects[key]; e.State == anvil.Done {
		return e, nil
	}
	files := map[string][]byte{}
	for i := range run.Report.Screenshots {
		b, err := d.Screenshot(ctx, run, i)
		if err != nil {
			return anvil.Effect{}, anvil.Problemf("SCREENSHOT", "Have the commands below screenshots write PNG files", "screenshot %d cannot be shown: %v", i+1, err).Because(err)
		}
		files[anvil.ScreenshotFile(i+1)] = b
	}
	quarantine, err := d.Quarantine(ctx, story)
	if err != nil {
		return anvil.Effect{}, err
	}
	author, err := d.Bot(ctx)
	if err != nil {
		return anvil.Effect{}, err
	}
	commit := d.commitOf(story, run, author)
	commit.Parents, commit.Message = nil, "Screenshots of task "+string(story.Task.ID)
	if commit.Tree, err = quarantine.WithFiles(ctx, "", files); err != nil {
		return anvil.Effect{}, err
	}
	id, err := quarantine.CommitTree(ctx, commit)
	if err != nil {
		return anvil.Effect{}, err
	}
	// The same files make the same commit, so a push that may have been is made again.
	return once(ctx, d.Store, key, story.Task.ID, nil, func() (made, error) {
		token, _, err := d.GitHub.PublishToken(ctx, repo)
		if err != nil {
			return made{}, err
		}
		home := d.GitHub.CloneURL(repo)
		err = quarantine.Push(ctx, home, token, id, "refs/anvil/screenshots/"+string(story.Task.ID), "")
		return made{url: strings.TrimSuffix(home, ".git") + "/blob/" + id}, d.pushProblem(err, run, "refs/anvil/screenshots", "")
	})
}
