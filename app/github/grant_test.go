package github

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestEveryCallHasATokenForItsRepositoryAndNoMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(a *App) error
		want map[string]any
	}{
		"permission": {func(a *App) error { _, _, err := a.Permission(t.Context(), hello, "mona"); return err }, map[string]any{}},
		"repository": {func(a *App) error { _, err := a.Repository(t.Context(), 9, 42); return err }, map[string]any{}},
		"branch":     {func(a *App) error { _, err := a.Branch(t.Context(), hello, "main"); return err }, map[string]any{"contents": "read"}},
		"file":       {func(a *App) error { _, err := a.File(t.Context(), hello, "a", "main"); return err }, map[string]any{"contents": "read"}},
		"commit":     {func(a *App) error { _, _, err := a.Commit(t.Context(), hello, sha1); return err }, map[string]any{"contents": "read"}},
		"dispatch": {func(a *App) error {
			_, err := a.Dispatch(t.Context(), hello, DispatchRequest{Workflow: "w", Ref: "main"})
			return err
		}, map[string]any{"actions": "write"}},
		"find run": {func(a *App) error {
			_, _, err := a.FindWorkflowRun(t.Context(), hello, "w", "t.1", time.Now())
			return err
		}, map[string]any{"actions": "read"}},
		"run":           {func(a *App) error { _, err := a.WorkflowRun(t.Context(), hello, 1); return err }, map[string]any{"actions": "read"}},
		"cancel":        {func(a *App) error { return a.CancelWorkflowRun(t.Context(), hello, 1) }, map[string]any{"actions": "write"}},
		"comment":       {func(a *App) error { _, err := a.CreateComment(t.Context(), hello, 1, ""); return err }, map[string]any{"issues": "write"}},
		"reaction":      {func(a *App) error { _, err := a.React(t.Context(), hello, Target{Issue: 1}, "eyes"); return err }, map[string]any{"issues": "write"}},
		"find comment":  {func(a *App) error { _, _, err := a.FindComment(t.Context(), hello, 1, "m", time.Time{}); return err }, map[string]any{"issues": "read"}},
		"check":         {func(a *App) error { _, err := a.CreateCheckRun(t.Context(), hello, CheckRun{}); return err }, map[string]any{"checks": "write"}},
		"find check":    {func(a *App) error { _, _, err := a.FindCheckRun(t.Context(), hello, sha1, "Anvil", "t"); return err }, map[string]any{"checks": "read"}},
		"pull":          {func(a *App) error { _, err := a.PullRequest(t.Context(), hello, 1); return err }, map[string]any{"pull_requests": "read"}},
		"open pull":     {func(a *App) error { _, err := a.CreatePullRequest(t.Context(), hello, NewPullRequest{}); return err }, map[string]any{"pull_requests": "write", "contents": "read"}},
		"read token":    {func(a *App) error { _, _, err := a.ReadToken(t.Context(), hello); return err }, map[string]any{"contents": "read"}},
		"publish token": {func(a *App) error { _, _, err := a.PublishToken(t.Context(), hello); return err }, map[string]any{"contents": "write", "pull_requests": "write"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, says(404, message("Not Found")))
			_ = c.do(h.app(t)) // what it answers is for other tests
			mints := h.mints()
			if len(mints) != 1 {
				t.Fatalf("%d tokens were asked for", len(mints))
			}
			c.want["metadata"] = "read"
			got := decode(t, mints[0])
			want := map[string]any{"repository_ids": []any{42.0}, "permissions": c.want}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("asked for %v, want %v", got, want)
			}
		})
	}
}

