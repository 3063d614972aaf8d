package policy

import (
	"errors"
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/config/hostlist"
	"github.com/seed-bc0cc349/anvil/config/strict"
)

// Where rules are kept: a repository's own, and an organisation's for all of its
// repositories.
const (
	Path                   = ".github/anvil.yml"
	OrganisationRepository = ".github"
	OrganisationPath       = "anvil.yml"
)

// Codes of problems with rules; docs/errors.md says what to do about each.
const (
	CodeSyntax  anvil.Code = "POLICY_SYNTAX"  // not well-formed
	CodeInvalid anvil.Code = "POLICY_INVALID" // well-formed, and not allowed
)

// What a rules file may hold at most. A file that needs more is not one.
const (
	maxText     = 64 << 10
	maxCommands = 20
	maxCommand  = 1000
	maxGlobs    = 50
	maxHosts    = 50
	maxNames    = 50
	maxDollars  = 1e6
)

// environmentName is what a folder below .devcontainer may be called; none is one too.
var environmentName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)

// The words that a key may have, from the least strict to the strictest.
var (
	asks         = []string{"write", "maintain", "admin"}
	approvals    = []string{"anyone", "others"}
	modes        = []string{"auto", "ask", "off"}
	pullRequests = []string{"push", "stack", "off"}
	holds        = []string{"protected", "all"}
	signings     = []string{"app", "api"}
	channels     = []string{"github", "slack", "linear"} // in no order
)

// reviewer is a login, or a team as ORG/TEAM. label is what GitHub takes for one, but for
// its length: a pattern that counts keeps a class of thousands so many times.
var (
	reviewer = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,38}(/[a-z0-9_][a-z0-9_-]{0,99})?$`)
	label    = regexp.MustCompile(`^[^\s\p{C},]([^\p{C},]*[^\s\p{C},])?$`)
	name     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$`) // of an engine, a model, or a runner's label
)

// file is a file of rules. config/policy.example.yml is its manual.
type file struct {
	Ask         string       `yaml:"ask"`
	Channels    strict.Lines `yaml:"channels"`
	Base        string       `yaml:"base"`
	Engine      string       `yaml:"engine"`
	Model       string       `yaml:"model"`
	Engines     strict.Lines `yaml:"engines"`
	Models      strict.Lines `yaml:"models"`
	Runners     strict.Lines `yaml:"runners"`
	Environment string       `yaml:"environment"`
	Sparse      strict.Lines `yaml:"sparse"`
	Setup       strict.Lines `yaml:"setup"`
	Verify      strict.Lines `yaml:"verify"`
	Screenshots strict.Lines `yaml:"screenshots"`
	Budget      struct {
		USD    float64 `yaml:"usd"`
		Tokens int64   `yaml:"tokens"`
	} `yaml:"budget"`
	PullRequests string `yaml:"pull_requests"`
	PullRequest  struct {
		Ready     *bool        `yaml:"ready"`
		Labels    strict.Lines `yaml:"labels"`
		Reviewers strict.Lines `yaml:"reviewers"`

		IndependentReview bool `yaml:"independent_review"`
	} `yaml:"pull_request"`
	Signing string `yaml:"signing"`
	Network struct {
		Allow strict.Lines `yaml:"allow"`
	} `yaml:"network"`
	Tools struct {
		ProposeIssue *bool `yaml:"propose_issue"`
	} `yaml:"tools"`
	Protected struct {
		Paths strict.Lines `yaml:"paths"`
		Allow strict.Lines `yaml:"allow"`
	} `yaml:"protected"`
	Hold        string `yaml:"hold"`
	Approvals   string `yaml:"approvals"`
	OnReview    string `yaml:"on_review"`
	OnCIFailure string `yaml:"on_ci_failure"`
}

// Parse reads the text of a repository's rules as they are at commit. An empty text is
// a repository without rules. ValidRef says what is wrong with a branch name.
func Parse(text []byte, commit string, validRef func(string) error) (anvil.Rules, *anvil.Problem) {
	rules, problem := parse(text, at(commit), validRef)
	if problem == nil {
		rules.Commit = commit
	}
	return rules, problem
}

// ParseOrganisation reads the text of an organisation's rules, as Parse does.
func ParseOrganisation(text []byte, from anvil.RulesFile, validRef func(string) error) (anvil.Rules, *anvil.Problem) {
	rules, problem := parse(text, inOrganisation(from), validRef)
	if problem == nil {
		rules.Organisation, rules.VerifyAlways = &from, rules.Verify
	}
	return rules, problem
}

