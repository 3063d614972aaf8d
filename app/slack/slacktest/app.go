package slacktest

import (
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/slack-go/slack"
	"go.yaml.in/yaml/v3"
)

// App is the installed app, as its manifest describes it.
type App struct {
	ID      string
	Name    string
	BotUser string // user id
	BotID   string
	// BotToken (xoxb-) is for the Web API, AppToken (xapp-) opens sockets,
	// SigningSecret signs what is sent over HTTP.
	BotToken, AppToken, SigningSecret string

	Scopes           []string // of the bot token
	Events           []string // that the app is sent
	Commands         []string // slash commands, such as /anvil
	Agent            bool     // it is declared as an agent
	Socket           bool     // it listens by Socket Mode, and not over HTTP
	EventsURL        string   // over HTTP
	InteractivityURL string
	CommandURL       string

	revoked string // the error that the token is answered with since it was revoked
}

// newApp makes an app from its manifest.
func newApp(text []byte) (App, error) {
	var m slack.Manifest
	if err := yaml.Unmarshal(text, &m); err != nil {
		return App{}, fmt.Errorf("the app's manifest: %w", err)
	}
	if m.Display.Name == "" {
		return App{}, fmt.Errorf("the app's manifest has no display_information.name")
	}
	a := App{
		Name: m.Display.Name, BotToken: "xoxb-sim-" + rand.Text(), AppToken: "xapp-1-sim-" + rand.Text(), SigningSecret: rand.Text(),
		Scopes: slices.Clone(m.OAuthConfig.Scopes.Bot), Agent: m.Features.AgentView != nil, Socket: m.Settings.SocketModeEnabled,
	}
	if e := m.Settings.EventSubscriptions; e != nil {
		a.Events, a.EventsURL = e.BotEvents, e.RequestUrl
	}
	if i := m.Settings.Interactivity; i != nil && i.IsEnabled {
		a.InteractivityURL = i.RequestUrl
	}
	for _, c := range m.Features.SlashCommands {
		a.Commands, a.CommandURL = append(a.Commands, c.Command), c.Url
	}
	if a.Agent && !slices.Contains(a.Scopes, "assistant:write") {
		// Slack adds it to apps that are agents.
		a.Scopes = append(a.Scopes, "assistant:write")
	}
	for event, scopes := range eventScopes {
		if slices.Contains(a.Events, event) && !a.has(scopes...) {
			return App{}, fmt.Errorf("the app's manifest subscribes to %s without the scope %v", event, scopes)
		}
	}
	return a, nil
}

// eventScopes are what an app needs for an event, any one of them.
var eventScopes = map[string][]string{
	"app_mention":      {"app_mentions:read"},
	"message.channels": {"channels:history"},
	"message.groups":   {"groups:history"},
	"message.im":       {"im:history"},
	"reaction_added":   {"reactions:read"},
}

// has reports whether the bot token has one of the scopes; none is needed of none.
func (a App) has(scopes ...string) bool {
	return len(scopes) == 0 || slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(a.Scopes, s) })
}

// App returns the installed app.
func (s *Server) App() App {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.app
}

// Listen says where the app listens over HTTP, in the place of what its manifest says;
// with empty addresses it listens by Socket Mode.
func (s *Server) Listen(events, interactivity, command string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.app.Socket = events == ""
	s.app.EventsURL, s.app.InteractivityURL, s.app.CommandURL = events, interactivity, command
}

// Revoke makes the app's tokens worthless, as when it is taken off the workspace. Reason
// is the error that they are answered with, such as token_revoked or account_inactive;
// empty makes them good again.
func (s *Server) Revoke(reason string) {
	s.mu.Lock()
	s.app.revoked = reason
	s.changed()
	s.mu.Unlock()
	if reason != "" {
		s.sockets.end("link_disabled")
	}
}
