package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// costing is an upstream whose every answer costs what was written: micros of the
// price of large's output, 50 each.
func costing(t *testing.T, output int) Upstream {
	return upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(rw, `{"usage":{"input_tokens":0,"output_tokens":%d}}`, output)
	})
}

const ask = `{"model":"large","max_output_tokens":100,"input":"hi"}`

// A budget of 20 calls; a hundred are made at once. What is spent goes beyond the
// budget by less than one call, however they interleave.
func TestParallelCallsOvershootByAtMostOne(t *testing.T) {
	t.Parallel()
	const each = 100 * 50 // micros
	for _, limit := range []int64{20 * each, 20*each + 1, 20*each - 1, 1} {
		w := newWorld(t, with(costing(t, 100)), func(c *Config) {
			c.Budgets = []Budget{{Scope: anvil.ScopeRepository, Limit: anvil.Spent{CostMicros: limit}}, {Scope: anvil.ScopeRepository, Limit: anvil.Spent{Tokens: 1e6}}}
		})
		runs := []anvil.RunID{w.working("a", token), w.working("b", token), w.working("c", token)}
		var served, refused, other atomic.Int64
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				status, text, err := w.try(runs[i%len(runs)], token, "v1/responses", ask)
				switch {
				case err == nil && status == 200:
					served.Add(1)
				case err == nil && status == 400 && strings.Contains(text, "GW_BUDGET"):
					refused.Add(1)
				default:
					other.Add(1)
					t.Errorf("%d %s %v", status, text, err)
				}
			})
		}
		all.Wait()
		spent := served.Load() * each
		if spent < limit || spent >= limit+each {
			t.Errorf("a budget of %d: %d was spent in %d calls, which is not within one call of it", limit, spent, served.Load())
		}
		if err := w.gateway.ledger.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		booked, err := w.store.Spending(t.Context(), anvil.Spender{Scope: anvil.ScopeRepository, Subject: "7"}, -1)
		if err != nil || booked.CostMicros != spent || booked.Calls != served.Load() {
			t.Errorf("%+v is booked, %d was spent: %v", booked, spent, err)
		}
	}
}

// What the rules let a task take bounds it, beside the operator's budgets and the
// stricter of the two; a model without a price is none where money is bounded.
func TestTheRulesBudget(t *testing.T) {
	t.Parallel()
	const each = 100 * 50 // micros
	for name, c := range map[string]struct {
		budgets []Budget
		limit   anvil.Limit
		served  int
	}{
		"alone":              {nil, anvil.Limit{CostMicros: 3 * each}, 3},
		"tokens":             {nil, anvil.Limit{Tokens: 200}, 2},
		"the stricter rules": {[]Budget{{Scope: anvil.ScopeTask, Limit: anvil.Spent{CostMicros: 5 * each}}}, anvil.Limit{CostMicros: 2 * each}, 2},
		"the stricter owner": {[]Budget{{Scope: anvil.ScopeTask, Limit: anvil.Spent{CostMicros: 2 * each}}}, anvil.Limit{CostMicros: 5 * each}, 2},
		"beside each run's":  {[]Budget{{Scope: anvil.ScopeRun, Limit: anvil.Spent{CostMicros: 4 * each}}}, anvil.Limit{CostMicros: 3 * each}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, with(costing(t, 100)), func(g *Config) { g.Budgets = c.budgets })
			run := w.working("a", token)
			if _, err := w.store.Amend(t.Context(), run, func(r *anvil.Run) error { r.Rules.Budget = c.limit; return nil }); err != nil {
				t.Fatal(err)
			}
			w.gateway.Forget(run)
			served := 0
			for range 7 {
				status, text, err := w.try(run, token, "v1/responses", ask)
				switch {
				case err == nil && status == 200:
					served++
				case err != nil || !strings.Contains(text, "GW_BUDGET"):
					t.Fatalf("%d %s %v", status, text, err)
				}
			}
			if served != c.served {
				t.Errorf("%d calls were served, want %d", served, c.served)
			}
		})
	}
}