func parse(text []byte, from string, validRef func(string) error) (anvil.Rules, *anvil.Problem) {
	var f file
	if err := strict.Decode(text, maxText, &f); err != nil {
		return anvil.Rules{}, unreadable(err, from)
	}
	if key, what, next := f.fault(validRef); key != "" {
		return anvil.Rules{}, anvil.Problemf(CodeInvalid, next, "%s: %s: %s", from, key, what)
	}
	rules := anvil.Rules{
		Ask: f.Ask, Channels: f.Channels, Base: f.Base, Engine: f.Engine, Model: f.Model, Engines: f.Engines, Models: f.Models,
		Runners: f.Runners, Environment: f.Environment, Sparse: f.Sparse, Setup: f.Setup, Verify: f.Verify, Screenshots: f.Screenshots,
		Budget:  anvil.Limit{CostMicros: int64(math.Round(f.Budget.USD * 1e6)), Tokens: f.Budget.Tokens},
		Protect: f.Protected.Paths, AllowHosts: f.Network.Allow, Hold: f.Hold, OthersApprove: f.Approvals == "others",
		PullRequests: f.PullRequests, Signing: f.Signing, Ready: f.PullRequest.Ready, Labels: f.PullRequest.Labels, Reviewers: f.PullRequest.Reviewers, Independent: f.PullRequest.IndependentReview,
		ProposeIssue: f.Tools.ProposeIssue, OnReview: f.OnReview, OnCIFailure: f.OnCIFailure,
	}
	if f.Protected.Allow != nil {
		rules.MayChange = [][]string{f.Protected.Allow}
	}
	return rules, nil
}

// fault returns the key of the first value that is not allowed, what is wrong with it
// and what to write instead; no key if there is none.
func (f *file) fault(validRef func(string) error) (key, what, next string) {
	if f.Base != "" {
		if rule := BrokenRule(f.Base, validRef); rule != "" {
			return "base", strict.Quote(f.Base) + " cannot be used: " + rule, "Name a branch, without refs/heads/"
		}
	}
	if f.Environment != "" && !environmentName.MatchString(f.Environment) {
		return "environment", strict.Quote(f.Environment) + " is no name of a dev container", "Write NAME of .devcontainer/NAME/devcontainer.json, or none"
	}
	if what := commands(f.Setup); what != "" {
		return "setup", what, fmt.Sprintf("List 1 to %d command lines, or remove the key", maxCommands)
	}
	if what := commands(f.Verify); what != "" {
		return "verify", what, fmt.Sprintf("List 1 to %d command lines, or remove the key to have them detected", maxCommands)
	}
	if what := commands(f.Screenshots); what != "" {
		return "screenshots", what, fmt.Sprintf("List 1 to %d command lines, or remove the key", maxCommands)
	}
	if !(f.Budget.USD >= 0 && f.Budget.USD <= maxDollars) {
		return "budget.usd", "is no amount of US dollars", "Write a number such as 5 or 0.5, or remove the key"
	}
	if f.Budget.Tokens < 0 {
		return "budget.tokens", "is below zero", "Write a number such as 200000, or remove the key"
	}
	for _, c := range []struct {
		key, value string
		words      []string
	}{
		{"ask", f.Ask, asks}, {"approvals", f.Approvals, approvals}, {"hold", f.Hold, holds}, {"pull_requests", f.PullRequests, pullRequests},
		{"signing", f.Signing, signings}, {"on_review", f.OnReview, modes}, {"on_ci_failure", f.OnCIFailure, modes},
	} {
		if c.value != "" && !slices.Contains(c.words, c.value) {
			next := "Write one of: " + strings.Join(c.words, ", ")
			if slices.Contains(c.words, "off") {
				next += "; off in quotes"
			}
			return c.key, strict.Quote(c.value) + " is no such choice", next
		}
	}
	return f.badList()
}

