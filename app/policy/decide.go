package policy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Verdict is what a rule says to a command.
type Verdict string

const (
	Allow Verdict = "allow" // nothing against it
	Queue Verdict = "queue" // it waits for its turn
	Hold  Verdict = "hold"  // it waits for a person before it goes on, or out
	Deny  Verdict = "deny"  // it is refused
)

// order is from the mildest verdict to the strictest.
var order = []Verdict{Allow, Queue, Hold, Deny}

// Step is what one rule says.
type Step struct {
	Rule    string         `json:"rule"` // the key, or what decides where no key does
	Verdict Verdict        `json:"verdict"`
	Because string         `json:"because"`
	Problem *anvil.Problem `json:"problem,omitempty"` // with Deny: what the requester is told
}

// Case is all that the rules look at.
type Case struct {
	Command       anvil.Command
	Rules         anvil.Rules
	Offer         Offer
	DefaultBranch string
}

// Decision is what the rules say together.
type Decision struct {
	Steps []Step `json:"steps"`
	Plan  Plan   `json:"plan"` // what the task gets, unless it is denied
}

// Verdict is the strictest of the steps'.
func (d Decision) Verdict() Verdict {
	worst := Allow
	for _, s := range d.Steps {
		if slices.Index(order, s.Verdict) > slices.Index(order, worst) {
			worst = s.Verdict
		}
	}
	return worst
}

// Problem is why a command is denied, or nil.
func (d Decision) Problem() *anvil.Problem {
	for _, s := range d.Steps {
		if s.Verdict == Deny {
			return s.Problem
		}
	}
	return nil
}

func (d *Decision) say(rule string, v Verdict, because string, args ...any) {
	d.Steps = append(d.Steps, Step{Rule: rule, Verdict: v, Because: fmt.Sprintf(because, args...)})
}

func (d *Decision) deny(rule string, p *anvil.Problem) {
	d.Steps = append(d.Steps, Step{Rule: rule, Verdict: Deny, Because: p.What, Problem: p})
}

// Decide says what the rules make of a command that starts work. Intake asks it before
// a task is opened, dispatch again before a run starts, and `anvil policy explain` shows
// it.
func Decide(c Case) Decision {
	var d Decision
	d.who(c)
	d.where(c)
	plan, problem := Evaluate(c.Command.Options, c.Rules, c.Offer, c.DefaultBranch)
	if problem != nil {
		d.deny("choice", problem)
		return d
	}
	d.Plan = plan
	d.say("engine", Allow, "%s, because %s", plan.Engine.Value, plan.Engine.Because)
	d.say("model", Allow, "%s, because %s", cmp.Or(plan.Model.Value, "the engine's own"), plan.Model.Because)
	d.say("base", Allow, "%s, because %s", plan.Base.Value, plan.Base.Because)
	if plan.Runner.Value != "" {
		d.say("runners", Allow, "%s, because %s", plan.Runner.Value, plan.Runner.Because)
	}
	d.say("verify", Allow, "%s, because %s", cmp.Or(shownCommands(plan.Verify), "detected"), plan.VerifyReason)
	if b := c.Rules.Budget; b != (anvil.Limit{}) {
		d.say("budget", Allow, "the task may take %s of models", shownLimit(b))
	}
	d.waits(c)
	return d
}

// who is about the person.
func (d *Decision) who(c Case) {
	least := cmp.Or(c.Rules.Ask, "write")
	switch role := c.Command.Role; {
	case role == "": // it is not known, and was judged where it was
	case MayAsk(c.Rules, role):
		d.say("ask", Allow, "the role %s may ask for work; %s is the least that may", role, least)
	default:
		d.deny("ask", NotAllowed(c.Rules, role))
	}
}

// where is about the place.
func (d *Decision) where(c Case) {
	place := "github"
	if c.Command.Origin.Place != "" {
		place = c.Command.Origin.Place
	}
	if allowed := c.Rules.Channels; allowed != nil && !slices.Contains(allowed, place) {
		d.deny("channels", denied(c.Rules, "channels", "Ask from one of: "+said(allowed), "work is not taken from %s", place))
	} else {
		d.say("channels", Allow, "work is taken from %s", place)
	}
	if c.Command.Foreign == "" {
		return
	}
	switch mode := cmp.Or(c.Rules.PullRequests, "stack"); {
	case c.Command.Foreign == anvil.ForeignFork:
		d.deny("pull_requests", anvil.Problemf(CodeFork, "Ask on an issue of this repository instead",
			"the pull request comes from a fork, whose branch belongs to somebody else; pull_requests in %s is about branches of this repository", Path))
	case mode == "off":
		d.deny("pull_requests", denied(c.Rules, "pull_requests", "Ask on an issue instead", "work on pull requests that Anvil did not open is off"))
	case mode == "push":
		d.say("pull_requests", Allow, "the change goes to the pull request's own branch")
	default:
		d.say("pull_requests", Allow, "the change comes as a pull request onto the pull request's branch")
	}
}

// waits is about the people whom a task waits for.
func (d *Decision) waits(c Case) {
	by := "anyone with write access"
	if c.Rules.OthersApprove {
		by = "somebody else than the requester"
	}
	if c.Command.Verb == anvil.VerbPlan {
		d.say("plan", Hold, "a plan is made first, and %s approves it", by)
	}
	if HoldsAll(c.Rules) {
		d.say("hold", Hold, "every change waits until %s releases it", by)
	} else {
		d.say("hold", Allow, "only a change of protected files waits, until %s releases it", by)
	}
}

// CodeFork says that a pull request's branch is in another repository.
const CodeFork anvil.Code = "FORK_DISABLED"

// HoldsAll reports whether every change waits for a person before it is published.
func HoldsAll(r anvil.Rules) bool { return r.Hold == "all" }

func shownCommands(commands []string) string {
	if len(commands) == 0 {
		return ""
	}
	return fmt.Sprintf("%q", commands)
}

func shownLimit(l anvil.Limit) string {
	switch {
	case l.Tokens == 0:
		return fmt.Sprintf("$%.2f", float64(l.CostMicros)/1e6)
	case l.CostMicros == 0:
		return fmt.Sprintf("%d tokens", l.Tokens)
	}
	return fmt.Sprintf("$%.2f and %d tokens", float64(l.CostMicros)/1e6, l.Tokens)
}
