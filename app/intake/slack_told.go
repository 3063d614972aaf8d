package intake

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/slack"
)

// slackTold is what Slack tells, whichever of its kinds it is.
type slackTold struct {
	Kind      string // of a delivery: events_api, interactive or slash_commands
	Type      string // of an event
	Team      string // the app's workspace
	User      string
	UserTeam  string
	Channel   string
	Direct    bool   // the channel is of the app and one person
	Message   string // timestamp of what was said, or of the message whose button was pressed
	Thread    string // timestamp of the thread's first message
	Text      string // as Slack writes it
	Action    string // action_id
	Value     string
	Bot       string // id of the app's bot, where Slack tells it
	Command   string
	Files     []slackFile
	Respond   string // an address that takes answers to a command
	Ephemeral bool   // only the person sees the message whose button was pressed
}

// parseSlack reads a delivery.
func parseSlack(d anvil.Delivery) (slackTold, error) {
	t := slackTold{Kind: strings.TrimPrefix(d.Event, "slack:")}
	switch t.Kind {
	case slack.KindEvent:
		return t, t.event(d.Body)
	case slack.KindInteraction:
		return t, t.interaction(d.Body)
	}
	return t, t.command(d.Body)
}

func (t *slackTold) event(body []byte) error {
	var p struct {
		Team           string `json:"team_id"`
		Authorizations []struct {
			User string `json:"user_id"`
		} `json:"authorizations"`
		Event struct {
			Type, User, Text, TS, Channel, Team string
			Thread                              string `json:"thread_ts"`
			ChannelType                         string `json:"channel_type"`
			UserTeam                            string `json:"user_team"`
			Files                               []slackFile
		}
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return err
	}
	e := p.Event
	t.Team, t.Type, t.User, t.Text, t.Channel, t.Message, t.Thread = p.Team, e.Type, e.User, e.Text, e.Channel, e.TS, e.Thread
	t.UserTeam, t.Direct, t.Files = e.Team, e.ChannelType == "im", e.Files
	if e.UserTeam != "" {
		t.UserTeam = e.UserTeam
	}
	if t.Thread == "" {
		t.Thread = t.Message
	}
	if len(p.Authorizations) > 0 {
		t.Bot = p.Authorizations[0].User
	}
	return nil
}

func (t *slackTold) interaction(body []byte) error {
	var p struct {
		Type string
		Team struct{ ID string }
		User struct {
			ID   string
			Team string `json:"team_id"`
		}
		Channel   struct{ ID string }
		Container struct {
			Message   string `json:"message_ts"`
			Thread    string `json:"thread_ts"`
			Ephemeral bool   `json:"is_ephemeral"`
		}
		Actions []struct {
			ID       string `json:"action_id"`
			Value    string
			Selected struct{ Value string } `json:"selected_option"`
		}
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return err
	}
	t.Type, t.Team, t.User, t.UserTeam, t.Channel = p.Type, p.Team.ID, p.User.ID, p.User.Team, p.Channel.ID
	t.Message, t.Thread, t.Ephemeral = p.Container.Message, p.Container.Thread, p.Container.Ephemeral
	if t.Thread == "" {
		t.Thread = t.Message
	}
	if len(p.Actions) > 0 {
		t.Action, t.Value = p.Actions[0].ID, p.Actions[0].Value
		if t.Value == "" {
			t.Value = p.Actions[0].Selected.Value
		}
	}
	return nil
}

func (t *slackTold) command(body []byte) error {
	var p struct {
		Team    string `json:"team_id"`
		User    string `json:"user_id"`
		Channel string `json:"channel_id"`
		Command string
		Text    string
		Respond string `json:"response_url"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return err
	}
	t.Team, t.User, t.Channel, t.Command, t.Text, t.Respond = p.Team, p.User, p.Channel, p.Command, p.Text, p.Respond
	return nil
}

// mentions reports whether the app itself is spoken to.
func (t slackTold) mentions() bool { return t.Bot != "" && strings.Contains(t.Text, "<@"+t.Bot) }

// thread is the store's name of the thread.
func (t slackTold) thread() string { return t.Channel + "/" + t.Thread }

func (t slackTold) origin() anvil.Origin {
	o := anvil.Origin{Place: PlaceSlack, Thread: t.thread(), Message: t.Message, Person: t.User, Respond: t.Respond}
	if t.Thread == "" { // a command has no message
		o.Thread = t.Channel + "/"
	}
	return o
}

// words are what was said to the app: without its name, and as it was typed.
func (t slackTold) words() string {
	text := t.Text
	if t.Bot != "" {
		text = regexp.MustCompile(`<@`+regexp.QuoteMeta(t.Bot)+`(\|[^>]*)?>[ \t:,]*`).ReplaceAllString(text, "")
	}
	text = strings.TrimSpace(fromSlack(text))
	if after, ok := strings.CutPrefix(text, trigger); ok && ends(after) {
		text = strings.TrimSpace(after)
	}
	return text
}

// slackReference is a person, a channel, a group or an address in Slack's texts.
var slackReference = regexp.MustCompile(`<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>`)

// fromSlack is a text of Slack's as people typed it.
func fromSlack(text string) string {
	text = slackReference.ReplaceAllStringFunc(text, func(whole string) string {
		m := slackReference.FindStringSubmatch(whole)
		kind, id, label := m[1], m[2], m[3]
		switch {
		case kind == "" && label != "" && label != id && !strings.HasSuffix(id, "//"+label):
			return label + " (" + id + ")"
		case kind == "":
			return id
		case label != "":
			return strings.TrimPrefix(kind, "!") + strings.TrimPrefix(label, kind)
		}
		return strings.Replace(kind, "!", "@", 1) + id
	})
	return html.UnescapeString(text)
}