// badList is fault's, about lists of names.
func (f *file) badList() (key, what, next string) {
	named := func(form *regexp.Regexp, most int) func(string) string {
		return func(value string) string {
			if utf8.RuneCountInString(value) > most || !form.MatchString(value) {
				return "is no such name"
			}
			return ""
		}
	}
	for _, c := range []struct {
		key   string
		lines strict.Lines
		check func(string) string
		next  string
		most  int
		noun  string
	}{
		{"protected.paths", f.Protected.Paths, globFault(CheckPath), "Write paths such as migrations/**", maxGlobs, "patterns"},
		{"protected.allow", f.Protected.Allow, globFault(CheckGlob), "Write paths such as .github/ISSUE_TEMPLATE/**", maxGlobs, "patterns"},
		{"network.allow", f.Network.Allow, hostlist.Check, "Write a host such as example.com, or .example.com for it and all below it", maxHosts, "hosts"},
		{"channels", f.Channels, func(v string) string {
			if !slices.Contains(channels, v) {
				return "is no place that work can be asked for from"
			}
			return ""
		}, "Write some of: " + strings.Join(channels, ", "), maxNames, "names"},
		{"sparse", f.Sparse, directoryFault, "Write directories such as services/web", maxGlobs, "directories"},
		{"engines", f.Engines, named(name, 100), "Write names of engines as the server has them", maxNames, "names"},
		{"models", f.Models, named(name, 100), "Write names of models as the server has them", maxNames, "names"},
		{"runners", f.Runners, named(name, 100), "Write labels of runners such as ubuntu-latest", maxNames, "labels"},
		{"pull_request.labels", f.PullRequest.Labels, named(label, 50), "Write names of labels of 1 to 50 characters", maxNames, "labels"},
		{"pull_request.reviewers", f.PullRequest.Reviewers, named(reviewer, 140), "Write logins, or teams as ORGANISATION/TEAM", 15, "reviewers"},
	} {
		if len(c.lines) > c.most {
			return c.key, fmt.Sprintf("%d %s", len(c.lines), c.noun), fmt.Sprintf("Use at most %d", c.most)
		}
		for i, value := range c.lines {
			if what := c.check(value); what != "" {
				return fmt.Sprintf("%s[%d]", c.key, i), strict.Quote(value) + " " + what, c.next
			}
		}
	}
	return "", "", ""
}

// directory is a path of one, without what git's patterns or anybody's terminal could take
// for something else.
var directory = regexp.MustCompile(`^[^/\s\p{C}*?\[\]\\"][^\p{C}*?\[\]\\"]*$`)

func directoryFault(value string) string {
	if len(value) > 300 || !directory.MatchString(value) || path.Clean(value) != value || value == "." || value == ".." || strings.HasPrefix(value, "../") {
		return "is no path of a directory"
	}
	return ""
}

func globFault(check func(string) error) func(string) string {
	return func(glob string) string {
		if err := check(glob); err != nil {
			return err.Error()
		}
		return ""
	}
}

// unreadable names the first fault, and says how many more there are.
func unreadable(err error, from string) *anvil.Problem {
	var found strict.Errors
	if !errors.As(err, &found) || len(found) == 0 {
		return anvil.Problemf(CodeSyntax, "Correct it on the default branch", "%s: %v", from, err)
	}
	first, code := found[0], CodeInvalid
	if first.Syntax {
		code = CodeSyntax
	}
	more := ""
	if n := len(found) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	next := first.Next
	if next == "" {
		next = "Correct it on the default branch"
	}
	return anvil.Problemf(code, next, "%s, %s%s%s", from, first.Where(), first.What, more)
}

// BrokenRule says which rule base breaks as the name of a branch, or "".
func BrokenRule(base string, validRef func(string) error) string {
	if strings.HasPrefix(base, "refs/") {
		return "it names a ref that is no branch"
	}
	err := validRef(base)
	if problem := anvil.AsProblem(err); problem != nil {
		return problem.What
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// CheckHost says what is wrong with a host to allow, or "".
func CheckHost(entry string) string { return hostlist.Check(entry) }

// at names a repository's own file, inOrganisation its organisation's.
func at(commit string) string {
	if len(commit) > 7 {
		commit = commit[:7]
	}
	if commit == "" {
		return Path
	}
	return Path + " at " + commit
}

func inOrganisation(from anvil.RulesFile) string {
	return fmt.Sprintf("%s of %s at %.7s", OrganisationPath, from.Repository, from.Commit)
}

// Where names the files that rules come from.
func Where(rules anvil.Rules) string {
	if rules.Organisation == nil {
		return at(rules.Commit)
	}
	return at(rules.Commit) + " with " + inOrganisation(*rules.Organisation)
}

// commands says what is wrong with verification commands, or "". A list that is
// given and empty is refused: it reads like "verify nothing" and would mean
// "detect".
func commands(lines strict.Lines) string {
	switch {
	case lines == nil:
		return ""
	case len(lines) == 0:
		return "the list is empty"
	case len(lines) > maxCommands:
		return fmt.Sprintf("%d commands", len(lines))
	}
	for i, line := range lines {
		if what := CheckCommand(line); what != "" {
			return fmt.Sprintf("command %d %s", i+1, what)
		}
	}
	return ""
}

// CheckCommand says what keeps line from being a verification command, or "". An
// invisible character could make the command that runs another one than the one
// that people read.
func CheckCommand(line string) string {
	switch {
	case strings.TrimSpace(line) == "":
		return "is empty"
	case utf8.RuneCountInString(line) > maxCommand:
		return fmt.Sprintf("has more than %d characters", maxCommand)
	case !utf8.ValidString(line):
		return "is not UTF-8"
	}
	for _, r := range line {
		// Line breaks and tabs belong to scripts of several lines.
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp)) {
			return fmt.Sprintf("holds an invisible character, U+%04X", r)
		}
	}
	return ""
}
