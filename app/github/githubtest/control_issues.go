package githubtest

import (
	"errors"
	"net/http"
)

func (s *Server) controlIssues(mux *http.ServeMux) {
	const one = "/_sim/repositories/{owner}/{repo}"
	on(mux, "POST "+one+"/issues", func(r *http.Request, in struct {
		User   string   `json:"user"`
		Title  string   `json:"title"`
		Body   string   `json:"body"`
		Labels []string `json:"labels"`
	}) (any, error) {
		repo, user, err := s.whereAndWho(r, in.User)
		if err != nil {
			return nil, err
		}
		return s.createIssue(repo.ID, user.ID, in.Title, in.Body, in.Labels)
	})
	on(mux, "PATCH "+one+"/issues/{number}", func(r *http.Request, in struct {
		User string `json:"user"`
		EditIssue
	}) (any, error) {
		repo, user, err := s.whereAndWho(r, in.User)
		if err != nil {
			return nil, err
		}
		return s.editIssue(repo.ID, int(pathInt(r, "number")), user.ID, in.EditIssue)
	})
	on(mux, "DELETE "+one+"/issues/{number}", func(r *http.Request, _ none) (any, error) {
		repo, user, err := s.whereAndWho(r, r.URL.Query().Get("user"))
		if err != nil {
			return nil, err
		}
		return nil, s.deleteIssue(repo.ID, int(pathInt(r, "number")), user.ID)
	})
	on(mux, "POST "+one+"/issues/{number}/transfer", func(r *http.Request, in struct {
		User string `json:"user"`
		To   string `json:"to"` // OWNER/NAME
	}) (any, error) {
		repo, user, err := s.whereAndWho(r, in.User)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		to, err := s.repository(in.To)
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		return s.transferIssue(repo.ID, int(pathInt(r, "number")), user.ID, to.ID)
	})
	on(mux, "POST "+one+"/issues/{number}/comments", func(r *http.Request, in struct {
		User string `json:"user"`
		Body string `json:"body"`
	}) (any, error) {
		repo, user, err := s.whereAndWho(r, in.User)
		if err != nil {
			return nil, err
		}
		return s.comment(repo.ID, int(pathInt(r, "number")), user.ID, in.Body)
	})
	on(mux, "PATCH "+one+"/comments/{comment}", func(r *http.Request, in struct {
		User string `json:"user"`
		Body string `json:"body"`
	}) (any, error) {
		repo, user, err := s.whereAndWho(r, in.User)
		if err != nil {
			return nil, err
		}
		return s.editComment(repo.ID, pathInt(r, "comment"), user.ID, in.Body)
	})
	on(mux, "DELETE "+one+"/comments/{comment}", func(r *http.Request, _ none) (any, error) {
		repo, user, err := s.whereAndWho(r, r.URL.Query().Get("user"))
		if err != nil {
			return nil, err
		}
		return nil, s.removeComment(repo.ID, pathInt(r, "comment"), user.ID)
	})
	for verb, do := range map[string]func(*repository, *Issue, *Account, string) error{
		"labels":  func(x *repository, i *Issue, u *Account, v string) error { s.addLabel(x, i, u, v); return nil },
		"unlabel": func(x *repository, i *Issue, u *Account, v string) error { s.removeLabel(x, i, u, v); return nil },
		"assignees": func(x *repository, i *Issue, u *Account, v string) error {
			a, err := s.account(v)
			if err == nil {
				s.assign(x, i, u, *a)
			}
			return err
		},
		"unassign": func(x *repository, i *Issue, u *Account, v string) error {
			a, err := s.account(v)
			if err == nil {
				s.unassign(x, i, u, *a)
			}
			return err
		},
	} {
		on(mux, "POST "+one+"/issues/{number}/"+verb, func(r *http.Request, in struct {
			User     string `json:"user"`
			Label    string `json:"label"`
			Assignee string `json:"assignee"`
		}) (any, error) {
			repo, user, err := s.whereAndWho(r, in.User)
			if err != nil {
				return nil, err
			}
			var inner error
			err = s.onIssue(repo.ID, int(pathInt(r, "number")), user.ID, func(x *repository, i *Issue, u *Account) {
				inner = do(x, i, u, in.Label+in.Assignee)
			})
			return nil, errors.Join(err, inner)
		})
	}
	on(mux, "POST "+one+"/pulls/from-fork", func(r *http.Request, in struct {
		User  string            `json:"user"`
		Title string            `json:"title"`
		Files map[string]string `json:"files"`
	}) (any, error) {
		repo, user, err := s.whereAndWho(r, in.User)
		if err != nil {
			return nil, err
		}
		return s.openFromFork(repo.ID, user, in.Title, in.Files)
	})
	on(mux, "POST "+one+"/pulls/{number}/reviews", func(r *http.Request, in ReviewInput) (any, error) {
		repo, user, err := s.whereAndWho(r, in.User)
		if err != nil {
			return nil, err
		}
		return s.review(repo.ID, int(pathInt(r, "number")), user.ID, in)
	})
	on(mux, "POST "+one+"/ci", func(r *http.Request, in CIResult) (any, error) {
		repo, err := s.where(r)
		if err != nil {
			return nil, err
		}
		return s.ci(repo.ID, in)
	})
	on(mux, "POST "+one+"/check-runs/{check}/press", func(r *http.Request, in struct {
		User   string `json:"user"`
		Button string `json:"button"`
	}) (any, error) {
		repo, user, err := s.whereAndWho(r, in.User)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		live := s.repos[repo.ID]
		s.mu.Unlock()
		return nil, s.press(live, pathInt(r, "check"), &user, in.Button)
	})
	on(mux, "POST "+one+"/pulls", func(r *http.Request, in struct {
		User   string `json:"user"`
		Title  string `json:"title"`
		Branch string `json:"branch"`
	}) (any, error) {
		repo, user, err := s.whereAndWho(r, in.User)
		if err != nil {
			return nil, err
		}
		return s.openFromBranch(repo.ID, user, in.Title, in.Branch)
	})
	for verb, do := range map[string]func(Repository, int, Account) (any, error){
		"merge":   func(repo Repository, n int, u Account) (any, error) { return s.merge(repo.ID, n, u.ID) },
		"dismiss": func(repo Repository, n int, u Account) (any, error) { return nil, s.dismiss(repo.ID, n, u.ID) },
		"ready":   func(repo Repository, n int, u Account) (any, error) { return nil, s.markReady(repo.ID, n, u.ID) },
		"close": func(repo Repository, n int, u Account) (any, error) {
			return s.editIssue(repo.ID, n, u.ID, EditIssue{State: new("closed")})
		},
		"reopen": func(repo Repository, n int, u Account) (any, error) {
			return s.editIssue(repo.ID, n, u.ID, EditIssue{State: new("open")})
		},
	} {
		on(mux, "POST "+one+"/pulls/{number}/"+verb, func(r *http.Request, in struct {
			User string `json:"user"`
		}) (any, error) {
			repo, user, err := s.whereAndWho(r, in.User)
			if err != nil {
				return nil, err
			}
			return do(repo, int(pathInt(r, "number")), user)
		})
	}
}
