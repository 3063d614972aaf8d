package githubtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"
	"time"
)

// control is the API with which tests and people make things happen that on
// GitHub happen by other people's hands. docs/simulator.md is its manual. It has
// no credentials, so the simulator belongs on a loopback address; pages of other
// origins are kept out.
func (s *Server) control() http.Handler {
	mux := http.NewServeMux()
	s.controlAccounts(mux)
	s.controlRepositories(mux)
	s.controlIssues(mux)
	s.controlActions(mux)
	s.controlFaults(mux)
	s.controlLists(mux)
	mux.Handle("GET /_sim/static/", http.StripPrefix("/_sim/static/", s.pages.static()))
	mux.HandleFunc("GET /_sim/changes", s.serveChanges)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		replyError(w, notFound("%s %s", r.Method, r.URL.Path))
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

// on adds an operation: a JSON body in, a JSON value out.
func on[In any](mux *http.ServeMux, pattern string, do func(*http.Request, In) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		var in In
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 32<<20))
		if err == nil && len(body) > 0 {
			dec := json.NewDecoder(strings.NewReader(string(body)))
			dec.DisallowUnknownFields()
			err = dec.Decode(&in)
		}
		if err != nil {
			replyError(w, fmt.Errorf("the body of %s: %w", pattern, err))
			return
		}
		out, err := do(r, in)
		if err != nil {
			replyError(w, err)
			return
		}
		if out == nil {
			out = obj{"ok": true}
		}
		replyJSON(w, http.StatusOK, out)
	})
}

type none struct{}

func replyJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v)
}

func replyError(w http.ResponseWriter, err error) {
	status := http.StatusUnprocessableEntity
	var m missing
	switch {
	case errors.As(err, &m):
		status = http.StatusNotFound
	case errors.Is(err, errConflict):
		status = http.StatusConflict
	case errors.Is(err, context.DeadlineExceeded):
		status = http.StatusGatewayTimeout
	}
	replyJSON(w, status, obj{"error": err.Error()})
}

// who finds the account with a login.
func (s *Server) who(login string) (Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(login)
	if err != nil {
		return Account{}, err
	}
	return *a, nil
}

// where finds the repository in the path.
func (s *Server) where(r *http.Request) (Repository, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.repository(r.PathValue("owner") + "/" + r.PathValue("repo"))
	if err != nil {
		return Repository{}, err
	}
	return repo.Repository, nil
}

// whereAndWho finds the repository in the path and the user of the body.
func (s *Server) whereAndWho(r *http.Request, login string) (Repository, Account, error) {
	repo, err := s.where(r)
	if err != nil {
		return repo, Account{}, err
	}
	user, err := s.who(login)
	return repo, user, err
}

