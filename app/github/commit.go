package github

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// NewCommit asks for a commit of a tree that the repository has already.
type NewCommit struct {
	Tree, Message string
	Parents       []string
}

// CreateCommit has GitHub make a commit. GitHub signs what an App asks for without
// naming an author: the author is then the App's bot. It belongs to no branch yet.
func (a *App) CreateCommit(ctx context.Context, repo anvil.Repository, n NewCommit) (sha string, signed bool, err error) {
	c := onRepo("make a commit", repo, mayPublish, http.MethodPost, "git", "commits")
	c.body = struct {
		Message string   `json:"message"`
		Tree    string   `json:"tree"`
		Parents []string `json:"parents"`
	}{n.Message, n.Tree, n.Parents}
	var o struct {
		SHA          string `json:"sha"`
		Verification struct {
			Verified bool `json:"verified"`
		} `json:"verification"`
	}
	c.out = &o
	if _, err := a.do(ctx, c); err != nil {
		return "", false, err
	}
	if !objectID.MatchString(o.SHA) {
		return "", false, c.unreadable("a commit without an id")
	}
	return o.SHA, o.Verification.Verified, nil
}

// CreateBranch makes a branch at a commit. [ErrExists] means that there is one of that
// name.
func (a *App) CreateBranch(ctx context.Context, repo anvil.Repository, name, sha string) error {
	c := onRepo("make the branch", repo, mayPublish, http.MethodPost, "git", "refs")
	c.body = struct {
		Ref string `json:"ref"`
		SHA string `json:"sha"`
	}{"refs/heads/" + name, sha}
	_, err := a.do(ctx, c)
	if e := AsError(err); e != nil && e.Status == http.StatusUnprocessableEntity && strings.Contains(e.Message, "already exists") {
		return errors.Join(ErrExists, err)
	}
	return err
}

// MoveBranch moves a branch on to a commit that has its present one in its history; it
// fails with the kind [Invalid] if it has not.
func (a *App) MoveBranch(ctx context.Context, repo anvil.Repository, name, sha string) error {
	c := onRepo("move the branch", repo, mayPublish, http.MethodPatch, append([]string{"git", "refs", "heads"}, strings.Split(name, "/")...)...)
	c.body = struct {
		SHA   string `json:"sha"`
		Force bool   `json:"force"`
	}{sha, false}
	_, err := a.do(ctx, c)
	return err
}

// DeleteRef takes away a ref, given without refs/. One that is gone is no error.
func (a *App) DeleteRef(ctx context.Context, repo anvil.Repository, ref string) error {
	_, err := a.do(ctx, onRepo("take the ref away", repo, mayPublish, http.MethodDelete, append([]string{"git", "refs"}, strings.Split(ref, "/")...)...))
	if e := AsError(err); e != nil && (e.Status == http.StatusUnprocessableEntity || e.Kind == NotFound) {
		return nil
	}
	return err
}
