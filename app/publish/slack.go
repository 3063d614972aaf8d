package publish

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/queue"
	"github.com/seed-bc0cc349/anvil/app/slack"
)

// SlackTalk is what Slack offers to talk with people.
type SlackTalk interface {
	Post(ctx context.Context, channel, thread string, m slack.Message) (ts string, err error)
	Edit(ctx context.Context, channel, ts string, m slack.Message) error
	Find(ctx context.Context, channel, thread, key string, since time.Time) (ts string, found bool, err error)
	Whisper(ctx context.Context, channel, thread, user string, m slack.Message) error
	Respond(ctx context.Context, address string, m slack.Message) error
	React(ctx context.Context, channel, ts, name string) error
	Working(ctx context.Context, channel, thread string, is bool) error
	Upload(ctx context.Context, channel, thread string, p slack.Picture) error
	Stream(ctx context.Context, channel, thread, person, line string) (ts string, err error)
	Streaming(ctx context.Context, channel, thread, line string, since time.Time) (ts string, found bool, err error)
	Grow(ctx context.Context, channel, ts, text string) error
	Hush(ctx context.Context, channel, ts string) error
	Uploaded(ctx context.Context, channel, thread, name string, since time.Time) (bool, error)
}

// SlackWords renders what is told in Slack.
type SlackWords struct {
	Message func(anvil.Story) slack.Message
	// Question asks a person, by their id, what the agent wants to know.
	Question func(s anvil.Story, person string) slack.Message
	Answer   func(anvil.Reply) slack.Message
	// SpeechLine begins what an agent says while it works, and Speech is what it has said
	// since the event of a number, up to the event last.
	SpeechLine func(anvil.Story) string
	Speech     func(s anvil.Story, since int64) (text string, last int64)
	// Titles are those of a task's screenshots.
	Titles func(anvil.Story) []string
}

// Slack is the [Place] Slack: one message for each task, which is edited in place. A
// message carries a key that only this server can write; one that may have been posted is
// looked for by it before it is posted again.
type Slack struct {
	Store   Effects
	Talk    SlackTalk
	Words   SlackWords
	Markers Markers
	// Screenshot returns a picture of a run's report, made safe.
	Screenshot func(ctx context.Context, run anvil.Run, index int) ([]byte, error)
	Now        func() time.Time
	Log        *slog.Logger

	serial    serial      // by thread
	noAgents  atomic.Bool // the workspace shows nothing of agents
	noStreams atomic.Bool // nor messages that grow
}

// Show implements [Place].
func (p *Slack) Show(ctx context.Context, s anvil.Story, t anvil.PlaceThread) error {
	defer p.serial.lock(t.Thread)()
	for _, show := range []func(context.Context, anvil.Story, anvil.PlaceThread) error{p.message, p.question, p.working, p.hush, p.screenshots} {
		if err := p.later(show(ctx, s, t), "the task "+string(s.Task.ID)); err != nil {
			return err
		}
	}
	return nil
}

// message posts the task's one message, or brings it up to date.
func (p *Slack) message(ctx context.Context, s anvil.Story, t anvil.PlaceThread) error {
	channel, root := inSlack(t.Thread)
	m := p.Words.Message(s)
	sum := digest(m.Text, m.Digest())
	e, err := p.post(ctx, s.Task.ID, "slack/"+t.Thread+"/"+string(s.Task.ID), t.Thread, m, sum)
	if err != nil || e.Digest == sum {
		return err
	}
	m.Key = p.key(e.Key)
	if err := p.Talk.Edit(ctx, channel, slackTime(external(e)), m); err != nil {
		if f := slack.AsError(err); f == nil || f.Kind != slack.NotFound {
			return fmt.Errorf("in %s: %w", root, err)
		} // else somebody deleted it, and does not want it
	}
	e.Digest = sum
	return p.Store.Effected(ctx, e)
}

// post posts a message in a thread, once.
func (p *Slack) post(ctx context.Context, task anvil.TaskID, key, thread string, m slack.Message, sum string) (anvil.Effect, error) {
	channel, root := inSlack(thread)
	m.Key = p.key(key)
	return once(ctx, p.Store, key, task,
		func(begun time.Time) (made, bool, error) {
			ts, found, err := p.Talk.Find(ctx, channel, root, m.Key, begun)
			return made{id: slackMicros(ts)}, found, err
		},
		func() (made, error) {
			ts, err := p.Talk.Post(ctx, channel, root, m)
			return made{id: slackMicros(ts), digest: sum}, err
		})
}

// question asks what a run waits to know, of whoever asked for the task.
func (p *Slack) question(ctx context.Context, s anvil.Story, t anvil.PlaceThread) error {
	o := s.Task.Command.Origin
	if s.Run().State != anvil.Waiting || o.Place != "slack" || o.Thread != t.Thread {
		return nil
	}
	_, err := p.post(ctx, s.Task.ID, "slack/"+t.Thread+"/question/"+string(s.Run().ID), t.Thread, p.Words.Question(s, o.Person), "")
	return err
}