func TestManyCallersWaitForOneToken(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	h := newHub(t, says(201, `{"id":1}`))
	h.mint = func(w http.ResponseWriter, r *http.Request) {
		<-release
		says(201, `{"token":"ghs_1","expires_at":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)(w, r)
	}
	a := h.app(t)
	var group sync.WaitGroup
	var started sync.WaitGroup
	for range 20 {
		started.Add(1)
		group.Go(func() {
			started.Done()
			if _, err := a.CreateComment(t.Context(), hello, 3, "hi"); err != nil {
				t.Error(err)
			}
		})
	}
	started.Wait()
	close(release)
	group.Wait()
	if n := len(h.mints()); n != 1 {
		t.Errorf("%d tokens for 20 callers", n)
	}
	for _, r := range h.calls() {
		if r.auth != "token ghs_1" {
			t.Errorf("sent with %q", r.auth)
		}
	}
}

func TestATokenIsRenewedBeforeItExpires(t *testing.T) {
	t.Parallel()
	h := newHub(t, says(201, `{"id":1}`))
	h.life = 50 * time.Second // less than the minute for which ghinstallation renews ahead
	a := h.app(t)
	for range 2 {
		if _, err := a.CreateComment(t.Context(), hello, 3, "hi"); err != nil {
			t.Fatal(err)
		}
	}
	if calls := h.calls(); calls[0].auth == calls[1].auth {
		t.Error("a token about to expire was used again")
	}
}

func TestARevokedTokenIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "token ghs_1" {
			says(401, message("Bad credentials"))(w, r)
			return
		}
		says(201, `{"id":1}`)(w, r)
	})
	a := h.app(t)
	if _, err := a.CreateComment(t.Context(), hello, 3, "hi"); AsError(err) == nil || AsError(err).Kind != Unauthorized {
		t.Fatalf("got %v", err)
	}
	if _, err := a.CreateComment(t.Context(), hello, 3, "hi"); err != nil {
		t.Fatalf("the next call: %v", err)
	}
}

func TestAHandedTokenIsNobodyElses(t *testing.T) {
	t.Parallel()
	c := newClock()
	c.at.Store(time.Now().UnixNano())
	h := newHub(t, says(404, message("Not Found")))
	a := h.app(t, func(cfg *Config) { cfg.Clock = c.now })
	_, _ = a.Branch(t.Context(), hello, "main")
	first, expires, err := a.ReadToken(t.Context(), hello)
	if err != nil || expires.Before(c.now().Add(handedLife)) {
		t.Fatal(first, expires, err)
	}
	if strings.HasSuffix(h.calls()[0].auth, first) {
		t.Error("the runner got the token that the server uses")
	}
	if again, _, _ := a.ReadToken(t.Context(), hello); again != first {
		t.Error("a fresh token was not kept")
	}
	if publish, _, _ := a.PublishToken(t.Context(), hello); publish == first {
		t.Error("the runner's token is the one that publishes")
	}

	c.pass(45 * time.Minute)
	h.mu.Lock()
	h.life = 2 * time.Hour
	h.mu.Unlock()
	later, expires, err := a.ReadToken(t.Context(), hello)
	if err != nil || later == first || expires.Before(c.now().Add(handedLife)) {
		t.Errorf("with a quarter of an hour left: %s until %s, %v", later, expires, err)
	}

	h.mu.Lock()
	h.life = 2 * time.Minute
	h.mu.Unlock()
	other := hello
	other.ID = 77
	if token, _, err := a.ReadToken(t.Context(), other); err == nil {
		t.Errorf("handed out %s, which is about to expire", token)
	}
}

func TestATokenGoesToTheAPIAlone(t *testing.T) {
	t.Parallel()
	evil := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host was asked, with %q", r.Header.Get("Authorization"))
	}))
	t.Cleanup(evil.Close)
	h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, evil.URL+r.URL.Path, http.StatusMovedPermanently)
	})
	if _, err := h.app(t).Branch(t.Context(), hello, "main"); AsError(err) == nil || AsError(err).Kind != Moved {
		t.Errorf("got %v", err)
	}
}

func TestAReadFollowsARenameAndAWriteDoesNot(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/api/v3/repositories/42/branches/"):
			says(200, string(asJSON(map[string]any{"name": "main", "commit": map[string]any{"sha": sha1}})))(w, r)
		case r.Method == http.MethodGet:
			http.Redirect(w, r, "/api/v3/repositories/42/branches/main", http.StatusMovedPermanently)
		default:
			w.Header().Set("Location", "/api/v3/repositories/42/issues/3/comments")
			says(307, message("Moved Permanently"))(w, r)
		}
	})
	a := h.app(t)
	if got, err := a.Branch(t.Context(), hello, "main"); err != nil || got != sha1 {
		t.Errorf("got %q, %v", got, err)
	}
	_, err := a.CreateComment(t.Context(), hello, 3, "hi")
	if AsError(err) == nil || AsError(err).Kind != Moved || !errors.Is(err, ErrNotAccepted) || Problem(err).Code != CodeRenamed {
		t.Errorf("got %v", err)
	}
}

func TestGrantsAreBounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	a := newHub(t, says(404, "")).app(t, func(cfg *Config) { cfg.Clock = c.now })
	kept := grant{installation: 1, repository: -1}
	a.granted(kept)
	for i := range int64(maxGrants + 50) {
		c.pass(time.Second)
		a.granted(grant{installation: 1, repository: i})
		a.granted(kept)
	}
	if len(a.grants) > maxGrants || a.grants[kept] == nil {
		t.Errorf("%d grants, the one in use kept: %t", len(a.grants), a.grants[kept] != nil)
	}
}

func TestTheJWTIsOurs(t *testing.T) {
	t.Parallel()
	h := newHub(t, says(200, `{"id":7,"slug":"anvil"}`))
	_, _ = h.app(t).Self(t.Context())
	parts := strings.Split(strings.TrimPrefix(h.calls()[0].auth, "Bearer "), ".")
	if len(parts) != 3 {
		t.Fatalf("sent %q", h.calls()[0].auth)
	}
	var claims struct {
		Issuer  string `json:"iss"`
		Issued  int64  `json:"iat"`
		Expires int64  `json:"exp"`
	}
	payload, _ := jsonPart(parts[1])
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Issuer != "7" || claims.Expires-claims.Issued > 600 {
		t.Errorf("claims %+v, %v", claims, err)
	}
}
