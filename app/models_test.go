package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
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
