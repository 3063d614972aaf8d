package inspect

import (
	"context"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// compareWithTree checks what can only be seen beside the rest of the proposed
// tree: names that collide, and where symbolic links lead.
func (c *change) compareWithTree(ctx context.Context, q *git.Repository, p Proposal) error {
	if problem := c.forbiddenModes(); problem != nil {
		return problem
	}
	names := newCollisions(c.entries)
	links := map[string]string{} // path -> blob, of every link in the tree
	err := q.Walk(ctx, p.Head, func(e git.Entry) error {
		names.see(e.Path)
		if e.Mode == git.ModeSymlink {
			links[e.Path] = e.ID
		}
		return nil
	})
	if err != nil {
		return blame(ctx, err)
	}
	if problem := names.problem(); problem != nil {
		return problem
	}
	if err := c.forbiddenLinks(ctx, q, links); err != nil {
		return err
	}
	if c.behind, err = behindLinks(ctx, q, links, p.Rules); err != nil {
		return blame(ctx, err)
	}
	return nil
}

// forbiddenModes refuses entries that are neither files nor links.
func (c *change) forbiddenModes() *anvil.Problem {
	var found []string
	for _, e := range c.entries {
		switch e.NewMode {
		case git.ModeFile, git.ModeExecutable, git.ModeSymlink, git.ModeNone:
		case git.ModeSubmodule:
			found = append(found, sanitize.Path(e.Path)+" (a submodule)")
		default:
			found = append(found, fmt.Sprintf("%s (mode %s)", sanitize.Path(e.Path), sanitize.Path(e.NewMode)))
		}
	}
	if len(found) == 0 {
		return nil
	}
	return anvil.Problemf("ENTRY_FORBIDDEN", nextEntry, "the change has entries that may not be published: %s", list(found))
}
