package githubtest

import (
	"maps"
	"slices"
	"time"
)

// Installation is an App that an account lets in.
type Installation struct {
	ID           int64             `json:"id"`
	AppID        int64             `json:"app_id"`
	Account      Account           `json:"account"`
	Repositories []int64           `json:"repositories"` // empty: all of the account's
	Permissions  map[string]string `json:"permissions"`  // granted
	Events       []string          `json:"events"`
	CreatedAt    time.Time         `json:"created_at"`
	SuspendedAt  time.Time         `json:"suspended_at,omitzero"`
}

// Selection is GitHub's word for whether an installation has all repositories.
func (i *Installation) Selection() string {
	if len(i.Repositories) == 0 {
		return "all"
	}
	return "selected"
}

// Install installs an App for an account, on the given repositories or on all.
// The App is told by webhook. What exists already gets the repositories added.
func (s *Server) Install(appID, accountID int64, repositoryIDs ...int64) Installation {
	return must(s.install(appID, accountID, repositoryIDs))
}

func (s *Server) install(appID, accountID int64, repositoryIDs []int64) (Installation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	app, account := s.apps[appID], s.accounts[accountID]
	if app == nil {
		return Installation{}, notFound("App %d", appID)
	}
	if account == nil {
		return Installation{}, notFound("account %d", accountID)
	}
	for _, id := range repositoryIDs {
		if s.repos[id] == nil {
			return Installation{}, notFound("repository %d", id)
		}
	}
	for _, inst := range s.installs {
		if inst.AppID == appID && inst.Account.ID == accountID {
			return s.changeRepositories(inst, repositoryIDs, nil), nil
		}
	}
	inst := &Installation{ID: s.newID("installation"), AppID: appID, Account: *account,
		Repositories: slices.Clone(repositoryIDs), Permissions: maps.Clone(app.Permissions),
		Events: slices.Clone(app.Events), CreatedAt: s.now()}
	s.installs[inst.ID] = inst
	s.tellInstallation(inst, "created")
	s.changed()
	return *inst, nil
}

// AddRepositories and RemoveRepositories change what an installation covers.
func (s *Server) AddRepositories(installation int64, ids ...int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changeRepositories(s.installs[installation], ids, nil)
}

// RemoveRepositories takes repositories away from an installation.
func (s *Server) RemoveRepositories(installation int64, ids ...int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changeRepositories(s.installs[installation], nil, ids)
}

func (s *Server) changeRepositories(inst *Installation, add, remove []int64) Installation {
	covered := inst.Repositories
	if len(covered) == 0 {
		for id, repo := range s.repos {
			if repo.Owner.ID == inst.Account.ID {
				covered = append(covered, id)
			}
		}
		slices.Sort(covered)
	}
	before := slices.Clone(covered)
	for _, id := range add {
		if !slices.Contains(covered, id) {
			covered = append(covered, id)
		}
	}
	covered = slices.DeleteFunc(covered, func(id int64) bool { return slices.Contains(remove, id) })
	inst.Repositories = covered
	added := slices.DeleteFunc(slices.Clone(covered), func(id int64) bool { return slices.Contains(before, id) })
	removed := slices.DeleteFunc(before, func(id int64) bool { return slices.Contains(covered, id) })
	s.tellInstallationRepositories(inst, added, removed)
	s.changed()
	return *inst
}

// Suspend stops an installation; Unsuspend lets it go on.
func (s *Server) Suspend(installation int64) {
	must(s.changeInstallation(installation, "suspend", func(i *Installation) { i.SuspendedAt = s.now() }))
}

// Unsuspend lets a suspended installation go on.
func (s *Server) Unsuspend(installation int64) {
	must(s.changeInstallation(installation, "unsuspend", func(i *Installation) { i.SuspendedAt = time.Time{} }))
}

// AcceptPermissions grants an installation what its App asks for now.
func (s *Server) AcceptPermissions(installation int64) {
	must(s.changeInstallation(installation, "new_permissions_accepted", func(i *Installation) {
		i.Permissions, i.Events = maps.Clone(s.apps[i.AppID].Permissions), slices.Clone(s.apps[i.AppID].Events)
	}))
}

// GrantPermissions sets what an installation grants, whatever its App asks for.
func (s *Server) GrantPermissions(installation int64, permissions map[string]string) {
	must(s.changeInstallation(installation, "", func(i *Installation) { i.Permissions = withMetadata(permissions) }))
}

