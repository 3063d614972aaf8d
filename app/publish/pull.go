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
	title, body := d.Words.PullRequest(story)
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
		n := github.NewPullRequest{Title: title, Body: marked(body, marker), Head: session.Branch, Base: base(story, run), Draft: !run.Rules.Ready}
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
	return number, d.Store.SetPullRequest(ctx, session.ID, number)
}

// refusesDrafts reports whether GitHub refused a pull request because the
// repository's plan has no drafts.
func refusesDrafts(err error) bool {
	e := github.AsError(err)
	return e != nil && e.Kind == github.Invalid && strings.Contains(strings.ToLower(e.Message), "draft")
}

// addTo adds what a further task did to the text of the session's pull request.
// What stands there stays: earlier tasks, and what people made of it.
func (d *Deliverer) addTo(ctx context.Context, story anvil.Story, number int) error {
	repo, marker := story.Session.Repository, d.Markers.Of(story.Task.ID)
	_, err := once(ctx, d.Store, keyPull(story.Task.ID), story.Task.ID, nil, func() (made, error) {
		pull, err := d.Pulls.PullRequest(ctx, repo, number)
		if err != nil || strings.Contains(pull.Body, marker) { // added before
			return made{id: int64(number), url: pull.URL}, err
		}
		more := marked(github.Fit(d.Words.FollowUp(story), github.MaxBody/2, ""), marker)
		body := added(pull.Body, more)
		_, err = d.Pulls.EditPullRequest(ctx, repo, number, github.PullRequestEdit{Body: &body})
		return made{id: int64(number), url: pull.URL}, err
	})
	return err
}

// added is text with more behind it, of which text gives way if there is no room
// for both.
func added(text, more string) string {
	return github.Fit(strings.TrimSpace(text), github.MaxBody-len(more)-2, "") + "\n\n" + more
}

// base is the branch that the pull request is for.
func base(story anvil.Story, run anvil.Run) string {
	if run.BaseRef == story.Session.Branch { // asked for by name; it cannot be both
		return story.Session.Repository.DefaultBranch
	}
	return run.BaseRef
}
