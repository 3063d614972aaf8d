package githubtest_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// value finds a variable of an environment.
func value(env []string, name string) string {
	for _, kv := range env {
		if v, is := strings.CutPrefix(kv, name+"="); is {
			return v
		}
	}
	return ""
}

// idToken asks for a token as a job does.
func (w *town) idToken(env []string, audience string) (string, int) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), "GET", value(env, "ACTIONS_ID_TOKEN_REQUEST_URL")+"&audience="+audience, nil)
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+value(env, "ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
	res, err := http.DefaultClient.Do(req)
	w.must(err)
	defer res.Body.Close()
	var out struct {
		Value string `json:"value"`
	}
	_ = json.NewDecoder(res.Body).Decode(&out)
	return out.Value, res.StatusCode
}

func TestAJobProvesItselfByOIDC(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	run := w.start()
	job := w.srv.BeginJob(run.ID)
	token, status := w.idToken(job.Env, "anvil")
	if status != 200 {
		t.Fatalf("asking for a token: %d", status)
	}
	provider, err := oidc.NewProvider(t.Context(), w.srv.Issuer())
	w.must(err)
	id, err := provider.Verifier(&oidc.Config{ClientID: "anvil"}).Verify(t.Context(), token)
	w.must(err)
	var claims map[string]any
	w.must(id.Claims(&claims))
	for name, want := range map[string]string{
		"repository": "acme/widget", "repository_id": itoa(w.repo.ID), "repository_owner_id": itoa(w.owner.ID), "repository_visibility": "private",
		"ref": "refs/heads/main", "ref_type": "branch", "sha": run.SHA, "event_name": "workflow_dispatch", "run_id": itoa(run.ID), "run_attempt": "1",
		"workflow": "anvil", "workflow_ref": "acme/widget/.github/workflows/anvil.yml@refs/heads/main", "workflow_sha": run.SHA,
		"job_workflow_ref": "acme/widget/.github/workflows/anvil.yml@refs/heads/main", "runner_environment": "github-hosted", "actor": "mona",
		"sub": "repo:acme@" + itoa(w.owner.ID) + "/widget@" + itoa(w.repo.ID) + ":ref:refs/heads/main",
	} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %s", name, claims[name], want)
		}
	}
	if life := id.Expiry.Sub(id.IssuedAt); life != 5*time.Minute {
		t.Errorf("it lives %s", life)
	}
	// No token for a stranger, nor when the job is over.
	if _, status := w.idToken([]string{"ACTIONS_ID_TOKEN_REQUEST_URL=" + value(job.Env, "ACTIONS_ID_TOKEN_REQUEST_URL"), "ACTIONS_ID_TOKEN_REQUEST_TOKEN=guess"}, "anvil"); status != 401 {
		t.Errorf("a stranger: %d", status)
	}
	w.srv.CompleteJob(run.ID, "success")
	if _, status := w.idToken(job.Env, "anvil"); status != 401 {
		t.Errorf("after the end: %d", status)
	}
}

