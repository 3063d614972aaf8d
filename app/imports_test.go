package app_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/seed-bc0cc349/anvil/"

// law is the import law: for each package of ours, the packages of ours that it
// may import. "std" instead of a list means the standard library only, "any"
// everything below app. A package that is missing here breaks the law too.
var law = map[string]struct {
	std   bool // nothing but the standard library
	any   bool // whatever it needs
	allow []string
}{
	"cmd/anvil":              {allow: []string{"app", "app/anvil", "app/demo", "app/github", "app/notify", "app/onboard", "app/release", "app/standalone", "config"}},
	"cmd/anvil-runner":       {allow: []string{"action/confine", "action/conversation", "action/debug", "action/desk", "action/doctor", "action/prebuild", "action/runner"}},
	"cmd/anvil-sample-agent": {allow: []string{"cmd/anvil-sample-agent/repair"}},
	"cmd/anvil-sim":          {allow: []string{"app/gateway/modeltest", "app/github/githubtest", "app/github/githubtest/openapi"}},

	"config":          {allow: []string{"config/hostlist", "config/strict"}},
	"config/hostlist": {std: true},
	"config/strict":   {},

	"app":      {any: true},
	"app/demo": {any: true},
	// Anvil without a server: the hops once more, on a store of one story.
	"app/standalone": {any: true},
	"app/onboard":    {any: true},
	"app/apptest":    {any: true},
	// The agent that the tests do harm with; it ships with nothing.
	"app/apptest/hostile": {},

	// nouns
	"app/anvil":  {std: true},
	"app/runapi": {std: true},

	// services
	"app/store":    {allow: []string{"app/anvil"}},
	"app/queue":    {allow: []string{"app/anvil"}},
	"app/blob":     {allow: []string{"app/anvil"}},
	"app/seal":     {allow: []string{"app/anvil", "app/blob"}},
	"app/git":      {allow: []string{"app/anvil"}},
	"app/github":   {allow: []string{"app/anvil"}},
	"app/linear":   {allow: []string{"app/anvil"}},
	"app/slack":    {allow: []string{"app/anvil"}},
	"app/policy":   {allow: []string{"app/anvil", "config/hostlist", "config/strict"}},
	"app/rulebook": {allow: []string{"app/anvil", "app/github", "app/policy"}},
	"app/sanitize": {allow: []string{"app/anvil"}},
	"app/secret":   {},
	"app/release":  {allow: []string{"app/anvil"}},

	// what simulated services share
	"app/simulated": {std: true},

	"app/gateway/modeltest":                 {},
	"app/github/githubtest":                 {allow: []string{"app/simulated"}},
	"app/slack/slacktest":                   {allow: []string{"app/simulated"}},
	"app/linear/lineartest":                 {allow: []string{"app/simulated"}},
	"app/github/githubtest/openapi":         {},
	"app/github/githubtest/openapi/extract": {},

	// hops: nouns and services, never each other, never store
	"app/hook":     {allow: hopMay},
	"app/intake":   {allow: hopMay},
	"app/schedule": {allow: hopMay},
	"app/dispatch": {allow: hopMay},
	"app/lease":    {allow: hopMay},
	"app/inspect":  {allow: hopMay},
	"app/publish":  {allow: hopMay},
	"app/notify":   {allow: hopMay},
	"app/gateway":  {allow: hopMay},
	"app/tools":    {allow: hopMay},
	"app/images":   {allow: hopMay},
	"app/missed":   {allow: hopMay},
	"app/web":      {allow: hopMay},

	// proof: but for their own words, nothing but tests
	"app/workflowtest": {},
	"bench":            {},
	"bench/relay":      {},
	"bench/shelf":      {},
	"bench/stamp":      {},
	"docs":             {},

	// what runs in a job
	"action":              {allow: inJob},
	"action/runner":       {allow: inJob},
	"action/agent":        {allow: inJob},
	"action/conversation": {allow: inJob},
	"action/confine":      {allow: inJob},
	"action/desk":         {allow: inJob},
	"action/debug":        {allow: inJob},
	"action/prebuild":     {allow: inJob},
	"action/devcontainer": {allow: inJob},
	"action/doctor":       {allow: inJob},
	"action/egress":       {allow: inJob},
	"action/endpoint":     {allow: inJob},
	"action/imagecache":   {allow: inJob},
	"action/joblog":       {allow: inJob},
	"action/redact":       {allow: inJob},
	"action/tool":         {allow: inJob},
	"action/verify":       {allow: inJob},
	"action/workspace":    {allow: inJob},
}

var (
	hopMay = []string{"app/anvil", "app/runapi", "app/policy", "app/queue", "app/blob", "app/git", "app/github", "app/linear", "app/sanitize", "app/secret", "app/slack"}
	inJob  = []string{"app/runapi", "action/agent", "action/confine", "action/conversation", "action/debug", "action/desk", "action/devcontainer", "action/doctor", "action/egress", "action/endpoint", "action/imagecache", "action/joblog", "action/prebuild", "action/redact", "action/runner", "action/tool", "action/verify", "action/workspace"}
)

func TestImportLaw(t *testing.T) {
	t.Parallel()
	for pkg, imports := range list(t, "./...") {
		rule, known := law[pkg]
		if !known {
			t.Errorf("%s is not in the law: add it to the table in imports_test.go, and to the map in doc.go", pkg)
			continue
		}
		for _, imported := range imports {
			ours, isOurs := strings.CutPrefix(imported, module)
			switch {
			case !isOurs && rule.std && strings.Contains(strings.SplitN(imported, "/", 2)[0], "."):
				t.Errorf("%s imports %s: it may import the standard library only", pkg, imported)
			case isOurs && !(rule.any && strings.HasPrefix(ours+"/", "app/") || rule.any && ours == "config") && !slices.Contains(rule.allow, ours):
				t.Errorf("%s may not import %s", pkg, ours)
			}
		}
	}
}

// What runs in a job must not be able to read the server's settings, its
// database or its GitHub credentials, because the code for it is not there.
func TestTheRunnerLinksNothingOfTheServer(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "../cmd/anvil-runner").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, module+"action/agent") || !slices.Contains(deps, module+"action/endpoint") {
		t.Fatal("this does not look at the runner")
	}
	for _, dep := range deps {
		ours, isOurs := strings.CutPrefix(dep, module)
		forbidden := isOurs && ours != "app/runapi" && !strings.HasPrefix(ours, "action") && ours != "cmd/anvil-runner"
		// What reads the configuration (our reader of YAML), opens the database, acts as
		// the App or talks to other services. Gitleaks brings a reader of YAML of its own.
		for _, part := range []string{
			"go.yaml.in/yaml", "/sqlite", "pgx", "riverqueue", "pressly/goose", "ghinstallation", "go-github/", "go-githubapp", "slack-go", "go-oidc", "modelcontextprotocol",
		} {
			forbidden = forbidden || strings.Contains(dep, part)
		}
		forbidden = forbidden || dep == "database/sql"
		if forbidden {
			t.Errorf("anvil-runner links %s", dep)
		}
	}
}

// list returns the imports of each package of the module, tests left out.
func list(t *testing.T, pattern string) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, pattern)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		all[strings.TrimPrefix(words[0], module)] = words[1:]
	}
	return all
}
