package config

import (
	"errors"
	"fmt"
	"strings"
)

// Problem is one thing in a configuration that cannot work. It reads
// `CODE: what. What to do.`, as every problem of the product does.
type Problem struct {
	Code string // see the Code constants
	Path string // the setting, such as limits.lease; empty for the file itself
	What string // without a final stop
	Next string // the exact change to make
}

// Codes of problems; docs/errors.md says what to do about each.
const (
	CodeFile       = "CFG_FILE"        // the file cannot be read
	CodeSyntax     = "CFG_SYNTAX"      // not YAML, an unknown or doubled key, a value of another kind
	CodeValue      = "CFG_VALUE"       // missing, out of range or not one of those allowed
	CodeConflict   = "CFG_CONFLICT"    // two settings that exclude each other
	CodePublicURL  = "CFG_PUBLIC_URL"  // not an address that runners can be sent to
	CodeGitHubURL  = "CFG_GITHUB_URL"  // not an address of a GitHub
	CodeEngine     = "CFG_ENGINE"      // no engine, or one that cannot be started
	CodeKey        = "CFG_KEY"         // no private key, or not one
	CodeKeyMode    = "CFG_KEY_MODE"    // others can read the private key
	CodeSecret     = "CFG_SECRET"      // no webhook secret where it should be
	CodeSecretMode = "CFG_SECRET_MODE" // others can read the webhook secret
	CodeNoSecret   = "CFG_SECRET_EMPTY"
	CodeClient     = "CFG_CLIENT" // no client id or secret where they should be

	CodeUpstream    = "CFG_UPSTREAM"     // an upstream of models that cannot be asked
	CodeUpstreamKey = "CFG_UPSTREAM_KEY" // no key where it should be
	CodeSessionKey  = "CFG_SESSION_KEY"  // no key for sessions where it should be, or others can read it
	CodeRegistry    = "CFG_REGISTRY"     // no login at the registry where it should be
	CodeLinear      = "CFG_LINEAR"       // Linear without a secret, a repository or an id where they should be
	CodeSlack       = "CFG_SLACK"        // Slack without a token or an id where they should be
	CodeTools       = "CFG_TOOLS"        // a tool server or a quota that cannot be
)

func (p *Problem) Error() string {
	what := p.What
	if p.Path != "" {
		what = p.Path + ": " + what
	}
	if p.Next == "" {
		return fmt.Sprintf("%s: %s.", p.Code, what)
	}
	return fmt.Sprintf("%s: %s. %s.", p.Code, what, p.Next)
}

// Problems is everything that is wrong with a configuration. One start shows
// them all, so that an operator does not repair them one restart at a time.
type Problems []*Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.As each single problem.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// AsProblems returns the problems in err's chain, or nil.
func AsProblems(err error) Problems {
	var ps Problems
	if errors.As(err, &ps) {
		return ps
	}
	return nil
}

func (ps *Problems) add(code, path, next, what string, args ...any) {
	*ps = append(*ps, &Problem{Code: code, Path: path, Next: next, What: fmt.Sprintf(what, args...)})
}

// orNil keeps an empty list from becoming an error that is not nil.
func (ps Problems) orNil() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}