// Budgets of one scope and period are counted in one account, and each binds at the whole
// of its limit: whether the account stays in memory or is read again after a while.
func TestBudgetsThatShareAnAccount(t *testing.T) {
	t.Parallel()
	const each = 100 * 50 // micros
	money := func(calls int64) anvil.Spent { return anvil.Spent{CostMicros: calls * each} }
	tokens := func(calls int64) anvil.Spent { return anvil.Spent{Tokens: calls * 100} }
	for name, c := range map[string]struct {
		budgets []Budget
		limit   anvil.Limit
		served  int
	}{
		"a run's calls and money":      {[]Budget{{Scope: anvil.ScopeRun, Limit: anvil.Spent{Calls: 2000}}, {Scope: anvil.ScopeRun, Limit: money(6)}}, anvil.Limit{}, 6},
		"a run's money and calls":      {[]Budget{{Scope: anvil.ScopeRun, Limit: money(20)}, {Scope: anvil.ScopeRun, Limit: anvil.Spent{Calls: 6}}}, anvil.Limit{}, 6},
		"a person's day: money binds":  {[]Budget{{Scope: anvil.ScopeUser, Limit: money(6), Day: true}, {Scope: anvil.ScopeUser, Limit: tokens(20), Day: true}}, anvil.Limit{}, 6},
		"a person's day: tokens bind":  {[]Budget{{Scope: anvil.ScopeUser, Limit: money(20), Day: true}, {Scope: anvil.ScopeUser, Limit: tokens(6), Day: true}}, anvil.Limit{}, 6},
		"a day and all days":           {[]Budget{{Scope: anvil.ScopeUser, Limit: money(6), Day: true}, {Scope: anvil.ScopeUser, Limit: money(7)}}, anvil.Limit{}, 6},
		"the rules beside two budgets": {[]Budget{{Scope: anvil.ScopeTask, Limit: money(20)}, {Scope: anvil.ScopeTask, Limit: tokens(20)}}, anvil.Limit{CostMicros: 6 * each}, 6},
		"the rules beside a day's":     {[]Budget{{Scope: anvil.ScopeTask, Limit: money(20), Day: true}, {Scope: anvil.ScopeTask, Limit: tokens(20), Day: true}}, anvil.Limit{Tokens: 600}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, with(costing(t, 100)), func(g *Config) { g.Budgets = c.budgets })
			run := w.working("a", token)
			w.amend(run, func(r *anvil.Run) { r.Rules.Budget = c.limit })
			served := 0
			for i := range 12 {
				if i == 3 { // nobody calls for a while, and the accounts are dropped
					w.clock.advance(11 * time.Minute)
					w.flush()
					if n := len(w.accounts()); n > 0 {
						t.Errorf("%d accounts are kept", n)
					}
				}
				status, text := w.post(run, token, "v1/responses", ask)
				switch {
				case status == 200:
					served++
				case !strings.Contains(text, "GW_BUDGET"):
					t.Fatalf("%d %s", status, text)
				}
			}
			if served != c.served {
				t.Errorf("%d calls were served, want %d", served, c.served)
			}
			w.flush()
			for key, a := range w.accounts() {
				booked, err := w.store.Spending(t.Context(), key.Spender, key.day)
				if err != nil || a.used != booked || a.reserved != (anvil.Spent{}) {
					t.Errorf("the account of %v holds %+v and has %+v reserved; %+v is booked: %v", key, a.used, a.reserved, booked, err)
				}
			}
		})
	}
}

