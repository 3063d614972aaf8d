package publish_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	api "github.com/slack-go/slack"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/publish"
	"github.com/seed-bc0cc349/anvil/app/queue"
	"github.com/seed-bc0cc349/anvil/app/simulated"
	"github.com/seed-bc0cc349/anvil/app/slack"
	"github.com/seed-bc0cc349/anvil/app/slack/slacktest"
	"github.com/seed-bc0cc349/anvil/config"
)

// Slack takes a task's message and its answer gets lost; then it is away for three hours, in
// which the task goes on and ends. Once Slack is back, the thread has the one message, at its
// true state; and it was asked no oftener than every five seconds meanwhile.
func TestSlackAwayForThreeHours(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	server, err := slacktest.Start(slacktest.Options{Manifest: config.SlackManifest, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	mona := server.AddUser(slacktest.User{Name: "mona"})
	channel := server.AddChannel(slacktest.Channel{Name: "web"}, true, mona.ID)
	root, err := server.Say(slacktest.Said{User: mona.ID, Channel: channel.ID, Text: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	words := "at work"
	place := &publish.Slack{
		Store:   &notebook{effects: map[string]anvil.Effect{}},
		Talk:    slack.New(slack.Config{URL: server.URL + "/api/", BotToken: server.App().BotToken, Clock: clock, Log: slog.New(slog.DiscardHandler)}),
		Markers: publish.Markers{Key: []byte("k")}, Now: clock, Log: slog.New(slog.DiscardHandler),
		Words: publish.SlackWords{
			Message: func(anvil.Story) slack.Message {
				return slack.Message{Text: words, Blocks: []api.Block{api.NewSectionBlock(api.NewTextBlockObject(api.MarkdownType, words, false, true), nil, nil)}}
			},
			Titles: func(anvil.Story) []string { return nil },
		},
	}
	story := anvil.Story{Task: anvil.Task{ID: "7q2m9x1c4k"}, Runs: []anvil.Run{{ID: "7q2m9x1c4k.1", State: anvil.Working}}}
	thread := anvil.PlaceThread{Place: "slack", Thread: channel.ID + "/" + root.TS}
	show := func() error { return place.Show(context.Background(), story, thread) }
	later := func(err error) time.Time {
		t.Helper()
		l, is := errors.AsType[*queue.Later](err)
		if !is || l.At.Before(now.Add(5*time.Second)) {
			t.Fatalf("at %s it ended with %v", now.Format(time.TimeOnly), err)
		}
		return l.At
	}

	server.SetFault(slacktest.Fault{Path: "/chat.postMessage", Do: simulated.DoAcceptDrop})
	server.SetFault(slacktest.Fault{Path: "/**", After: 1, Do: simulated.DoStatus, Status: 503, Times: -1})
	back := now.Add(3 * time.Hour)
	for now.Before(back) {
		now = later(show())
		if now.After(back.Add(-time.Hour)) {
			words = "ready for you"
			story.Task.Outcome = &anvil.Outcome{State: anvil.Succeeded}
		}
	}
	server.ClearFaults()
	for err := show(); err != nil; err = show() {
		now = later(err)
	}
	var shown []slacktest.Message
	for _, m := range server.Messages(channel.ID, root.TS) {
		if m.BotID != "" {
			shown = append(shown, m)
		}
	}
	if len(shown) != 1 || shown[0].Text != "ready for you" || len(server.Calls("chat.postMessage")) == 0 {
		t.Errorf("the thread shows %d messages: %+v", len(shown), shown)
	}
}
