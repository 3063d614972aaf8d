package demo

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/slack/slacktest"
	"github.com/seed-bc0cc349/anvil/config"
)

// SlackMessage is the task's message in the simulated Slack.
type SlackMessage struct {
	Text  string `json:"text"` // all that stands in it
	Edits int    `json:"edits"`
}

// openSlack starts a simulated Slack with a channel, if it is asked for.
func (s *stage) openSlack() (err error) {
	if !s.options.Slack {
		return nil
	}
	s.slack, err = slacktest.Start(slacktest.Options{
		Manifest: config.SlackManifest, Log: s.options.Log, Retries: []time.Duration{time.Second, time.Second, time.Second},
	})
	if err != nil {
		return err
	}
	mona := s.slack.AddUser(slacktest.User{Name: "mona"})
	olaf := s.slack.AddUser(slacktest.User{Name: "olaf"}) // is linked to nobody
	s.slack.AddChannel(slacktest.Channel{Name: "greeter"}, true, mona.ID, olaf.ID)
	return nil
}

func (s *stage) closeSlack() {
	if s.slack != nil {
		s.slack.Close()
	}
}

// slackSettings make the server an app of the simulated Slack; nil without one.
func (s *stage) slackSettings(dir string) (map[string]any, error) {
	if s.slack == nil {
		return map[string]any{}, nil
	}
	a := s.slack.App()
	files := map[string]string{"slack-bot-token": a.BotToken, "slack-app-token": a.AppToken}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	people := map[string]string{}
	for _, u := range s.slack.Users() {
		if u.Name == s.person.Login {
			people[u.ID] = s.person.Login
		}
	}
	return map[string]any{
		"mode": "socket", "api_url": s.slack.URL, "people": people,
		"bot_token_file": filepath.Join(dir, "slack-bot-token"), "app_token_file": filepath.Join(dir, "slack-app-token"),
		"repositories": []map[string]any{{"repository": s.repo.FullName(), "channels": []string{s.slack.Channels()[0].ID}}},
	}, nil
}

// ask makes the request of the demo: in Slack, or on the issue.
func (s *stage) ask() error {
	if s.slack == nil {
		const instruction = "/anvil fix the failing test"
		s.say("@%s comments on %s#%d: %s", s.person.Login, s.repo.FullName(), s.issue.Number, instruction)
		s.hub.Comment(s.repo, s.issue.Number, s.person, instruction)
		return nil
	}
	text := "@anvil fix the failing test in " + s.repo.FullName()
	s.say("@%s says in #greeter in Slack: %s", s.person.Login, text)
	return s.slack.Type(s.person.Login, "greeter", text)
}

// inSlack is the newest task's message; nil if there is none. What the agent said while it
// worked has no blocks.
func (s *stage) inSlack() *SlackMessage {
	if s.slack == nil {
		return nil
	}
	var last *SlackMessage
	for _, m := range s.slack.Messages("greeter", "") {
		if m.BotID != "" && m.EphemeralTo == "" && len(m.Blocks) > 0 {
			last = &SlackMessage{Text: textOf(m), Edits: m.Edits}
		}
	}
	return last
}

// textOf is all text in a message.
func textOf(m slacktest.Message) string {
	var blocks []struct {
		Text     struct{ Text string }
		Elements []struct{ Text json.RawMessage }
	}
	if json.Unmarshal(m.Blocks, &blocks) != nil || len(blocks) == 0 {
		return m.Text
	}
	var lines []string
	for _, b := range blocks {
		if b.Text.Text != "" {
			lines = append(lines, b.Text.Text)
		}
		for _, e := range b.Elements {
			var text string
			if json.Unmarshal(e.Text, &text) == nil && text != "" { // and not a button's
				lines = append(lines, text)
			}
		}
	}
	return strings.Join(lines, "\n")
}
