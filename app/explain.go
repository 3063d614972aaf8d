package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/intake"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/app/rulebook"
	"github.com/seed-bc0cc349/anvil/app/schedule"
	"github.com/seed-bc0cc349/anvil/app/store"
	"github.com/seed-bc0cc349/anvil/config"
)

// Explained is what would become of a command, rule by rule.
type Explained struct {
	Repository string         `json:"repository"`
	As         string         `json:"as"`
	Text       string         `json:"text"`
	Verdict    policy.Verdict `json:"verdict"`
	Rules      string         `json:"rules"` // the files, with their commits
	Steps      []policy.Step  `json:"steps"`
}

// court is what explaining and replaying ask: GitHub, and the server's database to read.
type court struct {
	cfg   *config.Config
	hub   *github.App
	store *store.Store
	book  *rulebook.Book
}

func openCourt(cfg *config.Config) (*court, error) {
	log := slog.New(slog.DiscardHandler)
	hub, err := hubOf(cfg, time.Now, log)
	if err != nil {
		return nil, err
	}
	s, err := store.Look(cfg.DataDir, log)
	if err != nil {
		return nil, err
	}
	return &court{cfg: cfg, hub: hub, store: s, book: &rulebook.Book{GitHub: hub, Owners: hub, Past: s, ValidRef: git.ValidateRef, Now: time.Now}}, nil
}

// repository finds the repository OWNER/NAME and the commit of its default branch.
func (c *court) repository(ctx context.Context, name string) (anvil.Repository, string, error) {
	owner, short, ok := strings.Cut(name, "/")
	if !ok || owner == "" || short == "" {
		return anvil.Repository{}, "", anvil.Problemf("REPO_UNKNOWN", "Write OWNER/REPO.", "%q is not the name of a repository", plain(name, 100))
	}
	repo, err := c.hub.InstallationOf(ctx, owner, short)
	if errors.Is(err, github.ErrNotFound) {
		return repo, "", anvil.Problemf("REPO_UNKNOWN", "Look at the name, and install the App on the repository.", "the App sees no repository %q", plain(name, 100)).Because(err)
	}
	if err != nil {
		return repo, "", err
	}
	tip, err := c.hub.Branch(ctx, repo, repo.DefaultBranch)
	return repo, tip, err
}

// Explain says what would become of text if login commented it now on an issue of the
// repository: by the functions with which intake, dispatch and the scheduler decide.
func Explain(ctx context.Context, cfg *config.Config, repository, login, text string) (*Explained, error) {
	c, err := openCourt(cfg)
	if err != nil {
		return nil, err
	}
	defer c.store.Close()
	repo, tip, err := c.repository(ctx, repository)
	if err != nil {
		return nil, err
	}
	id, role, err := c.hub.Permission(ctx, repo, login)
	if err != nil && !errors.Is(err, github.ErrNotFound) {
		return nil, err
	}
	if !strings.HasPrefix(text, "/") {
		text = "/anvil " + text
	}
	e := &Explained{Repository: repo.FullName(), As: login, Text: text}
	reading, err := readerOf(cfg, intake.Self{}).Parse(said(repo, anvil.Actor{ID: id, Login: login}, text))
	if err != nil {
		return nil, err
	}
	if reading.Request == nil {
		e.deny("command", reading.Reason, nil)
		return e.judged(), nil
	}
	command, problem, _ := intake.Judge(*reading.Request, intake.Permission{UserID: id, Level: role, Role: role})
	if problem != nil {
		e.deny("command", problem.What, problem)
		return e.judged(), nil
	}
	e.say("command", policy.Allow, fmt.Sprintf("it is read as %s", command.Verb))
	if !command.Verb.Instructs() {
		e.say("ask", policy.Allow, fmt.Sprintf("the role %s may say it; it starts no work", role))
		return e.judged(), nil
	}
	rules, err := c.book.At(ctx, repo, tip)
	if fault := anvil.AsProblem(err); fault != nil {
		e.deny("rules", fault.What, fault)
		return e.judged(), nil
	}
	if err != nil {
		return nil, err
	}
	for _, notice := range rules.Notices {
		e.say("rules", policy.Allow, notice.What)
	}
	e.Rules = policy.Where(rules)
	e.Steps = append(e.Steps, policy.Decide(policy.Case{Command: command, Rules: rules, Offer: offerOf(cfg), DefaultBranch: repo.DefaultBranch}).Steps...)
	if e.judged().Verdict == policy.Deny {
		return e, nil
	}
	step, err := c.turn(ctx, repo)
	if err != nil {
		return nil, err
	}
	e.Steps = append(e.Steps, step)
	return e.judged(), nil
}

// turn says whether a run of the repository would get a slot now.
func (c *court) turn(ctx context.Context, repo anvil.Repository) (policy.Step, error) {
	alive, err := c.store.Alive(ctx)
	if err != nil {
		return policy.Step{}, err
	}
	const asked = anvil.RunID("explained")
	alive = append(alive, anvil.Contender{Run: asked, Session: "explained", Repository: repo.ID, State: anvil.Queued, QueuedAt: time.Now()})
	for _, id := range schedule.Next(alive, capacityOf(c.cfg)) {
		if id == asked {
			return policy.Step{Rule: "capacity", Verdict: policy.Allow, Because: "there is a free slot"}, nil
		}
	}
	waiting := 0
	for _, w := range alive {
		if w.State == anvil.Queued && w.Run != asked {
			waiting++
		}
	}
	return policy.Step{Rule: "capacity", Verdict: policy.Queue, Because: fmt.Sprintf("every slot that it could have is taken; %d wait already", waiting)}, nil
}

// said is the delivery of a comment.
func said(repo anvil.Repository, who anvil.Actor, text string) anvil.Delivery {
	person := map[string]any{"id": who.ID, "login": who.Login, "type": "User"}
	body, err := json.Marshal(map[string]any{
		"action": "created", "sender": person, "installation": map[string]any{"id": repo.Installation},
		"repository": map[string]any{
			"id": repo.ID, "name": repo.Name, "owner": map[string]any{"login": repo.Owner}, "default_branch": repo.DefaultBranch, "private": repo.Private,
		},
		"issue":   map[string]any{"number": 1, "title": "An issue", "state": "open"},
		"comment": map[string]any{"id": 1, "body": text, "user": person},
	})
	if err != nil {
		panic("app: a comment is always JSON: " + err.Error())
	}
	return anvil.Delivery{ID: "explained", Event: "issue_comment", Body: body}
}

func (e *Explained) say(rule string, v policy.Verdict, because string) {
	e.Steps = append(e.Steps, policy.Step{Rule: rule, Verdict: v, Because: because})
}

func (e *Explained) deny(rule, because string, p *anvil.Problem) {
	e.Steps = append(e.Steps, policy.Step{Rule: rule, Verdict: policy.Deny, Because: because, Problem: p})
}

func (e *Explained) judged() *Explained {
	e.Verdict = policy.Decision{Steps: e.Steps}.Verdict()
	return e
}

// Write tells it to people.
func (e *Explained) Write(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%s: %s by %s on an issue of %s\n", e.Verdict, plain(e.Text, 200), e.As, e.Repository); err != nil {
		return err
	}
	if e.Rules != "" {
		fmt.Fprintf(w, "rules: %s\n", e.Rules)
	}
	fmt.Fprintln(w)
	return writeSteps(w, e.Steps)
}
