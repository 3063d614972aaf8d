package gateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Each refusal has the status that says what it is, in the shape of the provider, and
// for Codex one at which it stops. (TestRealRefusal of action/agent shows that the
// engines do stop at them.)
func TestStatusByCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t, with(costing(t, 100)), func(c *Config) {
		c.Budgets = []Budget{{Scope: anvil.ScopeRun, Limit: anvil.Spent{CostMicros: 5000}}}
	})
	for _, caller := range []struct {
		kind, path      string
		model, budget   int
		model1, budget1 string // the provider's names for them
	}{
		{"codex", "v1/responses", 400, 400, "invalid_request_error", "invalid_request_error"},
		{"claude", "v1/messages", 403, 402, "permission_error", "billing_error"},
		{"acp", "v1/chat/completions", 403, 402, "permission_error", "insufficient_quota"},
		{"command", "v1/responses", 403, 402, "permission_error", "insufficient_quota"},
	} {
		run := w.working(caller.kind, token)
		if _, err := w.store.Amend(t.Context(), run, func(r *anvil.Run) error { r.Engine.Kind = caller.kind; return nil }); err != nil {
			t.Fatal(err)
		}
		ask := `{"model":"large","max_tokens":100,"max_output_tokens":100}`
		for _, test := range []struct {
			name, path, token, body string
			status                  int
			code                    anvil.Code
			kind                    string
		}{
			{"wrong token", caller.path, "another", ask, 401, CodeToken, ""},
			{"unlisted model", caller.path, token, `{"model":"huge"}`, caller.model, CodeModel, caller.model1},
			{"large body", caller.path, token, `{"model":"large","input":"` + strings.Repeat("x", 1<<20) + `"}`, 413, CodeTooBig, ""},
			{"path", "/" + caller.path + "/..", token, ask, 404, CodePath, ""},
			{"within the budget", caller.path, token, ask, 200, "", ""},
			{"over it", caller.path, token, ask, caller.budget, CodeBudget, caller.budget1},
			{"over it, known of the run", caller.path, token, ask, caller.budget, CodeBudget, caller.budget1},
		} {
			status, text := w.post(run, test.token, test.path, test.body)
			if status != test.status {
				t.Errorf("%s, %s: %d %s", caller.kind, test.name, status, text)
			}
			if status == 200 {
				continue
			}
			var told struct {
				Type  string
				Error struct {
					Type, Message string
					Code          anvil.Code
				}
			}
			if err := json.Unmarshal([]byte(text), &told); err != nil || !strings.HasPrefix(told.Error.Message, string(test.code)+": ") ||
				test.kind != "" && told.Error.Type != test.kind {
				t.Errorf("%s, %s: %v %s", caller.kind, test.name, err, text)
			}
			if shape := fmt.Sprint(told.Type == "error", told.Error.Code == test.code); shape != fmt.Sprint(caller.path == "v1/messages", caller.path != "v1/messages") {
				t.Errorf("%s, %s: not the provider's shape: %s", caller.kind, test.name, text)
			}
		}
	}
}
