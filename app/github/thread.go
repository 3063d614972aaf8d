package github

import (
	"context"
	"errors"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// IssueIsThere reports whether the issue or pull request is still where it was:
// not deleted, and not transferred to another repository. GitHub leads a reader on
// to where a transferred one is now, and where a renamed repository is, too.
func (a *App) IssueIsThere(ctx context.Context, repo anvil.Repository, number int) (bool, error) {
	i, err := a.Issue(ctx, repo, number)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case i.Number != number:
		return false, nil
	case within(i.URL, repo):
		return true, nil
	}
	now, err := a.Repository(ctx, repo.Installation, repo.ID)
	return err == nil && within(i.URL, now), err
}

// within reports whether a page is one of the repository's.
func within(page string, repo anvil.Repository) bool {
	return strings.Contains(strings.ToLower(page), strings.ToLower("/"+repo.FullName()+"/"))
}
