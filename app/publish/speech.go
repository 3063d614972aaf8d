package publish

import (
	"context"
	"strconv"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/queue"
	"github.com/seed-bc0cc349/anvil/app/slack"
)

// Speaker is a [Place] in which people can listen to an agent while it works.
type Speaker interface {
	Speak(ctx context.Context, s anvil.Story, t anvil.PlaceThread) error
}

// Speak is the speak hop: it tells what a run's agent has said since the last time.
func (a *Announcer) Speak(ctx context.Context, key string) error {
	story, err := a.Store.StoryOfRun(ctx, anvil.RunID(key))
	if err != nil || story.Run().ID != anvil.RunID(key) {
		return err
	}
	var again error
	for _, t := range story.Threads {
		if place, ok := a.Places[t.Place].(Speaker); ok {
			if err := place.Speak(ctx, story, t); err != nil {
				again = err
			}
		}
	}
	return again
}

// speechPace is how often a message that grows is added to at most. Slack takes a hundred
// such calls a minute, of all threads together.
const speechPace = 2 * time.Second

func keySpeech(t anvil.PlaceThread, r anvil.RunID) string {
	return "slack/" + t.Thread + "/speech/" + string(r)
}

// ended is the digest of a speech that has ended; until then it is the number of the
// last event in it.
const ended = "ended"

// Speak implements [Speaker], in a message that grows until the agent has ended. It is an
// addition, for whoever asked from the thread: a workspace that has no such messages goes
// without. What may have been said is not said again, so that a crash can cost words, which
// the task's message has at the end, and doubles none.
func (p *Slack) Speak(ctx context.Context, s anvil.Story, t anvil.PlaceThread) error {
	if p.noStreams.Load() {
		return nil
	}
	defer p.serial.lock(t.Thread)()
	run, o := s.Run(), s.Task.Command.Origin
	if run.State != anvil.Working || o.Place != t.Place || o.Thread != t.Thread {
		return nil
	}
	return p.streamed(p.speak(ctx, s, t), s.Task.ID)
}

func (p *Slack) speak(ctx context.Context, s anvil.Story, t anvil.PlaceThread) error {
	channel, root := inSlack(t.Thread)
	line := p.Words.SpeechLine(s)
	e, err := once(ctx, p.Store, keySpeech(t, s.Run().ID), s.Task.ID,
		func(begun time.Time) (made, bool, error) {
			ts, found, err := p.Talk.Streaming(ctx, channel, root, line, begun)
			return made{id: slackMicros(ts), digest: "0"}, found, err
		},
		func() (made, error) {
			ts, err := p.Talk.Stream(ctx, channel, root, s.Task.Command.Origin.Person, line)
			return made{id: slackMicros(ts), digest: "0"}, err
		})
	if err != nil || e.Digest == ended {
		return err
	}
	said, _ := strconv.ParseInt(e.Digest, 10, 64) // we wrote it
	text, last := p.Words.Speech(s, said)
	if last == said {
		return nil
	}
	if next := e.ChangedAt.Add(speechPace); said > 0 && p.Now().Before(next) {
		return &queue.Later{At: next, Reason: "it said something just now"}
	}
	e.Digest = strconv.FormatInt(last, 10)
	if err := p.Store.Effected(ctx, e); err != nil || text == "" {
		return err
	}
	return p.Talk.Grow(ctx, channel, slackTime(external(e)), text)
}

// hush ends what was said by runs that are not at work any more.
func (p *Slack) hush(ctx context.Context, s anvil.Story, t anvil.PlaceThread) error {
	channel, _ := inSlack(t.Thread)
	for _, run := range s.Runs {
		e, begun := s.Effects[keySpeech(t, run.ID)]
		if !begun || run.State == anvil.Working || e.State != anvil.Done || e.Digest == ended {
			continue
		}
		if err := p.streamed(p.Talk.Hush(ctx, channel, slackTime(external(e))), s.Task.ID); err != nil {
			return err
		}
		e.Digest = ended
		if err := p.Store.Effected(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// streamed is later, for what a workspace need not have.
func (p *Slack) streamed(err error, task anvil.TaskID) error {
	if f := slack.AsError(err); f != nil && (f.Kind == slack.Invalid || f.Kind == slack.Forbidden) {
		p.Log.Info("the workspace has no messages that grow", "code", f.Code)
		p.noStreams.Store(true)
		return nil
	}
	return p.later(err, "what the agent of task "+string(task)+" says")
}
