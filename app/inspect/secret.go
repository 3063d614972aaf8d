package inspect

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// leak is a secret that was found. It does not have the secret's value.
type leak struct {
	path string
	line int // 0 where there are no lines
	kind string
}

// fileName stands in a leak for a path that is itself the secret.
const fileName = "the name of a file"

func (l leak) String() string {
	if l.line == 0 {
		return fmt.Sprintf("%s (%s)", sanitize.Path(l.path), l.kind)
	}
	return fmt.Sprintf("%s:%d (%s)", sanitize.Path(l.path), l.line, l.kind)
}

// secrets searches what the change adds. Every new or changed file is searched
// as a whole for what is ours, and its added lines for what looks like a secret.
// Files that are not what they stand for are refused on the way.
func (c *change) search(ctx context.Context, q *git.Repository, ours []Canary, limit int64) error {
	known := newCanaries(ours)
	scan, err := newScanner()
	if err != nil {
		return err
	}
	var leaks []leak
	var pointers []string
	for _, e := range c.entries {
		if kind, _ := known.find([]byte(e.Path)); kind != "" && !e.deleted() {
			leaks = append(leaks, leak{fileName, 0, kind})
		}
	}
	err = c.contents(ctx, q, limit, func(e entry, before, after []byte) {
		if isPointer(after) {
			pointers = append(pointers, sanitize.Path(e.Path))
		}
		if kind, line := known.find(after); kind != "" {
			leaks = append(leaks, leak{e.Path, line, kind})
			return
		}
		if isBinary(after) {
			strings := printable(after)
			if kind, _ := known.find(strings); kind != "" {
				leaks = append(leaks, leak{e.Path, 0, kind})
				return
			}
			for _, s := range addedSpans(printable(before), strings) {
				for _, l := range scan.span(ctx, e.Path, s) {
					l.line = 0
					leaks = append(leaks, l)
				}
			}
			return
		}
		for _, s := range addedSpans(before, after) {
			leaks = append(leaks, scan.span(ctx, e.Path, s)...)
		}
	})
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("searching for secrets: %w", context.Cause(ctx)) // a search cut short found nothing out
	}
	if len(pointers) > 0 {
		return anvil.Problemf("DIFF_TOO_BIG", "Ask again for files that are in the repository itself.",
			"the change has Git LFS pointers to files that were not handed over: %s", list(pointers))
	}
	if len(leaks) == 0 {
		return nil
	}
	var shown []string
	var places []anvil.Place
	for _, l := range leaks {
		if place := l.String(); !slices.Contains(shown, place) {
			shown = append(shown, place)
			if l.path != fileName {
				places = append(places, anvil.Place{Path: l.path, Line: l.line, What: "looks like a secret: " + l.kind})
			}
		}
	}
	return anvil.Problemf("SECRET_IN_DIFF", nextSecret, "the change contains what looks like a secret: %s", list(shown)).At(places)
}

// contents calls visit with each file of the change that is not deleted, as it
// was and as it would be. What was larger than limit counts as empty.
func (c *change) contents(ctx context.Context, q *git.Repository, limit int64, visit func(e entry, before, after []byte)) error {
	type half struct {
		e   entry
		old bool
	}
	var ids []string
	var halves []half
	for _, e := range c.entries {
		if e.deleted() {
			continue
		}
		if e.OldID != git.None && e.OldMode != git.ModeSubmodule && e.oldSize <= limit {
			ids, halves = append(ids, e.OldID), append(halves, half{e, true})
		}
		ids, halves = append(ids, e.NewID), append(halves, half{e, false})
	}
	var before []byte
	err := q.Blobs(ctx, ids, limit, func(_ string, content []byte) error {
		h := halves[0]
		halves = halves[1:]
		if h.old {
			before = slices.Clone(content)
			return nil
		}
		visit(h.e, before, content)
		before = nil
		return ctx.Err()
	})
	if err != nil {
		return blame(ctx, err)
	}
	return nil
}
