package app

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/inspect"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/config"
)

// Replayed is what another file of rules would have made of past commands.
type Replayed struct {
	Repository string            `json:"repository"`
	Rules      string            `json:"rules"` // in force, which the file is compared with
	Commands   int               `json:"commands"`
	Different  []ReplayedCommand `json:"different"`
}

// ReplayedCommand is one command that would go another way.
type ReplayedCommand struct {
	At      time.Time      `json:"at"`
	Task    string         `json:"task,omitempty"`
	Who     string         `json:"who"`
	Issue   int            `json:"issue"`
	Verb    anvil.Verb     `json:"verb"`
	Now     policy.Verdict `json:"now"`
	Then    policy.Verdict `json:"then"` // with the file
	Changes []policy.Step  `json:"changes"`
}

// Replay asks the rules in force, and those rules with text in the place of the
// repository's file or the organisation's, about the commands since a time, and tells
// what differs. The roles are those that people had when they asked.
func Replay(ctx context.Context, cfg *config.Config, repository string, text []byte, organisation bool, since time.Time) (*Replayed, error) {
	c, err := openCourt(cfg)
	if err != nil {
		return nil, err
	}
	defer c.store.Close()
	repo, tip, err := c.repository(ctx, repository)
	if err != nil {
		return nil, err
	}
	now, err := c.book.At(ctx, repo, tip)
	if err != nil {
		return nil, err
	}
	then, err := c.changed(ctx, repo, tip, text, organisation)
	if err != nil {
		return nil, err
	}
	past, err := c.store.PastCommands(ctx, repo.ID, since)
	if err != nil {
		return nil, err
	}
	r := &Replayed{Repository: repo.FullName(), Rules: policy.Where(now), Commands: len(past), Different: []ReplayedCommand{}}
	for _, p := range past {
		before, after := c.steps(repo, now, p), c.steps(repo, then, p)
		if changes := different(before, after); len(changes) > 0 {
			r.Different = append(r.Different, ReplayedCommand{
				At: p.At, Task: string(p.Task), Who: p.Command.Requester.Login, Issue: p.Command.Thread.Issue, Verb: p.Command.Verb,
				Now: policy.Decision{Steps: before}.Verdict(), Then: policy.Decision{Steps: after}.Verdict(), Changes: changes,
			})
		}
	}
	return r, nil
}

// changed returns the rules with text in the place of one of their files.
func (c *court) changed(ctx context.Context, repo anvil.Repository, tip string, text []byte, organisation bool) (anvil.Rules, error) {
	own, others, err := c.book.Files(ctx, repo, tip)
	if err != nil {
		return anvil.Rules{}, err
	}
	var problem *anvil.Problem
	if organisation {
		others, problem = policy.ParseOrganisation(text, anvil.RulesFile{Repository: "the given file", Commit: "new"}, git.ValidateRef)
	} else {
		own, problem = policy.Parse(text, "new", git.ValidateRef)
	}
	if problem != nil {
		return anvil.Rules{}, problem
	}
	return policy.Merge(others, own), nil
}

// steps is what rules say to a command and to the change that came of it.
func (c *court) steps(repo anvil.Repository, rules anvil.Rules, p anvil.PastCommand) []policy.Step {
	steps := policy.Decide(policy.Case{Command: p.Command, Rules: rules, Offer: offerOf(c.cfg), DefaultBranch: repo.DefaultBranch}).Steps
	if len(p.Files) == 0 {
		return steps
	}
	step := policy.Step{Rule: "change", Verdict: policy.Allow, Because: "its change is published at once"}
	if why, paths := inspect.Withheld(rules, p.Files); why != nil {
		step.Verdict, step.Because = policy.Hold, fmt.Sprintf("its change waits for a person (%s): %s", why.Code, strings.Join(paths, ", "))
	}
	return append(steps, step)
}

// different returns the later steps that are not among the earlier ones. What only
// names the files is no difference.
func different(before, after []policy.Step) (changes []policy.Step) {
	said := map[string]policy.Step{}
	for _, s := range before {
		said[s.Rule] = s
	}
	for _, s := range after {
		was, ok := said[s.Rule]
		if s.Verdict == policy.Deny && was.Verdict == policy.Deny || ok && was.Verdict == s.Verdict && was.Because == s.Because {
			continue
		}
		changes = append(changes, s)
	}
	return changes
}

// Write tells it to people.
func (r *Replayed) Write(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%d of %d commands in %s would go another way than by %s\n", len(r.Different), r.Commands, r.Repository, r.Rules); err != nil {
		return err
	}
	for _, d := range r.Different {
		fmt.Fprintf(w, "\n%s -> %s: %s by %s on #%d at %s", d.Now, d.Then, d.Verb, d.Who, d.Issue, d.At.UTC().Format("2006-01-02 15:04"))
		if d.Task != "" {
			fmt.Fprintf(w, ", task %s", d.Task)
		}
		fmt.Fprintln(w)
		if err := writeSteps(w, d.Changes); err != nil {
			return err
		}
	}
	return nil
}

func writeSteps(w io.Writer, steps []policy.Step) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range steps {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", s.Verdict, s.Rule, plain(s.Because, 300))
		if s.Problem != nil && s.Problem.Next != "" {
			fmt.Fprintf(table, "\t\t%s\n", plain(s.Problem.Next, 300))
		}
	}
	return table.Flush()
}
