package slacktest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// post sends a delivery over HTTP, signed. Why is empty if it was acknowledged.
func (s *Server) post(ctx context.Context, a App, d *Delivery, n int, before string) (answer, why string) {
	address, kind, body := a.EventsURL, "application/json", []byte(d.Payload)
	switch d.Kind {
	case kindInteractive:
		address, kind, body = a.InteractivityURL, "application/x-www-form-urlencoded", []byte(url.Values{"payload": {string(d.Payload)}}.Encode())
	case kindCommand:
		address, kind, body = a.CommandURL, "application/x-www-form-urlencoded", form(d.Payload)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return "", "connection_failed"
	}
	req.Header.Set("Content-Type", kind)
	Sign(req.Header, a.SigningSecret, s.opts.Now(), body)
	if n > 0 {
		req.Header.Set("X-Slack-Retry-Num", strconv.Itoa(n))
		req.Header.Set("X-Slack-Retry-Reason", before)
	}
	res, err := s.client.Do(req)
	switch {
	case ctx.Err() != nil:
		return "", "http_timeout"
	case err != nil:
		return "", "connection_failed"
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return "", "http_timeout"
	}
	if res.StatusCode/100 != 2 {
		return string(text), "http_error"
	}
	return string(text), ""
}

// form is a flat JSON object as a form.
func form(payload json.RawMessage) []byte {
	var fields map[string]string
	_ = json.Unmarshal(payload, &fields)
	v := url.Values{}
	for k, text := range fields {
		v.Set(k, text)
	}
	return []byte(v.Encode())
}

// Sign puts Slack's signature of a body at a time into the header.
func Sign(h http.Header, secret string, at time.Time, body []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	h.Set("X-Slack-Request-Timestamp", stamp)
	h.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
}
