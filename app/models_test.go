package app

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/gateway"
	"github.com/seed-bc0cc349/anvil/config"
)

// oneRun is a store that knows one run.
type oneRun struct {
	gateway.Store
	run anvil.Run
}

func (s *oneRun) Caller(context.Context, anvil.RunID) (anvil.Caller, error) {
	return anvil.Caller{Run: s.run}, nil
}

func (s *oneRun) Spending(context.Context, anvil.Spender, int64) (anvil.Spent, error) {
	return anvil.Spent{}, nil
}

func (s *oneRun) Amend(_ context.Context, _ anvil.RunID, change func(*anvil.Run) error, _ ...anvil.Job) (anvil.Run, error) {
	return s.run, change(&s.run)
}

func (s *oneRun) Tell(context.Context, anvil.RunID, string, string) error { return nil }

// A run with five dollars gets five dollars' worth, although the number of its calls is
// bounded in the same account.
func TestARunGetsAllOfItsBudget(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"usage":{"input_tokens":0,"output_tokens":1000}}`)
	}))
	defer upstream.Close()
	base, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Budgets = []config.Budget{{Scope: "run", USD: 5, Per: "total", OnLimit: "stop"}}
	store := &oneRun{run: anvil.Run{ID: "r", State: anvil.Working, Lease: anvil.Lease{TokenHash: anvil.Fingerprint("token")}}}
	g := gateway.New(gateway.Config{
		Store: store, Budgets: budgetsOf(cfg), Upstreams: []gateway.Upstream{{Name: "one", Protocols: []string{"responses"}, BaseURL: base}},
		Models: func(anvil.EngineInfo) []string { return []string{"large"} }, Prices: []gateway.Price{{Model: "large", Output: 1000}},
		BodyBytes: 1 << 20, OutputTokens: 1000, Parallel: 1, Silence: time.Minute, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	served := 0
	for range 8 {
		r := httptest.NewRequest("POST", "/api/v1/runs/r/model/v1/responses", strings.NewReader(`{"model":"large"}`))
		r.Header.Set("Authorization", "Bearer token")
		answer := httptest.NewRecorder()
		g.ServeHTTP(answer, r)
		switch {
		case answer.Code == http.StatusOK:
			served++
		case !strings.Contains(answer.Body.String(), "GW_BUDGET"):
			t.Fatalf("%d %s", answer.Code, answer.Body)
		}
	}
	if served != 5 || store.run.Problem == nil {
		t.Errorf("%d calls of a dollar were served, and the run's problem is %v", served, store.run.Problem)
	}
}

// Each secret that this server was given is looked for in what is to be published.
func TestNoSecretOfOursIsPublished(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, value string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secrets := map[string]string{
		"client": "0123456789abcdef0123456789abcdef01234567", "signing": "abcdef0123456789abcdef0123456789",
		"bot": "xoxb-" + "not-a-real-token-of-a-bot", "app": "xapp-" + "not-a-real-token-of-an-app",
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	secrets["private key"] = strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	cfg := &config.Config{}
	cfg.GitHub.PrivateKeyFile = file("private-key", secrets["private key"])
	cfg.GitHub.ClientID, cfg.GitHub.ClientSecretFile = "Iv1.0", file("client", secrets["client"])
	cfg.Slack.Mode, cfg.Slack.BotTokenFile, cfg.Slack.SigningSecretFile = "http", file("bot", secrets["bot"]), file("signing", secrets["signing"])
	cfg.Slack.AppTokenFile = file("app", secrets["app"])
	modes := map[string][]string{"http": {"private key", "client", "bot", "signing"}, "socket": {"client", "bot", "app"}}
	for mode, want := range modes {
		cfg.Slack.Mode = mode
		looked := map[string]bool{}
		for _, canary := range keysOf(cfg) {
			looked[strings.TrimSpace(canary.Value)] = true
		}
		for _, name := range want {
			if !looked[secrets[name]] {
				t.Errorf("mode %s: the secret %s is not looked for", mode, name)
			}
		}
	}
}
