package standalone

import (
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/app/runapi"
	"github.com/seed-bc0cc349/anvil/config"
)

// Options are the workflow's inputs. Empty ones leave the choice to the command and to
// the repository's rules.
type Options struct {
	Prompt  string // of a workflow that is started by hand
	Engine  string // codex or claude, or command with Command; default codex
	Model   string
	Verify  string // a command line
	Base    string
	Command []string // the agent of engine command
	// Provider is what stands before /responses or /messages; default: the engine's own.
	Provider    string
	Containment string // default auto; none only if it is named
	// DevContainer has a run work in the repository's dev container. Its image is built
	// each time: the first job may only read, so it can keep none.
	DevContainer bool
	MaxUSD       float64
	MaxTokens    int64
	AllowHosts   []string
}

// engine is what is known of an engine that needs no configuration.
type engine struct {
	base, auth, model string
}

var engines = map[string]engine{
	"codex":   {"https://api.openai.com/v1", "bearer", "gpt-5.2-codex"},
	"claude":  {"https://api.anthropic.com/v1", "x-api-key", "claude-sonnet-4-5"},
	"command": {"", "bearer", ""},
}

// offer is what there is to choose from: the one engine that the workflow's key is for.
func (o Options) offer() (policy.Offer, error) {
	e, known := engines[o.Engine]
	if !known {
		return policy.Offer{}, policy.Unknown("engine", o.Engine, []string{"claude", "codex", "command"})
	}
	var models []string
	for _, m := range []string{o.Model, e.model} {
		if m != "" && !slices.Contains(models, m) {
			models = append(models, m)
		}
	}
	return policy.Offer{Default: o.Engine, Models: map[string][]string{o.Engine: models}, Hosts: []string{"*"}}, nil
}

// add puts the inputs in where the command says nothing.
func (o Options) add(to *anvil.Options) *anvil.Problem {
	if to.Base == "" && o.Base != "" {
		if err := git.ValidateRef(o.Base); err != nil {
			return anvil.AsProblem(err)
		}
		to.Base = o.Base
	}
	if line := strings.TrimSpace(o.Verify); len(to.Verify) == 0 && line != "" {
		if what := policy.CheckCommand(line); what != "" {
			return anvil.Problemf("CMD_OPTION", "Correct the workflow's input", "the verification command %s", what)
		}
		to.Verify = []string{line}
	}
	return nil
}

// Unheeded says which of the repository's rules do not count here, in words; empty: all do.
func (o Options) Unheeded(rules anvil.Rules) string {
	if name := rules.Environment; !o.DevContainer && name != "" && name != "none" {
		return policy.Path + " names the dev container " + name + ", and this run does not work in it: say dev-container: true in the workflow that calls Anvil's."
	}
	return ""
}

// provider is where models are asked for a run, and within which limits.
func (o Options) provider(model string) (runapi.Provider, error) {
	e := engines[o.Engine]
	p := runapi.Provider{BaseURL: e.base, Auth: e.auth, MaxMicros: int64(o.MaxUSD * 1e6), MaxTokens: o.MaxTokens, MaxCalls: 500}
	if o.Provider != "" {
		p.BaseURL = o.Provider
	}
	if model == "" {
		return p, nil
	}
	p.Models = []string{model}
	price, known, err := config.PriceOf(model)
	if known {
		p.Price = &runapi.TokenPrice{Input: price.Input, Cached: price.Cached, CacheWrite: price.CacheWrite, Output: price.Output}
	}
	if err == nil && !known && p.MaxMicros > 0 {
		return p, anvil.Problemf("CMD_OPTION", "Limit it by max-tokens instead", "there is no known price for the model %s, so max-usd could not be kept", policy.Shown(model))
	}
	return p, err
}
