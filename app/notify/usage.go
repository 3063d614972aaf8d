package notify

import (
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// Usage is what a task took of models, in a few words: "$0.42, 123k tokens in (80%
// cached), 4.5k out"; empty if it took nothing.
func Usage(u anvil.Usage) string {
	if u.Calls == 0 {
		return ""
	}
	input := u.Input + u.Cached + u.CacheWrite
	text := fmt.Sprintf("%s tokens in", thousands(input))
	if share := 100 * u.Cached / max(input, 1); share > 0 {
		text += fmt.Sprintf(" (%d%% cached)", share)
	}
	text += ", " + thousands(u.Output) + " out"
	switch {
	case u.Unpriced == 0:
		return Dollars(u.CostMicros) + ", " + text
	case u.CostMicros > 0:
		return Dollars(u.CostMicros) + " and calls without a price, " + text
	}
	return text
}

// Dollars is money as people read it: cents, or more places for less than one.
func Dollars(micros int64) string {
	if micros > 0 && micros < 10_000 {
		return fmt.Sprintf("$%.4f", float64(micros)/1e6)
	}
	return fmt.Sprintf("$%.2f", float64(micros)/1e6)
}

func thousands(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprint(n)
	case n < 10_000:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1e3), ".0") + "k"
	case n < 1_000_000:
		return fmt.Sprintf("%dk", (n+500)/1000)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1e6), ".0") + "M"
}

// budgets warns of budgets that the present run brings near their end, and says
// what a queued one waits for.
func budgets(s anvil.Story) (warnings []string, wait sanitize.Text) {
	for _, e := range s.Events {
		if e.Run != s.Run().ID || e.Source != anvil.FromServer {
			continue
		}
		switch e.Kind {
		case anvil.KindBudgetLow:
			warnings = append(warnings, capital(stop(sanitize.Line(e.Text, 300))))
		case anvil.KindBudgetWait:
			wait = sanitize.From(e.Text)
		}
	}
	if s.Run().State != anvil.Queued {
		wait = sanitize.Text{}
	}
	return warnings, wait
}

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
