package githubtest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Repository is a repository as the outside knows it.
type Repository struct {
	ID            int64     `json:"id"`
	Owner         Account   `json:"owner"`
	Name          string    `json:"name"`
	Description   string    `json:"description,omitempty"`
	DefaultBranch string    `json:"default_branch"`
	Private       bool      `json:"private"`
	Archived      bool      `json:"archived"`
	CreatedAt     time.Time `json:"created_at"`
	PushedAt      time.Time `json:"pushed_at"`
}

// FullName returns OWNER/NAME.
func (r Repository) FullName() string { return r.Owner.Login + "/" + r.Name }

// repository is a repository with all that belongs to it.
type repository struct {
	Repository
	dir string // bare

	// pushing is held while refs move, so that every move is seen and recorded. It
	// is taken before Server.mu, never after.
	pushing sync.Mutex

	signed sync.Map // ids of the commits that GitHub signed

	// What follows is guarded by Server.mu.
	roles      map[int64]string // by account; the owner is always admin
	lastNumber int              // issues and pull requests share their numbers
	issues     map[int]*Issue
	// transferred are the addresses at which issues are now that were here, by number.
	transferred map[int]string
	pulls       map[int]*PullRequest
	comments    map[int64]*Comment
	reactions   []*Reaction
	reviews     []*Review
	// reviewComments are those of all reviews, in the order of time.
	reviewComments []*ReviewComment
	labels         map[string]*Label
	checks         map[int64]*CheckRun
	workflows      map[string]*Workflow // by path
	pushes         []Push
}

// RepositoryOptions are what else a new repository may have.
type RepositoryOptions struct {
	Description   string `json:"description,omitempty"`
	DefaultBranch string `json:"default_branch,omitempty"` // default main
	Private       bool   `json:"private,omitempty"`
}

