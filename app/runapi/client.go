package runapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Limits of the client: an answer is small, and a server that is down is asked
// again for about half a minute.
const (
	maxAnswerBytes = 1 << 20
	maxAttempts    = 7
	firstWait      = 200 * time.Millisecond
	longestWait    = 15 * time.Second
)

// Client speaks the contract to one server. Since every call may be repeated, it
// repeats those that got no answer, or one that says "not now" (429, 502, 503,
// 504), with growing pauses, for as long as the caller's context lives. Every
// other refusal comes back at once as an [*Error].
//
// It never follows a redirect: a token is for the server that it was asked for.
type Client struct {
	server string
	http   *http.Client
	relays *http.Client // for requests of agents, whose answers may take long
	wait   func(context.Context, time.Duration) error
}

// NewClient returns a client for the server at the given public address. Plain
// http is for this machine only: anywhere else it would show the tokens to the
// network.
func NewClient(server string) (*Client, error) {
	u, err := url.Parse(server)
	switch {
	case err != nil:
		return nil, fmt.Errorf("server address: %w", err)
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("server address %q is not of the form https://HOST", server)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("server address %q must use https", server)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("server address %q must use https", server)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = time.Minute
	relaying := http.DefaultTransport.(*http.Transport).Clone()
	relaying.DisableCompression = true // bytes pass as they are
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		server: Audience(server),
		http:   &http.Client{Transport: transport, CheckRedirect: stay},
		relays: &http.Client{Transport: relaying, CheckRedirect: stay},
		wait:   pause,
	}, nil
}

// Audience is the form of the server's public address that an OIDC token must
// be asked for with: no final slash.
func Audience(server string) string { return strings.TrimRight(server, "/") }

// Claim asks for a run. identity gives the job's OIDC token, and is asked anew for
// each attempt: the server takes a token once, so a claim whose answer got lost
// is repeated with another one.
func (c *Client) Claim(ctx context.Context, identity func(context.Context) (string, error), r ClaimRequest) (Assignment, error) {
	var a Assignment
	err := c.postJSON(ctx, PathClaim, identity, r, &a)
	return a, err
}

// Holder acts for one claimed run, with its lease token.
type Holder struct {
	client *Client
	run    string
	token  string
}

// lease is the token of every attempt: it counts as long as the lease does.
func (h *Holder) lease(context.Context) (string, error) { return h.token, nil }

// Holder returns what acts for the run of assignment a.
func (c *Client) Holder(a Assignment) *Holder {
	return &Holder{client: c, run: a.Run, token: a.LeaseToken}
}

// Renew keeps the lease alive, and learns whether to stop.
func (h *Holder) Renew(ctx context.Context, r RenewRequest) (RenewAnswer, error) {
	var a RenewAnswer
	err := h.client.postJSON(ctx, h.path(PathRenew), h.lease, r, &a)
	return a, err
}

// Append adds events. A gap is an [*Error] with code CB_SEQ and the expected number.
func (h *Holder) Append(ctx context.Context, r EventsRequest) (EventsAnswer, error) {
	var a EventsAnswer
	err := h.client.postJSON(ctx, h.path(PathEvents), h.lease, r, &a)
	return a, err
}

// Upload stores the size bytes of r as the named artifact and returns their digest.
func (h *Holder) Upload(ctx context.Context, name string, r io.ReaderAt, size int64) (ArtifactAnswer, error) {
	return h.put(ctx, h.artifactPath(name), "artifact "+name, "", r, size)
}

// Save is Upload for a checkpoint or a conversation, with what the server should
// know about it.
func (h *Holder) Save(ctx context.Context, name string, about About, r io.ReaderAt, size int64) (ArtifactAnswer, error) {
	text, err := json.Marshal(about)
	if err != nil {
		return ArtifactAnswer{}, fmt.Errorf("encode %s: %w", HeaderAbout, err)
	}
	return h.put(ctx, h.artifactPath(name), "artifact "+name, string(text), r, size)
}

func (h *Holder) artifactPath(name string) string {
	return strings.Replace(h.path(PathArtifact), "{name}", url.PathEscape(name), 1)
}

