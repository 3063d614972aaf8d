package anvil

import "slices"

// Rules govern the work on a repository: what its own .github/anvil.yml says on its
// default branch, as read at Commit, and what the organisation's anvil.yml says,
// merged by package policy. A field that is zero was stated by neither, and a list
// that is empty but not nil was stated: nothing at all.
type Rules struct {
	Commit string `json:"commit"`
	// Organisation is the organisation's file that took part, if there was one.
	Organisation *RulesFile `json:"organisation,omitempty"`

	Ask      string   `json:"ask,omitempty"`     // the least role that may ask for work; empty: write
	Channels []string `json:"channels,omitzero"` // places that work may be asked for from

	Base   string `json:"base,omitempty"`
	Engine string `json:"engine,omitempty"`
	Model  string `json:"model,omitempty"`
	// Engines and Models bound what may be chosen.
	Engines []string `json:"engines,omitzero"`
	Models  []string `json:"models,omitzero"`
	Budget  Limit    `json:"budget,omitzero"`  // of each task
	Runners []string `json:"runners,omitzero"` // labels of runners that may be used, the first one is
	// Environment is the name of the dev container to work in, or none; empty leaves
	// the choice to the repository's files.
	Environment string `json:"environment,omitempty"`
	// Sparse lists the directories that an agent's tree has; empty: all.
	Sparse []string `json:"sparse,omitempty"`
	// Setup lists the commands that prepare the environment, for the agent and for
	// the checks.
	Setup  []string `json:"setup,omitempty"`
	Verify []string `json:"verify,omitempty"`
	// Screenshots lists the commands that make pictures of a change, where it was verified.
	Screenshots []string `json:"screenshots,omitempty"`
	// VerifyAlways are those of Verify that a command can't replace.
	VerifyAlways []string `json:"verify_always,omitempty"`

	Protect []string `json:"protect,omitempty"` // globs of paths that are protected too
	// MayChange lists globs of protected paths that may be published. A path has to be
	// in each of the lists.
	MayChange  [][]string `json:"may_change,omitempty"`
	AllowHosts []string   `json:"allow_hosts,omitzero"` // that the run may speak to, besides the operator's own list

	Hold          string   `json:"hold,omitempty"`           // protected or all; empty: protected
	OthersApprove bool     `json:"others_approve,omitempty"` // the requester can't approve a plan or release a change alone
	PullRequests  string   `json:"pull_requests,omitempty"`  // push, stack or off; empty: stack
	Signing       string   `json:"signing,omitempty"`        // app or api; empty: app
	Ready         *bool    `json:"ready,omitempty"`          // open pull requests ready for review, not as drafts
	Labels        []string `json:"labels,omitempty"`         // of pull requests
	Reviewers     []string `json:"reviewers,omitempty"`      // asked to review pull requests: logins, and teams as ORG/TEAM
	Independent   bool     `json:"independent,omitempty"`    // a second check waits for an independent review
	ProposeIssue  *bool    `json:"propose_issue,omitempty"`  // agents may open issues for what they find
	OnReview      string   `json:"on_review,omitempty"`      // ask, auto or off; empty: ask
	OnCIFailure   string   `json:"on_ci_failure,omitempty"`  // ask, auto or off; empty: ask

	Written bool `json:"written,omitempty"` // there was a file
	// Notices are what people should know about where these rules came from.
	Notices []*Problem `json:"notices,omitempty"`
}

// RulesFile says which file of rules was read.
type RulesFile struct {
	Repository string `json:"repository"`
	Commit     string `json:"commit"`
}

// Limit bounds what models may take. Zero fields bound nothing.
type Limit struct {
	CostMicros int64 `json:"cost_micros,omitempty"` // millionths of a US dollar
	Tokens     int64 `json:"tokens,omitempty"`
}

// OpensReady reports whether pull requests are opened ready for review.
func (r Rules) OpensReady() bool { return r.Ready != nil && *r.Ready }

// MayProposeIssue reports whether agents may open issues.
func (r Rules) MayProposeIssue() bool { return r.ProposeIssue != nil && *r.ProposeIssue }

// Checks returns the verification commands of a task with these options, and who
// chose them: command, rules or nobody (""), which leaves it to the runner to detect
// them. What a command brings takes the place of the repository's checks, and never
// of the organisation's.
func (r Rules) Checks(o Options) (commands []string, by string) {
	switch {
	case len(o.Verify) > 0:
		commands = slices.Clone(r.VerifyAlways)
		for _, c := range o.Verify {
			if !slices.Contains(commands, c) {
				commands = append(commands, c)
			}
		}
		return commands, "command"
	case len(r.Verify) > 0:
		return r.Verify, "rules"
	}
	return nil, ""
}
