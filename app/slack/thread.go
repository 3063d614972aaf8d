package slack

import (
	"context"
	"fmt"
	"time"

	api "github.com/slack-go/slack"
)

// Said is a message of a thread, as Slack writes texts: with &, < and > escaped, and
// people and channels by their ids.
type Said struct {
	TS, User, Team string
	Text           string
	ByApp          bool
}

// Thread returns what was said in a thread before a message, oldest first.
func (c *Client) Thread(ctx context.Context, channel, thread, before string) (all []Said, err error) {
	err = c.replies(ctx, channel, thread, time.Time{}, func(m api.Message) bool {
		if m.Timestamp >= before {
			return false
		}
		all = append(all, Said{TS: m.Timestamp, User: m.User, Team: m.Team, Text: m.Text, ByApp: m.BotID != ""})
		return true
	})
	return all, err
}

// Permalink returns the address of a message.
func (c *Client) Permalink(ctx context.Context, channel, ts string) (url string, err error) {
	err = c.do("find the message's address", "permalink", func() (err error) {
		url, err = c.api.GetPermalinkContext(ctx, &api.PermalinkParameters{Channel: channel, Ts: ts})
		return err
	})
	return url, err
}

// User is somebody, as the workspace knows them. Names are their own choice, and prove
// nothing.
type User struct {
	ID, Team, Name string
	Bot            bool
	Guest          bool // of one or some channels
	Stranger       bool // from another workspace
	Deleted        bool
}

// User looks somebody up.
func (c *Client) User(ctx context.Context, id string) (User, error) {
	self, err := c.Self(ctx)
	if err != nil {
		return User{}, err
	}
	var u *api.User
	err = c.do("look up the person", "users", func() (err error) {
		u, err = c.api.GetUserInfoContext(ctx, id)
		return err
	})
	if err != nil {
		return User{}, err
	}
	return User{
		ID: u.ID, Team: u.TeamID, Name: u.Name, Bot: u.IsBot, Guest: u.IsRestricted || u.IsUltraRestricted,
		Stranger: u.IsStranger || u.TeamID != self.Team, Deleted: u.Deleted,
	}, nil
}

// Working tells Slack whether an agent is at work in a thread, which then shows a stop
// button of its own.
func (c *Client) Working(ctx context.Context, channel, thread string, is bool) error {
	status := api.AgentSessionStatusActive
	if is {
		status = api.AgentSessionStatusProcessing
	}
	return c.do("show the agent's state", "agent", func() error {
		_, err := c.api.SetAgentSessionStatusContext(ctx, api.AgentSessionSetStatusParameters{Status: status, ChannelID: channel, ThreadTS: thread})
		return err
	})
}

// stamp is a time as Slack writes it.
func stamp(t time.Time) string { return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000) }
