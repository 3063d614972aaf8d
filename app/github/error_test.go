package github

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

func TestEveryAnswerHasAMeaning(t *testing.T) {
	t.Parallel()
	reset := strconv.FormatInt(time.Now().Add(10*time.Minute).Unix(), 10)
	for name, c := range map[string]struct {
		answer    http.HandlerFunc
		kind      Kind
		uncertain bool // for a write
		code      anvil.Code
		says      string // in the problem
	}{
		"wrong key or clock":        {says(401, message("A JSON web token could not be decoded")), Unauthorized, false, CodeAuth, "clock"},
		"no permission":             {says(403, message("Resource not accessible by integration")), Forbidden, false, CodePermission, "issues: write"},
		"no permission, and which":  {says(403, message("Resource not accessible by integration"), "X-Accepted-GitHub-Permissions: issues=write; pull_requests=write"), Forbidden, false, CodePermission, "issues=write; pull_requests=write"},
		"suspended":                 {says(403, message("This installation has been suspended")), Uninstalled, false, CodeGone, "suspended"},
		"archived":                  {says(403, message("Repository was archived so is read-only.")), Archived, false, CodeArchived, "archived"},
		"not there":                 {says(404, message("Not Found")), NotFound, false, CodePermission, "issues: write"},
		"deleted":                   {says(410, message("This issue was deleted")), NotFound, false, CodePermission, "deleted"},
		"invalid":                   {says(422, `{"message":"Validation Failed","errors":[{"resource":"IssueComment","field":"body","code":"missing_field"}]}`), Invalid, false, CodeRefused, "body missing_field"},
		"conflict":                  {says(409, message("Git Repository is empty.")), Invalid, false, CodeRefused, "empty"},
		"too many requests":         {says(429, message("slow down")), RateLimited, false, CodeRate, "wait until"},
		"primary limit used up":     {says(403, message("API rate limit exceeded"), "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: "+reset), RateLimited, false, CodeRate, "wait until"},
		"secondary limit":           {says(403, `{"message":"You have exceeded a secondary rate limit.","documentation_url":"https://docs.github.com/rest#secondary-rate-limits"}`, "Retry-After: 90"), RateLimited, false, CodeRate, "wait until"},
		"secondary limit, no words": {says(403, "", "Retry-After: 90"), RateLimited, false, CodeRate, "wait until"},
		"server error":              {says(500, message("oops")), Unavailable, true, CodeUnavailable, "HTTP 500"},
		"bad gateway, a page":       {says(502, "<html><h1>Unicorn!</h1></html>"), Unavailable, true, CodeUnavailable, "HTTP 502"},
		"request timeout":           {says(408, ""), Unavailable, true, CodeUnavailable, "HTTP 408"},
		"a page":                    {says(200, "<html>busy</html>"), BadResponse, true, CodeBadResponse, "HTTP 200"},
		"half of it":                {says(201, `{"id":1,"html_`), BadResponse, true, CodeBadResponse, "HTTP 201"},
		"nothing":                   {says(200, ""), BadResponse, true, CodeBadResponse, ""},
		"an error in good clothes":  {says(200, `{"data":null,"errors":[{"message":"Something went wrong"}]}`), BadResponse, true, CodeBadResponse, ""},
		"other types":               {says(201, `{"id":"one"}`), BadResponse, true, CodeBadResponse, ""},
		"without an end":            {endlessly, BadResponse, true, CodeBadResponse, "HTTP 200"},
		"shorter than announced":    {cutShort, BadResponse, true, CodeBadResponse, "HTTP 200"},
		"connection cut":            {hangUp, Unreachable, true, CodeUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, c.answer)
			_, err := h.app(t).CreateComment(t.Context(), hello, 3, "hi")
			e := AsError(err)
			if e == nil {
				t.Fatalf("got %v", err)
			}
			if e.Kind != c.kind {
				t.Errorf("kind %q, want %q: %v", e.Kind, c.kind, err)
			}
			if errors.Is(err, ErrUncertain) != c.uncertain || errors.Is(err, ErrNotAccepted) == c.uncertain {
				t.Errorf("uncertain %t, not accepted %t, want %t and its opposite", errors.Is(err, ErrUncertain), errors.Is(err, ErrNotAccepted), c.uncertain)
			}
			p := Problem(err)
			if p.Code != c.code || !strings.Contains(p.Error(), c.says) {
				t.Errorf("problem %s, want %s that says %q", p, c.code, c.says)
			}
			if n := len(h.calls()); n != 1 {
				t.Errorf("the request was sent %d times", n)
			}
			if strings.Contains(err.Error(), "ghs_") || strings.Contains(p.Error(), "ghs_") {
				t.Errorf("a token is in the error: %v", err)
			}
		})
	}
}

