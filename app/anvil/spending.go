package anvil

import (
	"strconv"
	"time"
)

// Scope is a kind of thing that spends, and may have a budget.
type Scope string

// Scopes, from the smallest to the largest.
const (
	ScopeRun          Scope = "run"
	ScopeTask         Scope = "task"
	ScopeUser         Scope = "user"
	ScopeRepository   Scope = "repository"
	ScopeOrganisation Scope = "organisation"
)

// Scopes lists every scope.
var Scopes = []Scope{ScopeRun, ScopeTask, ScopeUser, ScopeRepository, ScopeOrganisation}

// Spender is one thing that spends.
type Spender struct {
	Scope   Scope
	Subject string // the id of the run, task, user, repository or installation
}

// CodeBudgetExceeded is the problem of a run that ended because a budget was used up.
const CodeBudgetExceeded Code = "BUDGET_EXCEEDED"

// Kinds of server events about budgets.
const (
	KindBudgetLow  = "budget.low"  // most of a budget is used
	KindBudgetOver = "budget.over" // a budget is used up, and the run ends
	KindBudgetWait = "budget.wait" // the run gets no slot until a budget begins anew
)

// Spent is what was used of models.
type Spent struct {
	CostMicros int64 // millionths of a US dollar
	Tokens     int64
	Calls      int64
}

// Add adds v to s.
func (s *Spent) Add(v Spent) {
	s.CostMicros += v.CostMicros
	s.Tokens += v.Tokens
	s.Calls += v.Calls
}

// Sub takes v off s.
func (s *Spent) Sub(v Spent) { s.Add(Spent{-v.CostMicros, -v.Tokens, -v.Calls}) }

// Spent is what the call has used so far.
func (c ModelCall) Spent() Spent {
	return Spent{CostMicros: c.Usage.CostMicros, Tokens: c.Usage.Tokens(), Calls: c.Usage.Calls}
}

// Spender says who spends in a scope when the call is made.
func (c ModelCall) Spender(scope Scope) Spender {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	switch scope {
	case ScopeRun:
		return Spender{scope, string(c.Run)}
	case ScopeTask:
		return Spender{scope, string(c.Task)}
	case ScopeUser:
		return Spender{scope, number(c.User)}
	case ScopeRepository:
		return Spender{scope, number(c.Repository)}
	}
	return Spender{scope, number(c.Installation)}
}

// Day is the number of t's day since 1970, in UTC: the unit of budgets per day.
func Day(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }
