package githubtest

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Review is what somebody thinks of a pull request, with comments on its lines.
type Review struct {
	ID          int64           `json:"id"`
	Pull        int             `json:"pull"`
	Author      Account         `json:"author"`
	State       string          `json:"state"` // APPROVED, CHANGES_REQUESTED, COMMENTED or DISMISSED
	Body        string          `json:"body"`
	Commit      string          `json:"commit"`
	SubmittedAt time.Time       `json:"submitted_at"`
	Comments    []ReviewComment `json:"comments"`
}

// ReviewComment is a comment on a line. The first of its thread has no ReplyTo.
type ReviewComment struct {
	ID        int64     `json:"id"`
	Review    int64     `json:"review"`
	Pull      int       `json:"pull"`
	Author    Account   `json:"author"`
	Path      string    `json:"path"`
	Line      int       `json:"line"`
	Hunk      string    `json:"hunk"`
	Body      string    `json:"body"`
	ReplyTo   int64     `json:"reply_to,omitempty"`
	Resolved  bool      `json:"resolved"` // of a thread's first
	Commit    string    `json:"commit"`
	CreatedAt time.Time `json:"created_at"`
}

// ReviewInput is a review to submit.
type ReviewInput struct {
	User     string `json:"user"`
	State    string `json:"state"` // approved, changes_requested or commented
	Body     string `json:"body"`
	Comments []struct {
		Path string `json:"path"`
		Line int    `json:"line"`
		Body string `json:"body"`
	} `json:"comments"`
}

var reviewStates = map[string]string{"approved": "APPROVED", "changes_requested": "CHANGES_REQUESTED", "commented": "COMMENTED"}

// review submits a review, and tells the Apps of it and of each of its comments.
func (s *Server) review(repoID int64, number int, userID int64, in ReviewInput) (Review, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, user, err := s.repoAndUser(repoID, userID)
	if err != nil {
		return Review{}, err
	}
	p := repo.pulls[number]
	state := reviewStates[in.State]
	if p == nil || state == "" {
		return Review{}, notFound("pull request %d, or review state %q", number, in.State)
	}
	now := s.now()
	v := &Review{ID: s.newID("review"), Pull: number, Author: *user, State: state, Body: in.Body, Commit: p.HeadSHA, SubmittedAt: now}
	repo.reviews = append(repo.reviews, v)
	for _, c := range in.Comments {
		comment := &ReviewComment{ID: s.newID("review-comment"), Review: v.ID, Pull: number, Author: *user, Path: c.Path, Line: c.Line, Body: c.Body,
			Hunk: fmt.Sprintf("@@ -0,0 +%d @@\n+line %d of %s", c.Line, c.Line, c.Path), Commit: p.HeadSHA, CreatedAt: now}
		repo.reviewComments = append(repo.reviewComments, comment)
		v.Comments = append(v.Comments, *comment)
		s.tell(repo, "pull_request_review_comment", "created", user, obj{"comment": s.reviewCommentJSON(repo, comment), "pull_request": s.pullJSON(repo, p, false)})
	}
	told := s.reviewJSON(repo, v)
	told["state"] = in.State // events write it small
	s.tell(repo, "pull_request_review", "submitted", user, obj{"review": told, "pull_request": s.pullJSON(repo, p, false)})
	s.changed()
	return *v, nil
}

// dismiss takes the newest approval of a pull request back in the user's name, and tells
// the Apps.
func (s *Server) dismiss(repoID int64, number int, userID int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, user, err := s.repoAndUser(repoID, userID)
	if err != nil {
		return err
	}
	for _, v := range slices.Backward(repo.reviews) {
		if v.Pull != number || v.State != "APPROVED" {
			continue
		}
		v.State = "DISMISSED"
		told := s.reviewJSON(repo, v)
		told["state"] = "dismissed"
		s.tell(repo, "pull_request_review", "dismissed", user, obj{"review": told, "pull_request": s.pullJSON(repo, repo.pulls[number], false)})
		s.changed()
		return nil
	}
	return notFound("an approval of pull request %d", number)
}

