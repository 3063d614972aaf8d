package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
)

// naming are the fsck messages about names in a tree. A pack that has one of
// them is refused; tolerating them is only for finding out which name it is.
var naming = []string{"hasDot", "hasDotdot", "hasDotgit", "fullPathname", "emptyName"}

// admit takes the pack into the quarantine and returns the tree of its head,
// once that is known to be sound, whole, built on the base and different from it.
func admit(ctx context.Context, q *git.Repository, p Proposal, pack io.Reader) (string, error) {
	if p.Head == p.BaseCommit {
		return "", noChanges()
	}
	if err := q.IndexPack(ctx, pack, git.PackLimits{Bytes: p.Limits.BundleBytes}); err != nil {
		return "", refused(ctx, q, p, err)
	}
	before, err := q.Tree(ctx, p.BaseCommit)
	if err != nil {
		return "", err
	}
	// From here on, what git complains about came with the pack.
	err = q.Objects(ctx, []string{p.Head}, func(o git.Object) error {
		if o.Type != "commit" {
			return fmt.Errorf("the head is a %s", o.Type)
		}
		return nil
	})
	if err != nil {
		return "", blame(ctx, err)
	}
	tree, err := q.Tree(ctx, p.Head)
	if err != nil {
		return "", blame(ctx, err)
	}
	if err := q.Complete(ctx, p.Head, p.BaseCommit); err != nil {
		return "", blame(ctx, err)
	}
	descends, err := q.Descends(ctx, p.Head, p.BaseCommit)
	if err != nil {
		return "", blame(ctx, err)
	}
	if !descends {
		return "", anvil.Problemf("BUNDLE_BASE", "Ask again, so that the work starts from the branch as it is now.",
			"the proposed commit has nothing to do with commit %s, from which the run started", p.BaseCommit)
	}
	if tree == before {
		return "", noChanges()
	}
	return tree, nil
}

// refused turns git's refusal of a pack into the problem it stands for.
func refused(ctx context.Context, q *git.Repository, p Proposal, err error) error {
	pack, ok := errors.AsType[*git.PackError](err)
	if !ok {
		return err
	}
	for _, fault := range pack.Faults {
		switch {
		case slices.Contains(naming, fault):
			return unsafeName(ctx, q, p).Because(err)
		case fault == "badFilemode":
			return anvil.Problemf("ENTRY_FORBIDDEN", nextEntry, "the change has an entry with a file mode that git does not know").Because(err)
		case strings.HasPrefix(fault, "gitmodules"), strings.HasSuffix(fault, "Symlink"):
			return anvil.Problemf("ENTRY_FORBIDDEN", nextEntry, "the change has a git settings file that git itself refuses").Because(err)
		}
	}
	return corrupt(err)
}

// unsafeName takes a refused pack in once more, tolerating bad names, to find
// out where they are. Whatever it finds, the proposal stays refused.
func unsafeName(ctx context.Context, q *git.Repository, p Proposal) *anvil.Problem {
	somewhere := anvil.Problemf("PATH_UNSAFE", nextPath, "the change has a path with a name that git reserves for itself")
	bundle, err := openBundle(p)
	if err != nil {
		return somewhere
	}
	if _, err := readHeader(bundle); err != nil {
		return somewhere
	}
	if err := q.IndexPack(ctx, bundle, git.PackLimits{Bytes: p.Limits.BundleBytes, Tolerate: naming}); err != nil {
		return somewhere
	}
	c, err := collect(ctx, q, p)
	if err != nil {
		return somewhere
	}
	if problem := c.unsafePaths(); problem != nil {
		return problem
	}
	return somewhere
}

// blame returns a failure over objects of the proposal as the proposal's
// fault, unless it was we who stopped.
func blame(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return corrupt(err)
}
