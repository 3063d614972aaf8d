package slack

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	api "github.com/slack-go/slack"
)

// Config is what a [Client] needs to know.
type Config struct {
	URL      string // of the Web API, with a final slash
	BotToken string
	AppToken string // opens sockets; may be empty where nobody listens by them
	Clock    func() time.Time
	Log      *slog.Logger
}

// Client speaks to Slack as one app in one workspace.
type Client struct {
	api *api.Client
	url string // of the Web API
	now func() time.Time
	log *slog.Logger

	mu     sync.Mutex
	self   Self                 // once it was asked for
	paused map[string]time.Time // by lane, until when Slack said to wait
}

// New returns a client. It asks nobody anything yet.
func New(c Config) *Client {
	options := []api.Option{
		api.OptionAPIURL(c.URL), api.OptionAppLevelToken(c.AppToken),
		api.OptionHTTPClient(&http.Client{Timeout: 15 * time.Second}),
	}
	return &Client{url: c.URL, api: api.New(c.BotToken, options...), now: c.Clock, log: c.Log, paused: map[string]time.Time{}}
}

// Self is who the app is in its workspace.
type Self struct {
	Team string // id of the workspace
	User string // id of the app's bot
	Bot  string
}

// Self asks who we are, once.
func (c *Client) Self(ctx context.Context) (Self, error) {
	c.mu.Lock()
	known := c.self
	c.mu.Unlock()
	if known.User != "" {
		return known, nil
	}
	var self Self
	err := c.do("find out who we are", "auth.test", func() error {
		r, err := c.api.AuthTestContext(ctx)
		if err == nil {
			self = Self{Team: r.TeamID, User: r.UserID, Bot: r.BotID}
		}
		return err
	})
	if err == nil {
		c.mu.Lock()
		c.self = self
		c.mu.Unlock()
	}
	return self, err
}

// do makes a call unless Slack said to wait. Calls that share an allowance at Slack are
// one lane.
func (c *Client) do(op, lane string, call func() error) error {
	c.mu.Lock()
	until := c.paused[lane]
	c.mu.Unlock()
	if until.After(c.now()) {
		return &Error{Op: op, Kind: RateLimited, Until: until}
	}
	return c.failed(op, lane, call())
}

// pause keeps a lane closed for as long as Slack said, and returns until when.
func (c *Client) pause(lane string, wait time.Duration) time.Time {
	until := c.now().Add(max(wait, time.Second))
	c.mu.Lock()
	defer c.mu.Unlock()
	if until.After(c.paused[lane]) {
		c.paused[lane] = until
	}
	return c.paused[lane]
}
