package linear

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Config says how to reach Linear, and as which app.
type Config struct {
	URL                    string // https://api.linear.app, or what speaks like it; no final slash
	ClientID, ClientSecret string
	Timeout                time.Duration // of one call; default 10 s
	Clock                  func() time.Time
	Log                    *slog.Logger
}

// Client is one app in one workspace.
type Client struct {
	cfg  Config
	http *http.Client

	mu     sync.Mutex
	token  string    // guarded by mu, like all below
	until  time.Time // of the token
	paused time.Time // nothing is asked before, because Linear said so
}

// New returns a client. It asks nothing yet.
func New(cfg Config) *Client {
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Client{cfg: cfg, http: &http.Client{
		Timeout:       cfg.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token stays with Linear
	}}
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 20

// ask makes one GraphQL request and decodes its data into out. A token that was revoked
// before its time is replaced once.
func (c *Client) ask(ctx context.Context, op, query string, vars map[string]any, out any) error {
	err := c.once(ctx, op, query, vars, out)
	if e := AsError(err); e != nil && e.Kind == Unauthorized && c.forget() {
		err = c.once(ctx, op, query, vars, out)
	}
	return err
}

func (c *Client) once(ctx context.Context, op, query string, vars map[string]any, out any) error {
	if until := c.pausedUntil(); until.After(c.cfg.Clock()) {
		return &Error{Op: op, Kind: RateLimited, Until: until, Message: "not sent; an earlier answer asked us to wait"}
	}
	token, err := c.access(ctx)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"query": query, "variables": vars})
	if err != nil {
		return &Error{Op: op, Kind: Invalid, cause: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		return &Error{Op: op, Kind: Invalid, cause: err}
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return &Error{Op: op, Kind: Unreachable, cause: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return &Error{Op: op, Kind: Unreachable, Status: resp.StatusCode, cause: err}
	}
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []fault         `json:"errors"`
	}
	unreadable := json.Unmarshal(raw, &answer) != nil
	if unreadable || len(answer.Errors) > 0 || resp.StatusCode != http.StatusOK {
		var first fault
		if len(answer.Errors) > 0 {
			first = answer.Errors[0]
		}
		e := &Error{Op: op, Kind: kindOf(resp.StatusCode, first), Status: resp.StatusCode, Message: cut(first.Message, 300)}
		if e.Kind == RateLimited {
			e.Until = c.pause(resp)
		}
		return e
	}
	if err := json.Unmarshal(answer.Data, out); err != nil {
		return &Error{Op: op, Kind: Unavailable, Status: resp.StatusCode, cause: err}
	}
	return nil
}

// fault is one of the errors of an answer.
type fault struct {
	Message    string `json:"message"`
	Extensions struct {
		Code string `json:"code"`
		Type string `json:"type"`
	} `json:"extensions"`
}

func kindOf(status int, f fault) Kind {
	switch f.Extensions.Code {
	case "RATELIMITED":
		return RateLimited
	case "AUTHENTICATION_ERROR":
		return Unauthorized
	case "FORBIDDEN":
		return Forbidden
	}
	switch {
	case status == http.StatusTooManyRequests:
		return RateLimited
	case status == http.StatusUnauthorized:
		return Unauthorized
	case status == http.StatusForbidden:
		return Forbidden
	case status >= 500 || f.Extensions.Code == "INTERNAL_SERVER_ERROR" || f.Message == "":
		return Unavailable
	case strings.HasPrefix(f.Message, "Entity not found"):
		return NotFound
	}
	return Invalid
}

// pause notes that Linear asked to be left alone, and returns until when: Retry-After if
// given, else when there is some of the budget again, else in a minute.
func (c *Client) pause(resp *http.Response) time.Time {
	now := c.cfg.Clock()
	until := now.Add(time.Minute)
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s >= 0 && s <= 24*3600 {
		until = now.Add(time.Duration(s) * time.Second)
	} else if ms, err := strconv.ParseInt(resp.Header.Get("X-RateLimit-Requests-Reset"), 10, 64); err == nil {
		// That is when all of it is back; it comes back at a constant rate, so a
		// little of it is there much earlier.
		if whole := time.UnixMilli(ms).Sub(now); whole > 0 && whole < 30*time.Minute {
			until = now.Add(min(whole, time.Minute))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = until
	return until
}

func (c *Client) pausedUntil() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paused
}

// Problem tells a person about err.
func Problem(err error) *anvil.Problem {
	if p := anvil.AsProblem(err); p != nil || err == nil {
		return p
	}
	e := AsError(err)
	if e != nil && e.Kind == Unauthorized {
		return anvil.Problemf(CodeAuth, "Check linear.client_id and the client secret, and that client credentials are enabled for the app", "Linear does not accept the app's credentials").Because(err)
	}
	return anvil.Problemf(CodeUnavailable, "Anvil tries again by itself", "a call to Linear failed").Because(err)
}

// Codes of the problems that calls to Linear end in.
const (
	CodeAuth        anvil.Code = "LIN_AUTH"
	CodeUnavailable anvil.Code = "LIN_UNAVAILABLE"
)

// cut is the beginning of s, at most n bytes.
func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
