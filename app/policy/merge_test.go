package policy

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// merged reads both texts and merges them, as the server does.
func merged(t *testing.T, organisation, repository string) anvil.Rules {
	t.Helper()
	o, problem := ParseOrganisation([]byte(organisation), anvil.RulesFile{Repository: "acme/.github", Commit: "1111111111"}, validRef)
	if problem != nil {
		t.Fatal(problem)
	}
	r, problem := Parse([]byte(repository), "2222222222", validRef)
	if problem != nil {
		t.Fatal(problem)
	}
	return Merge(o, r)
}

// Each key, as either says it alone, and as both do.
func TestTheStricterWins(t *testing.T) {
	t.Parallel()
	var seen []string
	type row struct {
		organisation, repository string
		want                     any
	}
	for key, c := range map[string]struct {
		of   func(anvil.Rules) any
		rows []row
	}{
		"ask": {func(r anvil.Rules) any { return r.Ask }, []row{
			{"", "", ""}, {"ask: maintain", "", "maintain"}, {"", "ask: admin", "admin"}, {"ask: maintain", "ask: write", "maintain"}, {"ask: write", "ask: admin", "admin"},
		}},
		"channels": {func(r anvil.Rules) any { return r.Channels }, []row{
			{"", "", []string(nil)}, {"channels: [github]", "", []string{"github"}}, {"channels: [github, slack]", "channels: [linear, slack]", []string{"slack"}}, {"channels: []", "channels: [slack]", []string{}},
		}},
		"base":        {func(r anvil.Rules) any { return r.Base }, []row{{"base: main", "", "main"}, {"base: main", "base: next", "next"}}},
		"engine":      {func(r anvil.Rules) any { return r.Engine }, []row{{"engine: a", "", "a"}, {"engine: a", "engine: b", "b"}}},
		"model":       {func(r anvil.Rules) any { return r.Model }, []row{{"model: a", "", "a"}, {"model: a", "model: b", "b"}}},
		"environment": {func(r anvil.Rules) any { return r.Environment }, []row{{"environment: a", "", "a"}, {"environment: a", "environment: none", "none"}}},
		"engines": {func(r anvil.Rules) any { return r.Engines }, []row{
			{"", "engines: b", []string{"b"}}, {"engines: [a, b]", "engines: [b, c]", []string{"b"}}, {"engines: [a]", "engines: [b]", []string{}},
		}},
		"models":  {func(r anvil.Rules) any { return r.Models }, []row{{"models: [a, b]", "", []string{"a", "b"}}, {"models: [a, b]", "models: [b]", []string{"b"}}}},
		"runners": {func(r anvil.Rules) any { return r.Runners }, []row{{"runners: [big, small]", "runners: [small, own]", []string{"small"}}, {"", "runners: own", []string{"own"}}}},
		"budget": {func(r anvil.Rules) any { return r.Budget }, []row{
			{"budget: {usd: 2}", "", anvil.Limit{CostMicros: 2e6}}, {"budget: {usd: 2}", "budget: {usd: 0.5}", anvil.Limit{CostMicros: 5e5}},
			{"budget: {usd: 2}", "budget: {usd: 3, tokens: 7}", anvil.Limit{CostMicros: 2e6, Tokens: 7}},
		}},
		"sparse":      {func(r anvil.Rules) any { return r.Sparse }, []row{{"sparse: a", "sparse: [b]", []string{"b"}}, {"sparse: a", "", []string{"a"}}}},
		"setup":       {func(r anvil.Rules) any { return r.Setup }, []row{{"setup: a", "setup: [b, a]", []string{"a", "b"}}}},
		"screenshots": {func(r anvil.Rules) any { return r.Screenshots }, []row{{"screenshots: a", "screenshots: [b, a]", []string{"a", "b"}}}},
		"verify": {func(r anvil.Rules) any { return [][]string{r.Verify, r.VerifyAlways} }, []row{
			{"", "verify: b", [][]string{{"b"}, nil}}, {"verify: a", "", [][]string{{"a"}, {"a"}}}, {"verify: a", "verify: [b, a]", [][]string{{"a", "b"}, {"a"}}},
		}},
		"protected.paths": {func(r anvil.Rules) any { return r.Protect }, []row{{"protected: {paths: a/**}", "protected: {paths: [b, a/**]}", []string{"a/**", "b"}}}},
		"protected.allow": {func(r anvil.Rules) any { return r.MayChange }, []row{
			{"protected: {allow: x}", "", [][]string{{"x"}}}, {"protected: {allow: []}", "protected: {allow: [x]}", [][]string{{}, {"x"}}}, {"protected: {allow: x}", "protected: {allow: x}", [][]string{{"x"}}},
		}},
		"network.allow": {func(r anvil.Rules) any { return r.AllowHosts }, []row{
			{"network: {allow: a.example}", "", []string{"a.example"}}, {"network: {allow: .a.example}", "network: {allow: [x.a.example, b.example]}", []string{"x.a.example"}},
			{"network: {allow: [x.a.example, b.example]}", "network: {allow: .a.example}", []string{"x.a.example"}}, {"network: {allow: []}", "network: {allow: b.example}", []string{}},
		}},
		"hold":          {func(r anvil.Rules) any { return r.Hold }, []row{{"hold: all", "hold: protected", "all"}, {"", "hold: all", "all"}}},
		"approvals":     {func(r anvil.Rules) any { return r.OthersApprove }, []row{{"approvals: others", "approvals: anyone", true}, {"approvals: anyone", "approvals: others", true}, {"", "", false}}},
		"pull_requests": {func(r anvil.Rules) any { return r.PullRequests }, []row{{"pull_requests: stack", "pull_requests: push", "stack"}, {"pull_requests: 'off'", "pull_requests: push", "off"}, {"", "pull_requests: push", "push"}}},
		"signing":       {func(r anvil.Rules) any { return r.Signing }, []row{{"signing: api", "signing: app", "api"}, {"", "signing: api", "api"}}},
		"pull_request.independent_review": {func(r anvil.Rules) any { return r.Independent }, []row{
			{"pull_request: {independent_review: true}", "pull_request: {independent_review: false}", true}, {"", "pull_request: {independent_review: true}", true}, {"", "", false},
		}},
		"pull_request.ready": {func(r anvil.Rules) any { return r.OpensReady() }, []row{
			{"pull_request: {ready: true}", "", true}, {"pull_request: {ready: false}", "pull_request: {ready: true}", false}, {"pull_request: {ready: true}", "pull_request: {ready: false}", false}, {"", "", false},
		}},
		"pull_request.labels":    {func(r anvil.Rules) any { return r.Labels }, []row{{"pull_request: {labels: agent}", "pull_request: {labels: [good first issue]}", []string{"agent", "good first issue"}}}},
		"pull_request.reviewers": {func(r anvil.Rules) any { return r.Reviewers }, []row{{"pull_request: {reviewers: acme/security}", "pull_request: {reviewers: ada}", []string{"acme/security", "ada"}}}},
		"tools.propose_issue":    {func(r anvil.Rules) any { return r.MayProposeIssue() }, []row{{"tools: {propose_issue: false}", "tools: {propose_issue: true}", false}, {"", "tools: {propose_issue: true}", true}}},
		"on_review":              {func(r anvil.Rules) any { return r.OnReview }, []row{{"on_review: ask", "on_review: auto", "ask"}, {"on_review: auto", "", "auto"}, {"on_review: auto", "on_review: 'off'", "off"}}},
		"on_ci_failure":          {func(r anvil.Rules) any { return r.OnCIFailure }, []row{{"on_ci_failure: 'off'", "on_ci_failure: auto", "off"}, {"", "on_ci_failure: auto", "auto"}}},
	} {
		for _, w := range c.rows {
			got := merged(t, w.organisation, w.repository)
			if !reflect.DeepEqual(c.of(got), w.want) {
				t.Errorf("%s: organisation %q, repository %q: got %#v, want %#v", key, w.organisation, w.repository, c.of(got), w.want)
			}
			// A repository whose own file is broken goes on by what was merged last.
			o, _ := ParseOrganisation([]byte(w.organisation), anvil.RulesFile{Repository: "acme/.github", Commit: "1111111111"}, validRef)
			if again := Merge(o, got); !reflect.DeepEqual(again, got) {
				t.Errorf("%s: merged again it is %#v, not %#v", key, again, got)
			}
		}
		seen = append(seen, key)
	}
	for _, key := range leavesOf(reflect.TypeFor[file](), "") {
		if !slices.ContainsFunc(seen, func(have string) bool { return have == key || strings.HasPrefix(key, have+".") }) {
			t.Errorf("no row for %s", key)
		}
	}
}

// leavesOf lists the keys that hold a value, such as network.allow.
func leavesOf(t reflect.Type, at string) (keys []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		key := at + f.Tag.Get("yaml")
		if f.Type.Kind() == reflect.Struct {
			keys = append(keys, leavesOf(f.Type, key+".")...)
		} else {
			keys = append(keys, key)
		}
	}
	return keys
}
