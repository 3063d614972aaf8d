package github

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

const audience = "https://anvil.example"

// clock is a clock that stands still until it is told to move.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.at.Store(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time       { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

// testKeys are made once: RSA keys take a while.
var testKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 3)
	for i := range keys {
		keys[i], _ = rsa.GenerateKey(rand.Reader, 2048)
	}
	return keys
})

// provider is an OIDC issuer whose keys can be changed and which can be down.
type provider struct {
	*httptest.Server
	mu      sync.Mutex
	keys    map[string]*rsa.PrivateKey
	down    bool
	body    string // instead of the keys
	issuer  string // as it calls itself
	keysAt  string
	fetched int
}

func newProvider(t *testing.T) *provider {
	p := &provider{keys: map[string]*rsa.PrivateKey{"k1": testKeys()[0]}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_services/token/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fetched++
		if p.down {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"issuer": p.issuer, "jwks_uri": p.keysAt})
	})
	mux.HandleFunc("GET /_services/token/.well-known/jwks", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.body != "" {
			io.WriteString(w, p.body)
			return
		}
		var set jose.JSONWebKeySet
		for id, k := range p.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: id, Algorithm: "RS256", Use: "sig"})
		}
		json.NewEncoder(w).Encode(set)
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	p.issuer = p.URL + "/_services/token"
	p.keysAt = p.issuer + "/.well-known/jwks"
	return p
}

func (p *provider) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *provider) fetches() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetched
}

