package standalone

import (
	"context"
	"encoding/json"
	"os"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/app/runapi"
	"github.com/seed-bc0cc349/anvil/config"
)

// Prepare decides what the job is to do and writes the assignment to file, without any
// secret. An [*Ignored] error says that there is nothing to do, and an [anvil.Problem]
// what a person has to know; see [Tell].
func Prepare(ctx context.Context, j Job, o Options, file string) (anvil.Story, error) {
	h, err := connect(j)
	if err != nil {
		return anvil.Story{}, err
	}
	story, err := decide(ctx, j, o, h)
	if err != nil {
		return story, err
	}
	provider, err := o.provider(story.Run().Engine.Model)
	if err != nil {
		return story, err
	}
	b, err := json.MarshalIndent(runapi.Alone{Assignment: assignment(story, o, h), Attempt: j.Attempt, Provider: provider}, "", "  ")
	if err != nil {
		return story, err
	}
	return story, os.WriteFile(file, b, 0o600)
}

// assignment is what a server's lease hop would answer a claim with.
func assignment(s anvil.Story, o Options, h hub) runapi.Assignment {
	run, repo, prompt := s.Run(), s.Session.Repository, s.Task.Command.Prompt
	verify, source := run.Rules.Checks(s.Task.Command.Options)
	if source == "rules" {
		source = policy.Path
	}
	mode := o.Containment
	if mode == "" {
		mode = "auto"
	}
	return runapi.Assignment{
		Run: string(run.ID), Repository: runapi.Repository{ID: repo.ID, FullName: repo.FullName(), CloneURL: h.CloneURL(repo)},
		BaseRef: run.BaseRef, BaseCommit: run.BaseCommit,
		Engine: runapi.Engine{Name: run.Engine.Name, Kind: run.Engine.Kind, Version: config.TestedVersion(run.Engine.Kind), Command: o.Command, Model: run.Engine.Model},
		Prompt: runapi.Prompt{
			Instruction: prompt.Instruction, IssueNumber: s.Session.Issue, IssueTitle: prompt.IssueTitle, IssueBody: prompt.IssueBody, Digest: prompt.Digest,
		},
		Setup: run.Rules.Setup, Screenshots: run.Rules.Screenshots, Sparse: run.Rules.Sparse, Verify: verify, VerifySource: source, RepairRounds: 2,
		Model:       o.Engine != "command" || o.Provider != "",
		Environment: runapi.Environment{DevContainer: o.DevContainer, Name: run.Rules.Environment},
		Containment: runapi.Containment{Mode: mode, Network: "proxy", Allow: append(o.AllowHosts, run.Rules.AllowHosts...)},
	}
}
