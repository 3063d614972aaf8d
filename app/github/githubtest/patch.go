package githubtest

import "fmt"

// Patch returns the change of a pull request as a unified diff against the merge
// base, as GitHub's .diff address gives it.
func (s *Server) Patch(repo Repository, number int) (string, error) {
	s.mu.Lock()
	r := s.repos[repo.ID]
	if r == nil || r.pulls[number] == nil {
		s.mu.Unlock()
		return "", fmt.Errorf("there is no pull request %d", number)
	}
	dir, base, head := r.dir, r.pulls[number].BaseSHA, r.pulls[number].HeadSHA
	s.mu.Unlock()
	patch, err := s.git.run(dir, nil, nil, "diff", "--no-ext-diff", "--no-textconv", "--no-color", base+"..."+head, "--")
	return string(patch), err
}
