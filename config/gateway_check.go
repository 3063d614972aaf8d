package config

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/config/strict"
)

func (c *Config) checkGateway(ps *Problems) {
	g := c.Gateway
	names := map[string]bool{}
	for i, u := range g.Upstreams {
		at := fmt.Sprintf("gateway.upstreams[%d]", i)
		if !engineName.MatchString(u.Name) || names[u.Name] {
			ps.add(CodeUpstream, at+".name", "Give each a name of its own, of lower-case letters, digits, dot, dash and underscore", "%q is no name, or is taken", u.Name)
		}
		names[u.Name] = true
		if len(u.Protocols) == 0 {
			ps.add(CodeUpstream, at+".protocols", "List what it speaks: responses, chat, messages, generate", "missing")
		}
		for _, p := range u.Protocols {
			oneOf(ps, at+".protocols", p, "responses", "chat", "messages", "generate")
		}
		if wrong := wrongUpstream(u); wrong != "" {
			ps.add(CodeUpstream, at+".base_url", "Write what stands before /responses, /chat/completions, /messages or /models, such as https://api.openai.com/v1", "%q %s", withoutUser(u.BaseURL), wrong)
		}
		if u.KeyFile != "" && u.KeyEnv != "" {
			ps.add(CodeConflict, at+".key", "Keep one of the two", "key_file and key_env are both set")
		}
		oneOf(ps, at+".auth", u.Auth, "bearer", "x-api-key", "api-key", "x-goog-api-key")
	}
	for _, m := range g.SmallModels {
		if !modelName.MatchString(m) {
			ps.add(CodeValue, "gateway.small_models", "Use the name that the engine asks for, without spaces", "%q is not a model's name", m)
		}
	}
	for i, p := range g.Prices {
		at := fmt.Sprintf("gateway.prices[%d]", i)
		if _, err := path.Match(p.Model, ""); err != nil || p.Model == "" {
			ps.add(CodeValue, at+".model", "Write a model's name, with * for any letters", "%q is no pattern", p.Model)
		}
		for _, n := range []float64{p.Input, p.Cached, p.CacheWrite, p.Output} {
			if !(n >= 0 && n <= 100_000) {
				ps.add(CodeValue, at, "Write US dollars per million tokens", "%g is no price", n)
			}
		}
	}
	count(ps, "gateway.body_bytes", g.BodyBytes, 1<<10, 1<<30)
	count(ps, "gateway.output_tokens", g.OutputTokens, 1, 10_000_000)
	count(ps, "gateway.max_calls", g.MaxCalls, 1, 1_000_000)
	count(ps, "gateway.parallel_calls", int64(g.ParallelCalls), 1, 10_000)
	span(ps, "gateway.answer_within", g.AnswerWithin, time.Second, time.Hour)
	c.checkModels(ps)
	c.checkBudgets(ps)
}

// checkModels wants an upstream for every model that can be asked for: without one, each
// call for it fails. What kinds command and acp speak is not known, nor whom an engine
// asks that no upstream speaks to.
func (c *Config) checkModels(ps *Problems) {
	g := c.Gateway
	c.checkCheaper(ps)
	if len(g.Upstreams) == 0 {
		return
	}
	want := func(at, model, protocol string) bool {
		if g.serves(model, protocol) {
			return true
		}
		by := "no upstream"
		if protocol != "" {
			by += " that speaks " + protocol
		}
		ps.add(CodeConflict, at, fmt.Sprintf("Add it to the models of an upstream, such as {%q: NAME-THERE}, or take it out here", model), "%s serves %s", by, model)
		return false
	}
	askers := map[string][]string{} // the protocols by which engines ask for a model
	for _, name := range c.EngineNames() {
		e := c.Engines[name]
		protocol := map[string]string{"codex": "responses", "claude": "messages"}[e.Kind]
		if !g.speaks(protocol) {
			continue
		}
		for _, model := range e.Models {
			want("engines."+name+".models", model, protocol)
			askers[model] = append(askers[model], protocol)
		}
	}
	for _, model := range g.SmallModels {
		want("gateway.small_models", model, "")
	}
	for _, model := range slices.Sorted(maps.Keys(g.CheaperModels)) {
		for _, protocol := range append(askers[model], "") {
			if !want("gateway.cheaper_models."+model, g.CheaperModels[model], protocol) {
				break
			}
		}
	}
}

