package github

import (
	"context"
	"net/http"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Permission says what login may do in repo, and whose answer it is: compare the
// returned user id with the signed one, because a login can change hands. The
// role is "admin", "maintain", "write", "triage", "read" or "none"; a custom role
// is given as the role it is built on.
func (a *App) Permission(ctx context.Context, repo anvil.Repository, login string) (userID int64, role string, err error) {
	var answer struct {
		Permission string `json:"permission"`
		RoleName   string `json:"role_name"`
		User       struct {
			ID int64 `json:"id"`
		} `json:"user"`
	}
	c := onRepo("look up a person's permission", repo, mayReadMetadata, http.MethodGet, "collaborators", login, "permission")
	c.out = &answer
	if _, err := a.do(ctx, c); err != nil {
		return 0, "", err
	}
	// GitHub says "write" for maintain and "read" for triage in permission; a
	// role name of an organisation's own making says nothing to us.
	switch answer.Permission {
	case "admin", "write", "read", "none":
	default:
		return 0, "", c.unreadable("a permission that we do not know")
	}
	role = answer.Permission
	switch {
	case answer.RoleName == "maintain" && role == "write", answer.RoleName == "triage" && role == "read":
		role = answer.RoleName
	}
	if answer.User.ID == 0 && role != "none" {
		return 0, "", c.unreadable("a permission of nobody")
	}
	return answer.User.ID, role, nil
}
