package policy

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/seed-bc0cc349/anvil/app/git"
)

const schemaFile = "../../config/anvil.schema.json"

// Each key that the parser reads stands in the schema at the same place, with a
// description unless it only holds others, and nothing else does: who adds a key to
// one and not to the other is told here.
func TestTheSchemaHasTheParsersKeys(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var root node
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	compareKeys(t, "", reflect.TypeFor[file](), root)
}

type node struct {
	Description string          `json:"description"`
	Properties  map[string]node `json:"properties"`
	Open        *bool           `json:"additionalProperties"`
}

func compareKeys(t *testing.T, at string, in reflect.Type, n node) {
	if n.Open == nil || *n.Open {
		t.Errorf("%s%s: the schema lets unknown keys through", Path, at)
	}
	var keys []string
	for i := range in.NumField() {
		field := in.Field(i)
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		keys = append(keys, key)
		below, stands := n.Properties[key]
		switch {
		case !stands:
			t.Errorf("%s%s: the parser reads %q, and config/anvil.schema.json does not know it", Path, at, key)
		case plainStruct(field.Type):
			compareKeys(t, at+" "+key, field.Type, below)
		case below.Description == "":
			t.Errorf("%s%s: %q has no description in config/anvil.schema.json", Path, at, key)
		}
	}
	for key := range n.Properties {
		if !slices.Contains(keys, key) {
			t.Errorf("%s%s: config/anvil.schema.json knows %q, and the parser does not read it", Path, at, key)
		}
	}
}

// plainStruct reports whether t is read key by key, and not by a method of its own.
func plainStruct(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[yaml.Unmarshaler]())
}

// Editors and the server say the same about a file.
func TestSchemaAndParserAgree(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../config/policy.example.yml")
	if err != nil {
		t.Fatal(err)
	}
	good, bad := corpus()
	good = append(good, string(example))
	for _, text := range good {
		judge(t, schema, text, true)
	}
	for _, text := range bad {
		judge(t, schema, text, false)
	}
}

func judge(t *testing.T, schema *jsonschema.Schema, text string, good bool) {
	_, problem := Parse([]byte(text), "", git.ValidateRef)
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Errorf("%q is no YAML: %v", text, err)
		return
	}
	err := schema.Validate(value)
	if (problem == nil) != good {
		t.Errorf("%q: want good %v, the parser says: %v", text, good, problem)
	}
	if (err == nil) != good {
		t.Errorf("%q: want good %v, the schema says: %v", text, good, err)
	}
}

