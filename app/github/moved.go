package github

import (
	"context"
	"net/http"
	"slices"
)

// name is what a repository is called at present.
type name struct{ owner, repo string }

// do makes the call, under the present name of its repository. A write that is
// refused under a former name did not happen, so it is made again, once; reads
// are led on by GitHub itself.
func (a *App) do(ctx context.Context, c call) (status int, err error) {
	c = a.renamed(c)
	status, err = a.once(ctx, c)
	if e := AsError(err); e == nil || e.Kind != Moved || e.Status/100 != http.StatusMultipleChoices/100 || !c.onRepository() {
		return status, err
	}
	repo, lookErr := a.Repository(ctx, c.grant.installation, c.grant.repository)
	if lookErr != nil {
		return status, err
	}
	a.log.Info("repository renamed or moved", "code", CodeRenamed, "repository", repo.ID, "name", repo.FullName())
	a.mu.Lock()
	a.names[repo.ID] = name{repo.Owner, repo.Name}
	a.mu.Unlock()
	return a.once(ctx, a.renamed(c))
}

// onRepository reports whether the call's path names the repository that its
// token is for.
func (c call) onRepository() bool {
	return c.grant.repository != 0 && len(c.path) > 2 && c.path[0] == "repos"
}

// renamed returns the call under the name that its repository is known to have now.
func (a *App) renamed(c call) call {
	if !c.onRepository() {
		return c
	}
	a.mu.Lock()
	now, known := a.names[c.grant.repository]
	a.mu.Unlock()
	if known {
		c.path = slices.Clone(c.path)
		c.path[1], c.path[2] = now.owner, now.repo
	}
	return c
}
