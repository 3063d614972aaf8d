package githubtest

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// errConflict is a merge that can't be made.
var errConflict = errors.New("this branch has conflicts that must be resolved")

// Merge merges a pull request as the user, and closes the issues that its body
// says it closes.
func (s *Server) Merge(repo Repository, number int, user Account) PullRequest {
	return must(s.merge(repo.ID, number, user.ID))
}

func (s *Server) merge(repoID int64, number int, userID int64) (PullRequest, error) {
	s.mu.Lock()
	repo, user, err := s.repoAndUser(repoID, userID)
	if err != nil {
		s.mu.Unlock()
		return PullRequest{}, err
	}
	live := repo.pulls[number]
	if live == nil {
		s.mu.Unlock()
		return PullRequest{}, notFound("pull request %s#%d", repo.FullName(), number)
	}
	p, who := *live, *user
	s.mu.Unlock()
	if p.State != "open" || p.Draft {
		return p, fmt.Errorf("pull request #%d is not ready to be merged", number)
	}
	var merged string
	err = s.moveRefs(repo, actor{user: &who}, func() error {
		tree, err := s.git.out(repo.dir, "merge-tree", "--write-tree", p.BaseSHA, p.HeadSHA)
		if err != nil {
			return errConflict
		}
		stamp := fmt.Sprintf("%d +0000", s.now().Unix())
		env := []string{"GIT_AUTHOR_NAME=" + who.Login, "GIT_AUTHOR_EMAIL=" + noreply(who), "GIT_AUTHOR_DATE=" + stamp,
			"GIT_COMMITTER_NAME=GitHub", "GIT_COMMITTER_EMAIL=noreply@github.com", "GIT_COMMITTER_DATE=" + stamp}
		message := fmt.Sprintf("Merge pull request #%d from %s/%s\n\n%s", p.Number, repo.Owner.Login, p.Head, p.Title)
		out, err := s.git.run(repo.dir, env, []byte(message), "commit-tree", tree, "-p", p.BaseSHA, "-p", p.HeadSHA)
		if err != nil {
			return err
		}
		merged = strings.TrimSpace(string(out))
		// Marked as merged before its base moves, so that nothing takes it for open.
		s.mu.Lock()
		live.Merged, live.MergedBy, live.MergedAt, live.MergeCommit = true, who, s.now(), merged
		s.setState(repo, repo.issues[number], user, "closed", "")
		s.mu.Unlock()
		_, err = s.git.out(repo.dir, "update-ref", "refs/heads/"+p.Base, merged, p.BaseSHA)
		return err
	})
	if err != nil {
		return p, fmt.Errorf("merging pull request #%d: %w", number, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range closes(p.Body) {
		if i := repo.issues[n]; i != nil && i.State == "open" && !i.PullRequest && p.Base == repo.DefaultBranch {
			s.setState(repo, i, user, "closed", "completed")
		}
	}
	s.changed()
	return *live, nil
}

var closing = regexp.MustCompile(`(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d+)\b`)

// closes lists the issues that a body says it closes.
func closes(body string) []int {
	var out []int
	for _, m := range closing.FindAllStringSubmatch(body, -1) {
		n, _ := strconv.Atoi(m[1])
		out = append(out, n)
	}
	return out
}

// MarkReady makes a draft ready for review, as the user.
func (s *Server) MarkReady(repo Repository, number int, user Account) {
	must(repo, s.markReady(repo.ID, number, user.ID))
}

func (s *Server) markReady(repoID int64, number int, userID int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, user, err := s.repoAndUser(repoID, userID)
	if err != nil {
		return err
	}
	p := repo.pulls[number]
	if p == nil {
		return notFound("pull request %s#%d", repo.FullName(), number)
	}
	if p.Draft {
		p.Draft = false
		s.tellPull(repo, p, "ready_for_review", actor{user: user})
		s.changed()
	}
	return nil
}
