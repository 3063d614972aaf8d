package githubtest_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// jwt signs claims as an App would, with its key or another.
func jwt(t *testing.T, key *rsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := json.Marshal(claims)
	sig, err := signer.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := sig.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAnAppProvesItselfByItsJWT(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	block, _ := pem.Decode([]byte(w.app.PrivateKeyPEM))
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	w.must(err)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	w.must(err)
	now := time.Now().Unix()
	for name, c := range map[string]struct {
		key    *rsa.PrivateKey
		claims map[string]any
		status int
		says   string
	}{
		"as it should be":  {key, map[string]any{"iss": w.app.ID, "iat": now - 60, "exp": now + 540}, 200, `"slug":"anvil"`},
		"by client id":     {key, map[string]any{"iss": w.app.ClientID, "iat": now - 60, "exp": now + 540}, 200, `"slug":"anvil"`},
		"ten minutes plus": {key, map[string]any{"iss": w.app.ID, "iat": now, "exp": now + 660}, 401, "too far in the future"},
		"expired":          {key, map[string]any{"iss": w.app.ID, "iat": now - 600, "exp": now - 1}, 401, "'exp'"},
		"of the future":    {key, map[string]any{"iss": w.app.ID, "iat": now + 120, "exp": now + 300}, 401, "'iat'"},
		"another's key":    {other, map[string]any{"iss": w.app.ID, "iat": now, "exp": now + 300}, 401, "could not be decoded"},
		"no such App":      {key, map[string]any{"iss": 1, "iat": now, "exp": now + 300}, 404, "Integration not found"},
	} {
		status, body := w.get("/app", "Bearer "+jwt(t, c.key, c.claims))
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s, want %d with %q", name, status, body, c.status, c.says)
		}
	}
	if status, body := w.get("/repos/acme/widget", "Bearer "+jwt(t, key, map[string]any{"iss": w.app.ID, "iat": now, "exp": now + 300})); status != 403 {
		t.Errorf("a JWT where a token belongs: %d %s", status, body)
	}
}

