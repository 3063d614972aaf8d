package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs1() string { return pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(testKey())) }

func pkcs8(key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return pemOf("PRIVATE KEY", der)
}

// place writes a configuration with its key and secret into a directory, and
// returns the configuration's path.
func place(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"anvil.yaml": text, "private-key.pem": pkcs1(), "webhook-secret": "s3cret\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "anvil.yaml")
}

const least = `
public_url: https://anvil.example.com
github: {app_id: 1, private_key_file: private-key.pem, webhook_secret_file: webhook-secret}
engines: {sample: {command: [agent]}}
`

func TestTheExampleIsTheDocumentedDefaults(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("anvil.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	example, err := Load(place(t, string(text)))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Load(place(t, least))
	if err != nil {
		t.Fatal(err)
	}
	// What an operator must set is set in the example; all else is as if it had
	// been left out.
	example.GitHub.AppID = plain.GitHub.AppID
	example.GitHub.PrivateKeyFile, example.GitHub.WebhookSecretFile = plain.GitHub.PrivateKeyFile, plain.GitHub.WebhookSecretFile
	example.DataDir = plain.DataDir
	example.Engines = plain.Engines
	if !reflect.DeepEqual(example, plain) {
		t.Errorf("the example is\n%+v\nand the defaults are\n%+v", example, plain)
	}
	for _, key := range keysOf(reflect.TypeFor[Config]()) {
		if !strings.Contains(string(text), key) {
			t.Errorf("the example does not show %s", key)
		}
	}
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		keys = append(keys, f.Tag.Get("yaml"))
		switch f.Type.Kind() {
		case reflect.Struct:
			keys = append(keys, keysOf(f.Type)...)
		case reflect.Map, reflect.Slice:
			if f.Type.Elem().Kind() == reflect.Struct {
				keys = append(keys, keysOf(f.Type.Elem())...)
			}
		}
	}
	return keys
}

// The struct is the manual: a field without a comment, or a default that its
// comment does not name, is a hole in it.
// The example of the manual about models is a configuration that works.
func TestTheManualsExampleWorks(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/operating-models.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, found := strings.Cut(rest, "```\n")
	if !found {
		t.Fatal("it has no example")
	}
	server, _, _ := strings.Cut(least, "engines:")
	c, err := Parse([]byte(server + example))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if len(c.Engines) != 3 || len(c.Gateway.Upstreams) != 3 || len(c.Budgets) != 3 {
		t.Errorf("it says %+v", c)
	}
	for kind, version := range testedVersions {
		if !strings.Contains(string(text), version) {
			t.Errorf("the manual does not name version %s of %s", version, kind)
		}
	}
}

func TestEveryFieldIsExplained(t *testing.T) {
	t.Parallel()
	var specs []ast.Node
	for _, name := range []string{"config.go", "gateway.go", "tools.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, file)
	}
	inspect := func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			name := spec.Name.Name + "." + f.Names[0].Name
			comment := f.Doc.Text()
			if !strings.HasPrefix(comment, f.Names[0].Name) {
				t.Errorf("%s: no comment that begins with its name", name)
			}
			settled := strings.Contains(comment, "Default") || strings.Contains(comment, "equired")
			if _, simple := f.Type.(*ast.Ident); simple && spec.Name.Name != "Config" && !settled && !strings.HasSuffix(f.Names[0].Name, "Env") {
				t.Errorf("%s: neither a default nor required", name)
			}
		}
		return false
	}
	for _, file := range specs {
		ast.Inspect(file, inspect)
	}
	for key, value := range map[string]any{
		"61440": Default().Limits.PromptBytes, "52428800": Default().Limits.BundleBytes, "10485760": Default().Limits.LogBytes,
		"5242880": Default().Limits.FileBytes, "20971520": Default().Limits.DiffBytes,
		"33554432": Default().Gateway.BodyBytes,
	} {
		if fmt.Sprint(value) != key {
			t.Errorf("a documented default is %s, and the real one %v", key, value)
		}
	}
}

// The versions that are asked for by default are those that the tests are run with.
func TestMakefileInstallsTheTestedVersions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for kind, npm := range map[string]string{"codex": "@openai/codex@", "claude": "@anthropic-ai/claude-code@"} {
		if !strings.Contains(string(text), npm+testedVersions[kind]+"\n") {
			t.Errorf("the Makefile installs another %s than %s", kind, testedVersions[kind])
		}
	}
}

