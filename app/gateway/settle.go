package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// reserve begins a call within the run's budgets, with a cheaper model where one
// that is low asks for it.
func (g *Gateway) reserve(c *call, p *pass) *refusal {
	g.estimate(c)
	if c.limit.CostMicros > 0 && !c.priced {
		return refuse(http.StatusForbidden, CodeModel, "the rules bound what the task costs, and model %s has no price here. Use another one.", c.row.Model)
	}
	r, said, over, err := g.ledger.reserve(c.ctx, &c.row, c.limit, c.bound(), false)
	if said == cheaper {
		if model := g.cheaper[c.row.Model]; g.replaces(c, p, model) {
			c.row.Model = model
			g.estimate(c)
		}
		r, said, over, err = g.ledger.reserve(c.ctx, &c.row, c.limit, c.bound(), true)
	}
	switch {
	case c.ctx.Err() != nil && err != nil:
		return cutBy(c.ctx)
	case err != nil:
		return refuse(http.StatusServiceUnavailable, CodeStore, "the server could not look the budgets up. Try again.").because(err)
	case said == tooMuch:
		problem := over.problem(g.now())
		g.ledger.refused(&c.row)
		g.exceed(c.ctx, c.row.Run, problem)
		return usedUp(problem)
	}
	c.held = r
	return nil
}

// replaces reports whether a cheaper model can take the place of a call's: where it
// cannot, the run goes on with the dearer one.
func (g *Gateway) replaces(c *call, p *pass, model string) bool {
	if model == "" || !p.permits(model) || !served(g.upstreams, c.route.protocol, model) {
		return false
	}
	_, priced := priceOf(g.prices, model)
	return priced || c.limit.CostMicros == 0
}

// estimate sets the most that a call can take: a token is a byte at least, and a
// picture some thousand tokens whatever its bytes.
func (g *Gateway) estimate(c *call) {
	q := c.request
	output := q.output
	if output == 0 {
		output = g.output
	}
	c.most = anvil.Usage{Input: int64(len(q.body)) + q.files*tokensPerPicture, Output: output * q.answers}
	if c.route.count {
		c.most = anvil.Usage{}
	}
	c.price, c.priced = priceOf(g.prices, c.row.Model)
	c.row.ReservedMicros = c.price.most(c.most)
}

// bound is what a call takes at most of its budgets.
func (c *call) bound() anvil.Spent {
	return anvil.Spent{CostMicros: c.row.ReservedMicros, Tokens: c.most.Tokens(), Calls: 1}
}

var errNotNow = errors.New("the run is not at work, or has a problem already")

// exceed marks a run whose budget is used up: unless its runner hands over a change, it
// ends with that.
func (g *Gateway) exceed(ctx context.Context, run anvil.RunID, problem *anvil.Problem) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, err := g.store.Amend(ctx, run, func(r *anvil.Run) error {
		if r.State != anvil.Working || r.Problem != nil {
			return errNotNow
		}
		r.Problem = problem
		return nil
	})
	if err == nil {
		err = g.store.Tell(ctx, run, anvil.KindBudgetOver, problem.What)
	}
	if err != nil && !errors.Is(err, errNotNow) {
		g.log.Error("a used up budget could not be noted", "run", run, "error", err)
	}
}

// settle writes down what a call came to. m is nil if no answer had begun.
func (g *Gateway) settle(c *call, m *meter, no *refusal) {
	row := &c.row
	row.SettledAt = g.now()
	row.State = anvil.CallSettled
	if no != nil {
		row.State, row.Code = anvil.CallFailed, no.code
	}
	began := m != nil && m.status < 400 || c.ctx.Err() != nil // a model may be at work on what was cut
	if m == nil {
		m = &meter{}
	}
	if !c.route.count {
		if began && !m.heard {
			row.Estimated = true
			m.guess(int64(len(c.request.body)), time.Since(c.began), c.most)
		}
		row.Usage = m.usage
	}
	row.Usage.Calls = 1
	if c.priced {
		row.Usage.CostMicros = c.price.of(row.Usage, m.hour)
	} else {
		row.Usage.Unpriced = 1
	}
	g.ledger.settle(row, c.held)
	g.metrics.settled(row, time.Since(c.began), c.first)
}

// Waits says until when a run gets no slot, because a budget of its day is used up,
// and why; zero if it need not wait.
func (g *Gateway) Waits(ctx context.Context, id anvil.RunID) (until time.Time, why string, err error) {
	if !slices.ContainsFunc(g.ledger.budgets, func(b Budget) bool { return b.Queue }) {
		return until, "", nil
	}
	caller, err := g.store.Caller(ctx, id)
	if err != nil {
		return until, "", err
	}
	row := rowOf(caller)
	for i, b := range g.ledger.budgets {
		if !b.Queue {
			continue
		}
		over, err := g.ledger.used(ctx, i, row.Spender(b.Scope))
		if err != nil {
			return until, "", err
		}
		if over {
			return b.Resets(g.now()), "the " + b.String() + " is used up; it begins anew at " + moment(b.Resets(g.now())), nil
		}
	}
	return until, "", nil
}

// Spender says whose budget of a scope the caller spends from.
func Spender(c anvil.Caller, scope anvil.Scope) anvil.Spender { return rowOf(c).Spender(scope) }

// rowOf is a call of the caller, not yet of any model.
func rowOf(c anvil.Caller) anvil.ModelCall {
	return anvil.ModelCall{
		Run: c.Run.ID, Task: c.Run.Task, Session: c.Session, User: c.User, Repository: c.Repository, Installation: c.Installation,
	}
}
