package github

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/bradleyfalzon/ghinstallation/v2"
	gh "github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// call is one request.
type call struct {
	op     string
	grant  grant
	method string
	path   []string // segments, escaped one by one
	query  url.Values
	body   any
	out    any // decoded into, unless nil
	// cursor is where the list goes on, for lists that are read that way; unless nil it is
	// set, to nothing at the end of the list.
	cursor *string
	// graphQL sends it to the other API, which is beside REST's v3 on a GitHub
	// Enterprise Server and below the same root at github.com.
	graphQL bool
}

func (c call) write() bool { return c.method != http.MethodGet }

// trip is what the wire tells about one request.
type trip struct{ sent atomic.Bool }

type tripKey struct{}

func withTrip(ctx context.Context, t *trip) context.Context {
	return context.WithValue(ctx, tripKey{}, t)
}

func tripOf(ctx context.Context) *trip {
	t, _ := ctx.Value(tripKey{}).(*trip)
	return t
}

// once makes the call once and returns the status of a good answer. The error, if
// any, is an *Error.
func (a *App) once(ctx context.Context, c call) (status int, err error) {
	for _, s := range c.path {
		if s == "" || s == "." || s == ".." { // what no escaping keeps in its place
			return 0, &Error{Op: c.op, Kind: Invalid, Message: "a name that is empty or dots", write: c.write()}
		}
	}
	if err := a.paused(c.op, c.grant); err != nil {
		err.write = c.write()
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	t := new(trip)
	ctx = withTrip(ctx, t)

	client := a.client(c.grant)
	address := c.address()
	if c.graphQL {
		address = "graphql"
		if strings.HasSuffix(client.BaseURL.Path, "/api/v3/") {
			address = "../graphql"
		}
	}
	req, err := client.NewRequest(c.method, address, c.body)
	if err != nil {
		return 0, &Error{Op: c.op, Kind: Invalid, write: c.write(), cause: err}
	}
	resp, err := client.Do(ctx, req, c.out)
	if resp != nil && !c.graphQL { // which has a budget of its own
		a.spent(c.grant, resp.Rate)
	}
	var accepted *gh.AcceptedError
	if errors.As(err, &accepted) {
		err = nil // 202 is how cancelling a workflow run is answered
	}
	if err == nil {
		if c.cursor != nil {
			*c.cursor = resp.Cursor
		}
		return resp.StatusCode, nil
	}
	return 0, a.classify(c, t.sent.Load(), resp, err)
}

func (c call) address() string {
	segments := make([]string, len(c.path))
	for i, s := range c.path {
		segments[i] = url.PathEscape(s)
	}
	s := strings.Join(segments, "/")
	if len(c.query) > 0 {
		s += "?" + c.query.Encode()
	}
	return s
}

// classify makes an Error of what go-github returned for c.
func (a *App) classify(c call, sent bool, resp *gh.Response, err error) *Error {
	if e := AsError(err); e != nil { // the token could not be had
		d := *e
		d.Op, d.write = c.op, c.write()
		return &d
	}
	e := &Error{Op: c.op, Rights: c.grant.rights.String(), write: c.write(), sent: sent}
	var minted *ghinstallation.HTTPError
	switch {
	case errors.As(err, &minted): // expired between our look and the transport's
		d := *a.tokenError(c.grant, err)
		d.Op, d.write = c.op, c.write()
		return &d
	case resp == nil || resp.Response == nil:
		e.Kind, e.cause = Unreachable, err
		e.sent = sent && !neverConnected(err)
		if errors.Is(err, errForeignHost) {
			e.Kind, e.sent = BadResponse, false
		}
		return e
	}
	e.Status = resp.StatusCode
	if resp.StatusCode/100 == 2 { // the answer broke off, or is not what it should be
		e.Kind, e.cause = BadResponse, err
		return e
	}
	a.read(e, c.grant, resp.Response, err)
	if e.Kind == Unauthorized {
		// The token was revoked before its time; the next call gets a new one.
		a.forget(c.grant, nil)
	}
	return e
}

// read fills e from an answer that is not 2xx.
func (a *App) read(e *Error, g grant, resp *http.Response, err error) {
	var words, address string
	var refused *gh.ErrorResponse
	var primary *gh.RateLimitError
	var secondary *gh.AbuseRateLimitError
	switch {
	case errors.As(err, &refused):
		words, address = wordsOf(refused), refused.DocumentationURL
	case errors.As(err, &primary):
		words = primary.Message
	case errors.As(err, &secondary):
		words = secondary.Message
	}
	e.Message = clean(words, maxMessage)
	said := strings.ToLower(words)
	has := func(s string) bool { return strings.Contains(said, s) }
	limited := primary != nil || secondary != nil || strings.Contains(address, "rate-limit") ||
		has("rate limit") || resp.Header.Get("Retry-After") != ""

	switch s := resp.StatusCode; {
	case s == http.StatusTooManyRequests, s == http.StatusForbidden && limited:
		e.Kind, e.Until = RateLimited, a.pause(g, resp.Header)
	case s == http.StatusUnauthorized:
		e.Kind = Unauthorized
	case s == http.StatusForbidden && has("suspended"):
		e.Kind = Uninstalled
	case s == http.StatusForbidden && has("archived"):
		e.Kind = Archived
	case s == http.StatusForbidden:
		e.Kind = Forbidden
		if p := resp.Header.Get("X-Accepted-GitHub-Permissions"); p != "" {
			e.Rights = clean(p, 120)
		}
	case s == http.StatusNotFound, s == http.StatusGone:
		e.Kind = NotFound
	case s == http.StatusUnprocessableEntity && has("already exists"):
		e.Kind = Exists
	case s/100 == 3:
		e.Kind = Moved
	case s == http.StatusRequestTimeout, s/100 == 5:
		e.Kind = Unavailable
	case s/100 == 4:
		e.Kind = Invalid
	default:
		e.Kind = BadResponse
	}
}

// tokenError makes an Error of a token that could not be had. The call itself
// was not sent.
func (a *App) tokenError(g grant, err error) *Error {
	if e := AsError(err); e != nil {
		return e
	}
	e := &Error{Op: opToken, Rights: g.rights.String()}
	var minted *ghinstallation.HTTPError
	if !errors.As(err, &minted) || minted.Response == nil {
		e.Kind, e.cause = Unreachable, err
		if errors.Is(err, errAnswerTooBig) || isJSON(err) {
			e.Kind = BadResponse
		}
		return e
	}
	resp := minted.Response
	defer resp.Body.Close() // ghinstallation leaves it to us
	e.Status = resp.StatusCode
	a.read(e, g, resp, gh.CheckResponse(resp))
	switch {
	case e.Kind == NotFound:
		e.Kind = Uninstalled
	case e.Status == http.StatusUnprocessableEntity && strings.Contains(strings.ToLower(e.Message), "permission"):
		e.Kind = Forbidden
	case e.Status == http.StatusUnprocessableEntity:
		e.Kind = Uninstalled // the repository is not, or no longer, of this installation
	}
	return e
}

// neverConnected reports whether err says that no connection was made.
func neverConnected(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// wordsOf joins what GitHub says about a refusal: the message, then what it says
// about single fields.
func wordsOf(r *gh.ErrorResponse) string {
	words := []string{r.Message}
	for i, e := range r.Errors {
		if i == 5 {
			break
		}
		switch {
		case e.Message != "":
			words = append(words, e.Message)
		case e.Field != "" || e.Code != "":
			words = append(words, strings.TrimSpace(e.Resource+" "+e.Field+" "+e.Code))
		}
	}
	return strings.Join(words, "; ")
}

// isJSON reports whether err comes from decoding.
func isJSON(err error) bool {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &kind) || errors.Is(err, io.ErrUnexpectedEOF)
}

// unreadable is the error for an answer to c that lacks what it must have.
func (c call) unreadable(what string) *Error {
	return &Error{Op: c.op, Kind: BadResponse, Status: http.StatusOK, Message: what, write: c.write(), sent: true}
}

// onRepo returns a call on a path below repo, with a token for r.
func onRepo(op string, repo anvil.Repository, r rights, method string, path ...string) call {
	return call{
		op: op, grant: grantOn(repo, r), method: method,
		path: append([]string{"repos", repo.Owner, repo.Name}, path...),
	}
}

func itoa[N int | int64](n N) string { return strconv.FormatInt(int64(n), 10) }
