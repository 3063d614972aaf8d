package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/gateway"
	"github.com/seed-bc0cc349/anvil/app/notify"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
	"github.com/seed-bc0cc349/anvil/app/store"
	"github.com/seed-bc0cc349/anvil/config"
)

// Shown is a task as `anvil show` tells it, to people and as JSON.
type Shown struct {
	Task        string         `json:"task"`
	State       string         `json:"state"`
	Repository  string         `json:"repository"`
	Issue       int            `json:"issue"`
	Requester   string         `json:"requester"`
	Instruction string         `json:"instruction"`
	Branch      string         `json:"branch"`
	PullRequest int            `json:"pull_request,omitempty"`
	CreatedAt   time.Time      `json:"created_at"`
	ClosedAt    time.Time      `json:"closed_at,omitzero"`
	Problem     *anvil.Problem `json:"problem,omitempty"`
	Runs        []ShownRun     `json:"runs"`
	Events      map[string]int `json:"events"` // how many, by kind
	Usage       anvil.Usage    `json:"usage"`
	Models      []ShownModel   `json:"models,omitempty"`
	Budgets     []ShownBudget  `json:"budgets,omitempty"`

	told string // as every place tells it
}

// ShownRun is one attempt.
type ShownRun struct {
	Run     string         `json:"run"`
	State   string         `json:"state"`
	Engine  string         `json:"engine,omitempty"`
	Version string         `json:"version,omitempty"` // of the engine, as the runner found it
	Model   string         `json:"model,omitempty"`
	URL     string         `json:"url,omitempty"`
	Usage   anvil.Usage    `json:"usage"`
	Problem *anvil.Problem `json:"problem,omitempty"`
	// Environment is the dev container that it worked in, with its image's digest.
	Environment *anvil.Environment `json:"environment,omitempty"`
	Spans       []anvil.Span       `json:"spans,omitempty"` // how long its parts took
	Debug       string             `json:"debug,omitempty"` // digest of its debug package; see SaveDebug
}

// ShownModel is what one model at one upstream took. Refused calls are none.
type ShownModel struct {
	Model     string      `json:"model"`
	Upstream  string      `json:"upstream"`
	Usage     anvil.Usage `json:"usage"`
	Estimated int         `json:"estimated,omitempty"` // calls whose tokens the provider did not tell
	Failed    int         `json:"failed,omitempty"`
}

// ShownBudget is a budget that the task spends from.
type ShownBudget struct {
	Scope       string    `json:"scope"`
	Per         string    `json:"per"`
	UsedMicros  int64     `json:"used_micros"`
	LimitMicros int64     `json:"limit_micros,omitempty"`
	UsedTokens  int64     `json:"used_tokens"`
	LimitTokens int64     `json:"limit_tokens,omitempty"`
	Resets      time.Time `json:"resets,omitzero"`
}