func (p *provider) verifier(t *testing.T, c *clock) *Verifier {
	t.Helper()
	v, err := NewVerifier(VerifierConfig{
		Issuer: p.URL + "/_services/token", Audience: audience, Clock: c.now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// claimSet is what a job of ours gets, in GitHub's spelling.
func (p *provider) claimSet(now time.Time) map[string]any {
	return map[string]any{
		"iss": p.URL + "/_services/token", "aud": audience, "sub": "repo:octo@1/hello@42:ref:refs/heads/main", "jti": "6f4762ed",
		"iat": now.Unix(), "nbf": now.Add(-10 * time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"repository_id": "42", "repository": "octo/hello", "repository_owner": "octo", "repository_owner_id": "1",
		"workflow_ref": "octo/hello/.github/workflows/anvil.yml@refs/heads/main", "workflow_sha": strings.Repeat("a", 40),
		"job_workflow_ref": "octo/anvil/.github/workflows/run.yml@refs/tags/v1", "job_workflow_sha": strings.Repeat("b", 40),
		"event_name": "workflow_dispatch", "run_id": "19000000001", "run_attempt": "1", "runner_environment": "github-hosted",
		"ref": "refs/heads/main", "sha": strings.Repeat("c", 40), "actor_id": "7", "actor": "anvil[bot]",
	}
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, kid string, key any, payload []byte) string {
	t.Helper()
	opts := (&jose.SignerOptions{}).WithType("JWT")
	if kid != "" {
		opts = opts.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func asJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestATokenOfOurJobIsReadWhole(t *testing.T) {
	t.Parallel()
	p, c := newProvider(t), newClock()
	v := p.verifier(t, c)
	for range 3 {
		got, err := v.Verify(t.Context(), sign(t, jose.RS256, "k1", testKeys()[0], asJSON(p.claimSet(c.now()))))
		if err != nil {
			t.Fatal(err)
		}
		want := Claims{
			JTI: "6f4762ed", ExpiresAt: time.Unix(c.now().Add(5*time.Minute).Unix(), 0), RepositoryID: 42, Repository: "octo/hello",
			WorkflowRef: "octo/hello/.github/workflows/anvil.yml@refs/heads/main", WorkflowSHA: strings.Repeat("a", 40),
			JobWorkflowRef: "octo/anvil/.github/workflows/run.yml@refs/tags/v1", JobWorkflowSHA: strings.Repeat("b", 40),
			EventName: "workflow_dispatch", RunID: 19000000001, RunAttempt: 1, RunnerEnvironment: "github-hosted",
			Ref: "refs/heads/main", SHA: strings.Repeat("c", 40), ActorID: 7,
		}
		if got != want {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	}
	if n := p.fetches(); n != 1 {
		t.Errorf("the keys were fetched %d times for three tokens", n)
	}
}

func TestWrongTokensAreRefused(t *testing.T) {
	t.Parallel()
	p, c := newProvider(t), newClock()
	v := p.verifier(t, c)
	good := p.claimSet(c.now())
	ours, theirs := testKeys()[0], testKeys()[1]
	now := c.now()

	// with returns a token, rightly signed, whose claims were changed.
	with := func(changes map[string]any) string {
		set := maps.Clone(good)
		for name, value := range changes {
			if value == nil {
				delete(set, name)
			} else {
				set[name] = value
			}
		}
		return sign(t, jose.RS256, "k1", ours, asJSON(set))
	}
	without := func(name string) string { return with(map[string]any{name: nil}) }
	signed := func(payload string) string { return sign(t, jose.RS256, "k1", ours, []byte(payload)) }
	valid := with(nil)
	parts := strings.Split(valid, ".")
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: func() []byte { b, _ := x509.MarshalPKIXPublicKey(ours.Public()); return b }()})
	whole := string(asJSON(good))
	second := func(name string, value any) string {
		return strings.TrimSuffix(whole, "}") + fmt.Sprintf(",%q:%s}", name, asJSON(value))
	}

	cases := []struct {
		name, token string
		code        anvil.Code
		says        string
	}{
		{"nothing", "", CodeOIDCToken, ""},
		{"words", "let me in", CodeOIDCToken, ""},
		{"one megabyte", strings.Repeat("a", 1<<20), CodeOIDCToken, "16384"},
		{"one megabyte after a valid token", valid + strings.Repeat("A", 1<<20), CodeOIDCToken, "16384"},
		{"a million dots", strings.Repeat(".", 1_000_000), CodeOIDCToken, "16384"},
		{"sixteen thousand dots", strings.Repeat(".", 16_000), CodeOIDCToken, "dots"},
		{"a fourth part", valid + ".e30", CodeOIDCToken, "dots"},
		{"no signature", parts[0] + "." + parts[1] + ".", CodeOIDCToken, ""},
		{"alg none", encode(`{"alg":"none","kid":"k1"}`) + "." + parts[1] + ".", CodeOIDCToken, "RS256"},
		{"alg none with our signature", encode(`{"alg":"none","kid":"k1"}`) + "." + parts[1] + "." + parts[2], CodeOIDCToken, "RS256"},
		{"alg NONE", encode(`{"alg":"NONE","kid":"k1"}`) + "." + parts[1] + ".", CodeOIDCToken, "RS256"},
		{"HS256 with the public key as its secret", sign(t, jose.HS256, "k1", publicPEM, []byte(whole)), CodeOIDCToken, "RS256"},
		{"RS512", sign(t, jose.RS512, "k1", ours, []byte(whole)), CodeOIDCToken, "RS256"},
		{"PS256", sign(t, jose.PS256, "k1", ours, []byte(whole)), CodeOIDCToken, "RS256"},
		{"the key named twice in the header", encode(`{"alg":"none","alg":"RS256","kid":"k1"}`) + "." + parts[1] + "." + parts[2], CodeOIDCToken, ""},
		{"another's key under our key's name", sign(t, jose.RS256, "k1", theirs, []byte(whole)), CodeOIDCToken, "signature"},
		{"an unknown key", sign(t, jose.RS256, "k9", theirs, []byte(whole)), CodeOIDCToken, "key"},
		{"a path as the key's name", sign(t, jose.RS256, "../../etc/passwd", theirs, []byte(whole)), CodeOIDCToken, "key"},
		{"no key's name", sign(t, jose.RS256, "", ours, []byte(whole)), CodeOIDCToken, "names no key"},
		{"a key of its own in the header", embedded(t, theirs, []byte(whole)), CodeOIDCToken, "signature"},
		{"changed content", parts[0] + "." + encode(strings.Replace(whole, `"42"`, `"43"`, 1)) + "." + parts[2], CodeOIDCToken, "signature"},
		{"content that is no JSON", signed("hello"), CodeOIDCToken, ""},
		{"content that is a list", signed("[]"), CodeOIDCToken, ""},
		{"content that is null", signed("null"), CodeOIDCToken, ""},
		{"two objects", signed(whole + whole), CodeOIDCToken, ""},
		{"a claim twice", signed(second("repository_id", "43")), CodeOIDCToken, "once"},
		{"a claim twice, first the wrong one", signed(`{"aud":"https://evil.example",` + whole[1:]), CodeOIDCToken, "once"},

		{"issuer of another server", with(map[string]any{"iss": ActionsIssuer}), CodeOIDCClaim, ActionsIssuer},
		{"issuer with a slash more", with(map[string]any{"iss": p.URL + "/_services/token/"}), CodeOIDCClaim, "iss"},
		{"issuer in another spelling only", with(map[string]any{"iss": nil, "ISS": good["iss"]}), CodeOIDCClaim, "iss"},
		{"no issuer", without("iss"), CodeOIDCClaim, "iss"},
		{"GitHub's default audience", with(map[string]any{"aud": "https://github.com/octo"}), CodeOIDCClaim, audience},
		{"audience with a slash more", with(map[string]any{"aud": audience + "/"}), CodeOIDCClaim, "aud"},
		{"two audiences", with(map[string]any{"aud": []string{audience, "sts.example"}}), CodeOIDCClaim, "aud"},
		{"no audience", without("aud"), CodeOIDCClaim, "aud"},
		{"audience that is a number", with(map[string]any{"aud": 7}), CodeOIDCToken, ""},

		{"expired", with(map[string]any{"iat": now.Add(-6 * time.Minute).Unix(), "exp": now.Add(-time.Minute).Unix()}), CodeOIDCTime, "expired"},
		{"expired by the leeway to the second", with(map[string]any{"iat": now.Add(-5 * time.Minute).Unix(), "exp": now.Add(-timeLeeway).Unix()}), CodeOIDCTime, "expired"},
		{"not yet valid", with(map[string]any{"nbf": now.Add(31 * time.Second).Unix()}), CodeOIDCTime, "not valid for another 31s"},
		{"issued in the future", with(map[string]any{"iat": now.Add(time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix()}), CodeOIDCTime, "future"},
		{"valid for an hour", with(map[string]any{"exp": now.Add(time.Hour).Unix()}), CodeOIDCTime, "1h0m0s"},
		{"ends before it begins", with(map[string]any{"iat": now.Add(20 * time.Second).Unix(), "exp": now.Add(10 * time.Second).Unix()}), CodeOIDCTime, ""},
		{"no expiry", without("exp"), CodeOIDCClaim, "exp"},
		{"expiry that is a text", with(map[string]any{"exp": "2099"}), CodeOIDCClaim, "exp"},
		{"expiry beyond counting", signed(strings.Replace(whole, fmt.Sprint(good["exp"]), "1e300", 1)), CodeOIDCClaim, "exp"},
		{"no time of issue", without("iat"), CodeOIDCClaim, "iat"},

		{"no jti", without("jti"), CodeOIDCClaim, "jti"},
		{"an empty jti", with(map[string]any{"jti": ""}), CodeOIDCClaim, "jti"},
		{"a jti of a kilobyte and more", with(map[string]any{"jti": strings.Repeat("x", 1025)}), CodeOIDCClaim, "jti"},
		{"no repository id", without("repository_id"), CodeOIDCClaim, "repository_id"},
		{"a repository id that is no number", with(map[string]any{"repository_id": "42 or 1=1"}), CodeOIDCClaim, "42 or 1=1"},
		{"a repository id with a plus", with(map[string]any{"repository_id": "+42"}), CodeOIDCClaim, "+42"},
		{"a repository id too large", with(map[string]any{"repository_id": "99999999999999999999"}), CodeOIDCClaim, "repository_id"},
		{"run attempt zero", with(map[string]any{"run_attempt": "0"}), CodeOIDCClaim, "run_attempt"},
		{"no run id", without("run_id"), CodeOIDCClaim, "run_id"},
		{"no event", without("event_name"), CodeOIDCClaim, "event_name"},
		{"a repository with markup", with(map[string]any{"repository": []string{"<script>alert(1)</script>\x1b[31m"}}), CodeOIDCClaim, "repository"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			claims, err := v.Verify(t.Context(), tc.token)
			problem := anvil.AsProblem(err)
			if problem == nil {
				t.Fatalf("accepted: %+v, %v", claims, err)
			}
			if problem.Code != tc.code || !strings.Contains(problem.What, tc.says) {
				t.Errorf("got %s, want %s that says %q", problem, tc.code, tc.says)
			}
			if text := problem.Error(); len(text) > 900 || strings.ContainsAny(text, "\x1b\n") {
				t.Errorf("the problem passes on what it was given: %q", text)
			}
			if claims != (Claims{}) {
				t.Errorf("claims came with the problem: %+v", claims)
			}
		})
	}
	if len(cases) < 30 {
		t.Fatalf("only %d wrong tokens", len(cases))
	}
}

func TestTimesHaveALeewayOfThirtySeconds(t *testing.T) {
	t.Parallel()
	p, c := newProvider(t), newClock()
	v := p.verifier(t, c)
	set := p.claimSet(c.now())
	set["nbf"] = c.now().Unix()
	token := sign(t, jose.RS256, "k1", testKeys()[0], asJSON(set))
	for _, step := range []struct {
		pass time.Duration
		ok   bool
	}{
		{-31 * time.Second, false}, {time.Second, true}, {30 * time.Second, true},
		{5 * time.Minute, true}, {29 * time.Second, true}, {time.Second, false},
	} {
		c.pass(step.pass)
		if _, err := v.Verify(t.Context(), token); (err == nil) != step.ok {
			t.Errorf("at %s: %v", c.now().Format(time.TimeOnly), err)
		}
	}
}

func TestTheSubjectIsNeverLookedAt(t *testing.T) {
	t.Parallel()
	p, c := newProvider(t), newClock()
	v := p.verifier(t, c)
	for _, subject := range []any{"repo:octo/hello:ref:refs/heads/main", "repo:octo@1/hello@42:ref:refs/heads/main", "", nil} {
		set := p.claimSet(c.now())
		if set["sub"] = subject; subject == nil {
			delete(set, "sub")
		}
		if _, err := v.Verify(t.Context(), sign(t, jose.RS256, "k1", testKeys()[0], asJSON(set))); err != nil {
			t.Errorf("subject %v: %v", subject, err)
		}
	}
}

func TestKeysAreFetchedAgainWhenGitHubChangesThem(t *testing.T) {
	t.Parallel()
	p, c := newProvider(t), newClock()
	v := p.verifier(t, c)
	token := func(kid string, key int) string {
		return sign(t, jose.RS256, kid, testKeys()[key], asJSON(p.claimSet(c.now())))
	}
	verify := func(raw string) anvil.Code {
		t.Helper()
		_, err := v.Verify(t.Context(), raw)
		if p := anvil.AsProblem(err); p != nil {
			return p.Code
		}
		return ""
	}
	if code := verify(token("k1", 0)); code != "" {
		t.Fatal(code)
	}
	p.set(func() { p.keys = map[string]*rsa.PrivateKey{"k1": testKeys()[0], "k2": testKeys()[1]} })

	// A hundred tokens with made-up keys cause one fetch a minute at most.
	for i := range 100 {
		if code := verify(token(fmt.Sprintf("made-up-%d", i), 2)); code != CodeOIDCToken {
			t.Fatal(code)
		}
	}
	if n := p.fetches(); n != 1 {
		t.Fatalf("fetched %d times within a minute", n)
	}
	if code := verify(token("k2", 1)); code != CodeOIDCToken {
		t.Fatalf("a new key was known before it was fetched: %q", code)
	}
	c.pass(time.Minute)
	if code := verify(token("k2", 1)); code != "" {
		t.Fatalf("the new key is not known a minute later: %s", code)
	}
	if code := verify(token("k1", 0)); code != "" {
		t.Fatalf("the old key, still listed, is not known: %s", code)
	}
	if n := p.fetches(); n != 2 {
		t.Fatalf("fetched %d times", n)
	}

	// A key that was withdrawn stops counting once another fetch has seen it gone.
	p.set(func() { delete(p.keys, "k1") })
	c.pass(time.Minute)
	if code := verify(token("k3", 2)); code != CodeOIDCToken {
		t.Fatal(code)
	}
	if code := verify(token("k1", 0)); code != CodeOIDCToken {
		t.Fatalf("a withdrawn key was accepted: %q", code)
	}
}

func TestAWithdrawnKeyIsNotHonouredForEver(t *testing.T) {
	t.Parallel()
	p, c := newProvider(t), newClock()
	v := p.verifier(t, c)
	token := func() string { return sign(t, jose.RS256, "k1", testKeys()[0], asJSON(p.claimSet(c.now()))) }
	if _, err := v.Verify(t.Context(), token()); err != nil {
		t.Fatal(err)
	}
	p.set(func() { p.keys = map[string]*rsa.PrivateKey{"k2": testKeys()[1]} })
	c.pass(keysAge)
	if _, err := v.Verify(t.Context(), token()); err != nil {
		t.Fatalf("an old key was not used while new ones are fetched: %v", err)
	}
	v.keys.wait()
	if _, err := v.Verify(t.Context(), token()); anvil.AsProblem(err) == nil {
		t.Fatal("the withdrawn key still counts")
	}
}

// wait waits for a fetch that is under way.
func (k *keySet) wait() {
	k.mu.Lock()
	flight := k.flight
	k.mu.Unlock()
	if flight != nil {
		<-flight
	}
}

func TestAnOutageOfTheIssuer(t *testing.T) {
	t.Parallel()
	p, c := newProvider(t), newClock()
	v := p.verifier(t, c)
	token := func(kid string, key int) string {
		return sign(t, jose.RS256, kid, testKeys()[key], asJSON(p.claimSet(c.now())))
	}
	p.set(func() { p.down = true })
	for range 5 {
		if _, err := v.Verify(t.Context(), token("k1", 0)); anvil.AsProblem(err) == nil || anvil.AsProblem(err).Code != CodeOIDCKeys {
			t.Fatalf("without keys: %v", err)
		}
	}
	if n := p.fetches(); n != 1 {
		t.Fatalf("asked %d times within a minute", n)
	}
	p.set(func() { p.down = false })
	c.pass(time.Minute)
	if _, err := v.Verify(t.Context(), token("k1", 0)); err != nil {
		t.Fatalf("after the outage: %v", err)
	}

	p.set(func() { p.down = true })
	for range 3 {
		c.pass(keysAge)
		if _, err := v.Verify(t.Context(), token("k1", 0)); err != nil {
			t.Fatalf("a known key during an outage: %v", err)
		}
		v.keys.wait()
	}
	if _, err := v.Verify(t.Context(), token("k2", 1)); anvil.AsProblem(err).Code != CodeOIDCKeys {
		t.Fatalf("a key that nobody can look up: %v", err)
	}
}

func TestKeysAreTakenFromTheIssuerAlone(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked another host for keys") }))
	t.Cleanup(elsewhere.Close)
	many := `{"keys":[` + strings.Repeat(`{"kty":"oct","k":"AAAA","kid":"k1"},`, 40) + `{}]}`
	small, _ := rsa.GenerateKey(rand.Reader, 1024)
	weak := string(asJSON(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: small.Public(), KeyID: "k1", Algorithm: "RS256"}}}))
	for name, change := range map[string]func(p *provider){
		"keys at another host":  func(p *provider) { p.keysAt = elsewhere.URL + "/keys" },
		"keys at no address":    func(p *provider) { p.keysAt = "://" },
		"another issuer's name": func(p *provider) { p.issuer = "https://evil.example" },
		"an endless list": func(p *provider) {
			p.body = string(asJSON(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: testKeys()[0].Public(), KeyID: "k1"}}})) + strings.Repeat(" ", maxKeysBody)
		},
		"a page instead of keys": func(p *provider) { p.body = "<html>busy</html>" },
		"a symmetric key":        func(p *provider) { p.body = `{"keys":[{"kty":"oct","k":"AAAA","kid":"k1"}]}` },
		"more keys than sense":   func(p *provider) { p.body = many },
		"a key too short":        func(p *provider) { p.body = weak },
		"no keys":                func(p *provider) { p.body = `{"keys":[]}` },
		"a key that is not for signing": func(p *provider) {
			p.body = string(asJSON(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: testKeys()[0].Public(), KeyID: "k1", Use: "enc"}}}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, c := newProvider(t), newClock()
			p.set(func() { change(p) })
			v := p.verifier(t, c)
			_, err := v.Verify(t.Context(), sign(t, jose.RS256, "k1", testKeys()[0], asJSON(p.claimSet(c.now()))))
			if problem := anvil.AsProblem(err); problem == nil || problem.Code != CodeOIDCKeys {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestAVerifierNeedsAnAudienceAndAnIssuer(t *testing.T) {
	t.Parallel()
	for _, c := range []VerifierConfig{{}, {Issuer: "not an address", Audience: audience}, {Issuer: "ftp://x", Audience: audience}, {Issuer: "https://u:p@x", Audience: audience}} {
		if _, err := NewVerifier(c); err == nil {
			t.Errorf("accepted %+v", c)
		}
	}
}

// embedded signs with a key that the token's own header carries.
func embedded(t *testing.T, key *rsa.PrivateKey, payload []byte) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{EmbedJWK: true}).WithHeader("kid", "k1"))
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := jws.CompactSerialize()
	return raw
}
