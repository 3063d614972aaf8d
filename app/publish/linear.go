package publish

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/linear"
	"github.com/seed-bc0cc349/anvil/app/queue"
)

// LinearTalk is what Linear offers to talk with people.
type LinearTalk interface {
	Say(ctx context.Context, session string, a linear.Activity) error
	ShowPlan(ctx context.Context, session string, steps []linear.Step) error
	ShowLinks(ctx context.Context, session string, links []linear.Link) error
	Issue(ctx context.Context, id string) (linear.Issue, error)
	MoveIssue(ctx context.Context, id, state string) error
}

// LinearStore is what showing in Linear reads and records.
type LinearStore interface {
	Effects
	Story(ctx context.Context, id anvil.TaskID) (anvil.Story, error)
	Delivery(ctx context.Context, id anvil.DeliveryID) (anvil.Delivery, error)
}

// Linear is the [Place] Linear. An activity has an id that is made of what it is about,
// and Linear takes each once: so what is said twice stands there once, and nothing needs
// to be looked for first.
type Linear struct {
	Store LinearStore
	Talk  LinearTalk
	View  func(anvil.Story) linear.View
	// Key keeps the ids of activities from being foreseen.
	Key []byte
	// Review is the name of the state for issues with a pull request; empty: the first
	// started one that has review in its name.
	Review string
	Now    func() time.Time
	Log    *slog.Logger

	serial serial // by session: what is said must not overtake what was
}

// beat is how often something is said while a task is at work, if nothing else is.
// Linear shows a session as stale after half an hour of silence.
const beat = 20 * time.Minute

// Show implements [Place].
func (p *Linear) Show(ctx context.Context, s anvil.Story, t anvil.PlaceThread) error {
	defer p.serial.lock(t.Thread)()
	v := p.View(s)
	prefix := "linear/" + t.Thread + "/" + string(s.Task.ID) + "/"
	for _, said := range v.Say {
		if err := p.say(ctx, s.Task.ID, t.Thread, prefix+said.Key, said.Activity); err != nil {
			return p.later(err, "say "+said.Key)
		}
	}
	if n := int(p.Now().Sub(s.Task.CreatedAt) / beat); v.Working && n > 0 {
		a := linear.Activity{Type: linear.Thought, Body: fmt.Sprintf("Still at it, after %d minutes.", n*int(beat/time.Minute)), Fleeting: true}
		if err := p.say(ctx, s.Task.ID, t.Thread, fmt.Sprintf("%sbeat-%d", prefix, n), a); err != nil {
			return p.later(err, "say that it goes on")
		}
	}
	if err := p.keep(ctx, s.Task.ID, prefix+"links", v.Links, func() error { return p.Talk.ShowLinks(ctx, t.Thread, v.Links) }); err != nil {
		return p.later(err, "show the links")
	}
	if err := p.keep(ctx, s.Task.ID, prefix+"plan", v.Plan, func() error { return p.Talk.ShowPlan(ctx, t.Thread, v.Plan) }); err != nil {
		return p.later(err, "show the plan")
	}
	return p.later(p.move(ctx, s, t, v.Stage), "move the issue")
}

// Answer implements [Place].
func (p *Linear) Answer(ctx context.Context, d anvil.Delivery) error {
	r := d.Reply
	defer p.serial.lock(r.Origin.Thread)()
	if r.Text == "" {
		return nil // what the task shows says it all
	}
	a := linear.Activity{Type: linear.Response, Body: r.Text}
	for _, c := range r.Choices {
		a.Choices = append(a.Choices, linear.Choice{Value: c})
	}
	switch {
	case len(a.Choices) > 0:
		a.Type = linear.Elicitation
	case r.Reaction == "confused":
		a.Type = linear.Failure
	case d.Task != "":
		// A response would say that all is over.
		if story, err := p.Store.Story(ctx, d.Task); err == nil && story.Task.Outcome == nil {
			a.Type = linear.Thought
		}
	}
	return p.later(p.say(ctx, "", r.Origin.Thread, "linear/"+r.Origin.Thread+"/reply/"+string(d.ID), a), "answer")
}

