package githubtest

import (
	"errors"
	"net/http"
	"strings"
	"testing/fstest"
)

func (s *Server) controlRepositories(mux *http.ServeMux) {
	const one = "/_sim/repositories/{owner}/{repo}"
	on(mux, "GET /_sim/repositories", func(*http.Request, none) (any, error) { return nonNil(s.Repositories()), nil })
	on(mux, "POST /_sim/repositories", func(_ *http.Request, in struct {
		Owner  string            `json:"owner"` // made if there is none
		Name   string            `json:"name"`
		Dir    string            `json:"dir"`
		Bundle string            `json:"bundle"`
		Files  map[string]string `json:"files"`
		RepositoryOptions
	}) (any, error) {
		if in.Owner == "" || in.Name == "" {
			return nil, errors.New("a repository needs an owner and a name")
		}
		from := From{Dir: in.Dir, Bundle: in.Bundle}
		if in.Files != nil {
			tree := fstest.MapFS{}
			for path, content := range in.Files {
				tree[path] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
			}
			from.FS = tree
		}
		return s.CreateRepository(s.CreateUser(in.Owner), in.Name, from, in.RepositoryOptions)
	})
	on(mux, "GET "+one, func(r *http.Request, _ none) (any, error) { return s.where(r) })
	on(mux, "PATCH "+one, func(r *http.Request, in struct {
		Archived      *bool   `json:"archived"`
		Private       *bool   `json:"private"`
		Name          *string `json:"name"`
		DefaultBranch *string `json:"default_branch"`
	}) (any, error) {
		repo, err := s.where(r)
		if err != nil {
			return nil, err
		}
		return s.changeRepository(repo.ID, func(x *repository) {
			if in.Archived != nil {
				x.Archived = *in.Archived
			}
			if in.Private != nil {
				x.Private = *in.Private
			}
			if in.Name != nil {
				x.Name = *in.Name
				s.names[strings.ToLower(x.FullName())] = x.ID
			}
			if in.DefaultBranch != nil {
				x.DefaultBranch = *in.DefaultBranch
			}
		})
	})
	on(mux, "DELETE "+one, func(r *http.Request, _ none) (any, error) {
		repo, err := s.where(r)
		if err == nil {
			s.DeleteRepository(repo)
		}
		return nil, err
	})
	on(mux, "PUT "+one+"/roles/{login}", func(r *http.Request, in struct {
		Role string `json:"role"`
	}) (any, error) {
		repo, err := s.where(r)
		if err != nil {
			return nil, err
		}
		user, err := s.who(r.PathValue("login"))
		if err != nil {
			return nil, err
		}
		return nil, s.setRole(repo.ID, user.ID, in.Role)
	})
	on(mux, "POST "+one+"/commits", func(r *http.Request, in struct {
		User    string            `json:"user"`
		Branch  string            `json:"branch"`
		Message string            `json:"message"`
		Files   map[string]string `json:"files"` // empty content deletes
	}) (any, error) {
		repo, user, err := s.whereAndWho(r, in.User)
		if err != nil {
			return nil, err
		}
		if in.Branch == "" {
			in.Branch = repo.DefaultBranch
		}
		sha, err := s.commitFiles(repo.ID, user, in.Branch, in.Message, in.Files)
		return obj{"sha": sha}, err
	})
}