// CreateRepository makes a repository with its first commits from a directory, a
// bundle or a file system; with neither it is empty.
func (s *Server) CreateRepository(owner Account, name string, from From, o RepositoryOptions) (Repository, error) {
	if o.DefaultBranch == "" {
		o.DefaultBranch = "main"
	}
	s.mu.Lock()
	key := strings.ToLower(owner.Login + "/" + name)
	if id, taken := s.names[key]; taken && s.repos[id] != nil && strings.EqualFold(s.repos[id].FullName(), key) {
		s.mu.Unlock()
		return Repository{}, fmt.Errorf("creating %s/%s: name already exists on this account", owner.Login, name)
	}
	now := s.now()
	repo := &repository{
		Repository: Repository{ID: s.newID("repository"), Owner: owner, Name: name, Description: o.Description,
			DefaultBranch: o.DefaultBranch, Private: o.Private, CreatedAt: now, PushedAt: now},
		roles: map[int64]string{}, issues: map[int]*Issue{}, pulls: map[int]*PullRequest{}, comments: map[int64]*Comment{},
		labels: map[string]*Label{}, checks: map[int64]*CheckRun{}, workflows: map[string]*Workflow{},
	}
	repo.dir = filepath.Join(s.dir, "git", fmt.Sprintf("%d.git", repo.ID))
	s.mu.Unlock()

	if err := s.fill(repo, from); err != nil {
		_ = os.RemoveAll(repo.dir)
		return Repository{}, fmt.Errorf("creating %s: %w", repo.FullName(), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repos[repo.ID] = repo
	s.names[key] = repo.ID
	s.changed()
	return repo.Repository, nil
}

// repository finds a repository by its present name, OWNER/NAME.
func (s *Server) repository(fullName string) (*repository, error) {
	if id, known := s.names[strings.ToLower(fullName)]; known {
		if repo := s.repos[id]; repo != nil && strings.EqualFold(repo.FullName(), fullName) {
			return repo, nil
		}
	}
	return nil, notFound("repository %s", fullName)
}

// movedFrom says which repository had this name before.
func (s *Server) movedFrom(fullName string) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, known := s.names[strings.ToLower(fullName)]
	repo := s.repos[id]
	return id, known && repo != nil && !strings.EqualFold(repo.FullName(), fullName)
}

// Repositories returns all repositories in the order in which they were made.
func (s *Server) Repositories() []Repository {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Repository
	for _, id := range slices.Sorted(maps.Keys(s.repos)) {
		out = append(out, s.repos[id].Repository)
	}
	return out
}

// RenameRepository gives a repository another name; the old one leads to it.
func (s *Server) RenameRepository(repo Repository, name string) Repository {
	return must(s.changeRepository(repo.ID, func(r *repository) {
		r.Name = name
		s.names[strings.ToLower(r.FullName())] = r.ID
	}))
}

// SetArchived makes a repository read-only, or writable again.
func (s *Server) SetArchived(repo Repository, archived bool) Repository {
	return must(s.changeRepository(repo.ID, func(r *repository) { r.Archived = archived }))
}

// DeleteRepository deletes a repository with all that belongs to it.
func (s *Server) DeleteRepository(repo Repository) {
	must(s.changeRepository(repo.ID, func(r *repository) { delete(s.repos, r.ID) }))
}

func (s *Server) changeRepository(id int64, change func(*repository)) (Repository, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[id]
	if r == nil {
		return Repository{}, notFound("repository %d", id)
	}
	change(r)
	s.changed()
	return r.Repository, nil
}

// SetRole gives a person a role in a repository: admin, maintain, write, triage,
// read or none.
func (s *Server) SetRole(repo Repository, user Account, role string) {
	must(repo, s.setRole(repo.ID, user.ID, role))
}

var roles = []string{"none", "read", "triage", "write", "maintain", "admin"}

func (s *Server) setRole(repoID, userID int64, role string) error {
	if !slices.Contains(roles, role) {
		return fmt.Errorf("there is no role %q; the roles are %s", role, strings.Join(roles, ", "))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, user := s.repos[repoID], s.accounts[userID]
	if repo == nil {
		return notFound("repository %d", repoID)
	}
	if user == nil {
		return notFound("account %d", userID)
	}
	repo.roles[userID] = role
	s.changed()
	return nil
}

// role is the role of an account in a repository. Everybody reads what is public.
func (s *Server) role(repo *repository, user *Account) string {
	if user.ID == repo.Owner.ID {
		return "admin"
	}
	role := repo.roles[user.ID]
	if (role == "" || role == "none") && !repo.Private {
		return "read"
	}
	if role == "" {
		return "none"
	}
	return role
}

// association is GitHub's author_association. It says little about rights, which
// is why nobody should decide by it.
func (s *Server) association(repo *repository, user *Account) string {
	switch {
	case user.ID == repo.Owner.ID:
		return "OWNER"
	case repo.roles[user.ID] != "" && repo.roles[user.ID] != "none":
		return "COLLABORATOR"
	}
	return "NONE"
}

func (s *Server) getPermission(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	user, err := s.account(c.r.PathValue("username"))
	if err != nil {
		return fail(404, c.r.PathValue("username")+" is not a user")
	}
	role := s.role(c.repo, user)
	permission := map[string]string{"maintain": "write", "triage": "read"}[role]
	if permission == "" {
		permission = role
	}
	u := s.accountJSON(user)
	u["role_name"] = role
	level := slices.Index(roles, role)
	u["permissions"] = obj{"pull": level >= 1, "triage": level >= 2, "push": level >= 3, "maintain": level >= 4, "admin": level >= 5}
	return ok(obj{"permission": permission, "role_name": role, "user": u})
}

func (s *Server) getRepository(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.repositoryJSON(c.repo)
	o["network_count"], o["subscribers_count"] = 0, 0
	return ok(o)
}

func (s *Server) repositoryJSON(r *repository) obj {
	url, html := s.api("repos", r.FullName()), s.addr(r.FullName())
	o := obj{
		"id": r.ID, "node_id": nodeID("repo", r.ID), "name": r.Name, "full_name": r.FullName(), "private": r.Private,
		"owner": s.accountJSON(s.accounts[r.Owner.ID]), "html_url": html, "description": textOrNull(r.Description), "fork": false, "url": url,
		"created_at": at(r.CreatedAt), "updated_at": at(r.PushedAt), "pushed_at": at(r.PushedAt),
		"git_url": "git" + strings.TrimPrefix(html, "http") + ".git", "ssh_url": "git@127.0.0.1:" + r.FullName() + ".git",
		"clone_url": html + ".git", "svn_url": html, "homepage": nil, "size": 1, "stargazers_count": 0, "watchers_count": 0, "language": nil,
		"has_issues": true, "has_projects": false, "has_downloads": false, "has_wiki": false, "has_pages": false, "has_discussions": false,
		"forks_count": 0, "mirror_url": nil, "archived": r.Archived, "disabled": false, "open_issues_count": r.openIssues(), "license": nil,
		"allow_forking": true, "is_template": false, "web_commit_signoff_required": false, "topics": []string{},
		"visibility": r.visibility(), "forks": 0, "open_issues": r.openIssues(), "watchers": 0, "default_branch": r.DefaultBranch,
	}
	for name, tail := range map[string]string{
		"archive": "/{archive_format}{/ref}", "assignees": "/assignees{/user}", "blobs": "/git/blobs{/sha}", "branches": "/branches{/branch}",
		"collaborators": "/collaborators{/collaborator}", "comments": "/comments{/number}", "commits": "/commits{/sha}",
		"compare": "/compare/{base}...{head}", "contents": "/contents/{+path}", "contributors": "/contributors", "deployments": "/deployments",
		"downloads": "/downloads", "events": "/events", "forks": "/forks", "git_commits": "/git/commits{/sha}", "git_refs": "/git/refs{/sha}",
		"git_tags": "/git/tags{/sha}", "hooks": "/hooks", "issue_comment": "/issues/comments{/number}", "issue_events": "/issues/events{/number}",
		"issues": "/issues{/number}", "keys": "/keys{/key_id}", "labels": "/labels{/name}", "languages": "/languages", "merges": "/merges",
		"milestones": "/milestones{/number}", "notifications": "/notifications{?since,all,participating}", "pulls": "/pulls{/number}",
		"releases": "/releases{/id}", "stargazers": "/stargazers", "statuses": "/statuses/{sha}", "subscribers": "/subscribers",
		"subscription": "/subscription", "tags": "/tags", "teams": "/teams", "trees": "/git/trees{/sha}",
	} {
		o[name+"_url"] = url + tail
	}
	return o
}

func (r *repository) visibility() string {
	if r.Private {
		return "private"
	}
	return "public"
}

func (r *repository) openIssues() int {
	n := 0
	for _, i := range r.issues {
		if i.State == "open" {
			n++
		}
	}
	return n
}
