package publish

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// Words renders a task's story for the places in which it is told.
type Words struct {
	Comment       func(anvil.Story) string
	Question      func(anvil.Story) string                 // asks the requester what the agent wants to know
	PullRequest   func([]anvil.Story) (title, body string) // of all tasks of the session that changed it, in order
	CheckRun      func(anvil.Story) github.CheckRun
	Moved         func(anvil.Story) github.CheckRun // in its place on the commit that was worked on, once there is another
	CommitMessage func(anvil.Story) string
	ReviewAnswer  func(anvil.Story) string // in each thread of a review that was taken up
}

// Talk is what GitHub offers to talk with people.
type Talk interface {
	CreateComment(ctx context.Context, repo anvil.Repository, issue int, body string) (github.Comment, error)
	EditComment(ctx context.Context, repo anvil.Repository, id int64, body string) (github.Comment, error)
	FindComment(ctx context.Context, repo anvil.Repository, issue int, marker string, since time.Time) (github.Comment, bool, error)
	React(ctx context.Context, repo anvil.Repository, on github.Target, content string) (id int64, err error)
	Unreact(ctx context.Context, repo anvil.Repository, on github.Target, id int64) error
	Scarce(repo anvil.Repository) (until time.Time)
}

// Checks is what GitHub offers for check runs.
type Checks interface {
	CreateCheckRun(ctx context.Context, repo anvil.Repository, r github.CheckRun) (github.PostedCheckRun, error)
	UpdateCheckRun(ctx context.Context, repo anvil.Repository, id int64, r github.CheckRun) (github.PostedCheckRun, error)
	FindCheckRun(ctx context.Context, repo anvil.Repository, sha, name, externalID string) (github.PostedCheckRun, bool, error)
}

// AnnounceStore is what announcing reads and records.
type AnnounceStore interface {
	Effects
	Story(ctx context.Context, id anvil.TaskID) (anvil.Story, error)
	StoryOfRun(ctx context.Context, id anvil.RunID) (anvil.Story, error)
	Delivery(ctx context.Context, id anvil.DeliveryID) (anvil.Delivery, error)
	Told(ctx context.Context, id anvil.TaskID, version int64) error
}

// Announcer is the announce hop, and the reply hop beside it.
type Announcer struct {
	Store   AnnounceStore
	Talk    Talk
	Checks  Checks
	Threads Threads
	Words   Words
	Markers Markers
	Places  map[string]Place // besides GitHub, by name
	Server  string
	Pace    Pace // of what is edited in place
	Now     func() time.Time
	Log     *slog.Logger

	serial serial
}

// Announce shows people where a task is: a reaction at once, one comment that is
// edited in place, and at the end the reaction and the check run that say how it
// ended. What one of them cannot say does not keep the others from saying it, and what
// one may not say yet is said later, by then as it is.
func (a *Announcer) Announce(ctx context.Context, key string) error {
	defer a.serial.lock(key)()
	story, err := a.Store.Story(ctx, anvil.TaskID(key))
	if err != nil || story.Told { // told: by a call that was at work while this one waited
		return err
	}
	story.Server = a.Server
	elsewhere := make(chan error, 1)
	go func() { elsewhere <- a.elsewhere(ctx, story) }() // neither waits for the other's outage
	var again error
	var all []func(context.Context, anvil.Story) error
	if thread(story) >= 0 { // else there is no issue to tell it on, until somebody asks on the pull request
		all = append(all, a.react, a.comment, a.ask)
	}
	all = append(all, a.panel, a.conclude, a.answerReview)
	for _, show := range all {
		err := show(ctx, story)
		switch {
		case err == nil:
		case hopeless(err, a.Now()):
			// The issue is gone, or the App may not write there any more. The
			// task goes on; there is nobody to tell.
			a.Log.Warn("could not be told", "task", key, "error", err)
		case again == nil:
			again = err
		}
	}
	if err := <-elsewhere; again == nil {
		again = err
	}
	if again != nil {
		return later(again, a.Now())
	}
	return a.Store.Told(ctx, story.Task.ID, story.Task.Version)
}

// target is what the reactions of a task are on: the comment that asked for it,
// or the issue that was labelled or assigned.
func target(s anvil.Story) github.Target {
	if id := s.Task.Command.Comment; id != 0 {
		return github.Target{Comment: id}
	}
	return github.Target{Issue: thread(s)}
}

// thread is where a task was asked for, and so where it is told of: the session's
// issue, or its pull request.
func thread(s anvil.Story) int { return cmp.Or(s.Task.Command.Thread.Issue, s.Session.Issue) }