func pathInt(r *http.Request, name string) int64 {
	n, _ := strconv.ParseInt(r.PathValue(name), 10, 64)
	return n
}

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
	on(mux, "POST /_sim/users/{login}/tokens", func(r *http.Request, _ none) (any, error) {
		user, err := s.who(r.PathValue("login"))
		if err != nil {
			return nil, err
		}
		return obj{"token": s.UserToken(user)}, nil
	})
	on(mux, "GET /_sim/apps", func(*http.Request, none) (any, error) { return nonNil(s.Apps()), nil })
	on(mux, "POST /_sim/apps", func(_ *http.Request, in App) (any, error) { return s.createApp(in) })
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
		out, err := s.changeInstallation(id, "", func(*Installation) {})
		if err != nil {
			return nil, err
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
		out, err = s.changeInstallation(id, "", func(*Installation) {})
		return out, err
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
	for verb, do := range map[string]func(Repository, int, Account) (any, error){
		"merge": func(repo Repository, n int, u Account) (any, error) { return s.merge(repo.ID, n, u.ID) },
		"ready": func(repo Repository, n int, u Account) (any, error) { return nil, s.markReady(repo.ID, n, u.ID) },
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

func (s *Server) controlActions(mux *http.ServeMux) {
	on(mux, "PUT /_sim/dispatch", func(_ *http.Request, in struct {
		Mode DispatchMode `json:"mode"`
	}) (any, error) {
		return nil, s.setDispatchMode(in.Mode)
	})
	on(mux, "PUT /_sim/runners", func(_ *http.Request, in struct {
		Hold bool `json:"hold"`
	}) (any, error) {
		s.HoldRunners(in.Hold)
		return nil, nil
	})
	on(mux, "POST /_sim/repositories/{owner}/{repo}/dispatches", func(r *http.Request, in struct {
		User     string                     `json:"user"`
		Workflow string                     `json:"workflow"`
		Ref      string                     `json:"ref"`
		Inputs   map[string]json.RawMessage `json:"inputs"`
	}) (any, error) {
		repo, user, err := s.whereAndWho(r, in.User)
		if err != nil {
			return nil, err
		}
		return s.startRun(repo, user, in.Workflow, in.Ref, in.Inputs)
	})
	const one = "/_sim/runs/{run}"
	on(mux, "GET "+one, func(r *http.Request, _ none) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if run := s.runs[pathInt(r, "run")]; run != nil {
			return run.WorkflowRun, nil
		}
		return nil, notFound("workflow run %d", pathInt(r, "run"))
	})
	on(mux, "GET "+one+"/log", func(r *http.Request, _ none) (any, error) {
		return obj{"log": strings.Split(s.WorkflowJobLog(pathInt(r, "run")), "\n")}, nil
	})
	on(mux, "POST "+one+"/begin", func(r *http.Request, _ none) (any, error) { return s.beginJob(pathInt(r, "run")) })
	on(mux, "POST "+one+"/complete", func(r *http.Request, in struct {
		Conclusion string `json:"conclusion"`
	}) (any, error) {
		return nil, s.completeJob(pathInt(r, "run"), in.Conclusion)
	})
	on(mux, "POST "+one+"/cancel", func(r *http.Request, in struct {
		Force bool `json:"force"`
	}) (any, error) {
		return nil, s.cancelRun(pathInt(r, "run"), in.Force)
	})
	on(mux, "POST "+one+"/rerun", func(r *http.Request, _ none) (any, error) { return s.rerun(pathInt(r, "run")) })
	on(mux, "POST /_sim/oidc/tokens", func(_ *http.Request, in Forgery) (any, error) {
		token, err := s.mintOIDC(in)
		return obj{"token": token}, err
	})
	on(mux, "POST /_sim/oidc/rotate", func(_ *http.Request, in struct {
		Keep bool `json:"keep"`
	}) (any, error) {
		return nil, s.issuer.rotate(in.Keep)
	})
	on(mux, "POST /_sim/deliveries", func(_ *http.Request, in struct {
		App     int64           `json:"app"`
		Event   string          `json:"event"`
		GUID    string          `json:"guid"`
		Payload json.RawMessage `json:"payload"`
	}) (any, error) {
		return s.deliver(in.App, in.Event, in.Payload, in.GUID)
	})
	on(mux, "POST /_sim/deliveries/{delivery}/attempts", func(r *http.Request, _ none) (any, error) {
		return s.redeliverByID(pathInt(r, "delivery"), 0)
	})
}

func (s *Server) controlFaults(mux *http.ServeMux) {
	on(mux, "GET /_sim/faults", func(*http.Request, none) (any, error) { return s.Faults(), nil })
	on(mux, "POST /_sim/faults", func(_ *http.Request, in Fault) (any, error) { return s.setFault(in) })
	on(mux, "DELETE /_sim/faults", func(*http.Request, none) (any, error) { s.ClearFaults(); return nil, nil })
	on(mux, "GET /_sim/faults/{fault}", func(r *http.Request, _ none) (any, error) {
		id := int(pathInt(r, "fault"))
		if text := r.URL.Query().Get("wait"); text != "" {
			patience, err := time.ParseDuration(text)
			if err != nil {
				return nil, fmt.Errorf("wait: %w", err)
			}
			ctx, done := context.WithTimeout(r.Context(), patience)
			defer done()
			if err := s.WaitFault(ctx, id); err != nil {
				return nil, err
			}
		}
		list := s.Faults()
		if id < 1 || id > len(list) {
			return nil, notFound("fault %d", id)
		}
		return list[id-1], nil
	})
	on(mux, "DELETE /_sim/faults/{fault}", func(r *http.Request, _ none) (any, error) {
		return nil, s.releaseFault(int(pathInt(r, "fault")))
	})
}

// controlLists are the ledger and the typed lists.
func (s *Server) controlLists(mux *http.ServeMux) {
	on(mux, "GET /_sim/ledger", func(r *http.Request, _ none) (any, error) {
		q := r.URL.Query()
		after, _ := strconv.Atoi(q.Get("after"))
		return slices.DeleteFunc(s.Requests(q.Get("method"), q.Get("path")), func(e Entry) bool {
			return e.N <= after || q.Get("actor") != "" && q.Get("actor") != e.Actor
		}), nil
	})
	on(mux, "GET /_sim/deliveries", func(r *http.Request, _ none) (any, error) {
		if q := r.URL.Query(); q.Get("wait") != "" {
			patience, err := time.ParseDuration(q.Get("wait"))
			if err != nil {
				return nil, fmt.Errorf("wait: %w", err)
			}
			ctx, done := context.WithTimeout(r.Context(), patience)
			defer done()
			if err := s.WaitDeliveries(ctx); err != nil {
				return nil, err
			}
		}
		return s.Deliveries(), nil
	})
	on(mux, "GET /_sim/violations", func(*http.Request, none) (any, error) {
		if s.opts.Violations == nil {
			return []string{}, nil
		}
		return nonNil(s.opts.Violations()), nil
	})
	for name, list := range map[string]func(Repository, int) any{
		"issues":     func(repo Repository, _ int) any { return nonNil(s.Issues(repo)) },
		"comments":   func(repo Repository, n int) any { return nonNil(s.Comments(repo, n)) },
		"pulls":      func(repo Repository, _ int) any { return nonNil(s.PullRequests(repo)) },
		"check-runs": func(repo Repository, _ int) any { return nonNil(s.CheckRuns(repo)) },
		"refs":       func(repo Repository, _ int) any { return s.Refs(repo) },
		"pushes":     func(repo Repository, _ int) any { return nonNil(s.Pushes(repo)) },
		"reactions":  func(repo Repository, _ int) any { return nonNil(s.Reactions(repo)) },
		"runs":       func(repo Repository, _ int) any { return nonNil(s.WorkflowRuns(repo)) },
	} {
		on(mux, "GET /_sim/repositories/{owner}/{repo}/"+name, func(r *http.Request, _ none) (any, error) {
			repo, err := s.where(r)
			if err != nil {
				return nil, err
			}
			number, _ := strconv.Atoi(r.URL.Query().Get("issue"))
			return list(repo, number), nil
		})
	}
	on(mux, "GET /_sim/repositories/{owner}/{repo}/file", func(r *http.Request, _ none) (any, error) {
		repo, err := s.where(r)
		if err != nil {
			return nil, err
		}
		q := r.URL.Query()
		ref := q.Get("ref")
		if ref == "" {
			ref = repo.DefaultBranch
		}
		content, there := s.File(repo, ref, q.Get("path"))
		if !there {
			return nil, notFound("%s at %s", q.Get("path"), ref)
		}
		return obj{"content": content}, nil
	})
}

// serveChanges streams the number of the latest change, for pages that show what
// is now (Server-Sent Events).
func (s *Server) serveChanges(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	for {
		s.mu.Lock()
		version, changing := s.version, s.changing
		s.mu.Unlock()
		if _, err := fmt.Fprintf(w, "data: %d\n\n", version); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-changing:
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
		// Several changes at once are one to those who watch.
		select {
		case <-time.After(100 * time.Millisecond):
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
}