// People are warned of each budget once, although two share an account, and although it
// is read again in between. The warning says what comes of it.
func TestEachBudgetWarnsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, with(costing(t, 100)), func(c *Config) {
		c.Cheaper = map[string]string{"large": "small"}
		c.Budgets = []Budget{
			{Scope: anvil.ScopeUser, Limit: anvil.Spent{Tokens: 1200}, Day: true, Queue: true},
			{Scope: anvil.ScopeUser, Limit: anvil.Spent{CostMicros: 5 * 5000}, Day: true, Cheaper: true},
			{Scope: anvil.ScopeUser, Limit: anvil.Spent{Calls: 14}, Day: true},
		}
	})
	run := w.working("a", token)
	for range 3 {
		for range 4 {
			if status, text := w.post(run, token, "v1/responses", ask); status != 200 {
				t.Fatalf("%d %s", status, text)
			}
		}
		w.clock.advance(11 * time.Minute)
		w.flush()
	}
	story, err := w.store.StoryOfRun(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range story.Events {
		if e.Kind == anvil.KindBudgetLow {
			told = append(told, e.Text)
		}
	}
	want := []string{
		"$0.02 of the budget of the user per day ($0.03) are used. The run goes on with a cheaper model where there is one, and ends when it is used up",
		"1000 tokens of the budget of the user per day (1200 tokens) are used. The run ends when it is used up, and later ones wait until 2026-11-23 00:00 UTC",
		"12 calls of the budget of the user per day (14 calls) are used. The run ends when it is used up",
	}
	if !slices.Equal(told, want) {
		t.Errorf("people were told\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
}

// A run that never stops by itself ends with its budget, and is told to people once
// at four fifths and once at the end.
func TestARunawayModelStopsWithinItsCap(t *testing.T) {
	t.Parallel()
	for name, budget := range map[string]Budget{
		"money":  {Scope: anvil.ScopeRun, Limit: anvil.Spent{CostMicros: 10 * 5000}},
		"tokens": {Scope: anvil.ScopeTask, Limit: anvil.Spent{Tokens: 10 * 100}, Day: true},
		"calls":  {Scope: anvil.ScopeRun, Limit: anvil.Spent{Calls: 10}},
		"person": {Scope: anvil.ScopeUser, Limit: anvil.Spent{CostMicros: 10 * 5000}, Day: true, Queue: true},
		"all":    {Scope: anvil.ScopeOrganisation, Limit: anvil.Spent{CostMicros: 10 * 5000}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, with(costing(t, 100)), func(c *Config) { c.Budgets = []Budget{budget} })
			run := w.working("a", token)
			served := 0
			for range 30 {
				if status, _ := w.post(run, token, "v1/responses", ask); status == 200 {
					served++
				}
			}
			if served != 10 {
				t.Errorf("%d calls were served, want 10", served)
			}
			if err := w.gateway.ledger.flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			story, err := w.store.StoryOfRun(t.Context(), run)
			if err != nil {
				t.Fatal(err)
			}
			if p := story.Run().Problem; p == nil || p.Code != anvil.CodeBudgetExceeded || p.Next == "" {
				t.Errorf("the run's problem is %v", p)
			}
			told := map[string]int{}
			for _, e := range story.Events {
				told[e.Kind]++
			}
			if told[anvil.KindBudgetLow] != 1 || told[anvil.KindBudgetOver] != 1 {
				t.Errorf("people were told %v", told)
			}
			refused := 0
			for _, c := range w.calls(run) {
				if c.State == anvil.CallRefused {
					refused++
				}
			}
			if refused != 1 {
				t.Errorf("%d refused calls are written down: a runaway must not fill the database", refused)
			}
			until, why, err := w.gateway.Waits(t.Context(), w.working("b", token))
			if queued := name == "person"; err != nil || queued != (until == time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)) || queued != strings.Contains(why, "2026-11-23 00:00 UTC") {
				t.Errorf("the next run waits until %v: %q, %v", until, why, err)
			}
		})
	}
}

func TestADayBudgetBeginsAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, with(costing(t, 100)), func(c *Config) {
		c.Budgets = []Budget{{Scope: anvil.ScopeUser, Limit: anvil.Spent{CostMicros: 5000}, Day: true, Queue: true}}
	})
	for day := range 3 {
		for i, want := range []int{200, 400} {
			run := w.working(fmt.Sprint(day, i), token)
			if status, text := w.post(run, token, "v1/responses", ask); status != want {
				t.Errorf("day %d, call %d: %d %s", day, i, status, text)
			}
		}
		w.clock.advance(24 * time.Hour)
	}
}

