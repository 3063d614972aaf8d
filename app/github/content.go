package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	gh "github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// MaxFile caps what [App.File] reads. The files we read are settings.
const MaxFile = 256 << 10

var objectID = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// Branch returns the commit at the tip of the branch with exactly this name. It
// fails with [ErrNotFound] if there is none, as in an empty repository.
func (a *App) Branch(ctx context.Context, repo anvil.Repository, name string) (sha string, err error) {
	var b struct {
		Name   string `json:"name"`
		Commit struct {
			SHA string `json:"sha"`
		} `json:"commit"`
	}
	c := onRepo("look up the branch", repo, mayReadContents, http.MethodGet, "branches", name)
	c.out = &b
	if name == "" {
		return "", c.notFound()
	}
	if _, err := a.do(ctx, c); err != nil {
		return "", err
	}
	// GitHub redirects a renamed branch's old name. That is another branch.
	if b.Name != name {
		return "", c.notFound()
	}
	if !objectID.MatchString(b.Commit.SHA) {
		return "", c.unreadable("a branch without a commit")
	}
	return b.Commit.SHA, nil
}

// DefaultBranchCommit returns the repository's default branch as it is now, and
// the commit at its tip.
func (a *App) DefaultBranchCommit(ctx context.Context, repo anvil.Repository) (branch, sha string, err error) {
	var r gh.Repository
	c := onRepo("look up the default branch", repo, mayReadContents, http.MethodGet)
	c.out = &r
	if _, err := a.do(ctx, c); err != nil {
		return "", "", err
	}
	if r.GetID() != repo.ID {
		return "", "", c.moved()
	}
	sha, err = a.Branch(ctx, repo, r.GetDefaultBranch())
	return r.GetDefaultBranch(), sha, err
}

// File returns the content of a file at a commit or branch. It fails with
// [ErrNotFound] if there is no such file or it is none, and with the kind
// [TooBig] past [MaxFile].
func (a *App) File(ctx context.Context, repo anvil.Repository, path, ref string) ([]byte, error) {
	var raw json.RawMessage
	c := onRepo("read "+path, repo, mayReadContents, http.MethodGet, append([]string{"contents"}, strings.Split(path, "/")...)...)
	c.query, c.out = url.Values{"ref": {ref}}, &raw
	if _, err := a.do(ctx, c); err != nil {
		return nil, err
	}
	if len(raw) > 0 && raw[0] == '[' { // a directory
		return nil, c.notFound()
	}
	var f gh.RepositoryContent
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, c.unreadable("not a file's description")
	}
	switch {
	case f.GetType() != "file": // a submodule, or a link that leads nowhere
		return nil, c.notFound()
	case f.GetSize() > MaxFile:
		return nil, &Error{Op: c.op, Kind: TooBig, Status: http.StatusOK, Message: fmt.Sprintf("%d of at most %d bytes", f.GetSize(), MaxFile)}
	}
	s, err := f.GetContent()
	if err != nil || len(s) != f.GetSize() {
		return nil, c.unreadable("a file whose content is not what its size says")
	}
	return []byte(s), nil
}

// Contains reports whether the history of the commit tip has the commit sha.
func (a *App) Contains(ctx context.Context, repo anvil.Repository, tip, sha string) (bool, error) {
	if !objectID.MatchString(tip) || !objectID.MatchString(sha) {
		return false, nil
	}
	var o struct {
		Status string `json:"status"`
	}
	c := onRepo("compare two commits", repo, mayReadContents, http.MethodGet, "compare", sha+"..."+tip)
	// The files of the difference, which may be large, are on the first page.
	c.query, c.out = url.Values{"per_page": {"1"}, "page": {"2"}}, &o
	if _, err := a.do(ctx, c); errors.Is(err, ErrNotFound) {
		return false, nil // the commit is gone, or they have nothing in common
	} else if err != nil {
		return false, err
	}
	return o.Status == "ahead" || o.Status == "identical", nil
}

// MergeBase returns the commit from which the histories of two commits went apart; empty if
// they have nothing in common.
func (a *App) MergeBase(ctx context.Context, repo anvil.Repository, one, other string) (string, error) {
	var o struct {
		MergeBase struct {
			SHA string `json:"sha"`
		} `json:"merge_base_commit"`
	}
	c := onRepo("find where two commits went apart", repo, mayReadContents, http.MethodGet, "compare", one+"..."+other)
	c.query, c.out = url.Values{"per_page": {"1"}, "page": {"2"}}, &o
	if _, err := a.do(ctx, c); errors.Is(err, ErrNotFound) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	if !objectID.MatchString(o.MergeBase.SHA) {
		return "", c.unreadable("a comparison without the commit in common")
	}
	return o.MergeBase.SHA, nil
}

// Commit returns a commit's tree and parents.
func (a *App) Commit(ctx context.Context, repo anvil.Repository, sha string) (tree string, parents []string, err error) {
	var o struct {
		SHA  string `json:"sha"`
		Tree struct {
			SHA string `json:"sha"`
		} `json:"tree"`
		Parents []struct {
			SHA string `json:"sha"`
		} `json:"parents"`
	}
	c := onRepo("look up the commit", repo, mayReadContents, http.MethodGet, "git", "commits", sha)
	c.out = &o
	if _, err := a.do(ctx, c); err != nil {
		return "", nil, err
	}
	if o.SHA != sha || !objectID.MatchString(o.Tree.SHA) {
		return "", nil, c.unreadable("not the commit that was asked for")
	}
	for _, p := range o.Parents {
		parents = append(parents, p.SHA)
	}
	return o.Tree.SHA, parents, nil
}

func (c call) notFound() *Error {
	return &Error{Op: c.op, Kind: NotFound, Rights: c.grant.rights.String(), write: c.write()}
}

// moved is the error for a name that leads to another repository than the one
// whose id we hold.
func (c call) moved() *Error {
	return &Error{Op: c.op, Kind: Moved, write: c.write()}
}
