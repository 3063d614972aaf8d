package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/hook"
	"github.com/seed-bc0cc349/anvil/app/intake"
	"github.com/seed-bc0cc349/anvil/app/notify"
	"github.com/seed-bc0cc349/anvil/app/publish"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
	"github.com/seed-bc0cc349/anvil/app/slack"
	"github.com/seed-bc0cc349/anvil/app/store"
	"github.com/seed-bc0cc349/anvil/app/web"
	"github.com/seed-bc0cc349/anvil/config"
)

// PathSlack is where Slack tells events, interactions and commands over HTTP.
const PathSlack = "/api/slack"

// slackPlace is Slack in all the hops that have to do with it.
type slackPlace struct {
	door   *hook.Slack
	place  *publish.Slack
	listen func(context.Context) // nil where Slack calls
}

// slackOf lets the server be an app of a Slack workspace; it is nil where none is
// configured. Decider gets the place into its own.
func slackOf(cfg *config.Config, s *store.Store, hub *github.App, decider *intake.Decider, markers publish.Markers, links *web.Links, screenshot func(context.Context, anvil.Run, int) ([]byte, error), now func() time.Time, log *slog.Logger) (*slackPlace, error) {
	if cfg.Slack.Mode == "" {
		return nil, nil
	}
	bot, app, signing, err := cfg.SlackTokens()
	if err != nil {
		return nil, err
	}
	client := slack.New(slack.Config{URL: cfg.Slack.APIURL + "/api/", BotToken: bot, AppToken: app, Clock: now, Log: log})
	p := &slackPlace{
		door: hook.NewSlack(signing, s, now, log),
		place: &publish.Slack{
			Store: s, Talk: client, Markers: markers, Screenshot: screenshot, Now: now, Log: log,
			Words: publish.SlackWords{
				Message:    told(notify.Slack),
				Question:   func(s anvil.Story, person string) slack.Message { return notify.SlackQuestion(notify.Of(s), person) },
				SpeechLine: told(notify.SpeechLine),
				Speech: func(s anvil.Story, since int64) (string, int64) {
					return notify.SlackSpeech(notify.Of(s), since)
				},
				Titles: told(notify.SlackTitles),
				Answer: func(r anvil.Reply) slack.Message { return notify.SlackAnswer(r.Text, r.Choices) },
			},
		},
	}
	if cfg.Slack.Mode == "socket" {
		p.listen = func(ctx context.Context) { client.Listen(ctx, p.door.Take) }
	}
	tracker := &publish.Tracker{Effects: s, GitHub: hub, Markers: markers}
	place := &intake.Slack{
		Store: s, API: client, Hub: hub, People: cfg.Slack.People, Take: decider.Take, Tell: notify.Tell, Now: now,
		Track: func(ctx context.Context, t anvil.PlaceThread, about intake.SlackTracking) (int, error) {
			title, body := notify.Track(inSlackOf(about))
			return tracker.Track(ctx, t, about.Repository, title, body)
		},
	}
	if links != nil {
		place.Offer = links.Offer
	}
	for _, r := range cfg.Slack.Repositories {
		place.Repositories = append(place.Repositories, intake.SlackRepository{Name: r.Repository, Keywords: r.Keywords, Channels: r.Channels, Untracked: r.Relay == "none"})
	}
	if decider.Places == nil {
		decider.Places = map[string]intake.Place{}
	}
	decider.Places[intake.PlaceSlack] = place
	return p, nil
}

// inSlackOf is what the tracking issue of a thread shows. Everybody reads a public
// repository, and not everybody the channel: there the issue has what was asked of Anvil,
// in one line, and a link for those who do.
func inSlackOf(about intake.SlackTracking) notify.Tracked {
	t := notify.Tracked{
		Place: "Slack", URL: about.URL, Requester: notify.Person{ID: about.Requester.ID, Login: about.Requester.Login}, Title: sanitize.From(about.Title),
	}
	if about.Repository.Private {
		t.Text = sanitize.From(about.Text)
	}
	return t
}