func (s *Server) reviewJSON(repo *repository, v *Review) obj {
	html, api := s.addr(repo.FullName(), "pull", v.Pull)+fmt.Sprintf("#pullrequestreview-%d", v.ID), s.api("repos", repo.FullName(), "pulls", v.Pull)
	return obj{"id": v.ID, "node_id": nodeID("review", v.ID), "user": s.accountJSON(s.accounts[v.Author.ID]), "body": v.Body, "state": v.State,
		"commit_id": v.Commit, "html_url": html, "pull_request_url": api, "submitted_at": at(v.SubmittedAt), "author_association": s.association(repo, &v.Author),
		"_links": obj{"html": obj{"href": html}, "pull_request": obj{"href": api}}}
}

func (s *Server) reviewCommentJSON(repo *repository, c *ReviewComment) obj {
	html, api := s.addr(repo.FullName(), "pull", c.Pull)+fmt.Sprintf("#discussion_r%d", c.ID), s.api("repos", repo.FullName(), "pulls", c.Pull)
	url := s.api("repos", repo.FullName(), "pulls/comments", c.ID)
	o := obj{"id": c.ID, "node_id": nodeID("review-comment", c.ID), "url": url, "body": c.Body, "diff_hunk": c.Hunk, "path": c.Path,
		"position": 1, "original_position": 1, "commit_id": c.Commit, "original_commit_id": c.Commit, "user": s.accountJSON(s.accounts[c.Author.ID]),
		"pull_request_review_id": c.Review, "html_url": html, "pull_request_url": api, "author_association": s.association(repo, &c.Author),
		"line": c.Line, "original_line": c.Line, "side": "RIGHT", "created_at": at(c.CreatedAt), "updated_at": at(c.CreatedAt),
		"_links": obj{"self": obj{"href": url}, "html": obj{"href": html}, "pull_request": obj{"href": api}}}
	if c.ReplyTo != 0 {
		o["in_reply_to_id"] = c.ReplyTo
	}
	return o
}

func (s *Server) listReviews(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []obj{}
	for _, v := range c.repo.reviews {
		if int64(v.Pull) == c.number("number") {
			list = append(list, s.reviewJSON(c.repo, v))
		}
	}
	cut, link := page(s, c, list)
	return answer{status: 200, body: cut, header: link}
}

func (s *Server) listReviewComments(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []obj{}
	for _, m := range c.repo.reviewComments {
		if m.Review == c.number("review_id") && int64(m.Pull) == c.number("number") {
			list = append(list, s.reviewCommentJSON(c.repo, m))
		}
	}
	cut, link := page(s, c, list)
	return answer{status: 200, body: cut, header: link}
}

func (s *Server) replyToReviewComment(c *call) answer {
	body, bad := readBody(c)
	if bad != nil {
		return *bad
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := slices.IndexFunc(c.repo.reviewComments, func(m *ReviewComment) bool {
		return m.ID == c.number("comment_id") && int64(m.Pull) == c.number("number") && m.ReplyTo == 0
	})
	if n < 0 {
		return fail(http.StatusNotFound, "Not Found")
	}
	first := c.repo.reviewComments[n]
	reply := &ReviewComment{ID: s.newID("review-comment"), Review: first.Review, Pull: first.Pull, Author: *c.actor.user, Path: first.Path, Line: first.Line,
		Hunk: first.Hunk, Body: body, ReplyTo: first.ID, Commit: first.Commit, CreatedAt: s.now()}
	c.repo.reviewComments = append(c.repo.reviewComments, reply)
	s.tell(c.repo, "pull_request_review_comment", "created", c.actor.user, obj{"comment": s.reviewCommentJSON(c.repo, reply), "pull_request": s.pullJSON(c.repo, c.repo.pulls[first.Pull], false)})
	s.changed()
	return created(s.reviewCommentJSON(c.repo, reply))
}
