package rulebook

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// hub has files, by REPOSITORY:PATH; the commit of each branch is the same.
type hub struct {
	files map[string]string
	homes map[string]anvil.Repository
	asked map[string]int
}

func (h *hub) Branch(_ context.Context, repo anvil.Repository, _ string) (string, error) {
	h.asked["branch "+repo.FullName()]++
	return "3333333333", nil
}

func (h *hub) File(_ context.Context, repo anvil.Repository, path, ref string) ([]byte, error) {
	h.asked["file "+repo.FullName()]++
	text, ok := h.files[repo.FullName()+":"+path]
	if !ok {
		return nil, github.ErrNotFound
	}
	return []byte(text), nil
}

func (h *hub) InstallationOf(_ context.Context, owner, name string) (anvil.Repository, error) {
	h.asked["home "+owner]++
	repo, ok := h.homes[owner+"/"+name]
	if !ok {
		return repo, github.ErrNotFound
	}
	return repo, nil
}

type past struct{ rules *anvil.Rules }

func (p past) LastRules(context.Context, int64) (anvil.Rules, error) {
	if p.rules == nil {
		return anvil.Rules{}, anvil.ErrNotFound
	}
	return *p.rules, nil
}

func newBook(own, organisation string) (*Book, *hub, *time.Time) {
	h := &hub{files: map[string]string{}, homes: map[string]anvil.Repository{}, asked: map[string]int{}}
	if own != "" {
		h.files["acme/web:.github/anvil.yml"] = own
	}
	if organisation != "" {
		h.files["acme/.github:anvil.yml"] = organisation
		h.homes["acme/.github"] = anvil.Repository{ID: 2, Installation: 9, Owner: "acme", Name: ".github", DefaultBranch: "main"}
	}
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	return &Book{GitHub: h, Owners: h, Past: past{}, ValidRef: func(string) error { return nil }, Now: func() time.Time { return now }}, h, &now
}

var web = anvil.Repository{ID: 1, Installation: 9, Owner: "acme", Name: "web", DefaultBranch: "main"}

func TestBothFilesCountWithTheirCommits(t *testing.T) {
	t.Parallel()
	b, h, _ := newBook("ask: write\nhold: all", "ask: maintain\nengine: codex")
	for range 3 {
		got, err := b.At(t.Context(), web, "1111111111")
		if err != nil {
			t.Fatal(err)
		}
		if got.Ask != "maintain" || got.Hold != "all" || got.Engine != "codex" || !got.Written || got.Commit != "1111111111" ||
			got.Organisation == nil || *got.Organisation != (anvil.RulesFile{Repository: "acme/.github", Commit: "3333333333"}) {
			t.Fatalf("got %+v", got)
		}
	}
	// What can't change is not asked for again.
	if h.asked["file acme/web"] != 1 || h.asked["file acme/.github"] != 1 || h.asked["home acme"] != 1 {
		t.Errorf("asked %v", h.asked)
	}
}

func TestAnOwnerWithoutRulesIsAskedForOnceAMinute(t *testing.T) {
	t.Parallel()
	b, h, now := newBook("hold: all", "")
	for i := range 4 {
		if _, err := b.At(t.Context(), web, "1111111111"); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			*now = now.Add(believed)
		}
	}
	if h.asked["home acme"] != 2 {
		t.Errorf("asked %v", h.asked)
	}
}

// A name that was given up may be somebody else's by now.
func TestAnotherInstallationsRulesDoNotCount(t *testing.T) {
	t.Parallel()
	b, h, _ := newBook("", "ask: admin")
	h.homes["acme/.github"] = anvil.Repository{ID: 2, Installation: 66, Owner: "acme", Name: ".github", DefaultBranch: "main"}
	got, err := b.At(t.Context(), web, "1111111111")
	if err != nil || got.Ask != "" {
		t.Errorf("%+v %v", got, err)
	}
}

// A fault in either file loosens nothing: what was in force stays, and the other file
// counts as it is now.
func TestAFaultLoosensNothing(t *testing.T) {
	t.Parallel()
	before := anvil.Rules{Commit: "0000000000", Hold: "all", Ask: "maintain", Written: true}
	for name, c := range map[string]struct{ own, organisation, says string }{
		"own":          {"hold: protekted", "ask: admin", ".github/anvil.yml at 1111111"},
		"organisation": {"ask: admin", "hold: [", "anvil.yml of acme/.github at 3333333"},
	} {
		b, _, _ := newBook(c.own, c.organisation)
		if _, err := b.At(t.Context(), web, "1111111111"); anvil.AsProblem(err) == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s, without a past: %v", name, err)
		}
		b.Past = past{&before}
		got, err := b.At(t.Context(), web, "1111111111")
		if err != nil || got.Hold != "all" || got.Ask != "admin" || got.Commit != before.Commit || len(got.Notices) != 1 ||
			!strings.Contains(got.Notices[0].What, "the rules as of 0000000 stay in force") {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}