// From four fifths on a cheaper model answers; the limit stays one.
func TestCheaper(t *testing.T) {
	t.Parallel()
	var models []string
	w := newWorld(t, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		model, _, _ := strings.Cut(strings.TrimPrefix(string(text), `{"model":"`), `"`)
		models = append(models, model) // calls come one after the other
		rw.Header().Set("Content-Type", "application/json")
		io.WriteString(rw, `{"usage":{"input_tokens":0,"output_tokens":100}}`)
	})), func(c *Config) {
		c.Budgets = []Budget{{Scope: anvil.ScopeRun, Limit: anvil.Spent{CostMicros: 5 * 5000}, Cheaper: true}}
		c.Cheaper = map[string]string{"large": "small"}
	})
	run := w.working("a", token)
	for range 30 {
		w.post(run, token, "v1/responses", ask)
	}
	// Four at 5000 are four fifths; then ten at 500 to the limit.
	if got, want := strings.Join(models, " "), strings.Repeat("large ", 4)+strings.TrimSpace(strings.Repeat("small ", 10)); got != want {
		t.Errorf("the models were %s", got)
	}
}

// Where the cheaper model cannot take its place, the dearer one answers to the end of
// the budget.
func TestTheDearerModelGoesOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		models  map[string]string // of the first upstream
		another []string          // the protocols of one that has every model
		prices  int
		rules   anvil.Rules
	}{
		"no upstream has it":                     {models: map[string]string{"large": ""}, prices: 2},
		"one has it by another interface":        {models: map[string]string{"large": ""}, another: []string{"chat", "messages"}, prices: 2},
		"the repository does not permit it":      {prices: 2, rules: anvil.Rules{Models: []string{"large"}}},
		"the rules bound money, it has no price": {prices: 1, rules: anvil.Rules{Budget: anvil.Limit{CostMicros: 100 * 5000}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := costing(t, 100), costing(t, 100)
			first.Models, second.Protocols = c.models, c.another
			w := newWorld(t, with(first, second), func(g *Config) {
				g.Budgets = []Budget{{Scope: anvil.ScopeRun, Limit: anvil.Spent{Tokens: 5 * 100}, Cheaper: true}}
				g.Cheaper, g.Prices = map[string]string{"large": "small"}, g.Prices[:c.prices]
			})
			run := w.working("a", token)
			w.amend(run, func(r *anvil.Run) { r.Rules.Models, r.Rules.Budget = c.rules.Models, c.rules.Budget })
			for i := range 6 {
				status, text := w.post(run, token, "v1/responses", ask)
				if i < 5 && status != 200 || i == 5 && !strings.Contains(text, "GW_BUDGET") {
					t.Errorf("call %d: %d %s", i+1, status, text)
				}
			}
			for _, call := range w.calls(run) {
				if call.Model != "large" {
					t.Errorf("%s was asked", call.Model)
				}
			}
		})
	}
}

// What was under way when the server died counts as used, with all that was reserved.
func TestAfterACrash(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	budgets := func(c *Config) {
		c.Budgets = []Budget{{Scope: anvil.ScopeTask, Limit: anvil.Spent{CostMicros: 4000}}}
	}
	w := newWorld(t, budgets, with(upstreamAt(t, "one", func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	})))
	t.Cleanup(func() { close(release) })
	run := w.working("a", token)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		if resp, err := w.start(ctx, run, token, "v1/responses", ask); err == nil {
			resp.Body.Close()
		}
	}()
	<-arrived
	if calls := w.calls(run); len(calls) != 1 || calls[0].State != anvil.CallReserved {
		t.Fatalf("calls are %+v", calls)
	}
	// Another server on the same database, as after a crash.
	second := New(Config{Store: w.store, Now: w.clock.Now, Log: w.gateway.log, Budgets: w.gateway.ledger.budgets})
	if err := second.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	second.Stop()
	calls := w.calls(run)
	if c := calls[0]; c.State != anvil.CallFailed || c.Code != "GW_RESTART" || c.Usage.CostMicros != c.ReservedMicros || c.ReservedMicros < 5000 {
		t.Errorf("the call is %+v", c)
	}
	row := calls[0]
	_, said, _, err := second.ledger.reserve(t.Context(), &row, anvil.Limit{}, anvil.Spent{CostMicros: 1, Calls: 1}, false)
	if err != nil || said != tooMuch {
		t.Errorf("after the crash the budget says %v, %v", said, err)
	}
}
