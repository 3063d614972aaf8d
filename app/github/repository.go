package github

import (
	"context"
	"net/http"
	"net/url"

	gh "github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Repository looks a repository up by its id, and so finds it under its present
// name. A repository that takes no writes comes with an error of the kind
// [Archived].
func (a *App) Repository(ctx context.Context, installation, id int64) (anvil.Repository, error) {
	// A token for one repository sees a list of one. GitHub documents no look-up
	// by id.
	var page struct {
		Repositories []*gh.Repository `json:"repositories"`
	}
	c := call{
		op: "look up the repository", grant: grant{installation: installation, repository: id},
		method: http.MethodGet, path: []string{"installation", "repositories"},
		query: url.Values{"per_page": {"2"}}, out: &page,
	}
	if _, err := a.do(ctx, c); err != nil {
		return anvil.Repository{}, err
	}
	for _, r := range page.Repositories {
		if r.GetID() == id {
			return c.repository(installation, r)
		}
	}
	return anvil.Repository{}, &Error{Op: c.op, Kind: NotFound, Status: http.StatusOK, Rights: c.grant.rights.String()}
}

// InstallationOf finds the installation that covers OWNER/NAME, and the
// repository, for repositories that configuration names, such as a central one
// for the workflow.
func (a *App) InstallationOf(ctx context.Context, owner, name string) (anvil.Repository, error) {
	var installation gh.Installation
	c := call{
		op: "find the App's installation", method: http.MethodGet,
		path: []string{"repos", owner, name, "installation"}, out: &installation,
	}
	if _, err := a.do(ctx, c); err != nil {
		return anvil.Repository{}, err
	}
	if installation.GetID() == 0 {
		return anvil.Repository{}, c.unreadable("an installation without an id")
	}
	var r gh.Repository
	c = call{
		op: "look up the repository", grant: grant{installation: installation.GetID()},
		method: http.MethodGet, path: []string{"repos", owner, name}, out: &r,
	}
	if _, err := a.do(ctx, c); err != nil {
		return anvil.Repository{}, err
	}
	return c.repository(installation.GetID(), &r)
}

func (c call) repository(installation int64, r *gh.Repository) (anvil.Repository, error) {
	repo := anvil.Repository{
		ID: r.GetID(), Installation: installation,
		Owner: r.GetOwner().GetLogin(), Name: r.GetName(),
		DefaultBranch: r.GetDefaultBranch(), Private: r.GetPrivate(),
	}
	if repo.ID == 0 || repo.Owner == "" || repo.Name == "" {
		return anvil.Repository{}, c.unreadable("a repository without an id or a name")
	}
	if r.GetArchived() {
		return repo, &Error{Op: c.op, Kind: Archived, Status: http.StatusOK}
	}
	return repo, nil
}
