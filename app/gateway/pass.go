package gateway

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// How long what was read about a run is believed. Changes are told at once (see
// Forget), so this is for the case that one is missed: after passFor one call reads
// anew, and the others don't wait for it before passAtMost.
const (
	passFor    = time.Second
	passAtMost = 5 * time.Second
)

// pass is what is known of a run that calls: read once, and shared by its calls
// until the run changes.
type pass struct {
	caller anvil.Caller
	models []string // that the run may use, its own first
	readAt time.Time
	aged   bool // somebody reads anew; guarded by Gateway.mu
}

// refuses says why the run gets no answer from a model now, or nil.
func (p *pass) refuses() *refusal {
	run := p.caller.Run
	switch {
	case run.State == anvil.Stopping:
		return refuse(http.StatusBadRequest, CodeEnded, "the run was told to stop. Stop.")
	case run.State != anvil.Working:
		return refuse(http.StatusBadRequest, CodeEnded, "the run is %s and makes no more calls. Stop.", run.State)
	case run.Problem != nil && run.Problem.Code == anvil.CodeBudgetExceeded:
		return usedUp(run.Problem)
	case run.Question != nil && run.Question.Answer == "":
		return refuse(http.StatusBadRequest, CodeWaiting, "a person was asked. Stop now; the work goes on once they have answered.")
	}
	return nil
}

// admit returns the pass of the run whose lease token the request carries.
func (g *Gateway) admit(ctx context.Context, id anvil.RunID, token string) (*pass, *refusal) {
	wrong := refuse(http.StatusUnauthorized, CodeToken, "this is not the token of the run. Use the one of its present lease.")
	if token == "" || len(id) > 100 {
		return nil, wrong
	}
	p, err := g.pass(ctx, id)
	switch {
	case errors.Is(err, anvil.ErrNotFound):
		return nil, wrong
	case err != nil:
		return nil, refuse(http.StatusServiceUnavailable, CodeStore, "the server could not look the run up. Try again.").because(err)
	}
	held := p.caller.Run.Lease.TokenHash
	if held == "" || subtle.ConstantTimeCompare([]byte(anvil.Fingerprint(token)), []byte(held)) != 1 {
		return nil, wrong
	}
	return p, p.refuses()
}

// pass reads what is known of a run, from memory if it was read just now.
func (g *Gateway) pass(ctx context.Context, id anvil.RunID) (*pass, error) {
	g.mu.Lock()
	p, since := g.passes[id], g.changes
	if p != nil {
		age := g.now().Sub(p.readAt)
		if age < passFor || age < passAtMost && p.aged {
			g.mu.Unlock()
			return p, nil
		}
		p.aged = true
	}
	g.mu.Unlock()
	p = &pass{readAt: g.now()}
	var err error
	if p.caller, err = g.store.Caller(ctx, id); err != nil {
		return nil, err
	}
	p.models = slices.DeleteFunc(slices.Clone(g.models(p.caller.Run.Engine)), func(model string) bool { return !p.permits(model) })
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changes != since { // what was read may be from before the change
		return p, nil
	}
	if len(g.passes) >= 4096 {
		clear(g.passes)
	}
	g.passes[id] = p
	return p, nil
}

// Forget drops what is known of a run, because it changed, and cuts its calls
// if it is no longer at work. It does not wait for that.
func (g *Gateway) Forget(id anvil.RunID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.changes++
	delete(g.passes, id)
	if len(g.live[id]) > 0 {
		go g.recheck(id)
	}
}

// recheck cuts the calls of a run that may not make them any more. Who cannot be
// checked is cut.
func (g *Gateway) recheck(id anvil.RunID) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	p, err := g.pass(ctx, id)
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.live[id] {
		switch {
		case err != nil:
			c.cut(refuse(http.StatusServiceUnavailable, CodeStore, "the server could not look the run up. Try again.").because(err))
		case p.caller.Run.Lease.Epoch != c.epoch:
			c.cut(refuse(http.StatusBadRequest, CodeEnded, "the run has a new lease. Stop."))
		case p.caller.Run.State != anvil.Working:
			c.cut(p.refuses())
		}
	}
}

// enter counts a call among those under way. It reports false if the run has
// changed since p was read.
func (g *Gateway) enter(id anvil.RunID, p *pass, c *call) (bool, *refusal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.passes[id] != p {
		return false, nil
	}
	if len(g.live[id]) >= g.parallel {
		r := refuse(http.StatusTooManyRequests, CodeBusy, "the run has %d calls under way. Wait for one of them.", g.parallel)
		r.retryAfter = time.Second
		return true, r
	}
	if g.live[id] == nil {
		g.live[id] = map[*call]struct{}{}
	}
	g.live[id][c] = struct{}{}
	return true, nil
}

// leave takes a call out again.
func (g *Gateway) leave(id anvil.RunID, c *call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.live[id], c)
	if len(g.live[id]) == 0 {
		delete(g.live, id)
	}
}

// tokenOf is the lease token of a request, in any provider's place for a key.
func tokenOf(r *http.Request) string {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return strings.TrimSpace(token)
	}
	return cmp.Or(r.Header.Get("X-Api-Key"), r.Header.Get("X-Goog-Api-Key"))
}

// permits reports whether the repository's rules let the run use the model.
func (p *pass) permits(model string) bool {
	permitted := p.caller.Run.Rules.Models
	return permitted == nil || slices.Contains(permitted, model)
}

// may reports whether the run may use the model.
func (p *pass) may(model string) bool { return model != "" && slices.Contains(p.models, model) }
