package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	api "github.com/slack-go/slack"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Kind says what sort of failure an [Error] is.
type Kind string

const (
	Unauthorized Kind = "unauthorized" // the token was revoked, or the app taken off the workspace
	Forbidden    Kind = "forbidden"    // a scope is missing, or the app is not in the channel
	NotFound     Kind = "not found"
	Archived     Kind = "archived"
	Invalid      Kind = "invalid" // the request itself is refused
	RateLimited  Kind = "rate limited"
	Unavailable  Kind = "unavailable" // 5xx, or an answer that cannot be read
	Unreachable  Kind = "unreachable" // no answer
)

// Error is a call that failed.
type Error struct {
	Op    string    // what was wanted, such as "post the message"
	Kind  Kind      //
	Code  string    // Slack's word for it, such as is_archived
	Until time.Time // when calls make sense again, with RateLimited
	cause error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("slack: %s: %s", e.Op, e.Kind)
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	if e.cause != nil && e.Code == "" {
		text += ": " + e.cause.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.cause }

// AsError returns the Error in err's chain, or nil.
func AsError(err error) *Error {
	e, _ := errors.AsType[*Error](err)
	return e
}

// RetryAt returns when a call that failed with err makes sense again: Slack's time if it
// named one, the zero time if waiting is no help.
func RetryAt(err error, now time.Time) time.Time {
	e := AsError(err)
	if e == nil {
		return time.Time{}
	}
	switch e.Kind {
	case RateLimited:
		return e.Until
	case Unavailable, Unreachable:
		return now.Add(5 * time.Second)
	}
	return time.Time{}
}

// Problem is err as people are told of it, or nil if Slack did not fail.
func Problem(err error) *anvil.Problem {
	e := AsError(err)
	if e == nil {
		return nil
	}
	next := "Look at the server's log, and try it again"
	switch e.Kind {
	case Unauthorized:
		next = "Ask the operator to install the app on the workspace again and to renew slack.bot_token"
	case Forbidden:
		next = "Add the app to the channel, and see that it has the scopes of config/slack-manifest.yaml"
	case Archived:
		next = "Unarchive the channel, or ask in another one"
	}
	return anvil.Problemf("SLK_POST_FAILED", next, "Slack could not be asked to %s: %s", e.Op, e.Kind).Because(err)
}

// kinds are Slack's words for failures that are not the request's own fault.
var kinds = map[Kind][]string{
	Unauthorized: {"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "no_permission", "org_login_required"},
	Forbidden:    {"missing_scope", "not_in_channel", "restricted_action", "ekm_access_denied", "access_denied", "not_allowed_token_type", "user_not_in_channel"},
	NotFound:     {"channel_not_found", "message_not_found", "thread_not_found", "user_not_found", "users_not_found", "file_not_found", "file_deleted"},
	Archived:     {"is_archived"},
	Unavailable:  {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"},
	RateLimited:  {"ratelimited", "rate_limited"},
}

// failed makes an Error of what slack-go returned.
func (c *Client) failed(op, lane string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Op: op, Kind: Unreachable, cause: err}
	limited, isLimited := errors.AsType[*api.RateLimitedError](err)
	said, isSaid := errors.AsType[api.SlackErrorResponse](err)
	status, isStatus := errors.AsType[api.StatusCodeError](err)
	switch {
	case isLimited:
		e.Kind, e.Until = RateLimited, c.pause(lane, limited.RetryAfter)
	case isSaid:
		e.Kind, e.Code = Invalid, said.Err
		for kind, codes := range kinds {
			if slices.Contains(codes, said.Err) {
				e.Kind = kind
			}
		}
		if e.Kind == RateLimited {
			e.Until = c.pause(lane, 30*time.Second)
		}
	case isStatus && status.Code == http.StatusTooManyRequests:
		e.Kind, e.Until = RateLimited, c.pause(lane, 30*time.Second)
	case isStatus && (status.Code == http.StatusNotFound || status.Code == http.StatusGone):
		e.Kind = NotFound
	case isStatus:
		e.Kind = Unavailable
	case errors.Is(err, context.Canceled):
	}
	return e
}
