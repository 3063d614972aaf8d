package standalone

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/inspect"
	"github.com/seed-bc0cc349/anvil/app/lease"
	"github.com/seed-bc0cc349/anvil/app/publish"
	"github.com/seed-bc0cc349/anvil/app/queue"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// patience is how long it is tried to publish before the job fails.
const patience = 10 * time.Minute

// publisher carries one story to its end.
type publisher struct {
	job    Job
	hub    hub
	store  *memory
	words  publish.Words
	log    *slog.Logger
	handed *handover
}

// Publish takes over what the first job left in the directory from, inspects it, and
// publishes it. The story that it returns has an outcome unless there is an error.
// Canaries are secrets that must not be in a change, by what they are.
func Publish(ctx context.Context, j Job, o Options, from string, words publish.Words, canaries map[string]string, log *slog.Logger) (anvil.Story, error) {
	h, err := connect(j)
	if err != nil {
		return anvil.Story{}, err
	}
	story, err := decide(ctx, j, o, h)
	if err != nil {
		return story, err
	}
	handed, err := open(from)
	if err != nil {
		return story, err
	}
	defer handed.Close()
	if err := takeOver(ctx, &story, j, h, handed); err != nil {
		return story, err
	}
	p := &publisher{job: j, hub: h, store: &memory{story: story}, words: words, log: log, handed: handed}
	err = p.carry(ctx, canaries)
	return p.store.now(), err
}

// takeOver adds to a story what the first job says of its run, as far as it may: what
// was asked, by whom and by which rules stands in the story already.
func takeOver(ctx context.Context, s *anvil.Story, j Job, h hub, handed *handover) error {
	a := handed.alone
	if a.Attempt < 1 || a.Attempt > j.Attempt || a.Assignment.Run != string(s.Run().ID) {
		return anvil.Problemf(CodeHandover, "Re-run all jobs of the workflow run", "what the first job left is not of this workflow run")
	}
	// The base may have moved on since the agent began. It must still have the commit.
	base, run := a.Assignment.BaseCommit, &s.Runs[0]
	if base != run.BaseCommit {
		has, err := h.Contains(ctx, s.Session.Repository, run.BaseCommit, base)
		if err != nil {
			return err
		}
		if !has {
			return anvil.Problemf("BUNDLE_BASE", "Re-run all jobs of the workflow run", "the commit from which the run started is not in the branch %s", run.BaseRef)
		}
		run.BaseCommit = base
	}
	s.Session.Branch = branchOf(*s, j.RunID, a.Attempt)
	run.CreatedAt, run.ChangedAt = handed.at, time.Now()
	s.Task.CreatedAt, s.Session.CreatedAt = handed.at, handed.at
	run.Report = lease.ReportOf(*run, handed.finish)
	spent := handed.spent
	s.Usage = anvil.Usage{
		Calls: spent.Calls, Input: spent.Input, Cached: spent.Cached, CacheWrite: spent.CacheWrite, Output: spent.Output, CostMicros: spent.CostMicros,
	}
	run.State = anvil.Working
	return nil
}

// carry inspects, publishes and tells.
func (p *publisher) carry(ctx context.Context, canaries map[string]string) error {
	run := p.store.now().Run()
	switch handed := p.handed.finish; handed.Result {
	case runapi.Proposed:
		if err := p.deliver(ctx, canaries); err != nil {
			return err
		}
	case runapi.Unchanged:
		p.end(ctx, anvil.Unchanged, nil)
	case runapi.Cancelled:
		p.end(ctx, anvil.Cancelled, run.Report.Problem)
	default:
		problem := run.Report.Problem
		if problem == nil {
			problem = anvil.Problemf("RUN_FAILED", "See the workflow run's log", "the run failed and did not say why")
		}
		p.end(ctx, anvil.Failed, problem)
	}
	return p.tell(ctx)
}

func (p *publisher) end(ctx context.Context, to anvil.State, problem *anvil.Problem) {
	_, _ = p.store.Move(ctx, "", to, func(r *anvil.Run) error { r.Problem = problem; return nil })
}

// deliver puts the proposal through the hops of the server.
func (p *publisher) deliver(ctx context.Context, canaries map[string]string) error {
	_, _ = p.store.Move(ctx, "", anvil.Inspecting, nil)
	program, err := git.Find(ctx)
	if err != nil {
		return err
	}
	inspector, err := inspect.New(inspect.Config{Git: program, Dir: filepath.Join(p.job.Temp, "anvil-quarantine"), Canaries: func() (all []inspect.Canary) {
		for kind, value := range canaries {
			all = append(all, inspect.Canary{Kind: kind, Value: value})
		}
		return all
	}})
	if err != nil {
		return err
	}
	inspection := &inspect.Hop{
		Store: p.store, GitHub: p.hub, Blobs: bundle{p.handed.root}, Inspector: inspector, Rules: bookOf(p.hub).At,
		HoldFor: time.Hour, Patience: patience, Now: time.Now, Log: p.log,
	}
	id := string(p.store.now().Run().ID)
	defer inspection.Clear(anvil.RunID(id))
	if err := patiently(ctx, func() error { return inspection.Inspect(ctx, id) }); err != nil {
		return err
	}
	deliverer := &publish.Deliverer{
		Store: p.store, GitHub: p.hub, Pulls: p.hub, Signing: p.hub, Triage: p.hub, Checks: p.hub, Words: p.words, Markers: p.markers(),
		Screenshot: p.handed.screenshot,
		Quarantine: inspection.Open, Done: inspection.Clear, Bot: p.hub.Bot, Server: p.job.Web, Patience: patience, Now: time.Now, Log: p.log,
	}
	if p.store.now().Run().State == anvil.Delivering {
		if err := p.tell(ctx); err != nil { // people see that something is coming, and where
			return err
		}
	}
	return patiently(ctx, func() error { return deliverer.Deliver(ctx, id) })
}

// tell brings the one comment, the reaction and the check run up to date. A task without
// an issue is told on the workflow run's page only.
func (p *publisher) tell(ctx context.Context) error {
	story := p.store.now()
	if story.Session.Issue == 0 {
		return nil
	}
	announcer := &publish.Announcer{
		Store: p.store, Talk: p.hub, Checks: p.hub, Words: p.words, Markers: p.markers(), Server: p.job.Web, Now: time.Now, Log: p.log,
	}
	return patiently(ctx, func() error { return announcer.Announce(ctx, string(story.Task.ID)) })
}

// markers need no secret here: what carries one counts only if our account made it.
func (p *publisher) markers() publish.Markers {
	key := sha256.Sum256(fmt.Appendf(nil, "anvil standalone %d", p.job.RunID))
	return publish.Markers{Key: key[:]}
}

// patiently does what a hop asks for, and again when it says so.
func patiently(ctx context.Context, hop func() error) error {
	for deadline := time.Now().Add(patience); ; {
		err := hop()
		var later *queue.Later
		if !errors.As(err, &later) || later.At.After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(later.At)):
		}
	}
}

// held is how a change of protected files ends where nobody can release it later.
func held(v *anvil.Verdict) *anvil.Problem {
	return anvil.Problemf("PROTECTED_FILES", "Allow the paths under protected.allow in .github/anvil.yml on the default branch and re-run this workflow run's failed jobs, or make this change by hand",
		"the change touches %d protected file(s), such as %s, so it was not published", len(v.Protected), shownPath(v.Protected))
}

// openRegular opens a file of the directory that is a regular one.
func openRegular(root *os.Root, name string) (*os.File, error) {
	info, err := root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", name)
	}
	if err != nil {
		return nil, err
	}
	return root.Open(name)
}
