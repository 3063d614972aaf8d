package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/config/hostlist"
)

// Merge returns what an organisation's rules and a repository's rules say together.
// What only one of them states counts as it stands. Of what both state, the stricter
// counts, key by key:
//
//   - of words, numbers and switches, the stricter one;
//   - of lists that permit (engines, models, runners, channels, network.allow,
//     protected.allow), what is in both;
//   - of lists that demand (verify, setup, screenshots, protected.paths, labels, reviewers), what is
//     in either, the organisation's first;
//   - of plain choices (base, engine, model, environment, sparse), the repository's.
//
// Merging twice is the same as once.
func Merge(organisation, repository anvil.Rules) anvil.Rules {
	o, r := organisation, repository
	return anvil.Rules{
		Commit: r.Commit, Organisation: cmp.Or(o.Organisation, r.Organisation), Written: o.Written || r.Written, Notices: union(o.Notices, r.Notices),
		Ask: stricter(asks, o.Ask, r.Ask), Channels: both(o.Channels, r.Channels),
		Base: cmp.Or(r.Base, o.Base), Engine: cmp.Or(r.Engine, o.Engine), Model: cmp.Or(r.Model, o.Model), Environment: cmp.Or(r.Environment, o.Environment), Sparse: either(r.Sparse, o.Sparse),
		Engines: both(o.Engines, r.Engines), Models: both(o.Models, r.Models), Runners: both(o.Runners, r.Runners),
		Budget: anvil.Limit{CostMicros: less(o.Budget.CostMicros, r.Budget.CostMicros), Tokens: less(o.Budget.Tokens, r.Budget.Tokens)},
		Setup:  union(o.Setup, r.Setup), Verify: union(o.Verify, r.Verify), VerifyAlways: union(o.VerifyAlways, r.VerifyAlways),
		Screenshots: union(o.Screenshots, r.Screenshots),
		Protect:     union(o.Protect, r.Protect), MayChange: eitherList(o.MayChange, r.MayChange), AllowHosts: bothHosts(o.AllowHosts, r.AllowHosts),
		Hold: stricter(holds, o.Hold, r.Hold), OthersApprove: o.OthersApprove || r.OthersApprove,
		PullRequests: stricter(pullRequests, o.PullRequests, r.PullRequests), Signing: stricter(signings, o.Signing, r.Signing),
		Ready: neither(o.Ready, r.Ready), Labels: union(o.Labels, r.Labels), Reviewers: union(o.Reviewers, r.Reviewers), Independent: o.Independent || r.Independent,
		ProposeIssue: neither(o.ProposeIssue, r.ProposeIssue),
		OnReview:     stricter(modes, o.OnReview, r.OnReview), OnCIFailure: stricter(modes, o.OnCIFailure, r.OnCIFailure),
	}
}

// stricter is the word that stands later in the order; one that was not stated has no
// say.
func stricter(order []string, a, b string) string {
	if slices.Index(order, a) > slices.Index(order, b) {
		return a
	}
	return b
}

// less is the smaller bound; zero bounds nothing.
func less(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// neither is true only where nobody who stated something said false.
func neither(a, b *bool) *bool {
	if a != nil && (b == nil || !*a) {
		return a
	}
	return b
}

// both is what stands in both lists, in b's order; nil lists state nothing.
func both(a, b []string) []string {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	in := []string{}
	for _, s := range b {
		if slices.Contains(a, s) {
			in = append(in, s)
		}
	}
	return in
}

// bothHosts is both, of hosts: of two entries that overlap, the narrower is in both.
func bothHosts(a, b []string) []string {
	if a == nil || b == nil {
		return both(a, b)
	}
	in := []string{}
	for _, host := range b {
		if hostlist.Covers(a, host) {
			in = append(in, host)
		}
	}
	for _, host := range a {
		if hostlist.Covers(b, host) && !slices.Contains(in, host) {
			in = append(in, host)
		}
	}
	return in
}

// union is what stands in either list, a's first.
func union[T comparable](a, b []T) []T {
	all := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// either is the list that was stated, a if both were.
func either(a, b []string) []string {
	if a != nil {
		return a
	}
	return b
}

// eitherList is union, of lists.
func eitherList(a, b [][]string) [][]string {
	all := slices.Clone(a)
	for _, list := range b {
		if !slices.ContainsFunc(all, func(have []string) bool { return slices.Equal(have, list) }) {
			all = append(all, list)
		}
	}
	return all
}

// said joins words for a sentence.
func said(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
