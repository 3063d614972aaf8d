package publish

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// pullRequest opens the session's pull request, or adds to the one it has, and
// returns its number.
func (d *Deliverer) pullRequest(ctx context.Context, story anvil.Story, run anvil.Run) (int, error) {
	if number := story.Session.PullRequest; number != 0 {
		return number, d.addTo(ctx, story, number)
	}
	bot, err := d.Bot(ctx)
	if err != nil {
		return 0, err
	}
	repo, session := story.Session.Repository, story.Session
	title, body := d.Words.PullRequest([]anvil.Story{story})
	marker := d.Markers.Of(anvil.TaskID(session.ID))
	find := func(time.Time) (made, bool, error) {
		pull, found, err := d.Pulls.FindPullRequest(ctx, repo, session.Branch)
		if err != nil || !found {
			return made{}, false, err
		}
		ours := pull.AuthorID == bot.ID || bot.ID == 0 && strings.Contains(pull.Body, marker)
		if !ours && pull.State == "open" {
			err = anvil.Problemf("PR_CONFLICT", "Close that pull request, then comment /anvil retry.", "somebody else opened pull request #%d from %s", pull.Number, session.Branch)
		}
		return made{id: int64(pull.Number), url: pull.URL}, ours, err
	}
	e, err := once(ctx, d.Store, keyPull(story.Task.ID), story.Task.ID, find, func() (made, error) {
		n := github.NewPullRequest{Title: title, Body: d.Markers.Within("", session.ID, body), Head: session.Branch, Base: base(story, run), Draft: !run.Rules.OpensReady()}
		pull, err := d.Pulls.CreatePullRequest(ctx, repo, n)
		if n.Draft && refusesDrafts(err) {
			n.Draft = false
			pull, err = d.Pulls.CreatePullRequest(ctx, repo, n)
		}
		if errors.Is(err, github.ErrExists) {
			m, found, err := find(time.Time{})
			if err == nil && !found {
				err = anvil.Problemf("PR_CONFLICT", "Close the other pull request from that branch, then comment /anvil retry.", "GitHub says that %s has a pull request already, and shows none", session.Branch)
			}
			return m, err
		}
		return made{id: int64(pull.Number), url: pull.URL}, err
	})
	if err != nil {
		return 0, err
	}
	number := int(external(e))
	if err := d.triage(ctx, story, run, number); err != nil {
		return 0, err
	}
	return number, d.Store.SetPullRequest(ctx, session.ID, number)
}

// refusesDrafts reports whether GitHub refused a pull request because the
// repository's plan has no drafts.
func refusesDrafts(err error) bool {
	e := github.AsError(err)
	return e != nil && e.Kind == github.Invalid && strings.Contains(strings.ToLower(e.Message), "draft")
}

// addTo tells anew, in the session's pull request, what its tasks did. What people
// wrote there around it stays.
func (d *Deliverer) addTo(ctx context.Context, story anvil.Story, number int) error {
	_, err := once(ctx, d.Store, keyPull(story.Task.ID), story.Task.ID, nil, func() (made, error) {
		before, err := d.Store.Succeeded(ctx, story.Session.ID)
		if err != nil {
			return made{}, err
		}
		pull, err := d.Pulls.PullRequest(ctx, story.Session.Repository, number)
		if err != nil {
			return made{}, err
		}
		_, told := d.Words.PullRequest(append(before, story))
		body := d.Markers.Within(pull.Body, story.Session.ID, told)
		if body != pull.Body {
			_, err = d.Pulls.EditPullRequest(ctx, story.Session.Repository, number, github.PullRequestEdit{Body: &body})
		}
		return made{id: int64(number), url: pull.URL}, err
	})
	return err
}

// base is the branch that the pull request is for.
func base(story anvil.Story, run anvil.Run) string {
	if run.BaseRef == story.Session.Branch { // asked for by name; it cannot be both
		return story.Session.Repository.DefaultBranch
	}
	return run.BaseRef
}