// An engine whose adapter was tried with one version asks for that one.
func TestEngineVersions(t *testing.T) {
	t.Parallel()
	engines := "engines: {codex: {kind: codex}, claude: {kind: claude, version: any, command: [/opt/claude]}, sample: {command: [agent]}}\ndefault_engine: codex\n"
	got, err := Load(place(t, strings.Replace(least, "engines: {sample: {command: [agent]}}\n", engines, 1)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"codex": "0.169.0", "claude": AnyVersion, "sample": AnyVersion} {
		if v := got.Engines[name].Version; v != want {
			t.Errorf("%s: version %q, want %q", name, v, want)
		}
	}
}

func TestWhatFollowsFromOtherSettings(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, github      string
		api, oidc, server string
	}{
		{"github.com", "", "https://api.github.com", "https://token.actions.githubusercontent.com", "https://github.com"},
		{"github.com with a slash", "url: https://github.com/,", "https://api.github.com", "https://token.actions.githubusercontent.com", "https://github.com"},
		{"enterprise server", "url: https://git.example.com/,", "https://git.example.com/api/v3", "https://git.example.com/_services/token", "https://git.example.com"},
		{"loopback", "url: 'http://127.0.0.1:1234',", "http://127.0.0.1:1234/api/v3", "http://127.0.0.1:1234/_services/token", "http://127.0.0.1:1234"},
		{"all given", "url: https://a.example, api_url: https://b.example, oidc_issuer: https://c.example/x,", "https://b.example", "https://c.example/x", "https://a.example"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(least, "github: {", "github: {"+c.github, 1)
			path := place(t, text)
			got, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if g := got.GitHub; g.URL != c.server || g.APIURL != c.api || g.OIDCIssuer != c.oidc {
				t.Errorf("got %s %s %s", g.URL, g.APIURL, g.OIDCIssuer)
			}
			if got.DefaultEngine != "sample" || got.Engines["sample"].Kind != "command" || got.Capacity.PerRepository != 2 {
				t.Errorf("got %+v", got)
			}
			if got.DataDir != filepath.Join(filepath.Dir(path), "data") {
				t.Errorf("data_dir is %s, not beside the file", got.DataDir)
			}
		})
	}
}

