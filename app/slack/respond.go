package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	api "github.com/slack-go/slack"
)

// Respond answers a person, who alone sees it, at an address that Slack gave for it: also in
// a channel that the app is not in. Slack takes five answers there, within half an hour; after
// that it is a failure of the kind [NotFound].
func (c *Client) Respond(ctx context.Context, address string, m Message) error {
	if !c.mayRespond(address) {
		return fmt.Errorf("slack: answer a command: the address is not one of Slack's")
	}
	return c.do("answer the command", "respond", func() error {
		client := &http.Client{Timeout: 15 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		err := api.PostWebhookCustomHTTPContext(ctx, address, client, &api.WebhookMessage{
			Text: m.Text, Blocks: &api.Blocks{BlockSet: m.Blocks}, ResponseType: api.ResponseTypeEphemeral,
		})
		if wrapped, is := errors.AsType[*url.Error](err); is {
			return wrapped.Err // who has the address can answer in our name
		}
		return err
	})
}

// mayRespond reports whether an address is Slack's: nothing of ours goes elsewhere, whatever
// is told.
func (c *Client) mayRespond(address string) bool {
	to, err := url.Parse(address)
	if err != nil || to.User != nil {
		return false
	}
	own, err := url.Parse(c.url)
	return to.Scheme == "https" && to.Host == "hooks.slack.com" || err == nil && to.Scheme == own.Scheme && to.Host == own.Host
}
