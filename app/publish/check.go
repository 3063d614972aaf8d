package publish

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// panel shows a task while it is under way as a check run on the commit that it works
// on, and brings that up to date as its [Pace] allows; a verdict waits for nothing. Only the head of a pull request gets one: on the head
// of a branch that others build and release from, a check that is pending would hold up
// whatever waits for that commit, and nobody looks for the task there.
func (a *Announcer) panel(ctx context.Context, s anvil.Story) error {
	id, repo, run := s.Task.ID, s.Session.Repository, s.Run()
	onPull := s.Session.PullRequest != 0 || s.Task.Command.Thread.PullRequest
	if s.Task.Outcome != nil || run.BaseCommit == "" || !onPull {
		return nil
	}
	check := a.Words.CheckRun(s)
	check.ExternalID, check.HeadSHA, check.Annotations = string(id), run.BaseCommit, nil
	sum := digest(check.Status, check.Title, check.Summary, check.DetailsURL, fmt.Sprint(check.Actions))
	e, err := once(ctx, a.Store, keyPanel(id), id,
		func(time.Time) (made, bool, error) {
			c, found, err := a.Checks.FindCheckRun(ctx, repo, check.HeadSHA, check.Name, check.ExternalID)
			return made{id: c.ID, url: c.URL}, found, err
		},
		func() (made, error) {
			c, err := a.Checks.CreateCheckRun(ctx, repo, check)
			return made{c.ID, c.URL, sum}, err
		})
	if err != nil || e.Digest == sum {
		return err
	}
	if err := a.wait(s, e.ChangedAt); err != nil {
		return err
	}
	if _, err := a.Checks.UpdateCheckRun(ctx, repo, external(e), check); err != nil {
		return err
	}
	e.Digest = sum
	return a.Store.Effected(ctx, e)
}

// conclude leaves a check run for a task that ended without a pull request. A
// check needs a commit, and the only one is the base; so that nobody's branch
// turns red for it, the conclusion there is neutral. Of a task that published, the
// verdict stands on the published commit, and a panel on the former one points there.
func (a *Announcer) conclude(ctx context.Context, s anvil.Story) error {
	panel, run := s.Effects[keyPanel(s.Task.ID)], s.Run()
	switch {
	case s.Task.Outcome == nil || run.BaseCommit == "":
		return nil
	case s.Task.Outcome.State != anvil.Succeeded:
		check := a.Words.CheckRun(s)
		check.HeadSHA, check.Conclusion = run.BaseCommit, "neutral"
		return postCheck(ctx, a.Store, a.Checks, s, check)
	case panel.State != anvil.Done || panel.Digest == digest("moved"):
		return nil
	}
	if _, err := a.Checks.UpdateCheckRun(ctx, s.Session.Repository, external(panel), a.Words.Moved(s)); err != nil {
		return err
	}
	panel.Digest = digest("moved")
	return a.Store.Effected(ctx, panel)
}

// postCheck makes a task's one check run with a verdict: the one that showed the task
// under way, if it stands on the same commit. GitHub takes some of the annotations with
// it, and adds the rest by updates. An update that is made twice would add its
// annotations twice, so that each batch is an effect of its own; whether it was
// made is told by how many annotations the check run has.
func postCheck(ctx context.Context, effects Effects, checks Checks, s anvil.Story, check github.CheckRun) error {
	id, repo := s.Task.ID, s.Session.Repository
	check.ExternalID, check.Status = string(id), "completed"
	batches := slices.Collect(slices.Chunk(check.Annotations, github.MaxAnnotations))
	if len(batches) == 0 {
		batches = [][]github.Annotation{nil}
	}
	run := s.Effects[keyPanel(id)]
	if check.HeadSHA != s.Run().BaseCommit {
		run = anvil.Effect{}
	}
	sent := 0
	for i, batch := range batches {
		sent += len(batch)
		check.Annotations = batch
		find := func(time.Time) (made, bool, error) {
			c, found, err := checks.FindCheckRun(ctx, repo, check.HeadSHA, check.Name, check.ExternalID)
			return made{id: c.ID, url: c.URL}, found && c.Status == "completed" && c.Annotations >= sent, err
		}
		do := func() (made, error) {
			c, err := checks.UpdateCheckRun(ctx, repo, external(run), check)
			return made{id: c.ID, url: c.URL}, err
		}
		if run.State != anvil.Done {
			do = func() (made, error) {
				c, err := checks.CreateCheckRun(ctx, repo, check)
				return made{id: c.ID, url: c.URL}, err
			}
		}
		key := keyCheck(id)
		if i > 0 {
			key = fmt.Sprintf("%s/annotations/%d", key, i+1)
		}
		e, err := once(ctx, effects, key, id, find, do)
		if err != nil {
			return err
		}
		if i == 0 {
			run = e
		}
	}
	return nil
}
