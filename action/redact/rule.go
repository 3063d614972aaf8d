package redact

import (
	"fmt"
	"regexp"
	"slices"
	"sync"

	ahocorasick "github.com/BobuSumisu/aho-corasick"
	"github.com/pelletier/go-toml/v2"
	"github.com/zricethezav/gitleaks/v8/config"
)

// rule is one shape that secrets have.
type rule struct {
	expression func() *regexp.Regexp // compiled when a line first has one of the keywords
	group      int                   // of the expression that is the secret; 0: the first that took part, or all of it
	entropy    float64               // bits for each character that the secret has at least
}

// ours are shapes that are newer than gitleaks' rules, more general, or our own.
var ours = []struct {
	keywords   []string
	expression string
}{
	// An installation's token of GitHub is ghs_APPID_JWT since April 2026: some 520
	// characters with dots and dashes.
	{[]string{"gho_", "ghp_", "ghs_", "ghu_", "ghr_"}, `gh[opsur]_[A-Za-z0-9_.\-]{20,}`},
	{[]string{"github_pat_"}, `github_pat_[A-Za-z0-9_]{20,}`},
	{[]string{"anvil_"}, `anvil_(?:lease|key|token)_[A-Za-z0-9_\-]{8,}`},
	{[]string{"sk-"}, `\bsk-(?:ant|proj|svcacct|admin|or|live)-[A-Za-z0-9_\-]{16,}`},
	{[]string{"xox", "xapp"}, `\b(?:xox[a-z](?:\.xox[a-z])?|xapp)-[A-Za-z0-9\-]{10,}`},
	{[]string{"eyj"}, `eyJ[A-Za-z0-9_\-]{10,}\.eyJ[A-Za-z0-9_\-]{10,}(?:\.[A-Za-z0-9_\-]*)?`},
	{[]string{"authorization"}, `(?i)authorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)\s+([A-Za-z0-9._~+/=\-]{8,})`},
	{[]string{"://"}, `://[^/\s:@"'<>]{0,100}:([^/\s@"'<>]{3,300})@`},
}

// tooGeneral is the rule that takes every word beside "key" for a secret.
const tooGeneral = "generic-api-key"

// rules are all of them, found by their keywords.
type rules struct {
	all  []rule
	find *ahocorasick.Trie // the keywords, in lower case
	of   [][]int           // the rules of each keyword
}

// Ready reads the rules, so that the first text need not wait for it.
func Ready() { shapes() }

// shapes returns the rules. To read gitleaks' takes some milliseconds, once.
var shapes = sync.OnceValue(func() *rules {
	r, err := readRules()
	if err != nil {
		panic(err) // gitleaks' own file, of a version that go.sum knows
	}
	return r
})

func readRules() (*rules, error) {
	var theirs struct {
		Rules []struct {
			ID, Regex   string
			SecretGroup int
			Entropy     float64
			Keywords    []string
		}
	}
	// Their own way of reading it makes an expression of each rule at once.
	if err := toml.Unmarshal([]byte(config.DefaultConfig), &theirs); err != nil {
		return nil, fmt.Errorf("read gitleaks' rules: %w", err)
	}
	r := &rules{}
	var keywords []string
	add := func(words []string, expression string, group int, entropy float64) {
		r.all = append(r.all, rule{
			expression: sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) }),
			group:      group, entropy: entropy,
		})
		for _, word := range words {
			i := slices.Index(keywords, word)
			if i < 0 {
				i = len(keywords)
				keywords, r.of = append(keywords, word), append(r.of, nil)
			}
			r.of[i] = append(r.of[i], len(r.all)-1)
		}
	}
	for _, own := range ours {
		add(own.keywords, own.expression, 0, 0)
	}
	for _, their := range theirs.Rules {
		if their.ID == tooGeneral || their.Regex == "" || len(their.Keywords) == 0 {
			continue
		}
		var words []string
		for _, word := range their.Keywords {
			words = append(words, lower(word))
		}
		add(words, their.Regex, their.SecretGroup, their.Entropy)
	}
	r.find = ahocorasick.NewTrieBuilder().AddStrings(keywords).Build()
	return r, nil
}

// secret returns where in a match the secret is.
func (r rule) secret(match []int) (from, to int) {
	if r.group > 0 && 2*r.group+1 < len(match) && match[2*r.group] >= 0 {
		return match[2*r.group], match[2*r.group+1]
	}
	for i := 2; i+1 < len(match); i += 2 {
		if match[i] >= 0 && match[i+1] > match[i] {
			return match[i], match[i+1]
		}
	}
	return match[0], match[1]
}