// Greet says at once that something was heard, whatever state GitHub is in. It goes away
// with the next activity; once there was one it is not said any more.
func (p *Linear) Greet(ctx context.Context, key string) error {
	session, ok := linearSession(key)
	if !ok {
		return nil
	}
	defer p.serial.lock(session)()
	d, err := p.Store.Delivery(ctx, anvil.DeliveryID(key))
	if err != nil || d.Decision == anvil.Ignored || d.Reply != nil && d.Reply.Text != "" {
		return err
	}
	if d.Task != "" {
		if story, err := p.Store.Story(ctx, d.Task); err != nil || !story.Run().CreatedAt.IsZero() && story.Task.Outcome != nil {
			return err
		}
	}
	return p.later(p.say(ctx, "", session, "linear/"+session+"/greet/"+key, linear.Activity{
		Type: linear.Thought, Body: "Heard. Looking who asks, and for which repository.", Fleeting: true,
	}), "greet")
}

// linearSession is the session that a delivery's id names.
func linearSession(delivery string) (string, bool) {
	parts := strings.Split(delivery, ":")
	if len(parts) != 4 || parts[0] != "linear" {
		return "", false
	}
	return parts[1], true
}

// say creates an activity, once.
func (p *Linear) say(ctx context.Context, task anvil.TaskID, session, key string, a linear.Activity) error {
	a.ID = linear.ID(p.Key, key)
	_, err := once(ctx, p.Store, key, task, nil, func() (made, error) { return made{}, p.Talk.Say(ctx, session, a) })
	return err
}

// keep brings what is replaced as a whole up to date, if it changed.
func (p *Linear) keep(ctx context.Context, task anvil.TaskID, key string, content any, show func() error) error {
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	sum := digest(string(text))
	e, _, err := p.Store.Intend(ctx, key, task)
	if err != nil || e.State == anvil.Done && e.Digest == sum {
		return err
	}
	if err := show(); err != nil {
		return err
	}
	e.State, e.Digest = anvil.Done, sum
	return p.Store.Effected(ctx, e)
}

// move moves the issue on, once for each stage of a task: who moves it back means it.
func (p *Linear) move(ctx context.Context, s anvil.Story, t anvil.PlaceThread, stage linear.Stage) error {
	if stage == linear.Waits || t.Subject == "" {
		return nil
	}
	key := fmt.Sprintf("linear/%s/%s/stage-%s", t.Thread, s.Task.ID, stage)
	_, err := once(ctx, p.Store, key, s.Task.ID, nil, func() (made, error) {
		issue, err := p.Talk.Issue(ctx, t.Subject)
		if err != nil {
			return made{}, err
		}
		if next := p.next(issue, stage); next != "" {
			return made{}, p.Talk.MoveIssue(ctx, t.Subject, next)
		}
		return made{}, nil
	})
	return err
}

// next is the id of the state that an issue is to be moved to at a stage; empty: it stays.
func (p *Linear) next(i linear.Issue, stage linear.Stage) string {
	states := slices.SortedFunc(slices.Values(i.Team.States), func(a, b linear.State) int { return cmp.Compare(a.Position, b.Position) })
	for _, st := range states {
		switch {
		case st.Type != "started":
		case stage == linear.Begun && i.State.Type != "started" && i.State.Type != "completed" && i.State.Type != "canceled":
			return st.ID
		case stage == linear.Review && i.State.Type != "completed" && i.State.Type != "canceled" && p.reviews(st) && st.ID != i.State.ID:
			return st.ID
		}
	}
	return ""
}

func (p *Linear) reviews(st linear.State) bool {
	if p.Review != "" {
		return strings.EqualFold(st.Name, p.Review)
	}
	return strings.Contains(strings.ToLower(st.Name), "review")
}

// later turns an error that waiting may cure into the time to come again. Others are
// logged: the session or the issue is gone, or Linear does not take what we say.
func (p *Linear) later(err error, doing string) error {
	if err == nil {
		return nil
	}
	if at := linear.RetryAt(err, p.Now()); !at.IsZero() {
		return &queue.Later{At: at, Reason: err.Error()}
	}
	if linear.AsError(err) == nil {
		return err // the store's
	}
	p.Log.Warn("could not be told in Linear", "doing", doing, "error", err)
	return nil
}
