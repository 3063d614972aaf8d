package github

import (
	"context"
	"net/http"
	"net/url"

	gh "github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// PullRequest is a pull request as GitHub has it.
type PullRequest struct {
	Number  int
	NodeID  string
	URL     string
	State   string // open or closed
	Draft   bool
	Merged  bool
	Title   string // people may have changed it
	Body    string
	Head    string // branch
	HeadSHA string
	// HeadRepository is the id of the repository that the head branch is in; 0
	// if it was deleted.
	HeadRepository int64
	Base           string
	AuthorID       int64
}

// NewPullRequest asks for a pull request between two branches of one repository.
type NewPullRequest struct {
	Title, Body string
	Head, Base  string // branches
	Draft       bool
}

// CreatePullRequest opens a pull request. [ErrExists] means that the branch has
// one already; see [App.FindPullRequest].
func (a *App) CreatePullRequest(ctx context.Context, repo anvil.Repository, n NewPullRequest) (PullRequest, error) {
	c := onRepo("open a pull request", repo, mayWritePulls, http.MethodPost, "pulls")
	c.body = struct {
		Title string `json:"title"`
		Body  string `json:"body"`
		Head  string `json:"head"`
		Base  string `json:"base"`
		Draft bool   `json:"draft"`
	}{Fit(n.Title, MaxTitle, ""), Fit(n.Body, MaxBody, ""), n.Head, n.Base, n.Draft}
	return a.pullRequest(ctx, c)
}

// PullRequestEdit changes the fields that are not nil.
type PullRequestEdit struct {
	Title, Body, State *string
}

// EditPullRequest changes a pull request.
func (a *App) EditPullRequest(ctx context.Context, repo anvil.Repository, number int, edit PullRequestEdit) (PullRequest, error) {
	fit := func(s *string, max int) *string {
		if s != nil {
			t := Fit(*s, max, "")
			return &t
		}
		return nil
	}
	c := onRepo("edit the pull request", repo, mayWritePulls, http.MethodPatch, "pulls", itoa(number))
	c.body = struct {
		Title *string `json:"title,omitempty"`
		Body  *string `json:"body,omitempty"`
		State *string `json:"state,omitempty"`
	}{fit(edit.Title, MaxTitle), fit(edit.Body, MaxBody), edit.State}
	return a.pullRequest(ctx, c)
}

// PullRequest returns a pull request.
func (a *App) PullRequest(ctx context.Context, repo anvil.Repository, number int) (PullRequest, error) {
	return a.pullRequest(ctx, onRepo("look up the pull request", repo, mayReadPulls, http.MethodGet, "pulls", itoa(number)))
}

func (a *App) pullRequest(ctx context.Context, c call) (PullRequest, error) {
	var p gh.PullRequest
	c.out = &p
	if _, err := a.do(ctx, c); err != nil {
		return PullRequest{}, err
	}
	if p.GetNumber() == 0 || !objectID.MatchString(p.GetHead().GetSHA()) {
		return PullRequest{}, c.unreadable("a pull request without a number or a head")
	}
	return a.pull(&p), nil
}

// FindPullRequest returns the pull request from a branch of repo: the open one,
// else the newest.
func (a *App) FindPullRequest(ctx context.Context, repo anvil.Repository, head string) (found PullRequest, ok bool, err error) {
	var pulls []*gh.PullRequest
	c := onRepo("look for the pull request", repo, mayReadPulls, http.MethodGet, "pulls")
	c.query = url.Values{"head": {repo.Owner + ":" + head}, "state": {"all"}, "per_page": {"100"}}
	c.out = &pulls
	if _, err := a.do(ctx, c); err != nil {
		return PullRequest{}, false, err
	}
	for _, p := range pulls {
		// The filter goes by the owner's name; a fork in the same organisation
		// would pass it.
		if p.GetNumber() == 0 || p.GetHead().GetRef() != head || p.GetHead().GetRepo().GetID() != repo.ID {
			continue
		}
		q := a.pull(p)
		if !ok || (q.State == "open") && found.State != "open" || q.State == found.State && q.Number > found.Number {
			found, ok = q, true
		}
	}
	return found, ok, nil
}

func (a *App) pull(p *gh.PullRequest) PullRequest {
	return PullRequest{
		Number: p.GetNumber(), NodeID: p.GetNodeID(), URL: a.onWeb(p.GetHTMLURL()),
		State: p.GetState(), Draft: p.GetDraft(), Merged: p.GetMerged() || p.MergedAt != nil,
		Title: p.GetTitle(), Body: p.GetBody(),
		Head: p.GetHead().GetRef(), HeadSHA: p.GetHead().GetSHA(), HeadRepository: p.GetHead().GetRepo().GetID(),
		Base: p.GetBase().GetRef(), AuthorID: p.GetUser().GetID(),
	}
}