// get asks the REST API for a path with an Authorization header.
func (w *town) get(path, authorization string) (int, string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), "GET", w.srv.URL+"/api/v3"+path, nil)
	w.must(err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := http.DefaultClient.Do(req)
	w.must(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	w.must(err)
	return res.StatusCode, string(body)
}

func TestATokenReachesWhatItWasNarrowedTo(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ctx := t.Context()
	second, err := w.srv.CreateRepository(w.owner, "second", githubtest.From{}, githubtest.RepositoryOptions{Private: true})
	w.must(err)
	foreign, err := w.srv.CreateRepository(w.srv.CreateUser("zoe"), "foreign", githubtest.From{}, githubtest.RepositoryOptions{Private: true})
	w.must(err)
	w.srv.AddRepositories(w.inst.ID, second.ID)

	if shape := w.token(nil); len(shape) < 450 || len(shape) > 620 || !regexp.MustCompile(`^ghs_\d+_[\w-]+\.[\w-]+\.[\w-]+$`).MatchString(shape) {
		t.Errorf("a token of %d characters: %s", len(shape), shape)
	}
	wide, narrow := w.asInstallation(nil), w.asInstallation(map[string]string{"contents": "read"}, w.repo.ID)
	_, _, err = wide.Repositories.Get(ctx, "acme", "second")
	w.must(err)
	_, res, err := narrow.Repositories.Get(ctx, "acme", "second")
	w.refused(404, "Not Found", res, err)
	_, res, err = wide.Repositories.Get(ctx, "zoe", "foreign")
	w.refused(404, "Not Found", res, err)
	_, _, _, err = narrow.Repositories.GetContents(ctx, "acme", "widget", "main.go", nil)
	w.must(err)
	issue := w.srv.CreateIssue(w.repo, w.mona, "x", "")
	_, res, err = narrow.Issues.Get(ctx, "acme", "widget", issue.Number)
	w.refused(403, "Resource not accessible by integration", res, err)
	if accepted := res.Header.Get("X-Accepted-GitHub-Permissions"); accepted != "issues=read; pull_requests=read" {
		t.Errorf("accepted permissions %q", accepted)
	}
	reader := w.asInstallation(map[string]string{"issues": "read"})
	_, _, err = reader.Issues.Get(ctx, "acme", "widget", issue.Number)
	w.must(err)
	_, res, err = reader.Issues.CreateComment(ctx, "acme", "widget", issue.Number, &github.IssueComment{Body: new("x")})
	w.refused(403, "Resource not accessible by integration", res, err)

	for name, o := range map[string]*github.InstallationTokenOptions{
		"is not accessible to the parent installation": {RepositoryIDs: []int64{foreign.ID}},
		"permissions requested are not granted":        {Permissions: &github.InstallationPermissions{Workflows: new("write")}},
	} {
		_, res, err := w.asApp().Apps.CreateInstallationToken(ctx, w.inst.ID, o)
		w.refused(422, name, res, err)
	}
	list, _, err := narrow.Apps.ListRepos(ctx, nil)
	w.must(err)
	if list.GetTotalCount() != 1 || list.Repositories[0].GetID() != w.repo.ID {
		t.Errorf("%d repositories in reach", list.GetTotalCount())
	}
	// What an installation grants can become less after a token was made.
	w.srv.GrantPermissions(w.inst.ID, map[string]string{"contents": "read"})
	_, res, err = wide.Issues.Get(ctx, "acme", "widget", issue.Number)
	w.refused(403, "Resource not accessible by integration", res, err)
	w.srv.RemoveRepositories(w.inst.ID, second.ID)
	_, res, err = wide.Repositories.Get(ctx, "acme", "second")
	w.refused(404, "Not Found", res, err)
}

func TestATokenEnds(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	w := newTown(t, func(o *githubtest.Options) {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	token := "token " + w.token(nil)
	for _, step := range []struct {
		name   string
		do     func()
		status int
	}{
		{"at once", func() {}, 200},
		{"after 59 minutes", func() { ahead.Store(int64(59 * time.Minute)) }, 200},
		{"after an hour", func() { ahead.Store(int64(time.Hour)) }, 401},
		{"a new one", func() { ahead.Store(0); token = "Bearer " + w.token(nil) }, 200},
		{"while suspended", func() { w.srv.Suspend(w.inst.ID) }, 403},
		{"and again", func() { w.srv.Unsuspend(w.inst.ID) }, 200},
		{"all expired", func() { w.srv.ExpireTokens() }, 401},
		{"uninstalled", func() { token = "Bearer " + w.token(nil); w.srv.Uninstall(w.inst.ID) }, 401},
	} {
		step.do()
		if status, body := w.get("/repos/acme/widget", token); status != step.status {
			t.Errorf("%s: %d %s, want %d", step.name, status, body, step.status)
		}
	}
	if status, _ := w.get("/repos/acme/widget", ""); status != 401 {
		t.Errorf("without a token: %d", status)
	}
}

func TestTheAppsOwnQuestions(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ctx, gh := t.Context(), w.asApp()
	app, _, err := gh.Apps.Get(ctx, "")
	w.must(err)
	if app.GetID() != w.app.ID || app.GetPermissions().GetContents() != "write" {
		t.Errorf("App %+v", app)
	}
	inst, _, err := gh.Apps.FindRepositoryInstallation(ctx, "acme", "widget")
	w.must(err)
	if inst.GetID() != w.inst.ID || inst.GetAccount().GetLogin() != "acme" {
		t.Errorf("installation %+v", inst)
	}
	_, res, err := gh.Apps.FindRepositoryInstallation(ctx, "acme", "other")
	w.refused(404, "Not Found", res, err)
	_, _, err = gh.Apps.GetInstallation(ctx, w.inst.ID)
	w.must(err)
	all, _, err := gh.Apps.ListInstallations(ctx, nil)
	w.must(err)
	if len(all) != 1 {
		t.Errorf("%d installations", len(all))
	}
	bot, _, err := w.asInstallation(nil).Users.Get(ctx, "anvil[bot]")
	w.must(err)
	if bot.GetID() != w.app.Bot.ID || bot.GetType() != "Bot" {
		t.Errorf("bot %+v", bot)
	}
}