// put sends bytes with their digest; what names them in errors.
func (h *Holder) put(ctx context.Context, path, what, about string, r io.ReaderAt, size int64) (ArtifactAnswer, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(r, 0, size)); err != nil {
		return ArtifactAnswer{}, fmt.Errorf("read %s: %w", what, err)
	}
	digest := "sha256:" + hex.EncodeToString(sum.Sum(nil))
	var a ArtifactAnswer
	err := h.client.do(ctx, call{
		method: http.MethodPut, path: path, token: h.lease, digest: digest, about: about, kind: "application/octet-stream",
		body: func() io.Reader { return io.NewSectionReader(r, 0, size) }, size: size,
	}, &a)
	if err == nil && a.Digest != digest {
		return a, fmt.Errorf("%s: the server stored %q, not %q", what, a.Digest, digest)
	}
	return a, err
}

// Finish hands the run back. After it the lease is over.
func (h *Holder) Finish(ctx context.Context, r FinishRequest) (FinishAnswer, error) {
	var a FinishAnswer
	err := h.client.postJSON(ctx, h.path(PathFinish), h.lease, r, &a)
	return a, err
}

func (h *Holder) path(pattern string) string {
	return strings.Replace(pattern, "{run}", url.PathEscape(h.run), 1)
}

// call is one request that can be sent several times.
type call struct {
	method, path, kind string
	digest, about      string                                // of an artifact
	token              func(context.Context) (string, error) // for one attempt
	body               func() io.Reader
	size               int64
}

func (c *Client) postJSON(ctx context.Context, path string, token func(context.Context) (string, error), in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return c.do(ctx, call{
		method: http.MethodPost, path: path, token: token, kind: "application/json",
		body: func() io.Reader { return bytes.NewReader(body) }, size: int64(len(body)),
	}, out)
}

// do sends one call until it has an answer that counts.
func (c *Client) do(ctx context.Context, l call, out any) error {
	for attempt := 1; ; attempt++ {
		asked, err := c.once(ctx, l, out)
		if err == nil || !TryLater(err) || attempt == maxAttempts || ctx.Err() != nil {
			return err
		}
		d := min(firstWait<<(attempt-1), longestWait)
		if asked > 0 {
			d = min(asked, longestWait)
		}
		if c.wait(ctx, d) != nil {
			return err
		}
	}
}

// once sends one request. It returns the pause that a refusing server asked for.
func (c *Client) once(ctx context.Context, l call, out any) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, l.method, c.server+l.path, l.body())
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", l.method, l.path, err)
	}
	token, err := l.token(ctx)
	if err != nil {
		return 0, err
	}
	req.ContentLength = l.size
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", l.kind)
	req.Header.Set("Accept", "application/json")
	if l.digest != "" {
		req.Header.Set(HeaderDigest, l.digest)
	}
	if l.about != "" {
		req.Header.Set(HeaderAbout, l.about)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, &unanswered{fmt.Errorf("%s %s: %w", l.method, l.path, err)}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		return 0, &unanswered{fmt.Errorf("%s %s: read answer: %w", l.method, l.path, err)}
	case len(body) > maxAnswerBytes:
		return 0, fmt.Errorf("%s %s: the answer is longer than %d bytes", l.method, l.path, maxAnswerBytes)
	case res.StatusCode < 200 || res.StatusCode > 299:
		return retryAfter(res.Header.Get("Retry-After")), refusal(res.StatusCode, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return 0, fmt.Errorf("%s %s: the answer is not what the contract says: %w", l.method, l.path, err)
	}
	return 0, nil
}

// unanswered marks a request of which nobody knows what became of it.
type unanswered struct{ error }

func (u *unanswered) Unwrap() error { return u.error }

// TryLater reports whether err says that the server can't be reached or is busy,
// so that the same call may succeed later.
func TryLater(err error) bool {
	var u *unanswered
	if errors.As(err, &u) {
		return true
	}
	var e *Error
	if errors.As(err, &e) {
		switch e.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
	}
	return false
}

// refusal reads an error answer. Proxies answer in their own words: then the
// status is all there is to tell, and their page is not repeated.
func refusal(status int, body []byte) *Error {
	e := &Error{}
	if json.Unmarshal(body, e) != nil || e.Code == "" {
		e = &Error{
			Code: fmt.Sprintf("HTTP_%d", status),
			What: "something between the runner and the server answered " + http.StatusText(status) + ".",
			Next: "Check the server's address and its reverse proxy.",
		}
	}
	e.Status = status
	return e
}

func retryAfter(v string) time.Duration {
	if n, err := strconv.Atoi(v); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	return 0
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