// corpus lists texts that are well-formed YAML, by what is to be said of them.
func corpus() (good, bad []string) {
	line := func(n int) string { return strings.Repeat("x", n) }
	many := func(key, value string, n int) string {
		return key + ": [" + strings.Repeat(value+", ", n) + value + "]"
	}
	good = []string{
		"", "# nothing\n", "base: main", "base: release/1.x", "base: 1.0", "base: feature/ä", "base: a.b",
		"engine: 7", "verify: 7", "verify: true", "verify: [7, true]", "engine: codex", "engine: codex\nmodel: gpt-5", "verify: make test", "verify: [make test, make lint]",
		"verify: |\n  make a\n  \tmake b\n", "verify: " + line(1000), many("verify", "make", 19),
		"pull_request: {ready: true}", "pull_request: {}", "protected: {allow: []}", "protected: {allow: .github/ISSUE_TEMPLATE/**}",
		"protected: {allow: ['**/CODEOWNERS', '.github/*.md', '.github/[a-z]*.yml']}",
		"network: {allow: [example.com, .example.com, a-b.example.co]}", "network: {allow: docs.example.com}",
		"sparse: services/web", "sparse: [a, b c/d, .github, 7]", "sparse: []", "environment: go", "environment: none", "environment: v1.2_a-b", "environment: 7", "setup: make deps", "screenshots: make shots", "setup: [make a, make b]",
		"ask: maintain", "channels: []", "channels: slack", "engines: [a, 7]", "models: [gpt-5.1, org/model:7b]", "runners: self-hosted", "budget: {usd: 0.5}", "budget: {usd: 3, tokens: 1000}",
		"pull_requests: push", "pull_requests: 'off'", "pull_request: {labels: [good first issue, agent]}", "pull_request: {reviewers: [ada, acme/security]}", "signing: api",
		"protected: {paths: '**'}", "protected: {paths: [a/**, b.sql]}", "hold: all", "on_ci_failure: auto",
		"approvals: anyone", "approvals: others", "tools: {propose_issue: false}",
	}
	bad = []string{
		"[]", "text", "7", "bas: main", "Base: main", "base:", "base: [main]", "base: {name: main}", "base: refs/heads/main", "base: a..b",
		"base: -x", "base: +x", "base: HEAD", "base: '@'", "base: x.lock", "base: a//b", "base: /a", "base: a/", "base: .a", "base: a/.b",
		"base: 'a b'", "base: 'a~1'", "base: 'a^'", "base: 'a:b'", "base: 'a?'", "base: 'a*'", "base: 'a['", "base: 'a\\b'", "base: a@{1}",
		"base: a.", "base: " + strings.Repeat("a", 40), "base: \"a\\u200bb\"", "base: " + line(400),
		"engine: [codex]", "model: {a: b}", "verify: []", "verify: ''", "verify: '  '", "verify: [make, '']", "verify: [[make]]",
		"verify: {run: make}", "verify: " + line(1001), many("verify", "make", 20), "verify: \"make\\u202etest\"", "verify: \"a\\u0007b\"",
		"pull_request: true", "pull_request: {ready: maybe}", "pull_request: {ready: 1}", "pull_request: {ready: 'true'}", "pull_request: {draft: true}",
		"protected: {allow: ['**']}", "protected: {allow: ['**/*']}", "protected: {allow: /a}", "protected: {allow: a/}", "protected: {allow: 'a\\b'}",
		"protected: {allow: a//b}", "protected: {allow: ../a}", "protected: {allow: a/./b}", "protected: {allow: 'a**'}", "protected: {allow: 'a[b'}",
		"protected: {allow: ''}", "protected: {deny: a}", many("protected: {allow", "a", 50) + "}",
		"network: {allow: ['*']}", "network: {allow: '*.example.com'}", "network: {allow: 'https://example.com'}", "network: {allow: Example.com}",
		"network: {allow: localhost}", "network: {allow: a.localhost}", "network: {allow: metadata.google.internal}", "network: {allow: 'example.com:443'}",
		"network: {allow: 10.0.0.1}", "network: {deny: a.example}", many("network: {allow", "a.example", 50) + "}",
		"sparse: /a", "sparse: a/", "sparse: ../a", "sparse: a/../b", "sparse: ./a", "sparse: '.'", "sparse: 'a*'", "sparse: a//b", "sparse: 'a\\b'", "sparse: ''", many("sparse", "a", 50), "environment: ../go", "environment: a/b", "environment: -x", "environment: .hidden", "environment: [go]", "environment: " + line(101),
		"screenshots: []", "screenshots: {run: make}", "setup: []", "setup: ''", "setup: {run: make}", many("setup", "make", 20),
		"ask: read", "ask: [write]", "channels: email", "channels: [GitHub]", "engines: ['a b']", "models: ['']", "runners: [-x]", "budget: 5", "budget: {usd: -1}", "budget: {usd: lots}",
		"budget: {tokens: 0.5}", "budget: {tokens: -1}", "budget: {eur: 5}", "pull_requests: fork", "pull_request: {labels: ['a,b']}", "pull_request: {labels: ['']}", many("pull_request: {reviewers", "ada", 15) + "}",
		"pull_request: {reviewers: ['@ada']}", "pull_request: {reviewers: [acme/a/b]}", "signing: gpg", "protected: {paths: /a}", "protected: {paths: [a, ../b]}", "hold: none", "on_ci_failure: never",
		"approvals: me", "approvals: [anyone]", "tools: {propose_issue: sometimes}", "tools: {shell: true}", "tools:",
	}
	return good, bad
}
