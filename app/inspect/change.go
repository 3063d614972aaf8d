package inspect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// change is how the proposed tree differs from the base, entry by entry.
type change struct {
	entries []entry
	behind  []string // what links with protected names lead to
}

type entry struct {
	git.Change
	oldSize, newSize int64 // of the blobs, where there are any
}

// deleted says whether the entry is gone in the proposed tree.
func (e entry) deleted() bool { return e.NewMode == git.ModeNone }

// collect compares the trees and learns the sizes, within the limits.
func collect(ctx context.Context, q *git.Repository, p Proposal) (*change, error) {
	c := &change{}
	total, perFolder := 0, map[string]int{}
	err := q.DiffTree(ctx, p.BaseCommit, p.Head, func(d git.Change) error {
		total++
		if total <= p.Limits.Files {
			c.entries = append(c.entries, entry{Change: d})
		}
		if folder := path.Dir(d.Path); len(perFolder) < 10_000 || perFolder[folder] > 0 {
			perFolder[folder]++
		}
		return nil
	})
	if err != nil {
		return nil, blame(ctx, err)
	}
	if total > p.Limits.Files {
		return nil, tooMany(total, p.Limits.Files, perFolder)
	}
	if err := c.measure(ctx, q); err != nil {
		return nil, err
	}
	if problem := c.tooBig(p.Limits); problem != nil {
		return nil, problem
	}
	return c, nil
}

// measure fills in the sizes without reading the blobs.
func (c *change) measure(ctx context.Context, q *git.Repository) error {
	var ids []string
	var sizes []*int64
	for i := range c.entries {
		e := &c.entries[i]
		if e.OldID != git.None && e.OldMode != git.ModeSubmodule {
			ids, sizes = append(ids, e.OldID), append(sizes, &e.oldSize)
		}
		if e.NewID != git.None && e.NewMode != git.ModeSubmodule {
			ids, sizes = append(ids, e.NewID), append(sizes, &e.newSize)
		}
	}
	err := q.Objects(ctx, ids, func(o git.Object) error {
		if o.Type != "blob" {
			return fmt.Errorf("object %s is a %s where a blob should be", o.ID, o.Type)
		}
		*sizes[0], sizes = o.Size, sizes[1:]
		return nil
	})
	if err != nil {
		return blame(ctx, err)
	}
	return nil
}

// tooBig names the largest files if any, or all together, are too large.
func (c *change) tooBig(limits Limits) *anvil.Problem {
	var total int64
	var alone []string
	bySize := slices.SortedFunc(slices.Values(c.entries), func(a, b entry) int { return cmp.Compare(b.newSize, a.newSize) })
	for _, e := range bySize {
		total += e.newSize
		if e.newSize > limits.BlobBytes {
			alone = append(alone, e.sized())
		}
	}
	if len(alone) > 0 {
		return anvil.Problemf("DIFF_TOO_BIG", nextSmaller, "the change has files of more than %s: %s", quantity(limits.BlobBytes), list(alone))
	}
	if total <= limits.TotalBytes {
		return nil
	}
	var largest []string
	for _, e := range bySize[:min(listed, len(bySize))] {
		largest = append(largest, e.sized())
	}
	return anvil.Problemf("DIFF_TOO_BIG", nextSmaller, "the changed files have %s, and the limit is %s; the largest are %s",
		quantity(total), quantity(limits.TotalBytes), list(largest))
}

func (e entry) sized() string {
	return fmt.Sprintf("%s (%s)", sanitize.Path(e.Path), quantity(e.newSize))
}

// tooMany names the folders in which most files changed.
func tooMany(total, limit int, perFolder map[string]int) *anvil.Problem {
	folders := slices.SortedFunc(maps.Keys(perFolder), func(a, b string) int {
		return cmp.Or(cmp.Compare(perFolder[b], perFolder[a]), cmp.Compare(a, b))
	})
	var most []string
	for _, folder := range folders[:min(listed, len(folders))] {
		most = append(most, fmt.Sprintf("%s (%d)", sanitize.Path(folder+"/"), perFolder[folder]))
	}
	return anvil.Problemf("DIFF_TOO_BIG", nextSmaller, "the change touches %d files, and the limit is %d; most are in %s", total, limit, list(most))
}

// verdict tells what the proposal is, once nothing speaks against it.
func (c *change) verdict(tree string, lines map[string]git.LineCount, rules anvil.Rules) anvil.Verdict {
	v := anvil.Verdict{Tree: tree}
	for _, e := range c.entries {
		count := lines[e.Path]
		v.Files = append(v.Files, anvil.FileChange{Path: e.Path, Status: e.Status, Additions: count.Added, Deletions: count.Deleted})
		v.Additions += count.Added
		v.Deletions += count.Deleted
		if protected(e.Path, rules) || lies(e.Path, c.behind) {
			v.Protected = append(v.Protected, e.Path)
		}
	}
	return v
}
