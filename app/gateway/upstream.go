package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Upstream is a server of models, with a key of ours.
type Upstream struct {
	Name      string
	Protocols []string // responses, chat, messages, generate
	// BaseURL is what stands before /responses, /chat/completions, /messages or /models.
	BaseURL *url.URL
	Key     string // empty: none is sent
	Auth    string // how the key is sent: bearer, x-api-key, api-key or x-goog-api-key
	// Models maps the names that runs use to the upstream's own. If there are any,
	// it serves no others.
	Models map[string]string
}

// upstream is an Upstream with what was seen of it.
type upstream struct {
	Upstream
	breaker *gobreaker.TwoStepCircuitBreaker[any]
	keyless atomic.Bool // when it last failed, it did not accept our key
}

// tripping is how many failures on end have an upstream left alone for a while.
const tripping = 5

// newUpstream makes an upstream of which nothing was seen yet.
func newUpstream(u Upstream, log *slog.Logger) *upstream {
	return &upstream{Upstream: u, breaker: gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Name: u.Name, Timeout: 15 * time.Second, MaxRequests: 2,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tripping },
		OnStateChange: func(name string, from, to gobreaker.State) {
			log.Warn("upstream", "name", name, "was", from.String(), "is", to.String())
		},
	})}
}

// allow admits a call, unless the upstream is left alone; done is told what came of it.
// One that only refuses our key answers at once: it is left alone while there is another,
// and else it is asked, for what it says is what the operator has to know.
func (u *upstream) allow(another bool) (done func(failure error), err error) {
	told, err := u.breaker.Allow()
	switch {
	case err == nil:
		return func(failure error) {
			var no *refusal
			u.keyless.Store(failure != nil && errors.As(failure, &no) && no.code == CodeKey)
			told(failure)
		}, nil
	case !another && u.keyless.Load():
		return func(error) {}, nil
	}
	return nil, err
}

// serves reports whether the upstream has the model, and what it calls it.
func (u *upstream) serves(p protocol, model string) (name string, ok bool) {
	if !slices.Contains(u.Protocols, string(p)) {
		return "", false
	}
	if len(u.Models) == 0 {
		return model, true
	}
	name, ok = u.Models[model]
	if name == "" {
		name = model
	}
	return name, ok
}

// served reports whether one of the upstreams has the model.
func served(by []*upstream, p protocol, model string) bool {
	return slices.ContainsFunc(by, func(u *upstream) bool { _, ok := u.serves(p, model); return ok })
}

// request makes the request that goes out. Nothing of the engine's passes but its
// body and the headers named here.
func (u *upstream) request(ctx context.Context, c *call, model string) *http.Request {
	q, rt, from := c.request, c.route, c.header
	body := q.bodyFor(rt, model)
	target := *u.BaseURL
	target.Path = strings.TrimRight(target.Path, "/") + rt.below(model)
	if rt.stream {
		target.RawQuery = strings.TrimPrefix(target.RawQuery+"&alt=sse", "&")
	}
	h := http.Header{
		"Content-Type":    {"application/json"},
		"Accept":          {"application/json"},
		"Accept-Encoding": {"identity"}, // what is compressed cannot be metered as it passes
		"User-Agent":      {"anvil-gateway"},
	}
	if q.stream {
		h["Accept"] = []string{"text/event-stream"}
	}
	for _, name := range []string{"Anthropic-Version", "Anthropic-Beta", "Openai-Beta"} {
		for _, v := range from[name] {
			if len(v) <= 4<<10 {
				h[name] = append(h[name], v)
			}
		}
	}
	if rt.protocol == messages && h["Anthropic-Version"] == nil {
		h["Anthropic-Version"] = []string{"2023-06-01"}
	}
	switch {
	case u.Key == "":
	case u.Auth == "x-api-key":
		h["X-Api-Key"] = []string{u.Key}
	case u.Auth == "x-goog-api-key":
		h["X-Goog-Api-Key"] = []string{u.Key}
	case u.Auth == "api-key":
		h["Api-Key"] = []string{u.Key}
	default:
		h["Authorization"] = []string{"Bearer " + u.Key}
	}
	r := &http.Request{
		Method: http.MethodPost, URL: &target, Host: target.Host, Header: h,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: q.send(body), ContentLength: int64(len(body)),
		GetBody: func() (io.ReadCloser, error) { return q.send(body), nil },
	}
	return r.WithContext(ctx)
}

// Retries, before the first byte of an answer has gone to the engine.
const (
	rounds      = 3                      // through all upstreams
	pause       = 250 * time.Millisecond // after the first round; then twice as long
	longestWait = 10 * time.Second       // that an upstream may ask for; above it the engine is told to wait
)

// answer is what an upstream gave, begun: its first bytes are there.
type answer struct {
	*http.Response
	from  *upstream
	first []byte // the first bytes of the body, in buf
	err   error  // that came with them: io.EOF if they are all
}