// checkCheaper wants each model that has a cheaper one to be one that engines ask for, or
// that has a price, as one that is to be offered again may keep its line: under a misspelt
// name a budget would end runs that it was to make cheaper.
func (c *Config) checkCheaper(ps *Problems) {
	known := slices.Clone(c.Gateway.SmallModels)
	for _, name := range c.EngineNames() {
		known = append(known, c.Engines[name].Models...)
	}
	table, err := c.PriceTable()
	if err != nil {
		return // checkPrices says so where prices count
	}
	for _, model := range slices.Sorted(maps.Keys(c.Gateway.CheaperModels)) {
		if slices.Contains(known, model) || priced(table, model) {
			continue
		}
		next := "Name it in the models of an engine or in gateway.small_models, or take it out here"
		if near := strict.Nearest(model, known); near != "" {
			next = "Did you mean " + near + "? " + next
		}
		ps.add(CodeConflict, "gateway.cheaper_models."+model, next, "no engine asks for %s, and it has no price", model)
	}
}

// priced reports whether a row of the table is for the model.
func priced(table []Price, model string) bool {
	return slices.ContainsFunc(table, func(p Price) bool { ok, _ := path.Match(p.Model, model); return ok })
}

// speaks reports whether an upstream speaks the protocol; empty: there is any.
func (g *Gateway) speaks(protocol string) bool {
	return slices.ContainsFunc(g.Upstreams, func(u Upstream) bool { return protocol == "" || slices.Contains(u.Protocols, protocol) })
}

// serves reports whether an upstream that speaks the protocol, or any if that is empty,
// has the model.
func (g *Gateway) serves(model, protocol string) bool {
	return slices.ContainsFunc(g.Upstreams, func(u Upstream) bool {
		_, named := u.Models[model]
		return (protocol == "" || slices.Contains(u.Protocols, protocol)) && (named || len(u.Models) == 0)
	})
}

func (c *Config) checkBudgets(ps *Problems) {
	money := false
	for i, b := range c.Budgets {
		at := fmt.Sprintf("budgets[%d]", i)
		oneOf(ps, at+".scope", b.Scope, "run", "task", "user", "repository", "organisation")
		oneOf(ps, at+".per", b.Per, "total", "day")
		oneOf(ps, at+".on_limit", b.OnLimit, "stop", "cheaper", "queue")
		switch {
		case !(b.USD >= 0 && b.USD <= 1e9) || b.Tokens < 0:
			ps.add(CodeValue, at, "Write amounts that are not negative", "the amount is out of range")
		case b.USD == 0 && b.Tokens == 0:
			ps.add(CodeValue, at, "Set usd, tokens or both", "it bounds nothing")
		}
		if b.OnLimit == "queue" && b.Per != "day" {
			ps.add(CodeConflict, at+".on_limit", "Add per: day, or use stop", "runs would wait for a budget that never begins anew")
		}
		if b.OnLimit == "cheaper" && len(c.Gateway.CheaperModels) == 0 {
			ps.add(CodeConflict, at+".on_limit", "Set gateway.cheaper_models: {MODEL: CHEAPER}, or use stop", "no cheaper model is named")
		}
		money = money || b.USD > 0
	}
	if money && len(c.Gateway.Upstreams) > 0 {
		c.checkPrices(ps)
	}
}

// checkPrices wants a price for every model that can be asked for: one without would
// be a hole in each budget.
func (c *Config) checkPrices(ps *Problems) {
	table, err := c.PriceTable()
	if err != nil {
		ps.add(CodeValue, "gateway.prices", "Use the anvil program as it was built", "%v", err)
		return
	}
	models := append([]string{}, c.Gateway.SmallModels...)
	for _, name := range c.EngineNames() {
		models = append(models, c.Engines[name].Models...)
	}
	for _, cheaper := range c.Gateway.CheaperModels {
		models = append(models, cheaper)
	}
	slices.Sort(models)
	for _, model := range slices.Compact(models) {
		if !priced(table, model) {
			ps.add(CodeValue, "gateway.prices", fmt.Sprintf("Add a row for it, such as {model: %q, input: 1, output: 5}; 0 if it costs nothing", model), "%s has no price, and there are budgets in US dollars", model)
		}
	}
}

// wrongUpstream says what keeps an upstream's address from being asked, or "".
func wrongUpstream(u Upstream) string {
	address, query, _ := strings.Cut(u.BaseURL, "?")
	if _, err := url.ParseQuery(query); err != nil {
		return "has a query that cannot be read"
	}
	if plain, ok := strings.CutPrefix(address, "http://"); ok && u.KeyFile == "" && u.KeyEnv == "" {
		address = "https://" + plain // nothing secret travels
	}
	return wrongURL(address, true)
}
