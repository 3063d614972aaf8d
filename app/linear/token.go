package linear

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// scopes are what the app's token is for. They are the same every time: Linear revokes
// the tokens that were given for other ones.
const scopes = "read,write,app:assignable,app:mentionable"

// access returns a token that is good for a while, a new one if need be.
func (c *Client) access(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" && c.cfg.Clock().Add(5*time.Minute).Before(c.until) {
		return c.token, nil
	}
	const op = "get a token for the app"
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {scopes}, "client_id": {c.cfg.ClientID}, "client_secret": {c.cfg.ClientSecret}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", &Error{Op: op, Kind: Invalid, cause: err}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.http.Do(req)
	if err != nil {
		return "", &Error{Op: op, Kind: Unreachable, cause: err}
	}
	defer resp.Body.Close()
	var answer struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"` // seconds
		Code    string `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&answer); err != nil && resp.StatusCode < 500 {
		return "", &Error{Op: op, Kind: Unavailable, Status: resp.StatusCode, Message: "the answer is no JSON"}
	}
	switch {
	case resp.StatusCode >= 500:
		return "", &Error{Op: op, Kind: Unavailable, Status: resp.StatusCode}
	case resp.StatusCode == http.StatusTooManyRequests:
		return "", &Error{Op: op, Kind: RateLimited, Status: resp.StatusCode, Until: c.cfg.Clock().Add(time.Minute)}
	case resp.StatusCode != http.StatusOK || answer.Token == "":
		return "", &Error{Op: op, Kind: Unauthorized, Status: resp.StatusCode, Message: cut(answer.Code, 60)}
	}
	c.token, c.until = answer.Token, c.cfg.Clock().Add(time.Duration(answer.Expires)*time.Second)
	return c.token, nil
}

// forget drops the token, and reports whether there was one.
func (c *Client) forget() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	had := c.token != ""
	c.token = ""
	return had
}