// ask asks the upstreams that serve the call's model, in order, until one begins an
// answer that can be passed on. buf receives its first bytes.
func (g *Gateway) ask(ctx context.Context, c *call, buf []byte) (*answer, *refusal) {
	last := refuse(http.StatusServiceUnavailable, CodeUpstream, "no upstream serves %s by this interface.", c.row.Model)
	wait := pause
	for round := range rounds {
		if round > 0 {
			if last.retryAfter > longestWait {
				return nil, last
			}
			jitter := time.Duration(rand.Int64N(int64(pause) / 2))
			if err := g.sleep(ctx, max(wait, last.retryAfter)+jitter); err != nil {
				return nil, cutBy(ctx)
			}
			wait *= 2
		}
		again := false
		for i, u := range g.upstreams {
			name, ok := u.serves(c.route.protocol, c.row.Model)
			if !ok {
				continue
			}
			c.row.Upstream = u.Name
			a, no, passing := g.try(ctx, c, u, name, buf, served(g.upstreams[i+1:], c.route.protocol, c.row.Model))
			if a != nil {
				return a, nil
			}
			if ctx.Err() != nil {
				return nil, cutBy(ctx)
			}
			g.log.Warn("upstream failed", "upstream", u.Name, "run", c.row.Run, "model", c.row.Model, "round", round+1, "what", no.what, "cause", no.cause)
			last, again = no, again || passing
		}
		if !again {
			break
		}
	}
	return nil, last
}

// try asks one upstream once; another says that one after it has the model too. passing
// says that another try may go better.
func (g *Gateway) try(ctx context.Context, c *call, u *upstream, model string, buf []byte, another bool) (a *answer, no *refusal, passing bool) {
	done, err := u.allow(another)
	if err != nil {
		r := refuse(http.StatusServiceUnavailable, CodeUpstream, "upstream %s has failed too often and is left alone for some seconds. Try again later.", u.Name)
		r.retryAfter = 15 * time.Second
		return nil, r.because(err), false
	}
	tried, giveUp := context.WithCancel(ctx) // ends with the call
	resp, err := g.transport.RoundTrip(u.request(tried, c, model))
	if err != nil {
		giveUp()
		if ctx.Err() != nil {
			done(nil) // not the upstream's doing
		} else {
			done(err)
		}
		return nil, refuse(http.StatusBadGateway, CodeUpstream, "upstream %s cannot be reached. Try again later.", u.Name).because(err), true
	}
	// The transport waits for an answer's head only so long; its first byte may not be
	// longer in coming.
	late := time.AfterFunc(g.silence, giveUp)
	defer late.Stop()
	if no, passing = judge(u, resp, another); no != nil {
		drain(resp)
		if resp.StatusCode >= 500 || resp.StatusCode < 400 || no.code == CodeKey {
			done(no)
		} else {
			done(nil)
		}
		return nil, no, passing
	}
	n, err := resp.Body.Read(buf)
	if n == 0 && err != nil && !(errors.Is(err, io.EOF) && resp.StatusCode >= 400) {
		resp.Body.Close()
		if ctx.Err() != nil {
			done(nil)
		} else {
			done(err)
		}
		return nil, refuse(http.StatusBadGateway, CodeUpstream, "upstream %s ended its answer before it began. Try again later.", u.Name).because(err), true
	}
	done(nil)
	return &answer{Response: resp, from: u, first: buf[:n], err: err}, nil, false
}

// judge says why an answer is not passed on, or nil. passing: another try may go
// better.
func judge(u *upstream, resp *http.Response, another bool) (no *refusal, passing bool) {
	status := resp.StatusCode
	switch {
	case status == http.StatusTooManyRequests:
		no = refuse(status, CodeUpstream, "upstream %s asks to wait (status 429).", u.Name)
		no.retryAfter = retryAfter(resp.Header)
		return no, true
	case status >= 500: // 529 is Anthropic's "overloaded"
		no = refuse(http.StatusServiceUnavailable, CodeUpstream, "upstream %s failed (status %d). Try again later.", u.Name, status)
		no.retryAfter = retryAfter(resp.Header)
		return no, true
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusPaymentRequired:
		return refuse(http.StatusBadRequest, CodeKey, "upstream %s does not accept the server's key or account (status %d). The operator has to look at it. Stop.", u.Name, status), false
	case status == http.StatusNotFound && another:
		return refuse(status, CodeUpstream, "upstream %s does not have the model (status 404).", u.Name), false
	case status < 200 || status >= 300 && status < 400:
		return refuse(http.StatusBadGateway, CodeUpstream, "upstream %s answered with status %d, and redirects are not followed.", u.Name, status), false
	case resp.Header.Get("Content-Encoding") != "" && resp.Header.Get("Content-Encoding") != "identity":
		return refuse(http.StatusBadGateway, CodeUpstream, "upstream %s compressed its answer, which it was asked not to.", u.Name), false
	}
	return nil, false
}

// retryAfter is how long an upstream asks to wait; 0 if it doesn't say.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 && seconds < 1e6 {
		return time.Duration(seconds * float64(time.Second))
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// drain reads a little of an answer that is not used, so that its connection can be.
func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	resp.Body.Close()
}