func TestForgedTokensAreTold(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	run := w.start()
	provider, err := oidc.NewProvider(t.Context(), w.srv.Issuer())
	w.must(err)
	verify := func(token string) error {
		_, err := provider.Verifier(&oidc.Config{ClientID: "anvil"}).Verify(context.Background(), token)
		return err
	}
	f := func(change func(*githubtest.Forgery)) githubtest.Forgery {
		x := githubtest.Forgery{Run: run.ID, Audience: "anvil", Claims: map[string]any{}}
		change(&x)
		return x
	}
	for name, c := range map[string]struct {
		forgery githubtest.Forgery
		says    string
	}{
		"true":              {f(func(*githubtest.Forgery) {}), ""},
		"another claim":     {f(func(x *githubtest.Forgery) { x.Claims["run_id"] = "1" }), ""},
		"wrong audience":    {f(func(x *githubtest.Forgery) { x.Audience = "other" }), "audience"},
		"wrong issuer":      {f(func(x *githubtest.Forgery) { x.Claims["iss"] = "http://evil.test" }), "different provider"},
		"expired":           {f(func(x *githubtest.Forgery) { x.Claims["exp"] = time.Now().Add(-time.Hour).Unix() }), "expired"},
		"alg none":          {f(func(x *githubtest.Forgery) { x.Alg = "none" }), "malformed"},
		"alg HS256":         {f(func(x *githubtest.Forgery) { x.Alg = "HS256" }), "malformed"},
		"an unknown key":    {f(func(x *githubtest.Forgery) { x.Key = "unknown" }), "failed to verify"},
		"a foreign key":     {f(func(x *githubtest.Forgery) { x.Key = "foreign" }), "failed to verify"},
		"a path as its kid": {f(func(x *githubtest.Forgery) { x.KeyID = "../../etc/passwd" }), "failed to verify"},
	} {
		err := verify(w.srv.MintOIDC(c.forgery))
		if (c.says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	old := w.srv.MintOIDC(githubtest.Forgery{Run: run.ID, Audience: "anvil"})
	w.srv.RotateOIDCKeys(true)
	if err := verify(w.srv.MintOIDC(githubtest.Forgery{Run: run.ID, Audience: "anvil"})); err != nil {
		t.Errorf("signed with the new key: %v", err)
	}
	if err := verify(old); err != nil {
		t.Errorf("signed with the old key, which is still published: %v", err)
	}
	w.srv.RotateOIDCKeys(false)
	provider, err = oidc.NewProvider(t.Context(), w.srv.Issuer())
	w.must(err)
	if err := verify(old); err == nil {
		t.Error("signed with a key that is no longer published, and taken")
	}
}

func TestOnlyThoseWhoAskMayHaveAToken(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	head := "on: workflow_dispatch\n"
	for name, c := range map[string]struct {
		file string
		may  bool
	}{
		"nothing said":        {head + "jobs: {a: {runs-on: x}}", false},
		"for all jobs":        {head + "permissions: {id-token: write}\njobs: {a: {runs-on: x}}", true},
		"the job takes it":    {head + "permissions: {id-token: write}\njobs: {a: {runs-on: x, permissions: {contents: read}}}", false},
		"write-all":           {head + "permissions: write-all\njobs: {a: {runs-on: x}}", true},
		"read-all":            {head + "permissions: read-all\njobs: {a: {runs-on: x}}", false},
		"called, not there":   {head + "jobs: {a: {uses: other/actions/.github/workflows/r.yml@v1, permissions: {id-token: write}}}", true},
		"called, has less":    {head + "jobs: {a: {uses: ./.github/workflows/less.yml, permissions: {id-token: write}}}", false},
		"called, says so too": {head + "jobs: {a: {uses: ./.github/workflows/more.yml, permissions: {id-token: write}}}", true},
	} {
		w.srv.Commit(w.repo, w.mona, "main", name, map[string]string{
			".github/workflows/t.yml":    c.file,
			".github/workflows/less.yml": "on: workflow_call\njobs: {b: {runs-on: x, permissions: {}}}",
			".github/workflows/more.yml": "on: workflow_call\npermissions: {id-token: write}\njobs: {b: {runs-on: x, environment: prod}}",
		})
		run := w.srv.StartRun(w.repo, w.mona, "t.yml", "main", nil)
		job := w.srv.BeginJob(run.ID)
		if has := value(job.Env, "ACTIONS_ID_TOKEN_REQUEST_URL") != ""; has != c.may {
			t.Errorf("%s: the job may ask: %v, want %v", name, has, c.may)
		}
		if strings.HasPrefix(name, "called, says") {
			token, _ := w.idToken(job.Env, "x")
			body := claimsOf(t, token)
			if body["job_workflow_ref"] != "acme/widget/.github/workflows/more.yml@"+run.SHA || body["environment"] != "prod" || body["workflow_ref"] != "acme/widget/.github/workflows/t.yml@refs/heads/main" {
				t.Errorf("claims %v", body)
			}
		}
	}
}

func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("token %q", token)
	}
	return decodePart(t, parts[1])
}

func decodePart(t *testing.T, part string) map[string]any {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
