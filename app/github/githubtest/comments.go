package githubtest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"
)

// Comment is a comment on an issue or a pull request.
type Comment struct {
	ID         int64     `json:"id"`
	Repository string    `json:"repository"`
	Issue      int       `json:"issue"`
	Author     Account   `json:"author"`
	App        int64     `json:"app,omitempty"` // the App through which it was made
	Body       string    `json:"body"`
	Edits      int       `json:"edits"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// Comment comments on an issue as the user, and tells the Apps.
func (s *Server) Comment(repo Repository, number int, user Account, body string) Comment {
	return must(s.comment(repo.ID, number, user.ID, body))
}

func (s *Server) comment(repoID int64, number int, userID int64, body string) (Comment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, user, err := s.repoAndUser(repoID, userID)
	if err != nil {
		return Comment{}, err
	}
	i, err := s.issue(repo, number)
	if err != nil {
		return Comment{}, err
	}
	if body == "" {
		return Comment{}, fmt.Errorf("a comment needs a body")
	}
	return *s.addComment(repo, i, actor{user: user}, body), nil
}

func (s *Server) addComment(repo *repository, i *Issue, who actor, body string) *Comment {
	now := s.now()
	c := &Comment{ID: s.newID("comment"), Repository: repo.FullName(), Issue: i.Number, Author: *who.user, Body: body, CreatedAt: now, UpdatedAt: now}
	if who.app != nil {
		c.App = who.app.ID
	}
	repo.comments[c.ID] = c
	i.comments++
	i.UpdatedAt = now
	s.tellComment(repo, i, c, "created", who.user, nil)
	s.changed()
	return c
}

// EditComment changes a comment as the user, who need not be its author.
func (s *Server) EditComment(repo Repository, id int64, user Account, body string) Comment {
	return must(s.editComment(repo.ID, id, user.ID, body))
}

func (s *Server) editComment(repoID, id, userID int64, body string) (Comment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, user, err := s.repoAndUser(repoID, userID)
	if err != nil {
		return Comment{}, err
	}
	c := repo.comments[id]
	if c == nil {
		return Comment{}, notFound("comment %d", id)
	}
	s.changeComment(repo, c, user, body)
	return *c, nil
}

func (s *Server) changeComment(repo *repository, c *Comment, user *Account, body string) {
	from := c.Body
	c.Body, c.UpdatedAt = body, s.now()
	c.Edits++
	s.tellComment(repo, repo.issues[c.Issue], c, "edited", user, obj{"changes": obj{"body": obj{"from": from}}})
	s.changed()
}

// DeleteComment deletes a comment as the user.
func (s *Server) DeleteComment(repo Repository, id int64, user Account) {
	must(repo, s.removeComment(repo.ID, id, user.ID))
}

func (s *Server) removeComment(repoID, id, userID int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, user, err := s.repoAndUser(repoID, userID)
	if err != nil {
		return err
	}
	c := repo.comments[id]
	if c == nil {
		return notFound("comment %d", id)
	}
	s.dropComment(repo, c, user)
	return nil
}

func (s *Server) dropComment(repo *repository, c *Comment, user *Account) {
	s.tellComment(repo, repo.issues[c.Issue], c, "deleted", user, nil)
	delete(repo.comments, c.ID)
	repo.issues[c.Issue].comments--
	s.changed()
}

// Comments returns the comments of an issue or pull request, oldest first.
func (s *Server) Comments(repo Repository, number int) []Comment {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Comment
	if r := s.repos[repo.ID]; r != nil {
		for _, c := range r.commentsOf(number) {
			out = append(out, *c)
		}
	}
	return out
}

func (r *repository) commentsOf(number int) []*Comment {
	var out []*Comment
	for _, id := range slices.Sorted(maps.Keys(r.comments)) {
		if r.comments[id].Issue == number {
			out = append(out, r.comments[id])
		}
	}
	return out
}

func (s *Server) commentJSON(repo *repository, c *Comment) obj {
	url := s.api("repos", repo.FullName(), "issues/comments", c.ID)
	kind := "issues"
	if i := repo.issues[c.Issue]; i != nil && i.PullRequest {
		kind = "pull"
	}
	o := obj{
		"id": c.ID, "node_id": nodeID("issue-comment", c.ID), "url": url, "html_url": fmt.Sprintf("%s#issuecomment-%d", s.addr(repo.FullName(), kind, c.Issue), c.ID),
		"issue_url": s.api("repos", repo.FullName(), "issues", c.Issue), "body": c.Body, "user": s.accountJSON(s.accounts[c.Author.ID]),
		"created_at": at(c.CreatedAt), "updated_at": at(c.UpdatedAt), "author_association": s.association(repo, &c.Author),
		"performed_via_github_app": nil, "reactions": s.rollup(repo, url, c.ID),
	}
	if app := s.apps[c.App]; app != nil {
		o["performed_via_github_app"] = s.appJSON(app)
	}
	return o
}

func (s *Server) commentOf(c *call) (*Comment, *answer) {
	if comment := c.repo.comments[c.number("comment_id")]; comment != nil {
		return comment, nil
	}
	a := fail(404, "Not Found")
	return nil, &a
}

func (s *Server) getComment(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	comment, refused := s.commentOf(c)
	if refused != nil {
		return *refused
	}
	return ok(s.commentJSON(c.repo, comment))
}

func (s *Server) listComments(c *call) answer {
	var since time.Time
	if text := c.r.URL.Query().Get("since"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return invalid("IssueComment", "since", "invalid", "")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, refused := s.issueOf(c)
	if refused != nil {
		return *refused
	}
	list := []obj{}
	for _, comment := range c.repo.commentsOf(i.Number) {
		if !comment.UpdatedAt.Truncate(time.Second).Before(since) {
			list = append(list, s.commentJSON(c.repo, comment))
		}
	}
	cut, link := page(s, c, list)
	return answer{status: 200, body: cut, header: link}
}

// readBody reads a comment's body from a request.
func readBody(c *call) (string, *answer) {
	var in struct {
		Body *string `json:"body"`
	}
	if bad := c.into(&in); bad != nil {
		return "", bad
	}
	if in.Body == nil || *in.Body == "" {
		a := invalid("IssueComment", "data", "unprocessable", "Body cannot be blank")
		return "", &a
	}
	if utf8.RuneCountInString(*in.Body) > maxBody {
		a := tooLong("IssueComment")
		return "", &a
	}
	return *in.Body, nil
}

func (s *Server) createCommentREST(c *call) answer {
	body, bad := readBody(c)
	if bad != nil {
		return *bad
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, refused := s.issueOf(c)
	if refused != nil {
		return *refused
	}
	if i.Locked && !s.mayOnLocked(c) {
		return fail(403, "Unable to create comment because issue is locked.")
	}
	a := created(s.commentJSON(c.repo, s.addComment(c.repo, i, c.actor, body)))
	a.header = map[string]string{"Location": a.body.(obj)["url"].(string)}
	return a
}

// mayOnLocked reports whether the caller may still comment on a locked issue.
func (s *Server) mayOnLocked(c *call) bool {
	return c.actor.install != nil || s.may(c.actor, c.repo, "issues:write")
}

func (s *Server) updateCommentREST(c *call) answer {
	body, bad := readBody(c)
	if bad != nil {
		return *bad
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	comment, refused := s.commentOf(c)
	if refused != nil {
		return *refused
	}
	if comment.Body != body {
		s.changeComment(c.repo, comment, c.actor.user, body)
	}
	return ok(s.commentJSON(c.repo, comment))
}

func (s *Server) deleteCommentREST(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	comment, refused := s.commentOf(c)
	if refused != nil {
		return *refused
	}
	s.dropComment(c.repo, comment, c.actor.user)
	return answer{status: http.StatusNoContent}
}
