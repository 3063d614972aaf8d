package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/config/hostlist"
	"github.com/seed-bc0cc349/anvil/config/strict"
)

// CodeUnknown names a word that is not known, the nearest one that is, and all
// of them.
const CodeUnknown anvil.Code = "CMD_UNKNOWN"

// Offer is what the server has to choose from.
type Offer struct {
	Default string              // the engine of those who name none
	Models  map[string][]string // by engine; the first is its default; empty: no choice
	// Hosts bounds the hosts that rules may allow; see package hostlist.
	Hosts []string
}

// MayAllow reports whether rules may allow a host.
func (o Offer) MayAllow(host string) bool { return hostlist.Covers(o.Hosts, host) }

// Engines returns the names of the offered engines, sorted.
func (o Offer) Engines() []string {
	names := make([]string, 0, len(o.Models))
	for name := range o.Models {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Choice is a value and why it was taken.
type Choice struct {
	Value   string `json:"value"`
	Because string `json:"because"` // completes "because …"
}

// Plan is what one task gets.
type Plan struct {
	Engine Choice `json:"engine"`
	Model  Choice `json:"model"` // empty if the engine offers no choice
	Base   Choice `json:"base"`
	Runner Choice `json:"runner"` // label; empty leaves it to the workflow
	// Verify lists the verification commands; empty means that the runner
	// detects them. VerifySource is "command", Path or empty.
	Verify       []string `json:"verify,omitempty"`
	VerifySource string   `json:"verify_source,omitempty"`
	VerifyReason string   `json:"verify_because"`
}

const (
	byCommand = "the command says so"
	byRules   = Path + " says so"
)

// CheckOptions refuses an engine or a model that a command asks for and the
// server does not offer at all. It needs no rules, so that people hear of a
// misspelt name at once; [Evaluate] has the last word.
func (o Offer) CheckOptions(opts anvil.Options) *anvil.Problem {
	if opts.Engine != "" {
		models, ok := o.Models[opts.Engine]
		if !ok {
			return Unknown("engine", opts.Engine, o.Engines())
		}
		if opts.Model != "" && !slices.Contains(models, opts.Model) {
			return unknownModel(opts.Engine, opts.Model, models)
		}
		return nil
	}
	if opts.Model == "" {
		return nil
	}
	var all []string
	for _, engine := range o.Engines() {
		all = append(all, o.Models[engine]...)
	}
	if !slices.Contains(all, opts.Model) {
		slices.Sort(all)
		return Unknown("model", opts.Model, slices.Compact(all))
	}
	return nil
}

// Evaluate chooses for one command. DefaultBranch is the repository's.
func Evaluate(opts anvil.Options, rules anvil.Rules, offer Offer, defaultBranch string) (Plan, *anvil.Problem) {
	var plan Plan
	switch {
	case opts.Base != "":
		plan.Base = Choice{opts.Base, byCommand}
	case rules.Base != "":
		plan.Base = Choice{rules.Base, byRules}
	default:
		plan.Base = Choice{defaultBranch, "it is the repository's default branch"}
	}
	plan.Verify, plan.VerifySource = rules.Checks(opts)
	switch plan.VerifySource {
	case "command":
		plan.VerifyReason = byCommand
		if len(rules.VerifyAlways) > 0 {
			plan.VerifyReason += ", after the organisation's, which always run"
		}
	case "rules":
		plan.VerifySource, plan.VerifyReason = Path, byRules
	default:
		plan.VerifyReason = "neither the command nor " + Path + " names commands, so they are detected"
	}
	for i, host := range rules.AllowHosts {
		if !offer.MayAllow(host) {
			return Plan{}, inRules(rules, fmt.Sprintf("network.allow[%d]", i), anvil.Problemf(CodeInvalid,
				"Remove it, or ask the operator to add it to containment.repositories_may_allow", "this server does not let repositories allow %s", strict.Quote(host)))
		}
	}
	var problem *anvil.Problem
	if plan.Engine, problem = engine(opts, rules, offer); problem != nil {
		return Plan{}, problem
	}
	if plan.Model, problem = model(plan.Engine.Value, opts, rules, offer); problem != nil {
		return Plan{}, problem
	}
	if rules.Runners != nil {
		if len(rules.Runners) == 0 {
			return Plan{}, noneLeft(rules, "runners")
		}
		plan.Runner = Choice{rules.Runners[0], byRules}
	}
	return plan, nil
}

// CodeDenied says that the rules do not let a command have what it asks for.
const CodeDenied anvil.Code = "POLICY_DENIED"

// denied is the problem of a command that asks for more than the rules permit.
func denied(rules anvil.Rules, key, next, what string, args ...any) *anvil.Problem {
	return anvil.Problemf(CodeDenied, next, "%s (%s in %s)", fmt.Sprintf(what, args...), key, Where(rules))
}

// noneLeft is the problem of rules that permit nothing.
func noneLeft(rules anvil.Rules, key string) *anvil.Problem {
	return denied(rules, key, "Let the repository's rules and the organisation's have one in common", "the rules leave nothing to choose from")
}

func engine(opts anvil.Options, rules anvil.Rules, offer Offer) (Choice, *anvil.Problem) {
	permitted := func(name string) bool { return rules.Engines == nil || slices.Contains(rules.Engines, name) }
	switch {
	case opts.Engine != "":
		if _, ok := offer.Models[opts.Engine]; !ok {
			return Choice{}, Unknown("engine", opts.Engine, offer.Engines())
		}
		if !permitted(opts.Engine) {
			return Choice{}, denied(rules, "engines", "Use one of: "+said(rules.Engines), "engine %s is not permitted here", Shown(opts.Engine))
		}
		return Choice{opts.Engine, byCommand}, nil
	case rules.Engine != "":
		if _, ok := offer.Models[rules.Engine]; !ok {
			return Choice{}, inRules(rules, "engine", Unknown("engine", rules.Engine, offer.Engines()))
		}
		if !permitted(rules.Engine) {
			return Choice{}, denied(rules, "engines", "Name one of these under engine: "+said(rules.Engines), "engine %s is chosen and not permitted", Shown(rules.Engine))
		}
		return Choice{rules.Engine, byRules}, nil
	case permitted(offer.Default):
		return Choice{offer.Default, "it is this server's default"}, nil
	}
	for _, name := range rules.Engines {
		if _, ok := offer.Models[name]; ok {
			return Choice{name, "it is the first that the rules permit and this server offers"}, nil
		}
	}
	return Choice{}, noneLeft(rules, "engines")
}

// permittedModels are those of an engine that the rules leave.
func permittedModels(models []string, rules anvil.Rules) []string {
	if rules.Models == nil {
		return models
	}
	return slices.DeleteFunc(slices.Clone(models), func(name string) bool { return !slices.Contains(rules.Models, name) })
}

// model chooses among the models of the chosen engine. The rules' model belongs
// to the rules' engine: a command that asks for another engine gets that
// engine's own default, and is told why.
func model(engine string, opts anvil.Options, rules anvil.Rules, offer Offer) (Choice, *anvil.Problem) {
	all := offer.Models[engine]
	models := permittedModels(all, rules)
	own := Choice{Because: "the engine offers no choice of model"}
	switch {
	case len(models) > 0 && models[0] == all[0]:
		own = Choice{models[0], "it is the default of engine " + engine}
	case len(models) > 0:
		own = Choice{models[0], "it is the first of engine " + engine + " that the rules permit"}
	case len(all) > 0:
		return Choice{}, noneLeft(rules, "models")
	}
	switch {
	case opts.Model != "" && slices.Contains(all, opts.Model) && !slices.Contains(models, opts.Model):
		return Choice{}, denied(rules, "models", "Use one of: "+said(models), "model %s is not permitted here", Shown(opts.Model))
	case opts.Model != "":
		if !slices.Contains(models, opts.Model) {
			return Choice{}, unknownModel(engine, opts.Model, models)
		}
		return Choice{opts.Model, byCommand}, nil
	case rules.Model == "":
		return own, nil
	case slices.Contains(models, rules.Model):
		return Choice{rules.Model, byRules}, nil
	case opts.Engine != "" && opts.Engine != cmp.Or(rules.Engine, offer.Default):
		own.Because += fmt.Sprintf("; the model in %s is for another engine", Path)
		return own, nil
	}
	return Choice{}, inRules(rules, "model", unknownModel(engine, rules.Model, models))
}

// Unknown is the problem of a word that is none of those known. Kind says what
// it was meant to be, such as "engine".
func Unknown(kind, word string, known []string) *anvil.Problem {
	next := "Use one of: " + strings.Join(known, ", ")
	if len(known) == 0 {
		next = "Leave it out; there is nothing to choose from"
	}
	if near := strict.Nearest(word, known); near != "" {
		next = "Did you mean " + near + "? " + next
	}
	return anvil.Problemf(CodeUnknown, next, "there is no %s %s", kind, Shown(word))
}

func unknownModel(engine, word string, models []string) *anvil.Problem {
	if len(models) == 0 {
		return anvil.Problemf(CodeUnknown, "Leave out the model, or choose another engine", "engine %s offers no choice of model", engine)
	}
	return Unknown("model of engine "+engine, word, models)
}

// inRules tells of an unknown word that stands in the rules: the person who
// commented cannot correct it in the comment.
func inRules(rules anvil.Rules, path string, p *anvil.Problem) *anvil.Problem {
	return anvil.Problemf(CodeInvalid, p.Next, "%s: %s: %s", Where(rules), path, p.What)
}

// Nearest returns the known word that word was most likely meant to be, or "".
func Nearest(word string, known []string) string { return strict.Nearest(word, known) }

// Shown returns text from outside as it may stand in a sentence of a comment:
// quoted, short, and of nothing but letters, digits and harmless punctuation.
// What is left out shows as a middle dot.
func Shown(s string) string {
	const most = 60
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > most {
			b.WriteString("…")
			break
		}
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" ._-/:=+,", r):
			b.WriteRune(r)
		default:
			b.WriteRune('·')
		}
	}
	return `"` + b.String() + `"`
}
