package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/app/queue"
)

// Store is what the hop reads and changes.
type Store interface {
	StoryOfRun(ctx context.Context, id anvil.RunID) (anvil.Story, error)
	Move(ctx context.Context, id anvil.RunID, to anvil.State, change func(*anvil.Run) error, next ...anvil.Job) (anvil.Run, error)
}

// Fetching is what the hop needs of GitHub to have the base commit.
type Fetching interface {
	ReadToken(ctx context.Context, repo anvil.Repository) (token string, expires time.Time, err error)
	DefaultBranchCommit(ctx context.Context, repo anvil.Repository) (branch, sha string, err error)
	CloneURL(repo anvil.Repository) string
}

// Blobs gives the uploaded bundle.
type Blobs interface {
	Open(digest string) (io.ReadSeekCloser, error)
}

// Hop is the inspect hop: it takes a finished run's bundle through the inspector
// and moves the run on. It keeps the quarantine of a run that is to be delivered
// until the delivery is done, in memory: after a restart the bundle is inspected
// again.
type Hop struct {
	Store     Store
	GitHub    Fetching
	Blobs     Blobs
	Inspector *Inspector
	Limits    Limits
	// Rules reads a repository's rules as of a commit of its default branch.
	Rules   func(ctx context.Context, repo anvil.Repository, commit string) (anvil.Rules, error)
	HoldFor time.Duration
	// Patience is how long inspection is tried before the run fails for what
	// waiting was hoped to cure.
	Patience time.Duration
	Now      func() time.Time
	Log      *slog.Logger

	mu   sync.Mutex
	kept map[anvil.RunID]*Checked // guarded by mu; owned by the run's delivery
}

// Inspect checks the proposal of one run. One call at a time acts for a run;
// whoever wakes the hop sees to it.
func (h *Hop) Inspect(ctx context.Context, key string) error {
	story, err := h.Store.StoryOfRun(ctx, anvil.RunID(key))
	if err != nil {
		return err
	}
	run := story.Run()
	if run.ID != anvil.RunID(key) || run.State != anvil.Inspecting {
		return nil
	}
	rules := run.Rules
	if run.Problem != nil { // it was held, and a person asked again: by today's rules
		rules, err = h.rulesNow(ctx, story.Session.Repository)
		if p := anvil.AsProblem(err); p != nil && run.Verdict != nil {
			// A slip in the rules is no reason to throw the change away.
			return h.hold(ctx, run, run.Rules, *run.Verdict, p)
		}
		if err != nil {
			return h.end(ctx, run, err)
		}
	}
	checked, err := h.check(ctx, story, rules)
	if err != nil {
		return h.end(ctx, run, err)
	}
	verdict := checked.Verdict
	if run.Verdict != nil {
		verdict.Released = run.Verdict.Released
	}
	if why, paths := withheld(rules, verdict); why != nil && !released(verdict) {
		defer checked.Close()
		verdict.Released = nil // it was for another tree
		verdict.Patch, err = checked.Repository.Patch(ctx, run.BaseCommit, checked.Head, paths, maxPatch)
		if err != nil {
			return h.end(ctx, run, err)
		}
		return h.hold(ctx, run, rules, verdict, why)
	}
	h.keep(run.ID, checked)
	_, err = h.Store.Move(ctx, run.ID, anvil.Delivering, func(r *anvil.Run) error {
		r.Verdict, r.Rules, r.Problem = &verdict, rules, nil
		return nil
	}, anvil.Job{Hop: anvil.HopDeliver, Key: key})
	if err != nil {
		h.Clear(run.ID)
	}
	return settled(err)
}

// maxPatch is how much of a held change is shown, in bytes.
const maxPatch = 12 << 10

// Withheld says why a change of these files is not published by the rules before a
// person has looked at it, and which they should look at; nil if it is.
func Withheld(rules anvil.Rules, files []string) (why *anvil.Problem, paths []string) {
	var v anvil.Verdict
	for _, path := range files {
		v.Files = append(v.Files, anvil.FileChange{Path: path})
		if protected(path, rules) {
			v.Protected = append(v.Protected, path)
		}
	}
	return withheld(rules, v)
}

// withheld says why a change is not published before a person has looked at it, and
// which files they should look at; nil if it is.
func withheld(rules anvil.Rules, v anvil.Verdict) (why *anvil.Problem, paths []string) {
	switch {
	case len(v.Protected) > 0:
		return anvil.Problemf("PROTECTED_FILES", "", "the change touches %d protected file(s)", len(v.Protected)), v.Protected
	case policy.HoldsAll(rules):
		for _, f := range v.Files {
			paths = append(paths, f.Path)
		}
		return anvil.Problemf("HELD_BY_RULES", "", "the rules have every change released by a person (hold: all in %s)", policy.Where(rules)), paths
	}
	return nil, nil
}

// released reports whether a person let exactly this tree go.
func released(v anvil.Verdict) bool { return v.Released != nil && v.Released.Tree == v.Tree }

