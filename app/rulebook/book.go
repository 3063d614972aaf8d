// Package rulebook reads the rules that are in force for a repository.
//
// A Page is one file of rules as of a commit of a default branch: the repository's own
// .github/anvil.yml, or anvil.yml of the .github repository of its owner, which counts
// for all of the owner's repositories that the App's installation covers. [Book.At]
// reads both and merges them (package policy), with the commits recorded.
//
// A fault in a file loosens nothing: what was in force for the repository's last run
// stays, merged with the other file as it is now, and people are told. Where nothing
// was in force yet, the fault is the answer.
//
// A page never changes, so it is asked for once; that an owner has no such repository
// is believed for a minute.
package rulebook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

// Contents reads branches and files of a repository.
type Contents interface {
	Branch(ctx context.Context, repo anvil.Repository, name string) (sha string, err error)
	File(ctx context.Context, repo anvil.Repository, path, ref string) ([]byte, error)
}

// Owners finds the repository with an owner's rules.
type Owners interface {
	InstallationOf(ctx context.Context, owner, name string) (anvil.Repository, error)
}

// Remembered are the rules by which runs of a repository have started.
type Remembered interface {
	// LastRules returns those of the last run whose rules were written in a file,
	// or [anvil.ErrNotFound].
	LastRules(ctx context.Context, repository int64) (anvil.Rules, error)
}

// Book gives the rules in force. Its fields are set once.
type Book struct {
	GitHub   Contents
	Owners   Owners // nil: organisations' rules are not read
	Past     Remembered
	ValidRef func(string) error
	Now      func() time.Time

	mu    sync.Mutex
	pages map[page]anvil.Rules // guarded by mu
	homes map[home]found       // guarded by mu
}

// page is a file of rules at a commit.
type page struct {
	repository   int64
	path, commit string
}

// home is where an owner's rules are looked for.
type home struct {
	installation int64
	owner        string
}

type found struct {
	repository anvil.Repository // zero: there is none
	until      time.Time
}

// believed is how long it is believed that an owner has no rules, or where they are.
const believed = time.Minute

// At returns the rules in force for a repository whose default branch is at tip.
func (b *Book) At(ctx context.Context, repo anvil.Repository, tip string) (anvil.Rules, error) {
	own, err := b.Own(ctx, repo, tip)
	fault := anvil.AsProblem(err)
	if err != nil && fault == nil {
		return anvil.Rules{}, err
	}
	organisation, err := b.organisation(ctx, repo)
	wrong := anvil.AsProblem(err)
	if err != nil && wrong == nil {
		return anvil.Rules{}, err
	}
	if fault == nil && wrong == nil {
		return policy.Merge(organisation, own), nil
	}
	past, err := b.Past.LastRules(ctx, repo.ID)
	if errors.Is(err, anvil.ErrNotFound) {
		return anvil.Rules{}, cmp.Or(fault, wrong)
	}
	if err != nil {
		return anvil.Rules{}, err
	}
	rules := policy.Merge(organisation, policy.Merge(past, own))
	rules.Commit = past.Commit
	for _, p := range []*anvil.Problem{fault, wrong} {
		if p == nil {
			continue
		}
		notice := *p
		notice.What += fmt.Sprintf("; the rules as of %.7s stay in force", past.Commit)
		rules.Notices = append(rules.Notices, &notice)
	}
	return rules, nil
}

// Files returns both files as they are, the organisation's as rules that state nothing
// if there is none. A fault in either is an error.
func (b *Book) Files(ctx context.Context, repo anvil.Repository, tip string) (own, organisation anvil.Rules, err error) {
	if own, err = b.Own(ctx, repo, tip); err == nil {
		organisation, err = b.organisation(ctx, repo)
	}
	return own, organisation, err
}

// Own reads and checks the repository's own file as of a commit of the default branch.
// No file means no rules of its own.
func (b *Book) Own(ctx context.Context, repo anvil.Repository, commit string) (anvil.Rules, error) {
	return b.read(ctx, repo, policy.Path, commit, func(text []byte) (anvil.Rules, *anvil.Problem) {
		return policy.Parse(text, commit, b.ValidRef)
	})
}

// organisation reads the rules of the repository's owner as they are now.
func (b *Book) organisation(ctx context.Context, repo anvil.Repository) (anvil.Rules, error) {
	if b.Owners == nil {
		return anvil.Rules{}, nil
	}
	at, err := b.home(ctx, repo)
	if err != nil || at.ID == 0 {
		return anvil.Rules{}, err
	}
	tip, err := b.GitHub.Branch(ctx, at, at.DefaultBranch)
	if errors.Is(err, github.ErrNotFound) { // empty, or looked for where it no longer is
		b.forget(repo)
		return anvil.Rules{}, nil
	}
	if err != nil {
		return anvil.Rules{}, err
	}
	rules, err := b.read(ctx, at, policy.OrganisationPath, tip, func(text []byte) (anvil.Rules, *anvil.Problem) {
		return policy.ParseOrganisation(text, anvil.RulesFile{Repository: at.FullName(), Commit: tip}, b.ValidRef)
	})
	rules.Commit = "" // the commit of merged rules is the repository's
	return rules, err
}

// home finds the owner's repository with rules. One that another installation covers
// is another owner's, who took over a name.
func (b *Book) home(ctx context.Context, repo anvil.Repository) (anvil.Repository, error) {
	key := home{repo.Installation, strings.ToLower(repo.Owner)}
	b.mu.Lock()
	have, ok := b.homes[key]
	b.mu.Unlock()
	if ok && b.Now().Before(have.until) {
		return have.repository, nil
	}
	at, err := b.Owners.InstallationOf(ctx, repo.Owner, policy.OrganisationRepository)
	archived := github.AsError(err) != nil && github.AsError(err).Kind == github.Archived // it can be read
	if err != nil && !archived && !errors.Is(err, github.ErrNotFound) {
		return anvil.Repository{}, err
	}
	if err != nil && !archived || at.Installation != repo.Installation {
		at = anvil.Repository{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.homes == nil || len(b.homes) >= 10_000 {
		b.homes = map[home]found{}
	}
	b.homes[key] = found{at, b.Now().Add(believed)}
	return at, nil
}

func (b *Book) forget(repo anvil.Repository) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.homes, home{repo.Installation, strings.ToLower(repo.Owner)})
}

// read returns the rules of a file, from memory if it was read before.
func (b *Book) read(ctx context.Context, repo anvil.Repository, path, commit string, parse func([]byte) (anvil.Rules, *anvil.Problem)) (anvil.Rules, error) {
	key := page{repo.ID, path, commit}
	b.mu.Lock()
	rules, ok := b.pages[key]
	b.mu.Unlock()
	if ok {
		return rules, nil
	}
	text, err := b.GitHub.File(ctx, repo, path, commit)
	switch {
	case errors.Is(err, github.ErrNotFound):
		rules = anvil.Rules{Commit: commit}
	case err != nil:
		return anvil.Rules{}, err
	default:
		var problem *anvil.Problem
		if rules, problem = parse(text); problem != nil {
			return anvil.Rules{}, problem
		}
		rules.Commit, rules.Written = commit, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pages == nil || len(b.pages) >= 1000 {
		b.pages = map[page]anvil.Rules{}
	}
	b.pages[key] = rules
	return rules, nil
}