// screenshots puts the pictures of a change that was published into the thread.
func (p *Slack) screenshots(ctx context.Context, s anvil.Story, t anvil.PlaceThread) error {
	if o := s.Task.Outcome; o == nil || o.State != anvil.Succeeded || s.Run().Report == nil {
		return nil
	}
	channel, root := inSlack(t.Thread)
	for i, title := range p.Words.Titles(s) {
		name := fmt.Sprintf("anvil-%s-%s", s.Task.ID, anvil.ScreenshotFile(i+1))
		_, err := once(ctx, p.Store, "slack/"+t.Thread+"/"+name, s.Task.ID,
			func(begun time.Time) (made, bool, error) {
				found, err := p.Talk.Uploaded(ctx, channel, root, name, begun)
				return made{}, found, err
			},
			func() (made, error) {
				b, err := p.Screenshot(ctx, s.Run(), i)
				if err != nil { // what cannot be read now is not read later
					p.Log.Warn("a screenshot is not shown in Slack", "task", s.Task.ID, "screenshot", i+1, "error", err)
					return made{}, nil
				}
				return made{}, p.Talk.Upload(ctx, channel, root, slack.Picture{Name: name, Title: title, Bytes: b})
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// working lets Slack show that an agent is at work, with a stop button of Slack's own. It
// is an addition: a workspace that has no such thing goes without.
func (p *Slack) working(ctx context.Context, s anvil.Story, t anvil.PlaceThread) error {
	if p.noAgents.Load() {
		return nil
	}
	is := s.Task.Outcome == nil && s.Run().State != anvil.Waiting && s.Run().State != anvil.Held
	sum := strconv.FormatBool(is)
	e, _, err := p.Store.Intend(ctx, "slack/"+t.Thread+"/working/"+string(s.Task.ID), s.Task.ID)
	if err != nil || e.State == anvil.Done && e.Digest == sum {
		return err
	}
	channel, root := inSlack(t.Thread)
	if err := p.Talk.Working(ctx, channel, root, is); err != nil {
		if f := slack.AsError(err); f != nil && (f.Kind == slack.Invalid || f.Kind == slack.Forbidden) {
			p.noAgents.Store(true)
			return nil
		}
		return err
	}
	e.State, e.Digest = anvil.Done, sum
	return p.Store.Effected(ctx, e)
}

// Answer implements [Place]. A choice stands in the thread for as long as it is open;
// everything else is for the person alone.
func (p *Slack) Answer(ctx context.Context, d anvil.Delivery) error {
	r := *d.Reply
	defer p.serial.lock(r.Origin.Thread)()
	channel, _ := inSlack(r.Origin.Thread)
	err := error(nil)
	if r.Reaction == "+1" && r.Origin.Message != "" {
		err = p.Talk.React(ctx, channel, r.Origin.Message, "thumbsup")
	}
	switch {
	case err != nil || r.Text == "":
	case len(r.Choices) > 0:
		_, err = p.post(ctx, "", "slack/"+r.Origin.Thread+"/reply/"+string(d.ID), r.Origin.Thread, p.Words.Answer(r), "")
	default:
		_, err = once(ctx, p.Store, "slack/"+r.Origin.Thread+"/reply/"+string(d.ID), "", nil, func() (made, error) {
			return made{}, p.whisper(ctx, r)
		})
	}
	return p.later(err, "delivery "+string(d.ID))
}

// whisper tells an answer to its person alone: at the address that Slack gave for it, as
// long as it takes answers, for the app may not be where a command was typed.
func (p *Slack) whisper(ctx context.Context, r anvil.Reply) error {
	m := p.Words.Answer(r)
	if r.Origin.Respond != "" {
		err := p.Talk.Respond(ctx, r.Origin.Respond, m)
		if f := slack.AsError(err); f == nil || f.Kind != slack.NotFound {
			return err
		}
	}
	channel, root := inSlack(r.Origin.Thread)
	return p.Talk.Whisper(ctx, channel, root, r.Origin.Person, m)
}

// key is what a message carries.
func (p *Slack) key(effect string) string { return p.Markers.Of(anvil.TaskID(effect)) }

// later turns an error that waiting may cure into the time to come again. Others are
// logged, and the task goes on: the token was revoked, or the channel archived.
func (p *Slack) later(err error, about string) error {
	if at := slack.RetryAt(err, p.Now()); !at.IsZero() {
		return &queue.Later{At: at, Reason: err.Error()}
	}
	if problem := slack.Problem(err); problem != nil {
		p.Log.Warn("could not be told in Slack", "about", about, "code", problem.Code, "problem", problem.Error(), "error", err)
		return nil
	}
	return err
}

// inSlack takes the store's name of a thread apart.
func inSlack(thread string) (channel, root string) {
	channel, root, _ = strings.Cut(thread, "/")
	return channel, root
}

// slackMicros is a message's timestamp as a number, and slackTime the way back.
func slackMicros(ts string) int64 {
	n, _ := strconv.ParseInt(strings.Replace(ts, ".", "", 1), 10, 64) // six digits after the point
	return n
}

func slackTime(n int64) string { return fmt.Sprintf("%d.%06d", n/1_000_000, n%1_000_000) }
