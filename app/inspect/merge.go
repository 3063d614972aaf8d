package inspect

import (
	"context"
	"slices"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/git"
)

// notOfTheBranch takes out of the protected files of a merge those that the branch alone has
// changed, and that are as it has them: a person has let them go there, or put them there.
// What is neither as in the base nor as in the branch is the agent's. What the base has
// changed, too, would be undone by a file as in the branch, and that is for a person to say.
func notOfTheBranch(ctx context.Context, q *git.Repository, v *anvil.Verdict, p Proposal) error {
	stays := map[string]bool{}
	for _, between := range [][2]string{{p.Branch, p.Head}, {p.Ancestor, p.BaseCommit}} {
		err := q.DiffTree(ctx, between[0], between[1], func(d git.Change) error {
			if slices.Contains(v.Protected, d.Path) {
				stays[d.Path] = true
			}
			return nil
		})
		if err != nil {
			return blame(ctx, err)
		}
	}
	v.Protected = slices.DeleteFunc(v.Protected, func(path string) bool { return !stays[path] })
	return nil
}
