package githubtest

import (
	"fmt"
	"regexp"
	"strings"
)

var refName = regexp.MustCompile(`^refs/heads/[A-Za-z0-9][A-Za-z0-9._/-]*$`)

// createGitCommit makes a commit of a tree that is there. As GitHub does, it signs one
// whose author is not said, in the name of the App's bot.
func (s *Server) createGitCommit(c *call) answer {
	var in struct {
		Message string   `json:"message"`
		Tree    string   `json:"tree"`
		Parents []string `json:"parents"`
		Author  *obj     `json:"author"`
	}
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	if kind, err := s.git.out(c.repo.dir, "cat-file", "-t", in.Tree); len(in.Tree) != 40 || err != nil || kind != "tree" {
		return fail(422, "Tree SHA does not exist")
	}
	args := []string{"commit-tree", in.Tree}
	for _, p := range in.Parents {
		if len(p) != 40 || s.git.commit(c.repo.dir, p) != p {
			return fail(422, "Parent SHA does not exist or is not a commit object")
		}
		args = append(args, "-p", p)
	}
	who := c.actor.user
	env := []string{
		"GIT_AUTHOR_NAME=" + who.Login, fmt.Sprintf("GIT_AUTHOR_EMAIL=%d+%s@users.noreply.github.com", who.ID, who.Login),
		"GIT_COMMITTER_NAME=GitHub", "GIT_COMMITTER_EMAIL=noreply@github.com",
	}
	out, err := s.git.run(c.repo.dir, env, []byte(in.Message), args...)
	if err != nil {
		return fail(422, "Invalid commit")
	}
	sha := strings.TrimSpace(string(out))
	ci, err := s.readCommit(c.repo.dir, sha)
	if err != nil {
		return fail(500, err.Error())
	}
	if in.Author == nil && c.actor.install != nil {
		c.repo.signed.Store(sha, true)
	}
	return created(s.gitCommitJSON(c.repo, ci))
}

// createRef makes a branch.
func (s *Server) createRef(c *call) answer {
	var in struct {
		Ref string `json:"ref"`
		SHA string `json:"sha"`
	}
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	if !refName.MatchString(in.Ref) || len(in.SHA) != 40 || s.git.commit(c.repo.dir, in.SHA) != in.SHA {
		return fail(422, "Reference or object is not valid")
	}
	// The zeros say that it must not be there.
	if err := s.moveRefs(c.repo, c.actor, func() error {
		_, err := s.git.out(c.repo.dir, "update-ref", in.Ref, in.SHA, strings.Repeat("0", 40))
		return err
	}); err != nil {
		return fail(422, "Reference already exists")
	}
	return created(s.refJSON(c.repo, in.Ref, in.SHA))
}

// updateRef moves a branch on.
func (s *Server) updateRef(c *call) answer {
	var in struct {
		SHA   string `json:"sha"`
		Force bool   `json:"force"`
	}
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	name := "refs/" + c.r.PathValue("ref")
	refs, _ := s.git.refs(c.repo.dir, "refs/heads")
	old := refs[name]
	if old == "" {
		return fail(422, "Reference does not exist")
	}
	if len(in.SHA) != 40 || s.git.commit(c.repo.dir, in.SHA) != in.SHA {
		return fail(422, "Object does not exist")
	}
	if _, err := s.git.out(c.repo.dir, "merge-base", "--is-ancestor", old, in.SHA); err != nil && !in.Force {
		return fail(422, "Update is not a fast forward")
	}
	if err := s.moveRefs(c.repo, c.actor, func() error {
		_, err := s.git.out(c.repo.dir, "update-ref", name, in.SHA, old)
		return err
	}); err != nil {
		return fail(422, "Reference cannot be updated")
	}
	return ok(s.refJSON(c.repo, name, in.SHA))
}

// requestReviewers notes whom a pull request's review is asked of.
func (s *Server) requestReviewers(c *call) answer {
	var in struct {
		Reviewers []string `json:"reviewers"`
		Teams     []string `json:"team_reviewers"`
	}
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := c.repo.pulls[int(c.number("number"))]
	if p == nil {
		return fail(404, "Not Found")
	}
	for _, login := range in.Reviewers {
		if strings.EqualFold(login, p.Author.Login) {
			return fail(422, "Review cannot be requested from pull request author.")
		}
	}
	p.Reviewers = append(append(p.Reviewers, in.Reviewers...), in.Teams...)
	s.changed()
	return created(s.pullJSON(c.repo, p, false))
}