// hold leaves it to a person whether a change that touches protected files goes on.
func (h *Hop) hold(ctx context.Context, run anvil.Run, rules anvil.Rules, verdict anvil.Verdict, why *anvil.Problem) error {
	_, err := h.Store.Move(ctx, run.ID, anvil.Held, func(r *anvil.Run) error {
		r.Verdict, r.Rules, r.Problem = &verdict, rules, why
		r.Deadline = h.Now().Add(h.HoldFor)
		return nil
	})
	return settled(err)
}

func (h *Hop) rulesNow(ctx context.Context, repo anvil.Repository) (anvil.Rules, error) {
	_, tip, err := h.GitHub.DefaultBranchCommit(ctx, repo)
	if err != nil {
		return anvil.Rules{}, err
	}
	return h.Rules(ctx, repo, tip)
}

// check fetches a run's bundle and puts it through the inspector.
func (h *Hop) check(ctx context.Context, story anvil.Story, rules anvil.Rules) (*Checked, error) {
	run, repo := story.Run(), story.Session.Repository
	if run.Report == nil {
		return nil, fmt.Errorf("run %s has no report", run.ID)
	}
	token, _, err := h.GitHub.ReadToken(ctx, repo)
	if err != nil {
		return nil, err
	}
	bundle, err := h.Blobs.Open(run.Report.Bundle)
	if err != nil {
		return nil, err
	}
	defer bundle.Close()
	size, err := bundle.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	branch, ancestor := "", ""
	if run.Merge != nil {
		branch, ancestor = run.Merge.Head, run.Merge.Ancestor
	}
	return h.Inspector.Inspect(ctx, Proposal{
		Branch: branch, Ancestor: ancestor,
		Repository: h.GitHub.CloneURL(repo), Token: token, BaseCommit: run.BaseCommit, Head: run.Report.Head,
		Bundle: bundle, Size: size, Rules: rules, Limits: h.Limits,
	})
}

// end says what an error means for a run: a verdict, or that the hop has to come
// again.
func (h *Hop) end(ctx context.Context, run anvil.Run, err error) error {
	p := anvil.AsProblem(err)
	at := github.RetryAt(err, h.Now())
	patient := h.Now().Before(run.ChangedAt.Add(h.Patience))
	switch {
	case p != nil:
	case !at.IsZero() && patient:
		return &queue.Later{At: at, Reason: err.Error()}
	case github.AsError(err) != nil:
		q := *github.Problem(err)
		if p = &q; !at.IsZero() {
			p.Next = "Comment /anvil retry once GitHub is well again"
		}
	case patient:
		return err
	default:
		p = anvil.Problemf("OVERDUE", "Comment /anvil retry; if it stays so, the operator finds the reason in the server's log.",
			"the change could not be inspected within %s", h.Patience).Because(err)
	}
	h.Log.Warn("proposal refused", "run", run.ID, "code", p.Code, "what", p.What, "cause", p.Cause)
	to := anvil.Failed
	if p.Code == "NO_CHANGES" {
		to = anvil.Unchanged
	}
	_, err = h.Store.Move(ctx, run.ID, to, func(r *anvil.Run) error { r.Problem = p; return nil })
	return settled(err)
}

// settled is err, unless it says that somebody else moved the run meanwhile.
func settled(err error) error {
	var moved *anvil.MoveError
	if errors.As(err, &moved) {
		return nil
	}
	return err
}

// Open returns the repository that holds a run's checked tree and its base.
func (h *Hop) Open(ctx context.Context, story anvil.Story) (*git.Repository, error) {
	run := story.Run()
	h.mu.Lock()
	checked := h.kept[run.ID]
	h.mu.Unlock()
	if checked != nil {
		return checked.Repository, nil
	}
	checked, err := h.check(ctx, story, run.Rules)
	if err != nil {
		return nil, err
	}
	if run.Verdict == nil || checked.Tree != run.Verdict.Tree || len(checked.Verdict.Protected) > 0 && !released(*run.Verdict) {
		checked.Close()
		return nil, anvil.Problemf("PUBLISH_MISMATCH", "Comment /anvil retry.", "the proposal is no longer what was inspected")
	}
	h.keep(run.ID, checked)
	return checked.Repository, nil
}

func (h *Hop) keep(id anvil.RunID, checked *Checked) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.kept == nil {
		h.kept = map[anvil.RunID]*Checked{}
	}
	if old := h.kept[id]; old != nil {
		h.discard(id, old)
	}
	h.kept[id] = checked
}

// Clear removes a run's quarantine.
func (h *Hop) Clear(id anvil.RunID) {
	h.mu.Lock()
	checked := h.kept[id]
	delete(h.kept, id)
	h.mu.Unlock()
	if checked != nil {
		h.discard(id, checked)
	}
}

func (h *Hop) discard(id anvil.RunID, checked *Checked) {
	if err := checked.Close(); err != nil {
		h.Log.Warn("quarantine not removed", "run", id, "error", err)
	}
}
