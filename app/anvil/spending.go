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

// Spent is money and tokens.
type Spent struct {
	CostMicros int64 // millionths of a US dollar
	Tokens     int64
}

// Add adds v to s.
func (s *Spent) Add(v Spent) { s.CostMicros += v.CostMicros; s.Tokens += v.Tokens }

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
