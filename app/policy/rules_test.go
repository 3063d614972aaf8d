package policy

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

func validRef(name string) error {
	if strings.HasPrefix(name, "-") {
		return errors.New("the name begins with a dash")
	}
	return nil
}

func TestTheExampleIsReadAsItSays(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../config/policy.example.yml")
	if err != nil {
		t.Fatal(err)
	}
	rules, problem := Parse(text, "0123456789abcdef", validRef)
	if problem != nil {
		t.Fatal(problem)
	}
	want := anvil.Rules{
		Commit: "0123456789abcdef", Base: "main", Engine: "sample", Model: "small",
		Ask: "write", Channels: []string{"github", "slack", "linear"}, Engines: []string{"sample"}, Models: []string{"small", "large"},
		Budget: anvil.Limit{CostMicros: 5e6, Tokens: 2e6}, Runners: []string{"ubuntu-latest"}, PullRequests: "stack", Ready: new(false), Labels: []string{"agent"},
		Reviewers: []string{"octocat"}, Signing: "app", Protect: []string{"migrations/**"}, Hold: "protected", ProposeIssue: new(false), OnCIFailure: "ask",
		Environment: "go", Sparse: []string{"services/web", "libraries"}, Setup: []string{"go mod download"}, Verify: []string{"go vet ./...", "go test ./..."}, Screenshots: []string{"npm run screenshots"}, MayChange: [][]string{{".github/ISSUE_TEMPLATE/**"}},
		AllowHosts: []string{"docs.example.com"}, OnReview: "ask",
	}
	if !reflect.DeepEqual(rules, want) {
		t.Errorf("got %+v, want %+v", rules, want)
	}
	// The manual names every key that there is.
	for _, key := range keysOf(reflect.TypeFor[file]()) {
		if !strings.Contains(string(text), key+":") {
			t.Errorf("the example does not show %s", key)
		}
	}
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		keys = append(keys, f.Tag.Get("yaml"))
		if f.Type.Kind() == reflect.Struct {
			keys = append(keys, keysOf(f.Type)...)
		}
	}
	return keys
}

func TestRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       anvil.Rules
	}{
		{"nothing", "", anvil.Rules{}},
		{"only comments", "# later\n", anvil.Rules{}},
		{"an empty document", "---\n", anvil.Rules{}},
		{"one command", "verify: make test\n", anvil.Rules{Verify: []string{"make test"}}},
		{"a script", "verify:\n  - |\n    make\n    \tmake test\n", anvil.Rules{Verify: []string{"make\n\tmake test\n"}}},
		{"a number as a branch", "base: 1.10\n", anvil.Rules{Base: "1.10"}},
		{"ready", "pull_request: {ready: true}\n", anvil.Rules{Ready: new(true)}},
		{"one pattern", "protected: {allow: .github/dependabot.yml}\n", anvil.Rules{MayChange: [][]string{{".github/dependabot.yml"}}}},
		{"hosts", "network: {allow: [a.example, .b.example]}\n", anvil.Rules{AllowHosts: []string{"a.example", ".b.example"}}},
		{"windows line ends", "engine: a\r\nmodel: b\r\n", anvil.Rules{Engine: "a", Model: "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, problem := Parse([]byte(c.text), "", validRef)
			if problem != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v %v, want %+v", got, problem, c.want)
			}
		})
	}
}

