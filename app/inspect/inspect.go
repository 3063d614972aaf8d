package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
)

// Proposal is what a runner handed over, and what it must agree with.
type Proposal struct {
	Repository string // address to fetch the base from, without credentials
	Token      string // may read that repository
	BaseCommit string // where the run started
	Head       string // the commit that the runner reported
	// Branch is a commit that the base is merged with; empty: none. What it has changed since
	// Ancestor, where the two went apart, is not protected from it.
	Branch, Ancestor string

	Bundle io.ReadSeeker // read from its start
	Size   int64         // of the bundle

	Rules  anvil.Rules
	Limits Limits
}

// Checked is a proposal that passed. Its repository holds the base commit, as
// a fetch of depth one, and the checked tree: enough to commit and to push.
type Checked struct {
	Verdict    anvil.Verdict
	Tree       string
	Head       string
	Repository *git.Repository

	quarantine *quarantine
}

// Close removes the quarantine.
func (c *Checked) Close() error {
	if c.quarantine == nil {
		return nil
	}
	return c.quarantine.remove()
}

// Config is what an inspector works with.
type Config struct {
	Git *git.Program
	// Dir is where quarantines are made. It belongs to the inspector; what an
	// earlier one left there is removed.
	Dir string
	// Canaries returns the secrets that the server holds right now, so that
	// none of them can leave in a change. It may be nil.
	Canaries func() []Canary
}

// Inspector inspects proposals. It may be used by many at once.
type Inspector struct{ config Config }

// New returns an inspector and removes what an earlier one left behind.
func New(config Config) (*Inspector, error) {
	if err := os.MkdirAll(config.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the quarantine directory: %w", err)
	}
	if err := sweep(config.Dir, os.RemoveAll); err != nil {
		return nil, err
	}
	if config.Canaries == nil {
		config.Canaries = func() []Canary { return nil }
	}
	return &Inspector{config}, nil
}

// Inspect checks a proposal. The caller closes what it returns. An error that
// has an [anvil.Problem] in its chain is the verdict on the proposal; any
// other leaves the proposal as unknown as it was.
func (in *Inspector) Inspect(ctx context.Context, p Proposal) (*Checked, error) {
	p.Limits = p.Limits.withDefaults()
	if !git.ObjectID(p.BaseCommit) {
		return nil, fmt.Errorf("inspecting: base %.60q is not a commit", p.BaseCommit)
	}
	if p.Size > p.Limits.BundleBytes {
		return nil, anvil.Problemf("DIFF_TOO_BIG", nextSmaller, "the proposal has %s, and the limit is %s", quantity(p.Size), quantity(p.Limits.BundleBytes))
	}
	source := &source{from: p.Bundle}
	p.Bundle = source
	bundle, err := openBundle(p)
	if err != nil {
		return nil, err
	}
	head, err := readHeader(bundle)
	if err != nil {
		return nil, source.orCorrupt(err)
	}
	if problem := head.check(p.BaseCommit, p.Head); problem != nil {
		return nil, problem
	}

	q, err := newQuarantine(ctx, in.config.Git, in.config.Dir)
	if err != nil {
		return nil, err
	}
	checked, err := in.inspect(ctx, q, p, bundle)
	if err != nil && source.failed != nil {
		err = source.failed // whatever git made of half a bundle
	}
	if err != nil {
		if left := q.remove(); left != nil {
			err = errors.Join(err, left)
		}
		return nil, err
	}
	return checked, nil
}

// inspect does the steps that need a repository.
func (in *Inspector) inspect(ctx context.Context, q *quarantine, p Proposal, pack io.Reader) (*Checked, error) {
	err := q.FetchCommit(ctx, p.Repository, p.Token, p.BaseCommit)
	if errors.Is(err, git.ErrMissing) {
		return nil, anvil.Problemf("BUNDLE_BASE", "Ask again, so that the work starts from the branch as it is now.",
			"commit %s, from which the run started, is no longer in the repository", p.BaseCommit).Because(err)
	}
	if p.Branch != "" {
		for _, commit := range []string{p.Branch, p.Ancestor} {
			if err == nil {
				err = q.FetchCommit(ctx, p.Repository, p.Token, commit)
			}
			if errors.Is(err, git.ErrMissing) {
				return nil, anvil.Problemf("BUNDLE_BASE", "Comment /anvil rebase again.", "commit %s, of what was merged, is no longer in the repository", commit).Because(err)
			}
		}
	}
	if err != nil {
		return nil, err
	}

	timed, cancel := context.WithTimeoutCause(ctx, p.Limits.Time, errSlow)
	defer cancel()
	verdict, err := in.check(timed, q, p, pack)
	if err != nil && context.Cause(timed) == errSlow {
		return nil, anvil.Problemf("DIFF_TOO_BIG", nextSmaller, "the proposal could not be checked within %s", p.Limits.Time).Because(err)
	}
	if err != nil {
		return nil, err
	}
	return &Checked{Verdict: verdict, Tree: verdict.Tree, Head: p.Head, Repository: q.Repository, quarantine: q}, nil
}

var errSlow = errors.New("the time for checking is over")

// check takes the pack in and looks at everything that it would change.
func (in *Inspector) check(ctx context.Context, q *quarantine, p Proposal, pack io.Reader) (anvil.Verdict, error) {
	tree, err := admit(ctx, q.Repository, p, pack)
	if err != nil {
		return anvil.Verdict{}, err
	}
	c, err := collect(ctx, q.Repository, p)
	if err != nil {
		return anvil.Verdict{}, err
	}
	if problem := c.unsafePaths(); problem != nil {
		return anvil.Verdict{}, problem
	}
	if err := c.compareWithTree(ctx, q.Repository, p); err != nil {
		return anvil.Verdict{}, err
	}
	if err := c.search(ctx, q.Repository, in.config.Canaries(), p.Limits.BlobBytes); err != nil {
		return anvil.Verdict{}, err
	}
	lines, err := q.CountLines(ctx, p.BaseCommit, p.Head)
	if err != nil {
		return anvil.Verdict{}, err
	}
	v := c.verdict(tree, lines, p.Rules)
	if p.Branch != "" {
		err = notOfTheBranch(ctx, q.Repository, &v, p)
	}
	return v, err
}
