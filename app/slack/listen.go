package slack

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/slack-go/slack/socketmode"
)

// Told is something that Slack tells the app: an event, an interaction or a command, by
// Slack's names for them in Socket Mode.
type Told struct {
	Kind    string // events_api, interactive or slash_commands
	Payload json.RawMessage
}

// Kinds of what Slack tells.
const (
	KindEvent       = "events_api"
	KindInteraction = "interactive"
	KindCommand     = "slash_commands"
)

// Listen takes what Slack tells over a socket, until ctx ends. What take returns an error
// for is not acknowledged, so that Slack tells it again.
func (c *Client) Listen(ctx context.Context, take func(context.Context, Told) error) {
	for wait := time.Second; ctx.Err() == nil; wait = min(2*wait, time.Minute) {
		begun := c.now()
		err := c.listen(ctx, take)
		if ctx.Err() != nil {
			return
		}
		if c.now().Sub(begun) > time.Minute {
			wait = time.Second
		}
		c.log.Warn("the socket to Slack ended, and is opened again", "error", err, "in", wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (c *Client) listen(ctx context.Context, take func(context.Context, Told) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	socket := socketmode.New(c.api, socketmode.OptionLog(slog.NewLogLogger(c.log.Handler(), slog.LevelDebug)))
	ended := make(chan error, 1)
	go func() { ended <- socket.RunContext(ctx) }()
	for {
		select {
		case err := <-ended:
			return err
		case e := <-socket.Events:
			switch e.Type {
			case socketmode.EventTypeEventsAPI, socketmode.EventTypeInteractive, socketmode.EventTypeSlashCommand:
				// Each in its own goroutine: one that waits for the disk holds up no other.
				go func() {
					if err := take(ctx, Told{Kind: e.Request.Type, Payload: e.Request.Payload}); err != nil {
						c.log.Error("what Slack told could not be taken", "error", err)
						return
					}
					if err := socket.AckCtx(ctx, e.Request.EnvelopeID, nil); err != nil && !errors.Is(err, context.Canceled) {
						c.log.Warn("could not be acknowledged to Slack", "error", err)
					}
				}()
			case socketmode.EventTypeConnected:
				c.log.Info("listening to Slack by a socket")
			case socketmode.EventTypeInvalidAuth:
				c.log.Error("Slack refuses the app's tokens: install the app again, and renew slack.bot_token and slack.app_token")
			}
		}
	}
}