// Each says where, and what to write instead.
func TestRulesThatAreRefused(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nverify: *c\n"
	for _, c := range []struct {
		name, text string
		code       anvil.Code
		speaks     []string
	}{
		{"tab", "verify:\n\t- make\n", CodeSyntax, []string{"line 2:1", "tab", "spaces"}},
		{"tab deeper", "protected:\n  allow:\n  \t- x\n", CodeSyntax, []string{"line 3:3", "tab"}},
		{"open bracket", "verify: [make\nbase: x\n", CodeSyntax, []string{"line "}},
		{"alias bomb", bomb, CodeSyntax, []string{"alias"}},
		{"anchor", "verify: &v [make]\n", CodeSyntax, []string{"line 1:9", "anchor"}},
		{"merge key", "pull_request:\n  <<: {ready: true}\n", CodeSyntax, []string{"line 2:3"}},
		{"tag", "base: !!str x\n", CodeSyntax, []string{"line 1:7", "tag"}},
		{"key twice", "base: a\nengine: b\nbase: c\n", CodeSyntax, []string{"line 3:1", `"base"`, "first on line 1"}},
		{"a megabyte", "# " + strings.Repeat("x", 1<<20), CodeSyntax, []string{"65536 bytes"}},
		{"not UTF-8", "base: \xff\n", CodeSyntax, []string{"line 1:7", "UTF-8"}},
		{"two documents", "base: a\n---\nbase: b\n", CodeSyntax, []string{"line ", "second document"}},
		{"deep", "verify: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), CodeSyntax, []string{"nested"}},

		{"unknown key", "verfy: make\n", CodeInvalid, []string{"line 1:1", "Did you mean verify", "protected"}},
		{"unknown key inside", "pull_request: {draft: true}\n", CodeInvalid, []string{"line 1:16", "pull_request", "ready"}},
		{"a list at the top", "- a\n", CodeInvalid, []string{"line 1:1", "key: value"}},
		{"text for a mapping", "protected: x\n", CodeInvalid, []string{"line 1:12", "protected"}},
		{"a mapping for a list", "verify: {a: b}\n", CodeInvalid, []string{"verify", "mapping"}},
		{"yes for true", "pull_request: {ready: yes}\n", CodeInvalid, []string{"pull_request.ready", "true or false"}},
		{"no value", "base:\n", CodeInvalid, []string{"line 1:6", "base", "no value"}},
		{"empty list", "verify: []\n", CodeInvalid, []string{"verify", "empty"}},
		{"empty command", "verify: ['']\n", CodeInvalid, []string{"command 1 is empty"}},
		{"hidden character", "verify: [\"go \\u202etest\"]\n", CodeInvalid, []string{"command 1", "U+202E"}},
		{"21 commands", "verify: [" + strings.Repeat("a,", 21) + "]\n", CodeInvalid, []string{"21 commands", "1 to 20"}},
		{"bad branch", "base: -x\n", CodeInvalid, []string{"base", "dash"}},
		{"a tag for a branch", "base: refs/tags/v1\n", CodeInvalid, []string{"base", "no branch"}},
		{"pattern for everything", "protected: {allow: ['**']}\n", CodeInvalid, []string{"protected.allow[0]", "everything"}},
		{"any host", "network: {allow: ['*']}\n", CodeInvalid, []string{"network.allow[0]", "wildcard", ".example.com"}},
		{"a wildcard", "network: {allow: [a.example, '*.example.com']}\n", CodeInvalid, []string{"network.allow[1]", "wildcard"}},
		{"an address", "network: {allow: [169.254.169.254]}\n", CodeInvalid, []string{"network.allow[0]", "not the name"}},
		{"51 hosts", "network: {allow: [" + strings.Repeat("a.example,", 51) + "]}\n", CodeInvalid, []string{"51 hosts", "at most 50"}},
		{"pattern with dots", "protected: {allow: [a, ../x]}\n", CodeInvalid, []string{"protected.allow[1]", ".."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rules, problem := Parse([]byte(c.text), "0123456789", validRef)
			if problem == nil {
				t.Fatalf("accepted as %+v", rules)
			}
			if problem.Code != c.code {
				t.Errorf("%v, want %s", problem, c.code)
			}
			for _, want := range append(c.speaks, ".github/anvil.yml at 0123456") {
				if !strings.Contains(problem.Error(), want) {
					t.Errorf("%q does not say %q", problem, want)
				}
			}
			if !reflect.DeepEqual(rules, anvil.Rules{}) {
				t.Errorf("refused rules are given out: %+v", rules)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "verify: make", "base: [", "a: &a [*a]", "verify:\n\t- x", "protected: {allow: [a/**]}", "? x\n: y", "<<: {}", "%YAML 1.2\n---\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		rules, problem := Parse(text, "", validRef)
		if problem != nil && (problem.What == "" || problem.Next == "") {
			t.Errorf("%q: a problem that helps nobody: %+v", text, problem)
		}
		for _, line := range rules.Verify {
			if what := CheckCommand(line); what != "" {
				t.Errorf("%q: accepted a command that %s", text, what)
			}
		}
	})
}
