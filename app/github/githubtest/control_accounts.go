package githubtest

import (
	"fmt"
	"net/http"
	"slices"
)

func (s *Server) controlAccounts(mux *http.ServeMux) {
	on(mux, "POST /_sim/users", func(_ *http.Request, in struct {
		Login string `json:"login"`
		Type  string `json:"type"`
	}) (any, error) {
		if in.Type == "" {
			in.Type = User
		}
		if in.Login == "" || !slices.Contains([]string{User, Bot, Organization}, in.Type) {
			return nil, fmt.Errorf("an account needs a login, and a type among %s, %s and %s", User, Bot, Organization)
		}
		return s.CreateAccount(in.Login, in.Type), nil
	})
	on(mux, "PATCH /_sim/users/{login}", func(r *http.Request, in struct {
		Login string `json:"login"`
	}) (any, error) {
		user, err := s.who(r.PathValue("login"))
		if err == nil && in.Login == "" {
			err = fmt.Errorf("an account needs a login")
		}
		if err != nil {
			return nil, err
		}
		return s.RenameUser(user, in.Login), nil
	})
	on(mux, "POST /_sim/users/{login}/tokens", func(r *http.Request, _ none) (any, error) {
		user, err := s.who(r.PathValue("login"))
		if err != nil {
			return nil, err
		}
		return obj{"token": s.UserToken(user)}, nil
	})
	on(mux, "GET /_sim/apps", func(*http.Request, none) (any, error) { return nonNil(s.Apps()), nil })
	on(mux, "POST /_sim/apps", func(_ *http.Request, in App) (any, error) { return s.createApp(in) })
	on(mux, "GET /_sim/apps/{app}", func(r *http.Request, _ none) (any, error) { return s.changeApp(pathInt(r, "app"), func(*App) {}) })
	on(mux, "PATCH /_sim/apps/{app}", func(r *http.Request, in struct {
		WebhookURL    *string           `json:"webhook_url"`
		WebhookSecret *string           `json:"webhook_secret"`
		Permissions   map[string]string `json:"permissions"`
		Events        []string          `json:"events"`
	}) (any, error) {
		return s.changeApp(pathInt(r, "app"), func(a *App) {
			if in.WebhookURL != nil {
				a.WebhookURL = *in.WebhookURL
			}
			if in.WebhookSecret != nil {
				a.WebhookSecret = *in.WebhookSecret
			}
			if in.Permissions != nil {
				a.Permissions = withMetadata(in.Permissions)
			}
			if in.Events != nil {
				a.Events = in.Events
			}
		})
	})
	on(mux, "POST /_sim/apps/{app}/ping", func(r *http.Request, _ none) (any, error) { return nil, s.ping(pathInt(r, "app")) })

	on(mux, "GET /_sim/installations", func(*http.Request, none) (any, error) { return nonNil(s.Installations()), nil })
	on(mux, "POST /_sim/installations", func(_ *http.Request, in struct {
		App          int64    `json:"app"`
		Account      string   `json:"account"`
		Repositories []string `json:"repositories"` // OWNER/NAME; none: all
	}) (any, error) {
		account, err := s.who(in.Account)
		if err != nil {
			return nil, err
		}
		ids, err := s.repositoryIDs(in.Repositories)
		if err != nil {
			return nil, err
		}
		return s.install(in.App, account.ID, ids)
	})
	on(mux, "PATCH /_sim/installations/{installation}", func(r *http.Request, in struct {
		Suspended   *bool             `json:"suspended"`
		Add         []string          `json:"add"`
		Remove      []string          `json:"remove"`
		Permissions map[string]string `json:"permissions"` // what it grants from now on
		Accept      bool              `json:"accept"`      // grant what the App asks for now
	}) (any, error) {
		id := pathInt(r, "installation")
		add, err := s.repositoryIDs(in.Add)
		if err != nil {
			return nil, err
		}
		remove, err := s.repositoryIDs(in.Remove)
		if err != nil {
			return nil, err
		}
		if _, err := s.changeInstallation(id, "", func(*Installation) {}); err != nil {
			return nil, err // there is no such installation
		}
		if in.Suspended != nil {
			if *in.Suspended {
				s.Suspend(id)
			} else {
				s.Unsuspend(id)
			}
		}
		if in.Permissions != nil {
			s.GrantPermissions(id, in.Permissions)
		}
		if in.Accept {
			s.AcceptPermissions(id)
		}
		if len(add)+len(remove) > 0 {
			s.mu.Lock()
			s.changeRepositories(s.installs[id], add, remove)
			s.mu.Unlock()
		}
		return s.changeInstallation(id, "", func(*Installation) {})
	})
	on(mux, "DELETE /_sim/installations/{installation}", func(r *http.Request, _ none) (any, error) {
		return s.changeInstallation(pathInt(r, "installation"), "deleted", func(*Installation) {})
	})
	on(mux, "POST /_sim/tokens/expire", func(*http.Request, none) (any, error) { s.ExpireTokens(); return nil, nil })
}

func (s *Server) repositoryIDs(names []string) ([]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []int64
	for _, name := range names {
		repo, err := s.repository(name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, repo.ID)
	}
	return ids, nil
}
