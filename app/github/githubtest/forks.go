package githubtest

import (
	"fmt"
	"path/filepath"
)

// OpenFromFork makes the user a fork of the repository with a commit on a branch of
// it, and opens a pull request from there.
func (s *Server) OpenFromFork(repo Repository, user Account, title string, files map[string]string) PullRequest {
	return must(s.openFromFork(repo.ID, user, title, files))
}

func (s *Server) openFromFork(repoID int64, user Account, title string, files map[string]string) (PullRequest, error) {
	const branch = "patch-1"
	s.mu.Lock()
	repo := s.repos[repoID]
	s.mu.Unlock()
	if repo == nil {
		return PullRequest{}, notFound("repository %d", repoID)
	}
	bundle := filepath.Join(s.dir, fmt.Sprintf("fork-%s.bundle", newGUID()))
	if _, err := s.git.out(repo.dir, "bundle", "create", "--quiet", bundle, "--branches"); err != nil {
		return PullRequest{}, err
	}
	fork, err := s.CreateRepository(user, repo.Name, From{Bundle: bundle}, RepositoryOptions{DefaultBranch: repo.DefaultBranch})
	if err != nil {
		return PullRequest{}, err
	}
	base := s.git.commit(repo.dir, repo.DefaultBranch)
	head, err := s.commitFiles(fork.ID, user, branch, title, files)
	if err != nil {
		return PullRequest{}, err
	}
	s.mu.Lock()
	from := s.repos[fork.ID]
	s.mu.Unlock()
	if _, err := s.git.out(repo.dir, "fetch", "--quiet", from.dir, "+refs/heads/"+branch+":refs/sim/forks/"+head); err != nil {
		return PullRequest{}, err
	}
	return s.openPull(repo, &PullRequest{Title: title, Author: user, Head: branch, Base: repo.DefaultBranch, State: "open", HeadSHA: head, BaseSHA: base,
		Repository: repo.FullName(), Fork: fork.ID})
}

// OpenFromBranch opens a pull request of a person's from a branch of the repository
// onto its default branch.
func (s *Server) OpenFromBranch(repo Repository, user Account, title, branch string) PullRequest {
	return must(s.openFromBranch(repo.ID, user, title, branch))
}

func (s *Server) openFromBranch(repoID int64, user Account, title, branch string) (PullRequest, error) {
	s.mu.Lock()
	repo := s.repos[repoID]
	s.mu.Unlock()
	if repo == nil {
		return PullRequest{}, notFound("repository %d", repoID)
	}
	head := s.git.commit(repo.dir, branch)
	if head == "" {
		return PullRequest{}, notFound("branch %s", branch)
	}
	return s.openPull(repo, &PullRequest{Title: title, Author: user, Head: branch, Base: repo.DefaultBranch, State: "open", HeadSHA: head,
		BaseSHA: s.git.commit(repo.dir, repo.DefaultBranch), Repository: repo.FullName()})
}

// openPull gives a pull request its number and tells of it.
func (s *Server) openPull(repo *repository, p *PullRequest) (PullRequest, error) {
	if _, err := s.measure(repo, p); err != nil {
		return PullRequest{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user := p.Author
	i := s.newIssue(repo, &user, p.Title, "")
	i.PullRequest = true
	p.ID, p.Number, p.CreatedAt, p.UpdatedAt = s.newID("pull"), i.Number, i.CreatedAt, i.UpdatedAt
	p.URL = s.addr(repo.FullName(), "pull", p.Number)
	repo.pulls[p.Number] = p
	s.tellPull(repo, p, "opened", actor{user: &user})
	return *p, nil
}

// headOf is the repository that a pull request's head branch is in. The caller holds mu.
func (s *Server) headOf(repo *repository, p *PullRequest) *repository {
	if fork := s.repos[p.Fork]; fork != nil {
		return fork
	}
	return repo
}