func endlessly(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, `{"id":1,"body":"`)
	line := strings.Repeat("a", 64<<10)
	for range maxAnswer/len(line) + 2 {
		if _, err := io.WriteString(w, line); err != nil {
			return
		}
	}
	io.WriteString(w, `"}`)
}

func cutShort(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, `{"id":1,`)
}

func hangUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
}

func TestAReadIsNeverUncertain(t *testing.T) {
	t.Parallel()
	for _, answer := range []http.HandlerFunc{says(500, ""), hangUp, cutShort} {
		_, err := newHub(t, answer).app(t).PullRequest(t.Context(), hello, 1)
		if err == nil || errors.Is(err, ErrUncertain) || errors.Is(err, ErrNotAccepted) {
			t.Errorf("got %v", err)
		}
	}
}

func TestACallThatRunsOutOfTimeMayHaveHappened(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	arrived := make(chan struct{}, 1)
	h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
	})
	t.Cleanup(func() { close(release) }) // before the server's own Close, which waits
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := h.app(t).CreateComment(ctx, hello, 3, "hi")
	if !errors.Is(err, ErrUncertain) || !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestWhatWasNeverSentDidNotHappen(t *testing.T) {
	t.Parallel()
	refused := newHub(t, says(201, `{"id":1}`))
	a := refused.app(t)
	if _, err := a.CreateComment(t.Context(), hello, 3, "a token is at hand now"); err != nil {
		t.Fatal(err)
	}
	a.wire.(*wire).base = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
	}}
	_, err := a.CreateComment(t.Context(), hello, 3, "hi")
	if !errors.Is(err, ErrNotAccepted) || AsError(err).Kind != Unreachable {
		t.Errorf("no connection: %v", err)
	}

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	h := newHub(t, says(201, `{"id":1}`))
	if _, err := h.app(t).CreateComment(cancelled, hello, 3, "hi"); !errors.Is(err, ErrNotAccepted) || len(h.calls()) != 0 {
		t.Errorf("caller gone before the token: %v, %v", err, h.calls())
	}
}

func TestATokenThatCannotBeHad(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mint http.HandlerFunc
		kind Kind
		code anvil.Code
		says string
	}{
		"wrong key":              {says(401, message("A JSON web token could not be decoded")), Unauthorized, CodeAuth, "private key"},
		"uninstalled":            {says(404, message("Not Found")), Uninstalled, CodeGone, "Install the App"},
		"suspended":              {says(403, message("This installation has been suspended")), Uninstalled, CodeGone, "suspended"},
		"permission not granted": {says(422, message("The permissions requested are not granted to this installation.")), Forbidden, CodePermission, "actions: write"},
		"repository not covered": {says(422, message("There is at least one repository that does not exist or is not accessible to the parent installation.")), Uninstalled, CodeGone, "no longer covers"},
		"rate limited":           {says(429, "", "Retry-After: 5"), RateLimited, CodeRate, "wait until"},
		"server error":           {says(503, "<html>"), Unavailable, CodeUnavailable, ""},
		"a page":                 {says(201, "<html>"), BadResponse, CodeBadResponse, ""},
		"no token in it":         {says(201, `{"expires_at":"2099-01-01T00:00:00Z"}`), BadResponse, CodeBadResponse, ""},
		"connection cut":         {hangUp, Unreachable, CodeUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, says(200, "{}"))
			h.mint = c.mint
			_, err := h.app(t).Dispatch(t.Context(), hello, DispatchRequest{Workflow: "anvil.yml", Ref: "main"})
			e := AsError(err)
			if e == nil || e.Kind != c.kind || !errors.Is(err, ErrNotAccepted) {
				t.Fatalf("got %v, want %s, not accepted", err, c.kind)
			}
			if e.Op != "start the workflow anvil.yml" {
				t.Errorf("the error is about %q", e.Op)
			}
			if p := Problem(err); p.Code != c.code || !strings.Contains(p.Error(), c.says) {
				t.Errorf("problem %s, want %s that says %q", p, c.code, c.says)
			}
			if len(h.calls()) != 0 {
				t.Errorf("sent without a token: %v", h.calls())
			}
		})
	}
}

func TestGitHubsWordsAreData(t *testing.T) {
	t.Parallel()
	nasty := "a\x1b[31m\u202eb\u0000c\n\n# d @everyone `e` <img src=x> [f](http://g) " + strings.Repeat("h", 5000)
	h := newHub(t, says(422, message(nasty)))
	_, err := h.app(t).CreateComment(t.Context(), hello, 3, "hi")
	p := Problem(err)
	for _, text := range []string{err.Error(), p.Error()} {
		if strings.ContainsAny(text, "\x1b\x00\n\u202e") || len(text) > 1000 {
			t.Errorf("passed on: %q", text)
		}
	}
	if strings.ContainsAny(p.What, "<>`[@") {
		t.Errorf("markup in what people read: %q", p.What)
	}
}
