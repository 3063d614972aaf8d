package runapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// script answers one request after the other, the last one for ever, and keeps
// what was asked.
type script struct {
	mu    sync.Mutex
	steps []func(http.ResponseWriter)
	asked []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.EscapedPath()+" "+r.Header.Get("Authorization")+" "+string(b))
	step := s.steps[0]
	if len(s.steps) > 1 {
		s.steps = s.steps[1:]
	}
	s.mu.Unlock()
	step(w)
}

func status(code int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func broken(http.ResponseWriter) { panic(http.ErrAbortHandler) }

// newClient returns a client of the script whose pauses take no time.
func newClient(t *testing.T, steps ...func(http.ResponseWriter)) (*Client, *script, *[]time.Duration) {
	t.Helper()
	s := &script{steps: steps}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	c, err := NewClient(srv.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	var pauses []time.Duration
	c.wait = func(ctx context.Context, d time.Duration) error {
		pauses = append(pauses, d)
		return ctx.Err()
	}
	return c, s, &pauses
}

// as is an identity that is always the same.
func as(token string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}

// A claim whose answer got lost is repeated with a token of its own: the first one
// is used up.
func TestClientClaimsWithAFreshTokenEachTime(t *testing.T) {
	t.Parallel()
	c, s, _ := newClient(t, status(503, ""), status(502, ""), status(200, `{"run":"a.1"}`))
	n := 0
	if _, err := c.Claim(t.Context(), func(context.Context) (string, error) { n++; return fmt.Sprint("token-", n), nil }, ClaimRequest{}); err != nil {
		t.Fatal(err)
	}
	for i, asked := range s.asked {
		if want := fmt.Sprint(" Bearer token-", i+1, " "); !strings.Contains(asked, want) {
			t.Errorf("attempt %d was %q, want it with %q", i+1, asked, want)
		}
	}
	if n != 3 {
		t.Errorf("%d tokens were asked for, want 3", n)
	}
}

func TestClientPathsAndTokens(t *testing.T) {
	t.Parallel()
	c, s, _ := newClient(t,
		status(200, `{"run":"a/b.1","lease_token":"lease"}`), status(200, `{"stop":true,"reason":"r"}`), status(200, `{"next":3}`),
		status(200, `{"digest":"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","size":5}`),
		status(200, `{"state":"inspecting"}`))
	ctx := t.Context()
	a, err := c.Claim(ctx, as("id-token"), ClaimRequest{Run: "r", Nonce: "n"})
	if err != nil {
		t.Fatal(err)
	}
	h := c.Holder(a)
	renewed, err := h.Renew(ctx, RenewRequest{Phase: "work"})
	if err != nil || !renewed.Stop || renewed.Reason != "r" {
		t.Errorf("%+v %v", renewed, err)
	}
	if got, err := h.Append(ctx, EventsRequest{Events: []Event{{Seq: 1}}}); err != nil || got.Next != 3 {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := h.Upload(ctx, ArtifactLog, strings.NewReader("hello"), 5); err != nil || got.Size != 5 {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := h.Finish(ctx, FinishRequest{Result: Unchanged}); err != nil || got.State != "inspecting" {
		t.Errorf("%+v %v", got, err)
	}
	for i, want := range []string{
		"POST /api/v1/claim Bearer id-token {", "POST /api/v1/runs/a%2Fb.1/renew Bearer lease {", "POST /api/v1/runs/a%2Fb.1/events Bearer lease {",
		"PUT /api/v1/runs/a%2Fb.1/artifacts/log Bearer lease hello", "POST /api/v1/runs/a%2Fb.1/finish Bearer lease {",
	} {
		if !strings.HasPrefix(s.asked[i], want) {
			t.Errorf("asked %q, want %q…", s.asked[i], want)
		}
	}
}

// A server that is away for a while is asked again, with the same words and
// growing pauses, or those that it asks for.
func TestClientAsksAgain(t *testing.T) {
	t.Parallel()
	later := func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	c, s, pauses := newClient(t, broken, status(502, "<html>"), status(503, `{"code":"SERVER_BUSY","what":"busy"}`), later, status(504, ""), status(200, `{"next":2}`))
	got, err := c.Holder(Assignment{Run: "r"}).Append(t.Context(), EventsRequest{})
	if err != nil || got.Next != 2 {
		t.Fatalf("%+v %v", got, err)
	}
	for _, asked := range s.asked {
		if asked != s.asked[0] {
			t.Errorf("asked %q, then %q", s.asked[0], asked)
		}
	}
	want := []time.Duration{firstWait, 2 * firstWait, 4 * firstWait, 3 * time.Second, 16 * firstWait}
	for i := range want {
		if (*pauses)[i] != want[i] {
			t.Fatalf("pauses %v, want %v", *pauses, want)
		}
	}
}

// An upload that is asked for again sends all of its bytes again.
func TestClientUploadsAgain(t *testing.T) {
	t.Parallel()
	c, s, _ := newClient(t, status(503, ""), status(200, `{"digest":"sha256:other"}`))
	_, err := c.Holder(Assignment{Run: "r"}).Upload(t.Context(), ArtifactBundle, bytes.NewReader([]byte("bytes")), 5)
	if err == nil || !strings.Contains(err.Error(), "sha256:other") {
		t.Errorf("another digest was accepted: %v", err)
	}
	if len(s.asked) != 2 || !strings.HasSuffix(s.asked[1], " bytes") {
		t.Errorf("asked %q", s.asked)
	}
}

// A refusal is final, and comes back with its code, its number and its status.
func TestClientRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status   int
		body     string
		code     string
		expected int64
	}{
		"typed":        {409, `{"code":"CB_SEQ","what":"a gap","expected":7}`, CodeSeq, 7},
		"page":         {404, `<html><script>alert(1)</script>`, "HTTP_404", 0},
		"no code":      {500, `{"error":"x"}`, "HTTP_500", 0},
		"redirect":     {302, ``, "HTTP_302", 0},
		"unauthorized": {401, `{"code":"OIDC_TIME","what":"expired"}`, CodeTime, 0},
	} {
		client, s, _ := newClient(t, status(c.status, c.body))
		_, err := client.Claim(t.Context(), as("t"), ClaimRequest{})
		var e *Error
		if !errors.As(err, &e) || e.Code != c.code || e.Expected != c.expected || e.Status != c.status || strings.Contains(e.Error(), "<") {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.asked) != 1 {
			t.Errorf("%s: asked %d times", name, len(s.asked))
		}
	}
}

// A redirect would carry the token elsewhere.
func TestClientFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other place was asked") }))
	defer other.Close()
	c, _, _ := newClient(t, func(w http.ResponseWriter) {
		w.Header().Set("Location", other.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	if _, err := c.Claim(t.Context(), as("t"), ClaimRequest{}); err == nil {
		t.Error("no error")
	}
}

func TestClientGivesUp(t *testing.T) {
	t.Parallel()
	c, s, _ := newClient(t, status(503, ""))
	if _, err := c.Claim(t.Context(), as("t"), ClaimRequest{}); err == nil || len(s.asked) != maxAttempts {
		t.Errorf("asked %d times: %v", len(s.asked), err)
	}
	c, s, _ = newClient(t, status(503, ""))
	ctx, cancel := context.WithCancel(t.Context())
	c.wait = func(ctx context.Context, d time.Duration) error { cancel(); return pause(ctx, d) }
	if _, err := c.Claim(ctx, as("t"), ClaimRequest{}); err == nil || len(s.asked) != 1 {
		t.Errorf("asked %d times: %v", len(s.asked), err)
	}
}

func TestClientBoundsTheAnswer(t *testing.T) {
	t.Parallel()
	huge, err := json.Marshal(map[string]string{"state": strings.Repeat("x", maxAnswerBytes)})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{string(huge), "", "[]", "{"} {
		c, _, _ := newClient(t, status(200, body))
		if a, err := c.Holder(Assignment{Run: "r"}).Finish(t.Context(), FinishRequest{}); err == nil {
			t.Errorf("%.20q was accepted: %.20v", body, a)
		}
	}
}

func TestServerAddress(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"https://anvil.example.com": true, "https://anvil.example.com/": true, "http://127.0.0.1:8080": true, "http://localhost:1": true,
		"http://[::1]:1": true, "http://anvil.example.com": false, "http://127.0.0.1.example.com": false, "ftp://x": false, "anvil.example.com": false,
		"": false, "https://user:pass@x": false, "https://x?y": false, "https://x/#y": false, "http://localhost.example.com": false, "https://": false,
	} {
		if _, err := NewClient(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}