// Uninstall deletes an installation; its tokens end.
func (s *Server) Uninstall(installation int64) {
	must(s.changeInstallation(installation, "deleted", func(i *Installation) {}))
}

func (s *Server) changeInstallation(id int64, action string, change func(*Installation)) (Installation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inst := s.installs[id]
	if inst == nil {
		return Installation{}, notFound("installation %d", id)
	}
	change(inst)
	if action != "" {
		s.tellInstallation(inst, action)
	}
	if action == "deleted" {
		delete(s.installs, id)
	}
	s.changed()
	return *inst, nil
}

// Installations returns all installations in the order in which they were made.
func (s *Server) Installations() []Installation {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Installation
	for _, id := range slices.Sorted(maps.Keys(s.installs)) {
		out = append(out, *s.installs[id])
	}
	return out
}

// installed reports whether an installation covers a repository.
func (s *Server) installed(inst *Installation, repo *repository) bool {
	if repo.Owner.ID != inst.Account.ID {
		return false
	}
	return len(inst.Repositories) == 0 || slices.Contains(inst.Repositories, repo.ID)
}

// covered returns the repositories of an installation, by id.
func (s *Server) covered(inst *Installation) []*repository {
	var out []*repository
	for _, id := range slices.Sorted(maps.Keys(s.repos)) {
		if s.installed(inst, s.repos[id]) {
			out = append(out, s.repos[id])
		}
	}
	return out
}

func (s *Server) installationJSON(i *Installation) obj {
	app := s.apps[i.AppID]
	o := obj{
		"id": i.ID, "client_id": app.ClientID, "app_id": i.AppID, "app_slug": app.Slug, "account": s.accountJSON(s.accounts[i.Account.ID]),
		"target_id": i.Account.ID, "target_type": i.Account.Type, "repository_selection": i.Selection(),
		"access_tokens_url": s.api("app/installations", i.ID, "access_tokens"), "repositories_url": s.api("installation/repositories"),
		"html_url": s.addr("settings/installations", i.ID), "permissions": maps.Clone(i.Permissions), "events": nonNil(i.Events),
		"created_at": at(i.CreatedAt), "updated_at": at(i.CreatedAt), "single_file_name": nil, "has_multiple_single_files": false,
		"single_file_paths": []string{}, "suspended_at": atOrNull(i.SuspendedAt), "suspended_by": nil,
	}
	if !i.SuspendedAt.IsZero() {
		o["suspended_by"] = s.accountJSON(s.accounts[i.Account.ID])
	}
	return o
}

// installationOf finds the installation in the path, if it is the App's own.
func (s *Server) installationOf(c *call) (*Installation, *answer) {
	inst := s.installs[c.number("installation_id")]
	if inst == nil || inst.AppID != c.actor.app.ID {
		a := fail(404, "Not Found")
		return nil, &a
	}
	return inst, nil
}

func (s *Server) getInstallation(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	inst, refused := s.installationOf(c)
	if refused != nil {
		return *refused
	}
	return ok(s.installationJSON(inst))
}

func (s *Server) listInstallations(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []obj
	for _, id := range slices.Sorted(maps.Keys(s.installs)) {
		if s.installs[id].AppID == c.actor.app.ID {
			list = append(list, s.installationJSON(s.installs[id]))
		}
	}
	cut, link := page(s, c, list)
	return answer{status: 200, body: cut, header: link}
}

func (s *Server) getRepositoryInstallation(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, inst := range s.installs {
		if inst.AppID == c.actor.app.ID && s.installed(inst, c.repo) {
			return ok(s.installationJSON(inst))
		}
	}
	return fail(404, "Not Found")
}

func (s *Server) getAccountInstallation(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, err := s.account(c.r.PathValue("username")); err == nil {
		for _, inst := range s.installs {
			if inst.AppID == c.actor.app.ID && inst.Account.ID == a.ID {
				return ok(s.installationJSON(inst))
			}
		}
	}
	return fail(404, "Not Found")
}

func (s *Server) listInstallationRepositories(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.actor.install == nil {
		return fail(403, "You must authenticate with an installation access token in order to list repositories for an installation.")
	}
	list := []obj{}
	for _, repo := range s.covered(c.actor.install) {
		if s.reaches(c.actor, repo) {
			list = append(list, s.repositoryJSON(repo))
		}
	}
	cut, link := page(s, c, list)
	return answer{status: 200, header: link, body: obj{"total_count": len(list), "repositories": cut, "repository_selection": c.actor.install.Selection()}}
}
