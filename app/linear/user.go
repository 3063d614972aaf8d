package linear

import (
	"context"
	"strconv"
)

// User is a member of the workspace, a guest, or an app.
type User struct {
	ID, Name           string
	Active, Guest, App bool
	// GitHub is GitHub's id of the account that this person has connected with Linear,
	// by GitHub's own sign-in; 0: none.
	GitHub int64
}

// User returns a user by id.
func (c *Client) User(ctx context.Context, id string) (User, error) {
	var out struct {
		User struct {
			ID, Name           string
			Active, Guest, App bool
			GitHubUserID       *string `json:"gitHubUserId"`
		}
	}
	err := c.ask(ctx, "look up the user", `query($id: String!) { user(id: $id) { id name active guest app gitHubUserId } }`, map[string]any{"id": id}, &out)
	if err != nil {
		return User{}, err
	}
	u := User{ID: out.User.ID, Name: out.User.Name, Active: out.User.Active, Guest: out.User.Guest, App: out.User.App}
	if g := out.User.GitHubUserID; g != nil {
		u.GitHub, _ = strconv.ParseInt(*g, 10, 64) // what is no number is no account
	}
	return u, nil
}

// Self returns the user that the app acts as. It shows that the credentials are good.
func (c *Client) Self(ctx context.Context) (User, error) {
	var out struct{ Viewer User }
	err := c.ask(ctx, "look up the app", `query { viewer { id name active guest app } }`, nil, &out)
	return out.Viewer, err
}
