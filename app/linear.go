package app

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/hook"
	"github.com/seed-bc0cc349/anvil/app/intake"
	"github.com/seed-bc0cc349/anvil/app/linear"
	"github.com/seed-bc0cc349/anvil/app/notify"
	"github.com/seed-bc0cc349/anvil/app/publish"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
	"github.com/seed-bc0cc349/anvil/app/store"
	"github.com/seed-bc0cc349/anvil/config"
)

// PathLinearHook is where Linear delivers webhooks.
const PathLinearHook = "/api/linear/hook"

// linearPlace is Linear in all the hops that have to do with it.
type linearPlace struct {
	door  http.Handler
	place *publish.Linear
}

// linearOf lets the server be an agent in Linear; it is nil where none is configured.
// Decider gets the place into its own.
func linearOf(cfg *config.Config, s *store.Store, hub *github.App, decider *intake.Decider, markers publish.Markers, now func() time.Time, log *slog.Logger) (*linearPlace, error) {
	if cfg.Linear.ClientID == "" {
		return nil, nil
	}
	clientSecret, err := cfg.LinearClientSecret()
	if err != nil {
		return nil, err
	}
	webhookSecret, err := cfg.LinearWebhookSecret()
	if err != nil {
		return nil, err
	}
	client := linear.New(linear.Config{URL: cfg.Linear.APIURL, ClientID: cfg.Linear.ClientID, ClientSecret: clientSecret, Clock: now, Log: log})
	p := &linearPlace{place: &publish.Linear{
		Store: s, Talk: client, View: told(notify.Linear), Key: markers.Key, Review: cfg.Linear.ReviewState, Now: now, Log: log,
	}}
	if p.door, err = hook.NewLinear(webhookSecret, s, now, log); err != nil {
		return nil, err
	}
	tracker := &publish.Tracker{Effects: s, GitHub: hub, Markers: markers}
	place := &intake.Linear{
		Store: s, API: client, Hub: hub, People: cfg.Linear.People, Take: decider.Take, Stop: decider.StopThread, Tell: notify.Tell, Now: now,
		Track: func(ctx context.Context, t anvil.PlaceThread, about intake.Tracking) (int, error) {
			title, body := notify.Track(trackedOf(about))
			return tracker.Track(ctx, t, about.Repository, title, body)
		},
	}
	for _, r := range cfg.Linear.Repositories {
		place.Repositories = append(place.Repositories, intake.LinearRepository{Name: r.Repository, Projects: r.Projects, Teams: r.Teams})
	}
	if decider.Places == nil {
		decider.Places = map[string]intake.Place{}
	}
	decider.Places[intake.PlaceLinear] = place
	return p, nil
}

// beat lets the sessions of all tasks that are at work say so. What can't be said now is
// said the next time.
func (p *linearPlace) beat(ctx context.Context, s *store.Store, log *slog.Logger) {
	tasks, err := s.OpenPlaceTasks(ctx, intake.PlaceLinear)
	for _, id := range tasks {
		story, storyErr := s.Story(ctx, id)
		if err = storyErr; err != nil {
			break
		}
		for _, t := range story.Threads {
			if t.Place == intake.PlaceLinear {
				_ = p.place.Show(ctx, story, t)
			}
		}
	}
	if err != nil && ctx.Err() == nil {
		log.Error("say in Linear that it goes on", "error", err)
	}
}

// trackedOf is what a tracking issue shows. Everybody reads a public repository, and not
// everybody reads Linear: there the issue has a title, and a link for those who do.
func trackedOf(about intake.Tracking) notify.Tracked {
	t := notify.Tracked{
		Place: "Linear", URL: about.URL, Name: sanitize.Line(about.Name, 40), Requester: notify.Person{ID: about.Requester.ID, Login: about.Requester.Login},
		Title: sanitize.From(about.Title),
	}
	if about.Repository.Private {
		t.Text = sanitize.From(about.Text)
	}
	return t
}
