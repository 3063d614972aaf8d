package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

var offer = Offer{
	Default: "codex",
	Models:  map[string][]string{"codex": {"small", "large"}, "claude": {"opus", "haiku"}, "sample": nil},
	Hosts:   []string{".docs.example"},
}

func TestTheCommandComesBeforeTheRulesAndTheyBeforeTheServer(t *testing.T) {
	t.Parallel()
	rules := anvil.Rules{Base: "next", Engine: "claude", Model: "haiku", Verify: []string{"make"}}
	for _, c := range []struct {
		name                 string
		opts                 anvil.Options
		rules                anvil.Rules
		engine, model, base  Choice
		verify, verifySource string
	}{
		{
			name:   "nobody says anything",
			engine: Choice{"codex", "it is this server's default"}, model: Choice{"small", "it is the default of engine codex"},
			base: Choice{"main", "it is the repository's default branch"},
		},
		{
			name: "the rules speak", rules: rules,
			engine: Choice{"claude", byRules}, model: Choice{"haiku", byRules}, base: Choice{"next", byRules}, verify: "make", verifySource: ".github/anvil.yml",
		},
		{
			name: "the command speaks too", rules: rules, opts: anvil.Options{Base: "v1", Engine: "codex", Model: "large", Verify: []string{"go test"}},
			engine: Choice{"codex", byCommand}, model: Choice{"large", byCommand}, base: Choice{"v1", byCommand}, verify: "go test", verifySource: "command",
		},
		{
			name: "another engine than the rules' model is for", rules: rules, opts: anvil.Options{Engine: "codex"},
			engine: Choice{"codex", byCommand}, base: Choice{"next", byRules}, verify: "make", verifySource: ".github/anvil.yml",
			model: Choice{"small", "it is the default of engine codex; the model in .github/anvil.yml is for another engine"},
		},
		{
			name: "an engine without models", opts: anvil.Options{Engine: "sample"}, rules: anvil.Rules{Model: "large"},
			engine: Choice{"sample", byCommand}, base: Choice{"main", "it is the repository's default branch"},
			model: Choice{"", "the engine offers no choice of model; the model in .github/anvil.yml is for another engine"},
		},
		{
			name: "only a model", opts: anvil.Options{Model: "opus"}, rules: anvil.Rules{Engine: "claude"},
			engine: Choice{"claude", byRules}, model: Choice{"opus", byCommand}, base: Choice{"main", "it is the repository's default branch"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			plan, problem := Evaluate(c.opts, c.rules, offer, "main")
			if problem != nil {
				t.Fatal(problem)
			}
			if plan.Engine != c.engine || plan.Model != c.model || plan.Base != c.base {
				t.Errorf("got %+v", plan)
			}
			if strings.Join(plan.Verify, ";") != c.verify || plan.VerifySource != c.verifySource || plan.VerifyReason == "" {
				t.Errorf("verify %q from %q because %q", plan.Verify, plan.VerifySource, plan.VerifyReason)
			}
		})
	}
}

func TestWhatTheServerDoesNotOfferIsRefusedByThoseWhoCanCorrectIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		opts   anvil.Options
		rules  anvil.Rules
		code   anvil.Code
		speaks string
	}{
		{"engine in the command", anvil.Options{Engine: "cluade"}, anvil.Rules{}, CodeUnknown, "Did you mean claude? Use one of: claude, codex, sample"},
		{"model in the command", anvil.Options{Model: "opus"}, anvil.Rules{}, CodeUnknown, "Use one of: small, large"},
		{"model for an engine without any", anvil.Options{Engine: "sample", Model: "opus"}, anvil.Rules{}, CodeUnknown, "no choice"},
		{"engine in the rules", anvil.Options{}, anvil.Rules{Engine: "gpt", Commit: "abc"}, CodeInvalid, ".github/anvil.yml at abc: engine: there is no engine"},
		{"model in the rules", anvil.Options{}, anvil.Rules{Model: "opus"}, CodeInvalid, ".github/anvil.yml: model:"},
		{"a host that the operator keeps to himself", anvil.Options{}, anvil.Rules{AllowHosts: []string{"a.docs.example", "evil.example"}}, CodeInvalid, ".github/anvil.yml: network.allow[1]"},
		{"model in the rules, engine repeated in the command", anvil.Options{Engine: "codex"}, anvil.Rules{Model: "opus"}, CodeInvalid, "model:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			plan, problem := Evaluate(c.opts, c.rules, offer, "main")
			if problem == nil || problem.Code != c.code || !strings.Contains(problem.Error(), c.speaks) {
				t.Errorf("got %+v %v, want %s with %q", plan, problem, c.code, c.speaks)
			}
		})
	}
}

// What CheckOptions lets pass at once is only what some rules could allow.
func TestOptionsAreRefusedEarlyOnlyIfNoRulesCouldSaveThem(t *testing.T) {
	t.Parallel()
	words := []string{"", "codex", "claude", "sample", "small", "opus", "nonsense"}
	for _, engine := range words {
		for _, model := range words {
			opts := anvil.Options{Engine: engine, Model: model}
			saved := slices.ContainsFunc(offer.Engines(), func(e string) bool {
				_, problem := Evaluate(opts, anvil.Rules{Engine: e}, offer, "main")
				return problem == nil
			})
			if refused := offer.CheckOptions(opts) != nil; refused == saved {
				t.Errorf("engine=%s model=%s: refused early %t, and some rules allow it %t", engine, model, refused, saved)
			}
		}
	}
}

func TestShownTextIsHarmless(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"gpt-5.1/mini":           `"gpt-5.1/mini"`,
		"@org/team":              `"·org/team"`,
		"<img src=x>":            `"·img src=x·"`,
		"`]()\n\u202e":           `"······"`,
		strings.Repeat("x", 100): `"` + strings.Repeat("x", 60) + `…"`,
	} {
		if got := Shown(in); got != want {
			t.Errorf("Shown(%q) = %s, want %s", in, got, want)
		}
	}
}