// Each start that is refused says exactly what to change.
func TestRefusedStarts(t *testing.T) {
	t.Parallel()
	change := func(old, new string) string {
		if !strings.Contains(least, old) {
			panic(old)
		}
		return strings.Replace(least, old, new, 1)
	}
	for _, c := range []struct {
		name, text string
		code       string
		speaks     []string
	}{
		{"unknown key", least + "lissten: x\n", CodeSyntax, []string{"line 5:1", "Did you mean listen"}},
		{"unknown key inside", least + "limits: {leese: 60s}\n", CodeSyntax, []string{"limits", "Did you mean lease"}},
		{"key twice", least + "public_url: x\n", CodeSyntax, []string{"twice"}},
		{"tab", least + "limits:\n\twork: 5m\n", CodeSyntax, []string{"line 6:1", "tab"}},
		{"number without a unit", least + "limits: {work: 30}\n", CodeSyntax, []string{"limits.work", "unit"}},
		{"text for a number", least + "capacity: {total: many}\n", CodeSyntax, []string{"capacity.total", "whole number"}},
		{"no public address", change("public_url: https://anvil.example.com", ""), CodePublicURL, []string{"public_url", "missing"}},
		{"http", change("https://anvil", "http://anvil"), CodePublicURL, []string{"unencrypted", "https://", "loopback"}},
		{"a path", change("example.com", "example.com/anvil"), CodePublicURL, []string{"path"}},
		{"a user", change("https://", "https://me:hunter2@"), CodePublicURL, []string{"user name"}},
		{"no address at all", change("https://anvil.example.com", "anvil"), CodePublicURL, []string{"not an address"}},
		{"http GitHub", change("app_id: 1", "app_id: 1, url: 'http://git.example.com'"), CodeGitHubURL, []string{"github.url", "unencrypted"}},
		{"no app", change("app_id: 1, ", ""), CodeValue, []string{"github.app_id"}},
		{"no key", change("private_key_file: private-key.pem, ", ""), CodeKey, []string{"private_key_file", "private_key_env"}},
		{"two keys", change("app_id: 1", "app_id: 1, private_key_env: X"), CodeConflict, []string{"both"}},
		{"key that is not there", change("private-key.pem", "other.pem"), CodeKey, []string{"no file", "other.pem"}},
		{"key that is a directory", change("private-key.pem", "."), CodeKey, []string{"not a regular file"}},
		{"variable that is not there", change("webhook_secret_file: webhook-secret", "webhook_secret_env: ANVIL_TEST_NO_SUCH"), CodeSecret, []string{"ANVIL_TEST_NO_SUCH"}},
		{"no secret", change(", webhook_secret_file: webhook-secret", ""), CodeSecret, []string{"webhook_secret_file"}},
		{"no engine", change("engines: {sample: {command: [agent]}}", ""), CodeEngine, []string{"engines: {NAME:"}},
		{"engine without a command", change("{command: [agent]}", "{kind: command}"), CodeEngine, []string{"engines.sample.command"}},
		{"engine of an unknown kind", change("{command", "{kind: magic, command"), CodeValue, []string{"engines.sample.kind", "command"}},
		{"an agent of a protocol without a command", change("{command: [agent]}", "{kind: acp}"), CodeEngine, []string{"engines.sample.command"}},
		{"a version that is none", change("[agent]", "[agent], version: latest"), CodeEngine, []string{"engines.sample.version", "any"}},
		{"a version that nobody compares", change("[agent]", "[agent], version: 1.2.3"), CodeEngine, []string{"engines.sample.version", "kind command", "any"}},
		{"two engines and no default", change("{sample:", "{b: {command: [b]}, sample:"), CodeEngine, []string{"default_engine", "b, sample"}},
		{"default that is none", least + "default_engine: codex\n", CodeEngine, []string{"codex", "sample"}},
		{"a job's proof for the agent", change("[agent]", "[agent], pass_env: [actions_id_token_request_token]"), CodeEngine, []string{"act as the job"}},
		{"a value for the agent", change("[agent]", "[agent], pass_env: [KEY=hunter2]"), CodeEngine, []string{"KEY=…"}},
		{"too little time", least + "limits: {work: 10ms}\n", CodeValue, []string{"limits.work", "1s"}},
		{"lease without slack", least + "limits: {lease: 30s, renew_every: 15s}\n", CodeConflict, []string{"three times"}},
		{"negative", least + "limits: {files: -1}\n", CodeValue, []string{"limits.files", "1 to"}},
		{"more for one than for all", least + "capacity: {total: 2, per_repository: 3}\n", CodeConflict, []string{"capacity.total"}},
		{"listen without a port", least + "listen: localhost\n", CodeValue, []string{"HOST:PORT"}},
		{"workflow with a path", least + "dispatch: {workflow: .github/workflows/anvil.yml}\n", CodeValue, []string{"name alone"}},
		{"repository without an owner", least + "dispatch: {repository: central}\n", CodeValue, []string{"OWNER/NAME"}},
		{"a pattern for runners that stay", least + "dispatch: {lasting_runners: ['acme/*']}\n", CodeValue, []string{"OWNER/NAME"}},
		{"unknown kind of runner", least + "dispatch: {runner_environments: [mine]}\n", CodeValue, []string{"self-hosted"}},
		{"a network of another kind", least + "containment: {network: host}\n", CodeValue, []string{"containment.network", "proxy, none"}},
		{"every host", least + "containment: {allow: ['*']}\n", CodeValue, []string{"containment.allow", "wildcard", ".example.com"}},
		{"an address to allow", least + "containment: {repositories_may_allow: [10.0.0.1]}\n", CodeValue, []string{"containment.repositories_may_allow", "10.0.0.1"}},
		{"hosts without a network", least + "containment: {network: none, allow: [a.example]}\n", CodeConflict, []string{"containment.allow"}},
		{"upstream without an address", least + "gateway: {upstreams: [{name: a, protocols: [chat]}]}\n", CodeUpstream, []string{"upstreams[0].base_url"}},
		{"upstream of an unknown protocol", least + "gateway: {upstreams: [{name: a, protocols: [smtp], base_url: 'https://a.example'}]}\n", CodeValue, []string{"responses, chat, messages"}},
		{"a key over http", least + "gateway: {upstreams: [{name: a, protocols: [chat], base_url: 'http://a.example', key_file: webhook-secret}]}\n", CodeUpstream, []string{"unencrypted"}},
		{"a key that is not there", least + "gateway: {upstreams: [{name: a, protocols: [chat], base_url: 'https://a.example', key_env: ANVIL_TEST_NO_SUCH}]}\n", CodeUpstreamKey, []string{"ANVIL_TEST_NO_SUCH"}},
		{"budget of nothing", least + "budgets: [{scope: run}]\n", CodeValue, []string{"budgets[0]", "usd"}},
		{"budget of nobody", least + "budgets: [{scope: team, usd: 1}]\n", CodeValue, []string{"organisation"}},
		{"waiting for ever", least + "budgets: [{scope: user, usd: 1, on_limit: queue}]\n", CodeConflict, []string{"per: day"}},
		{"cheaper than what", least + "budgets: [{scope: user, usd: 1, on_limit: cheaper}]\n", CodeConflict, []string{"cheaper_models"}},
		{"a model without a price", strings.Replace(least, "[agent]", "[agent], models: [nameless]", 1) + "budgets: [{scope: run, usd: 1}]\ngateway: {upstreams: [{name: a, protocols: [chat], base_url: 'http://a.example'}]}\n", CodeValue, []string{"nameless", "gateway.prices"}},
		{"a cheaper model that nobody serves", served("[small]", "{small: a}", "") + "budgets: [{scope: run, tokens: 1, on_limit: cheaper}]\n", CodeConflict, []string{"gateway.cheaper_models.small", "no upstream serves tiny", "models"}},
		{"a cheaper model by another interface", strings.Replace(served("[small]", "{small: a}", "{tiny: b}"), "command: [agent]", "kind: codex", 1), CodeConflict, []string{"gateway.cheaper_models.small", "no upstream that speaks responses serves tiny"}},
		{"a model that nobody asks for", served("[smal, large]", "{}", ""), CodeConflict, []string{"gateway.cheaper_models.small", "no engine", "Did you mean smal?", "small_models"}},
		{"a model that nobody asks for anywhere", strings.Replace(least, "[agent]", "[agent], models: [large]", 1) + "gateway: {cheaper_models: {claude-opsu-5: claude-haiku-4-5}}\n", CodeConflict, []string{"gateway.cheaper_models.claude-opsu-5", "no engine"}},
		{"a model that nobody serves", served("[small, large]", "{small: a, tiny: b}", ""), CodeConflict, []string{"engines.sample.models", "no upstream serves large"}},
		{"a small model that nobody serves", served("[small]", "{small: a, tiny: b}", "") + "  small_models: [little]\n", CodeConflict, []string{"gateway.small_models", "no upstream serves little"}},
		{"a model by another interface", strings.Replace(served("[small, large]", "{small: a, tiny: b}", "{large: b}"), "command: [agent]", "kind: codex", 1), CodeConflict, []string{"engines.sample.models", "no upstream that speaks responses serves large"}},
		{"a submodule's scheme", least + "environment: {submodules: [https://github.com/acme]}\n", CodeValue, []string{"environment.submodules", "HOST/OWNER"}},
		{"log format", least + "log_format: xml\n", CodeValue, []string{"text, json"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Load(place(t, c.text))
			if err == nil {
				t.Fatalf("accepted as %+v", got)
			}
			problems := AsProblems(err)
			if len(problems) != 1 {
				t.Errorf("%d problems, want this one: %v", len(problems), err)
			}
			for _, want := range append(c.speaks, c.code+": ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if len(problems) > 0 && problems[0].Next == "" {
				t.Errorf("%q does not say what to do", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q shows a value that may be secret", err)
			}
		})
	}
}

// served is a configuration with an engine's models and an upstream of the interface
// responses with others; another of the interface messages is there if it has any. tiny
// takes the place of small.
func served(engine, responses, messages string) string {
	text := strings.Replace(least, "[agent]", "[agent], models: "+engine, 1) + "gateway:\n  upstreams:\n"
	text += "  - {name: a, protocols: [responses], base_url: 'http://a.example', models: " + responses + "}\n"
	if messages != "" {
		text += "  - {name: b, protocols: [messages], base_url: 'http://b.example', models: " + messages + "}\n"
	}
	return text + "  cheaper_models: {small: tiny}\n"
}

// A model is only missed where it is known who is asked for it, and by which interface.
func TestModelsThatAreServed(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"each by name":                     served("[small, large]", "{small: a, large: b, tiny: c}", ""),
		"an upstream of any model":         served("[small, large]", "{}", ""),
		"by either interface":              served("[small, large]", "{small: a}", "{large: b, tiny: c}"),
		"an engine that is not relayed":    strings.Replace(served("[opus, small]", "{small: a, tiny: b}", ""), "command: [agent]", "kind: claude", 1),
		"no upstream at all":               strings.Replace(least, "[agent]", "[agent], models: [large]", 1),
		"a model that no engine asks for":  served("[large]", "{large: a}", "{tiny: b}") + "  prices: [{model: 'sma*', input: 1, output: 1}]\n",
		"a small model with a cheaper one": served("[large]", "{large: a, small: b, tiny: c}", "") + "  small_models: [small]\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Load(place(t, text)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEveryProblemIsShownAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Load(place(t, "listen: nowhere\nlog_level: loud\n"))
	for _, want := range []string{"listen", "log_level", "public_url", "app_id", "private_key", "webhook_secret", "engines"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not speak of %s", err, want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); AsProblems(err) == nil || AsProblems(err)[0].Code != CodeFile {
		t.Errorf("got %v", err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	whole := pkcs1()
	for _, c := range []struct {
		name, pem, speaks string
		mode              os.FileMode
	}{
		{"as GitHub gives it", whole, "", 0o600},
		{"only readable", whole, "", 0o400},
		{"converted", pkcs8(testKey()), "", 0o600},
		{"with text before", "Bag Attributes\n" + whole, "", 0o600},
		{"readable by the group", whole, "CFG_KEY_MODE", 0o640},
		{"readable by everybody", whole, "chmod 600", 0o644},
		{"empty", "\n", "empty", 0o600},
		{"not PEM", "hunter2", "no PEM block", 0o600},
		{"public", pemOf("PUBLIC KEY", []byte("x")), "found a public key", 0o600},
		{"certificate", pemOf("CERTIFICATE", []byte("x")), "found a certificate", 0o600},
		{"locked", pemOf("ENCRYPTED PRIVATE KEY", []byte("x")), "passphrase", 0o600},
		{"locked in the old way", strings.Replace(whole, "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X\n\n", 1), "passphrase", 0o600},
		{"of another kind", pkcs8(elliptical), "another kind", 0o600},
		{"damaged", pemOf("RSA PRIVATE KEY", []byte("hunter2")), "PKCS#1 private key that is damaged", 0o600},
		{"damaged after conversion", pemOf("PRIVATE KEY", []byte("hunter2")), "PKCS#8 private key that is damaged", 0o600},
		{"for SSH", pemOf("OPENSSH PRIVATE KEY", []byte("hunter2")), "no RSA private key", 0o600},
		{"much too big", strings.Repeat("x", 65<<10), "no key", 0o600},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := place(t, least)
			file := filepath.Join(filepath.Dir(path), "private-key.pem")
			if err := os.WriteFile(file, []byte(c.pem), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, c.mode); err != nil {
				t.Fatal(err)
			}
			got, err := Load(path)
			if c.speaks == "" {
				if err != nil {
					t.Fatal(err)
				}
				key, err := got.PrivateKey()
				if err != nil || !key.Equal(testKey()) {
					t.Errorf("the key is not the one that was written: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.speaks) || !strings.Contains(err.Error(), "CFG_KEY") {
				t.Fatalf("got %v, want it to say %q", err, c.speaks)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q shows the file's content", err)
			}
		})
	}
}

// No secret may lie where others on the machine can read it, whosever it is; the error names
// the setting and the command, and shows nothing of the file.
func TestSecretsThatOthersCanRead(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(file string) error{
		"github.webhook_secret_file": func(file string) error {
			_, err := (&Config{GitHub: GitHub{WebhookSecretFile: file}}).WebhookSecret()
			return err
		},
		"github.client_secret_file": func(file string) error {
			_, err := (&Config{GitHub: GitHub{ClientSecretFile: file}}).ClientSecret()
			return err
		},
		"linear.client_secret_file": func(file string) error {
			_, err := (&Config{Linear: Linear{ClientSecretFile: file}}).LinearClientSecret()
			return err
		},
		"linear.webhook_secret_file": func(file string) error {
			_, err := (&Config{Linear: Linear{WebhookSecretFile: file}}).LinearWebhookSecret()
			return err
		},
		"slack.bot_token_file": func(file string) error {
			_, err := slackSecret(file, "", "slack.bot_token", "xoxb-")
			return err
		},
	} {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte("xoxb-hunter2"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := ask(file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
		err := ask(file)
		if err == nil {
			t.Errorf("%s: everybody may read it", name)
			continue
		}
		for _, word := range []string{CodeSecretMode, name, "chmod 600 " + file} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q does not say %s", name, err, word)
			}
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %q shows the file's content", name, err)
		}
	}
}

func TestWebhookSecrets(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{"s3cret": "s3cret", "s3cret\n": "s3cret", "s3cret\r\n": "s3cret", " a b ": " a b ", "": "", "\n": "", " \n": ""} {
		path := place(t, least)
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), "webhook-secret"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Load(path)
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "CFG_SECRET_EMPTY") {
				t.Errorf("%q: got %v", content, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if secret, err := got.WebhookSecret(); err != nil || string(secret) != want {
			t.Errorf("%q is read as %q, %v", content, secret, err)
		}
		if shown := fmt.Sprintf("%v %+v %#v", got, got, got); strings.Contains(shown, "s3cret") || strings.Contains(shown, "BEGIN") {
			t.Errorf("a printed configuration shows a secret: %s", shown)
		}
	}
}

func TestSecretsFromTheEnvironment(t *testing.T) {
	t.Setenv("ANVIL_TEST_KEY", pkcs1())
	t.Setenv("ANVIL_TEST_SECRET", "from the environment")
	text := strings.NewReplacer("private_key_file: private-key.pem", "private_key_env: ANVIL_TEST_KEY", "webhook_secret_file: webhook-secret", "webhook_secret_env: ANVIL_TEST_SECRET").Replace(least)
	c, err := Load(place(t, text))
	if err != nil {
		t.Fatal(err)
	}
	if key, err := c.PrivateKey(); err != nil || !key.Equal(testKey()) {
		t.Errorf("key: %v", err)
	}
	if secret, err := c.WebhookSecret(); err != nil || string(secret) != "from the environment" {
		t.Errorf("secret: %q %v", secret, err)
	}
	t.Setenv("ANVIL_TEST_SECRET", "")
	if _, err := c.WebhookSecret(); err == nil || !strings.Contains(err.Error(), CodeNoSecret) {
		t.Errorf("an empty variable: %v", err)
	}
}

// The built-in prices can be read, and the row of a model is the one that is meant.
func TestPrices(t *testing.T) {
	t.Parallel()
	table, err := Default().PriceTable()
	if err != nil {
		t.Fatal(err)
	}
	for model, input := range map[string]float64{
		"claude-opus-4-5-20251101": 5, "claude-opus-4-20250514": 15, "claude-opus-4-1-20250805": 15, "claude-sonnet-4-5": 3,
		"claude-haiku-4-5": 1, "gpt-5": 1.25, "gpt-5-codex": 1.25, "gpt-5.1-codex-mini": 0.25, "gpt-5-mini": 0.25, "gpt-5.2": 1.75,
		"claude-opus-5": 5, "claude-opus-5-5": 4, "claude-opus-4-6-fast": 30, "claude-opus-4-6": 5, "gpt-5.4": 2.5, "gpt-5.4-pro": 30, "gpt-5.5-2026-04-23": 5, "gpt-5.6": 2, "gpt-5.6-luna": 1,
		"gemini-2.5-pro": 1.25, "gemini-2.5-flash-lite": 0.1, "gemini-2.5-flash": 0.3, "gemini-3.1-pro-preview": 2, "gemini-3.8-flash": 1.5,
	} {
		i := slices.IndexFunc(table, func(p Price) bool { ok, _ := path.Match(p.Model, model); return ok })
		if i < 0 || table[i].Input != input {
			t.Errorf("%s: row %d, want %g per million", model, i, input)
		}
	}
}