// react shows one reaction at a time: eyes while the task is open, then how it
// ended.
func (a *Announcer) react(ctx context.Context, s anvil.Story) error {
	id, repo, on := s.Task.ID, s.Session.Repository, target(s)
	// An equal reaction is made only once by GitHub itself, so none is looked for.
	reaction := func(key, content string) (anvil.Effect, error) {
		return once(ctx, a.Store, key, id, nil, func() (made, error) {
			n, err := a.Talk.React(ctx, repo, on, content)
			return made{id: n}, err
		})
	}
	if s.Task.Outcome == nil {
		_, err := reaction(keyEyes(id), "eyes")
		return err
	}
	content := "confused"
	switch s.Task.Outcome.State {
	case anvil.Succeeded, anvil.Unchanged:
		content = "rocket"
	}
	if s.Effects[keyReaction(id)].State == anvil.Done {
		return nil
	}
	if _, begun := s.Effects[keyEyes(id)]; begun {
		eyes, err := reaction(keyEyes(id), "eyes") // its id, if the answer got lost
		if err != nil {
			return err
		}
		if err := a.Talk.Unreact(ctx, repo, on, external(eyes)); err != nil {
			return err
		}
	}
	_, err := reaction(keyReaction(id), content)
	return err
}

// comment writes the task's one comment, or brings it up to date as its [Pace] allows.
func (a *Announcer) comment(ctx context.Context, s anvil.Story) error {
	id, repo := s.Task.ID, s.Session.Repository
	marker := a.Markers.Of(id)
	body := marked(a.Words.Comment(s), marker)
	sum := digest(body)
	var met time.Time
	e, err := once(ctx, a.Store, keyComment(id), id,
		func(begun time.Time) (made, bool, error) {
			c, found, err := a.Talk.FindComment(ctx, repo, thread(s), marker, begun)
			met = a.Now() // written a moment ago, for all we know
			return made{id: c.ID, url: c.URL}, found, err
		},
		func() (made, error) {
			c, err := a.Talk.CreateComment(ctx, repo, thread(s), body)
			return made{c.ID, c.URL, sum}, err
		})
	if err != nil || e.Digest == sum {
		return err
	}
	if err := a.wait(s, latest(e.ChangedAt, met)); err != nil {
		return err
	}
	// Somebody who deletes the comment does not want it.
	if _, err = a.Talk.EditComment(ctx, repo, external(e), body); err != nil && !errors.Is(err, github.ErrNotFound) {
		return err
	}
	e.Digest = sum
	return a.Store.Effected(ctx, e)
}

// wait says whether a text that was last written at a time may be written now.
func (a *Announcer) wait(s anvil.Story, written time.Time) error {
	return a.Pace.wait(s, written, a.Now(), a.Talk.Scarce(s.Session.Repository))
}

// ask writes the comment with the question of a run that waits for its answer.
func (a *Announcer) ask(ctx context.Context, s anvil.Story) error {
	run := s.Run()
	if run.State != anvil.Waiting {
		return nil
	}
	key := KeyQuestion(run.ID)
	marker := a.Markers.Of(anvil.TaskID(key))
	_, err := once(ctx, a.Store, key, s.Task.ID,
		func(begun time.Time) (made, bool, error) {
			c, found, err := a.Talk.FindComment(ctx, s.Session.Repository, thread(s), marker, begun)
			return made{id: c.ID, url: c.URL}, found, err
		},
		func() (made, error) {
			c, err := a.Talk.CreateComment(ctx, s.Session.Repository, thread(s), marked(a.Words.Question(s), marker))
			return made{id: c.ID, url: c.URL}, err
		})
	return err
}

// Reply gives the answer to a delivery that opened no task.
func (a *Announcer) Reply(ctx context.Context, key string) error {
	d, err := a.Store.Delivery(ctx, anvil.DeliveryID(key))
	if err != nil || d.Reply == nil {
		return err
	}
	if name := d.Reply.Origin.Place; name != "" {
		if place := a.Places[name]; place != nil {
			return place.Answer(ctx, d)
		}
		return nil // it is not configured any more
	}
	err = a.reply(ctx, d.ID, *d.Reply)
	if hopeless(err, a.Now()) {
		a.Log.Warn("could not be answered", "delivery", key, "error", err)
		return nil
	}
	return later(err, a.Now())
}

func (a *Announcer) reply(ctx context.Context, id anvil.DeliveryID, r anvil.Reply) error {
	key := "reply/" + string(id)
	if r.Once != "" {
		key = "reply/" + r.Once
	}
	defer a.serial.lock(key)() // several deliveries may share it
	if r.Reaction != "" {
		on := github.Target{Comment: r.Comment, Issue: r.Issue}
		_, err := once(ctx, a.Store, "reply-reaction/"+string(id), "", nil, func() (made, error) {
			n, err := a.Talk.React(ctx, r.Repository, on, r.Reaction)
			return made{id: n}, err
		})
		// The comment may be gone. The words are for the thread all the same.
		if err != nil && !(hopeless(err, a.Now()) && r.Text != "") {
			return err
		}
	}
	if r.Text == "" {
		return nil
	}
	marker := a.Markers.Of(anvil.TaskID(key))
	_, err := once(ctx, a.Store, key, "",
		func(begun time.Time) (made, bool, error) {
			c, found, err := a.Talk.FindComment(ctx, r.Repository, r.Issue, marker, begun)
			return made{id: c.ID, url: c.URL}, found, err
		},
		func() (made, error) {
			c, err := a.Talk.CreateComment(ctx, r.Repository, r.Issue, marked(r.Text, marker))
			return made{id: c.ID, url: c.URL}, err
		})
	return err
}
