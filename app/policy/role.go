package policy

import (
	"cmp"
	"slices"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// CodePermission says that somebody's role is not enough.
const CodePermission anvil.Code = "NO_PERMISSION"

// MayWrite reports whether a role permits to ask for work and to have it
// published, unless the rules want more. Role is as GitHub's collaborator-permission
// call gives it: a custom role counts as the level that it builds on. It is asked when
// a command comes in and again before anything is published.
func MayWrite(role string) bool { return slices.Contains(asks, role) }

// MayAsk is MayWrite by the rules of a repository.
func MayAsk(rules anvil.Rules, role string) bool {
	return MayWrite(role) && slices.Index(asks, role) >= slices.Index(asks, cmp.Or(rules.Ask, "write"))
}

// NotAllowed is the problem of somebody whose role is not enough by the rules.
func NotAllowed(rules anvil.Rules, role string) *anvil.Problem {
	least := cmp.Or(rules.Ask, "write")
	return anvil.Problemf(CodePermission, "Ask somebody with that role to post the command",
		"work here is asked for by the role %s or above, and yours is %s (ask in %s)", least, Shown(role), Where(rules))
}
