package inspect

import (
	"context"
	"slices"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
)

// notOfTheBranch takes out of the protected files of a merge those that are as the branch
// has them: a person has let them go there, or put them there. What is neither as in the base
// nor as in the branch is the agent's.
func notOfTheBranch(ctx context.Context, q *git.Repository, v *anvil.Verdict, p Proposal) error {
	differs := map[string]bool{}
	err := q.DiffTree(ctx, p.Branch, p.Head, func(d git.Change) error {
		if slices.Contains(v.Protected, d.Path) {
			differs[d.Path] = true
		}
		return nil
	})
	if err != nil {
		return blame(ctx, err)
	}
	v.Protected = slices.DeleteFunc(v.Protected, func(path string) bool { return !differs[path] })
	return nil
}
