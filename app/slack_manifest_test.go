package app_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/slack/slacktest"
	"github.com/seed-bc0cc349/anvil/config"
)

// What the manifest asks for is what the code needs: the simulated Slack installs it,
// and refuses what it does not allow; the stories then play on it.
func TestTheManifestOfSlackIsWhatTheCodeNeeds(t *testing.T) {
	t.Parallel()
	s, err := slacktest.Start(slacktest.Options{Manifest: config.SlackManifest})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	app := s.App()
	if !app.Agent || !app.Socket {
		t.Errorf("the app is an agent: %v, listens by sockets: %v", app.Agent, app.Socket)
	}
	has := func(what string, all []string, wanted ...string) {
		for _, w := range wanted {
			found := false
			for _, one := range all {
				found = found || one == w
			}
			if !found {
				t.Errorf("the manifest has no %s %s", what, w)
			}
		}
	}
	has("event", app.Events, "app_mention", "message.channels", "message.groups", "message.im", "agent_session_stopped")
	has("scope", app.Scopes, "app_mentions:read", "channels:history", "groups:history", "im:history", "chat:write", "commands", "files:read", "files:write", "reactions:write", "users:read")
	has("command", app.Commands, "/anvil")

	// As the comments say, three lines and one word make it an app of the mode http.
	web := regexp.MustCompile(`# ((?:request_)?url: )https://anvil\.example\.com`).ReplaceAllString(string(config.SlackManifest), "${1}https://web.example")
	web = strings.Replace(web, "socket_mode_enabled: true", "socket_mode_enabled: false", 1)
	h, err := slacktest.Start(slacktest.Options{Manifest: []byte(web)})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	app = h.App()
	for what, address := range map[string]string{"events": app.EventsURL, "interactivity": app.InteractivityURL, "the command": app.CommandURL} {
		if address != "https://web.example/api/slack" {
			t.Errorf("%s go to %q", what, address)
		}
	}
	if app.Socket {
		t.Error("it still listens by sockets")
	}
}
