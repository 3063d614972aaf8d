package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/config/hostlist"
	"github.com/seed-bc0cc349/anvil/config/strict"
)

// Path is where a repository keeps its rules.
const Path = ".github/anvil.yml"

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
)

// environmentName is what a folder below .devcontainer may be called; none is one too.
var environmentName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)

// file is .github/anvil.yml. config/policy.example.yml is its manual.
type file struct {
	Base        string       `yaml:"base"`
	Engine      string       `yaml:"engine"`
	Model       string       `yaml:"model"`
	Environment string       `yaml:"environment"`
	Setup       strict.Lines `yaml:"setup"`
	Verify      strict.Lines `yaml:"verify"`
	PullRequest struct {
		Ready bool `yaml:"ready"`
	} `yaml:"pull_request"`
	Network struct {
		Allow strict.Lines `yaml:"allow"`
	} `yaml:"network"`
	Tools struct {
		ProposeIssue bool `yaml:"propose_issue"`
	} `yaml:"tools"`
	Protected struct {
		Allow strict.Lines `yaml:"allow"`
	} `yaml:"protected"`
	Approvals string `yaml:"approvals"`
	OnReview  string `yaml:"on_review"`
}

// Parse reads the text of a rules file as it is at commit. An empty text is a
// repository without rules. ValidRef says what is wrong with a branch name.
func Parse(text []byte, commit string, validRef func(string) error) (anvil.Rules, *anvil.Problem) {
	var f file
	if err := strict.Decode(text, maxText, &f); err != nil {
		return anvil.Rules{}, unreadable(err, commit)
	}
	bad := func(path, what, next string) (anvil.Rules, *anvil.Problem) {
		return anvil.Rules{}, anvil.Problemf(CodeInvalid, next, "%s: %s: %s", at(commit), path, what)
	}
	if f.Base != "" {
		if rule := BrokenRule(f.Base, validRef); rule != "" {
			return bad("base", strict.Quote(f.Base)+" cannot be used: "+rule, "Name a branch, without refs/heads/")
		}
	}
	if f.Environment != "" && !environmentName.MatchString(f.Environment) {
		return bad("environment", strict.Quote(f.Environment)+" is no name of a dev container", "Write NAME of .devcontainer/NAME/devcontainer.json, or none")
	}
	if what := commands(f.Setup); what != "" {
		return bad("setup", what, fmt.Sprintf("List 1 to %d command lines, or remove the key", maxCommands))
	}
	if what := commands(f.Verify); what != "" {
		return bad("verify", what, fmt.Sprintf("List 1 to %d command lines, or remove the key to have them detected", maxCommands))
	}
	if len(f.Protected.Allow) > maxGlobs {
		return bad("protected.allow", fmt.Sprintf("%d patterns", len(f.Protected.Allow)), fmt.Sprintf("Use at most %d", maxGlobs))
	}
	for i, glob := range f.Protected.Allow {
		if err := CheckGlob(glob); err != nil {
			return bad(fmt.Sprintf("protected.allow[%d]", i), fmt.Sprintf("%s: %v", strict.Quote(glob), err), "Write paths such as .github/ISSUE_TEMPLATE/**")
		}
	}
	if f.Approvals != "" && f.Approvals != "anyone" && f.Approvals != "others" {
		return bad("approvals", strict.Quote(f.Approvals)+" is no such choice", "Write anyone or others")
	}
	for _, c := range []struct{ key, value string }{{"on_review", f.OnReview}} {
		if c.value != "" && c.value != "ask" && c.value != "auto" && c.value != "off" {
			return bad(c.key, strict.Quote(c.value)+" is no such choice", "Write ask, auto or off, in quotes")
		}
	}
	if len(f.Network.Allow) > maxHosts {
		return bad("network.allow", fmt.Sprintf("%d hosts", len(f.Network.Allow)), fmt.Sprintf("Use at most %d", maxHosts))
	}
	for i, host := range f.Network.Allow {
		if what := hostlist.Check(host); what != "" {
			return bad(fmt.Sprintf("network.allow[%d]", i), strict.Quote(host)+" "+what, "Write a host such as example.com, or .example.com for it and all below it")
		}
	}
	return anvil.Rules{
		Commit:         commit,
		Base:           f.Base,
		Engine:         f.Engine,
		Model:          f.Model,
		Environment:    f.Environment,
		Setup:          f.Setup,
		Verify:         f.Verify,
		AllowProtected: f.Protected.Allow,
		AllowHosts:     f.Network.Allow,
		Ready:          f.PullRequest.Ready,
		ProposeIssue:   f.Tools.ProposeIssue,
		OnReview:       f.OnReview,
		OthersApprove:  f.Approvals == "others",
	}, nil
}

// unreadable names the first fault, and says how many more there are.
func unreadable(err error, commit string) *anvil.Problem {
	var found strict.Errors
	if !errors.As(err, &found) || len(found) == 0 {
		return anvil.Problemf(CodeSyntax, "Correct it on the default branch", "%s: %v", at(commit), err)
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
	return anvil.Problemf(code, next, "%s, %s%s%s", at(commit), first.Where(), first.What, more)
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

func at(commit string) string {
	if len(commit) > 7 {
		commit = commit[:7]
	}
	if commit == "" {
		return Path
	}
	return Path + " at " + commit
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
