package config

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"
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
			ps.add(CodeUpstream, at+".protocols", "List what it speaks: responses, chat, messages", "missing")
		}
		for _, p := range u.Protocols {
			oneOf(ps, at+".protocols", p, "responses", "chat", "messages")
		}
		if wrong := wrongUpstream(u); wrong != "" {
			ps.add(CodeUpstream, at+".base_url", "Write what stands before /responses, /chat/completions or /messages, such as https://api.openai.com/v1", "%q %s", withoutUser(u.BaseURL), wrong)
		}
		if u.KeyFile != "" && u.KeyEnv != "" {
			ps.add(CodeConflict, at+".key", "Keep one of the two", "key_file and key_env are both set")
		}
		oneOf(ps, at+".auth", u.Auth, "bearer", "x-api-key", "api-key")
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
