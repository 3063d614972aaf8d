package githubtest

import (
	"slices"
	"strings"
)

// reaches reports whether who's token covers the repository.
func (s *Server) reaches(who actor, repo *repository) bool {
	if who.install == nil {
		return who.user != nil && s.role(repo, who.user) != "none"
	}
	if who.token != nil && who.token.repos != nil && !slices.Contains(who.token.repos, repo.ID) {
		return false
	}
	return s.installed(who.install, repo)
}

// may reports whether who has the permission, written NAME:LEVEL.
func (s *Server) may(who actor, repo *repository, need string) bool {
	name, level, _ := strings.Cut(need, ":")
	if who.install != nil {
		return name == "metadata" || rank(who.permissions[name]) >= rank(level)
	}
	if who.user == nil || repo == nil {
		return false
	}
	role := s.role(repo, who.user)
	return level == "read" && role != "none" || slices.Contains([]string{"write", "maintain", "admin"}, role)
}

func rank(level string) int { return slices.Index([]string{"", "read", "write", "admin"}, level) }

func lesser(a, b string) string {
	if rank(a) < rank(b) {
		return a
	}
	return b
}
