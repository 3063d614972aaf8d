package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Budget is a bound on what each spender of a scope may use.
type Budget struct {
	Scope anvil.Scope
	Limit anvil.Spent // zero fields bound nothing
	Day   bool        // each day (UTC) anew; else in all
	// Cheaper says that calls go to a cheaper model once four fifths are used.
	Cheaper bool
	// Queue says that runs get no slot while the day's budget is used up.
	Queue bool

	shared bool // a budget before it counts in the same account
}

// sharing returns the budgets with those marked whose account is one before theirs, so
// that a call is booked there once.
func sharing(budgets []Budget) []Budget {
	budgets = slices.Clone(budgets)
	for i := range budgets {
		b := &budgets[i]
		b.shared = slices.ContainsFunc(budgets[:i], func(other Budget) bool { return other.Scope == b.Scope && other.Day == b.Day })
	}
	return budgets
}

// within returns the budgets with what the rules let each task take: where there is a
// budget of each task already, the smaller bound counts, and what the operator wants
// done near its end is done.
func within(budgets []Budget, limit anvil.Limit) []Budget {
	if limit == (anvil.Limit{}) {
		return budgets
	}
	least := func(a, b int64) int64 {
		if a == 0 || b == 0 {
			return max(a, b)
		}
		return min(a, b)
	}
	budgets = slices.Clone(budgets)
	for i := range budgets {
		if b := &budgets[i]; b.Scope == anvil.ScopeTask && !b.Day {
			b.Limit.CostMicros, b.Limit.Tokens = least(b.Limit.CostMicros, limit.CostMicros), least(b.Limit.Tokens, limit.Tokens)
			return budgets
		}
	}
	return append(budgets, Budget{Scope: anvil.ScopeTask, Limit: anvil.Spent{CostMicros: limit.CostMicros, Tokens: limit.Tokens}})
}

// warnAt is the share of a budget at which people are warned.
const warnAt = 0.8

// accountKey names what a budget counts for one spender.
type accountKey struct {
	anvil.Spender
	day int64 // -1: of all days
}

// account is what one spender has used and has under way.
type account struct {
	used     anvil.Spent
	reserved anvil.Spent // by calls under way; Calls is how many
	warned   []int       // the places of the budgets that people were warned of
	touched  time.Time
}

// On is the day that a budget counts for a call that starts then; -1 if it counts all.
func (b Budget) On(started time.Time) int64 {
	if b.Day {
		return anvil.Day(started)
	}
	return -1
}

// over reports whether nothing is left.
func (b Budget) over(a *account) bool {
	return reaches(a.used, b.Limit, 1)
}

// fits reports whether a call that takes most can begin beside those under way
// without any risk.
func (b Budget) fits(a *account, most anvil.Spent) bool {
	most.Add(a.used)
	most.Add(a.reserved)
	return !exceeds(most.CostMicros, b.Limit.CostMicros) && !exceeds(most.Tokens, b.Limit.Tokens) && !exceeds(most.Calls, b.Limit.Calls)
}

func exceeds(n, limit int64) bool { return limit > 0 && n > limit }

// low reports whether four fifths are used.
func (b Budget) low(a *account) bool { return reaches(a.used, b.Limit, warnAt) }

// reaches reports whether a share of a limit is used, in any unit.
func reaches(used, limit anvil.Spent, share float64) bool {
	at := func(n, limit int64) bool { return limit > 0 && float64(n) >= share*float64(limit) }
	return at(used.CostMicros, limit.CostMicros) || at(used.Tokens, limit.Tokens) || at(used.Calls, limit.Calls)
}

// Resets is when a budget begins anew; zero for never.
func (b Budget) Resets(now time.Time) time.Time {
	if !b.Day {
		return time.Time{}
	}
	return time.Unix((anvil.Day(now)+1)*24*60*60, 0).UTC()
}

// warning is what people are told once a budget is low: what is used, and what comes of it.
func (b Budget) warning(used anvil.Spent, now time.Time) string {
	next := "The run ends when it is used up"
	switch {
	case b.Cheaper:
		next = "The run goes on with a cheaper model where there is one, and ends when it is used up"
	case b.Queue:
		next += ", and later ones wait until " + moment(b.Resets(now))
	}
	return fmt.Sprintf("%s of the %s are used. %s", amount(inUnitsOf(used, b.Limit)), b, next)
}

// String names the budget, such as "budget of the repository per day ($5.00)".
func (b Budget) String() string {
	per := ""
	if b.Day {
		per = " per day"
	}
	return fmt.Sprintf("budget of the %s%s (%s)", b.Scope, per, amount(b.Limit))
}

// amount is what was spent, in the units that are there.
func amount(s anvil.Spent) string {
	var parts []string
	if s.CostMicros > 0 {
		parts = append(parts, dollars(s.CostMicros))
	}
	if s.Tokens > 0 {
		parts = append(parts, fmt.Sprintf("%d tokens", s.Tokens))
	}
	if s.Calls > 0 {
		parts = append(parts, fmt.Sprintf("%d calls", s.Calls))
	}
	return strings.Join(parts, ", ")
}

func dollars(micros int64) string { return fmt.Sprintf("$%.2f", float64(micros)/1e6) }

// inUnitsOf is what was spent in the units that a limit has.
func inUnitsOf(s, limit anvil.Spent) anvil.Spent {
	for _, f := range []struct{ n, limit *int64 }{{&s.CostMicros, &limit.CostMicros}, {&s.Tokens, &limit.Tokens}, {&s.Calls, &limit.Calls}} {
		if *f.limit == 0 {
			*f.n = 0
		}
	}
	return s
}

// problem is why a run ends whose budget is used up.
func (b Budget) problem(now time.Time) *anvil.Problem {
	next := "Ask for less at a time, or have it raised: by the operator under budgets, or under budget in the rules. Then comment /anvil retry."
	if reset := b.Resets(now); !reset.IsZero() {
		next = "Comment /anvil retry after " + moment(reset) + ", when it begins anew."
		if b.Queue {
			next = "Comment /anvil retry: the task then waits until " + moment(reset) + ", when it begins anew."
		}
	}
	if b.Limit.Calls > 0 {
		next = "Ask for less at a time, or let the operator raise gateway.max_calls; then comment /anvil retry."
	}
	return anvil.Problemf(anvil.CodeBudgetExceeded, next, "the %s is used up", b)
}

// moment is a time as people are told it.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }

// usedUp is what the engine is told once a budget is.
func usedUp(p *anvil.Problem) *refusal {
	return refuse(http.StatusPaymentRequired, CodeBudget, "%s. Stop.", p.What)
}