// Show reads a task from the database of a server, which may be running.
func Show(ctx context.Context, cfg *config.Config, id anvil.TaskID) (*Shown, error) {
	s, err := store.Look(cfg.DataDir, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	story, err := s.Story(ctx, id)
	if errors.Is(err, anvil.ErrNotFound) {
		return nil, anvil.Problemf("TASK_UNKNOWN", "Take the id from the end of the task's comment.", "there is no task %q here", plain(string(id), 40))
	}
	if err != nil {
		return nil, err
	}
	calls, err := s.Calls(ctx, id)
	if err != nil {
		return nil, err
	}
	v := shownOf(story, calls)
	if err := v.addDebug(ctx, s); err != nil {
		return nil, err
	}
	return v, v.addBudgets(ctx, cfg, s, story, time.Now())
}

func shownOf(story anvil.Story, calls []anvil.ModelCall) *Shown {
	command := story.Task.Command
	v := &Shown{
		Task: string(story.Task.ID), State: string(story.Run().State), Repository: story.Session.Repository.FullName(), Issue: story.Session.Number(),
		Requester: command.Requester.Login, Instruction: command.Prompt.Instruction, Branch: story.Session.Branch, PullRequest: story.Session.PullRequest,
		CreatedAt: story.Task.CreatedAt, ClosedAt: story.Task.ClosedAt, Problem: story.Run().Problem, Usage: story.Usage, Events: map[string]int{}, told: notify.Plain(notify.Of(story)),
	}
	for _, e := range story.Events {
		v.Events[e.Kind]++
	}
	for _, run := range story.Runs {
		r := ShownRun{Run: string(run.ID), State: string(run.State), Engine: run.Engine.Name, Version: run.Engine.Version, Model: run.Engine.Model, URL: run.Placement.URL, Problem: run.Problem}
		if run.Report != nil {
			r.Environment, r.Spans = run.Report.Environment, run.Report.Spans
		}
		for _, c := range calls {
			if c.Run == run.ID {
				r.Usage.Add(c.Usage)
			}
		}
		v.Runs = append(v.Runs, r)
	}
	for _, c := range calls {
		if c.State != anvil.CallRefused {
			v.addCall(c)
		}
	}
	return v
}

func (v *Shown) addCall(c anvil.ModelCall) {
	i := slices.IndexFunc(v.Models, func(m ShownModel) bool { return m.Model == c.Model && m.Upstream == c.Upstream })
	if i < 0 {
		i, v.Models = len(v.Models), append(v.Models, ShownModel{Model: c.Model, Upstream: c.Upstream})
	}
	m := &v.Models[i]
	m.Usage.Add(c.Usage)
	if c.Estimated {
		m.Estimated++
	}
	if c.State == anvil.CallFailed {
		m.Failed++
	}
}

// addBudgets adds what is spent of the budgets that the task's latest run spends from.
func (v *Shown) addBudgets(ctx context.Context, cfg *config.Config, s *store.Store, story anvil.Story, now time.Time) error {
	if len(cfg.Budgets) == 0 {
		return nil
	}
	caller, err := s.Caller(ctx, story.Run().ID)
	if err != nil {
		return err
	}
	for _, b := range budgetsOf(cfg) {
		if b.Limit.Calls > 0 {
			continue // gateway.max_calls
		}
		used, err := s.Spending(ctx, gateway.Spender(caller, b.Scope), b.On(now))
		if err != nil {
			return err
		}
		per := "total"
		if b.Day {
			per = "day"
		}
		v.Budgets = append(v.Budgets, ShownBudget{
			Scope: string(b.Scope), Per: per, UsedMicros: used.CostMicros, LimitMicros: b.Limit.CostMicros,
			UsedTokens: used.Tokens, LimitTokens: b.Limit.Tokens, Resets: b.Resets(now),
		})
	}
	return nil
}

// Write tells it to people.
func (v *Shown) Write(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(text string, args ...any) { fmt.Fprintf(out, text+"\n", args...) }
	line("task %s of %s: %s", v.Task, v.Repository, strings.TrimSuffix(v.told, "\n"))
	line("\nruns")
	for _, r := range v.Runs {
		line("  %s\t%s\t%s\t%s\t%s", r.Run, r.State, plain(notify.Engine(anvil.EngineInfo{Name: r.Engine, Version: r.Version, Model: r.Model}), 80), notify.Usage(r.Usage), r.URL)
		if len(r.Spans) > 0 {
			line("  \t%s", notify.Spans(r.Spans))
		}
		if r.Debug != "" {
			line("  \tdebug package: anvil show %s --debug FILE", v.Task)
		}
	}
	if len(v.Models) > 0 {
		line("\nmodels\t%s", notify.Usage(v.Usage))
	}
	for _, m := range v.Models {
		line("  %s\t%s\t%d calls\t%s%s", plain(m.Model, 80), m.Upstream, m.Usage.Calls, notify.Usage(m.Usage), m.remarks())
	}
	if len(v.Budgets) > 0 {
		line("\nbudgets")
	}
	for _, b := range v.Budgets {
		line("  %s\t%s", b.Scope, b.text())
	}
	line("\nevents")
	for _, kind := range slices.Sorted(maps.Keys(v.Events)) {
		line("  %s\t%d", plain(kind, 60), v.Events[kind])
	}
	return out.Flush()
}

func (m ShownModel) remarks() string {
	text := ""
	if m.Failed > 0 {
		text += fmt.Sprintf(", %d failed", m.Failed)
	}
	if m.Estimated > 0 {
		text += fmt.Sprintf(", %d estimated", m.Estimated)
	}
	return text
}

func (b ShownBudget) text() string {
	var parts []string
	if b.LimitMicros > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s", notify.Dollars(b.UsedMicros), notify.Dollars(b.LimitMicros)))
	}
	if b.LimitTokens > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d tokens", b.UsedTokens, b.LimitTokens))
	}
	text := strings.Join(parts, ", ")
	if !b.Resets.IsZero() {
		text += " today, begins anew at " + b.Resets.Format("2006-01-02 15:04") + " UTC"
	}
	return text
}

// plain is text from outside on one line of a terminal, of at most n characters.
func plain(text string, n int) string {
	line := []rune(strings.Join(strings.Fields(sanitize.Terminal(text)), " "))
	if len(line) > n {
		return string(line[:n-1]) + "…"
	}
	return string(line)
}
