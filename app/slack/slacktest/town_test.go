package slacktest_test

import (
	"context"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/seed-bc0cc349/anvil/app/slack/slacktest"
)

const manifest = `
display_information: {name: Anvil}
features:
  agent_view: {agent_description: Turns a request into a pull request}
  bot_user: {display_name: anvil, always_online: true}
  slash_commands: [{command: /anvil, description: link your account}]
oauth_config:
  scopes:
    bot: [app_mentions:read, channels:history, channels:read, chat:write, commands, files:read, reactions:write, users:read]
settings:
  event_subscriptions: {bot_events: [app_mention, message.channels, agent_session_stopped]}
  interactivity: {is_enabled: true}
  socket_mode_enabled: true
`

// town is a workspace with a person and a channel that the app is in.
type town struct {
	*slacktest.Server
	api     *slack.Client
	mona    slacktest.User
	channel slacktest.Channel
}

func start(t *testing.T, o slacktest.Options) town {
	t.Helper()
	o.Manifest = []byte(manifest)
	o.Retries = []time.Duration{0, 0, 0}
	s, err := slacktest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	mona := s.AddUser(slacktest.User{Name: "mona"})
	return town{
		Server: s, mona: mona, channel: s.AddChannel(slacktest.Channel{Name: "web"}, true, mona.ID),
		api: slack.New(s.App().BotToken, slack.OptionAPIURL(s.URL+"/api/"), slack.OptionAppLevelToken(s.App().AppToken)),
	}
}

// say is what mona writes in the channel.
func (w town) say(t *testing.T, text string) slacktest.Message {
	t.Helper()
	m, err := w.Say(slacktest.Said{User: "mona", Channel: "web", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// post is what the app writes in the channel.
func (w town) post(t *testing.T, o ...slack.MsgOption) error {
	t.Helper()
	_, _, err := w.api.PostMessageContext(within(t), w.channel.ID, o...)
	return err
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func text(s string) slack.MsgOption { return slack.MsgOptionText(s, false) }
