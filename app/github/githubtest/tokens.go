package githubtest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// tokenLife is how long an installation token lives.
const tokenLife = time.Hour

// token is an installation's or a person's access token.
type token struct {
	install     int64             // 0: a person's
	user        int64             // whose acts they are: the App's bot, or the person
	permissions map[string]string // nil for a person: their role decides
	repos       []int64           // nil: all that the installation has
	expires     time.Time
	app         int64 // to which a person gave it; 0: to none
	used        int
}

// actor is who makes a request.
type actor struct {
	app         *App // with a JWT or an installation token
	install     *Installation
	user        *Account // the person, or the App's bot
	token       *token
	permissions map[string]string
}

// shownToken is the access token in the Authorization header, if there is one.
func shownToken(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "bearer", "token":
		return strings.TrimSpace(value)
	case "basic":
		_, password, _ := r.BasicAuth()
		return password
	}
	return ""
}

// authenticate fills in who asks, and refuses those who may not ask this.
func (s *Server) authenticate(c *call, rt route) *answer {
	refuse := func(a answer) *answer { return &a }
	if rt.who == byClient {
		return s.authenticateClient(c)
	}
	shown := shownToken(c.r)
	if shown == "" {
		if rt.who == byApp {
			return refuse(fail(401, "A JSON web token could not be decoded"))
		}
		return refuse(fail(401, "Requires authentication"))
	}
	isJWT := strings.Count(shown, ".") == 2 && !strings.HasPrefix(shown, "ghs_")
	switch {
	case rt.who == byApp && !isJWT:
		return refuse(fail(401, "A JSON web token could not be decoded"))
	case rt.who == byToken && isJWT:
		return refuse(fail(403, "Resource not accessible by integration"))
	case isJWT:
		return s.authenticateApp(c, shown)
	}
	return s.authenticateToken(c, rt, shown)
}

// errToken says why a token doesn't count.
var (
	errBadToken  = errors.New("bad credentials")
	errSuspended = errors.New("this installation has been suspended")
)

// resolveToken finds out whose token it is. The caller holds mu.
func (s *Server) resolveToken(shown string) (actor, error) {
	t := s.tokens[shown]
	if t == nil || !t.expires.IsZero() && !s.now().Before(t.expires) {
		return actor{}, errBadToken
	}
	who := actor{token: t, user: s.accounts[t.user]}
	if t.install != 0 {
		who.install = s.installs[t.install]
		if who.install == nil {
			return actor{}, errBadToken
		}
		who.app = s.apps[who.install.AppID]
		if !who.install.SuspendedAt.IsZero() {
			return actor{}, errSuspended
		}
		// A token is worth what the installation still grants.
		who.permissions = map[string]string{}
		for name, level := range t.permissions {
			if granted := who.install.Permissions[name]; granted != "" {
				who.permissions[name] = lesser(level, granted)
			}
		}
	}
	return who, nil
}

func (who actor) name() string {
	switch {
	case who.install != nil:
		return fmt.Sprintf("installation:%d", who.install.ID)
	case who.app != nil:
		return "app:" + who.app.Slug
	case who.user != nil:
		return "user:" + who.user.Login
	}
	return "anonymous"
}

// authenticateToken checks an access token, its reach and its permissions.
func (s *Server) authenticateToken(c *call, rt route, shown string) *answer {
	refuse := func(status int, message string) *answer { a := fail(status, message); return &a }
	s.mu.Lock()
	defer s.mu.Unlock()
	who, err := s.resolveToken(shown)
	switch {
	case errors.Is(err, errSuspended):
		return refuse(403, "This installation has been suspended")
	case err != nil:
		return refuse(401, "Bad credentials")
	}
	c.actor = who
	s.note(c.r, func(e *Entry) { e.Actor, e.Permissions = who.name(), maps.Clone(who.permissions) })
	if name := c.r.PathValue("repo"); name != "" {
		repo, err := s.repository(c.r.PathValue("owner") + "/" + name)
		if err != nil || !s.reaches(who, repo) {
			return refuse(404, "Not Found")
		}
		c.repo = repo
	}
	if len(rt.needs) > 0 && !slices.ContainsFunc(rt.needs, func(need string) bool { return s.may(who, c.repo, need) }) {
		return refuse(403, "Resource not accessible by integration")
	}
	if c.repo != nil && c.repo.Archived && c.r.Method != http.MethodGet {
		return refuse(403, "Repository was archived so is read-only.")
	}
	return nil
}

// createToken serves the exchange of an App's JWT for an installation token.
func (s *Server) createToken(c *call) answer {
	var in struct {
		Repositories  []string          `json:"repositories"`
		RepositoryIDs []int64           `json:"repository_ids"`
		Permissions   map[string]string `json:"permissions"`
	}
	if bad := c.into(&in); bad != nil {
		return *bad
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	inst, refused := s.installationOf(c)
	if refused != nil {
		return *refused
	}
	if !inst.SuspendedAt.IsZero() {
		return fail(403, "This installation has been suspended")
	}
	t := &token{install: inst.ID, user: s.apps[inst.AppID].Bot.ID, permissions: maps.Clone(inst.Permissions)}
	const outOfReach = "There is at least one repository that does not exist or is not accessible to the parent installation."
	var repos []*repository
	for _, id := range in.RepositoryIDs {
		repos = append(repos, s.repos[id])
	}
	for _, name := range in.Repositories {
		repo, _ := s.repository(inst.Account.Login + "/" + name)
		repos = append(repos, repo)
	}
	for _, repo := range repos {
		if repo == nil || !s.installed(inst, repo) {
			return fail(422, outOfReach)
		}
		t.repos = append(t.repos, repo.ID)
	}
	if len(in.Permissions) > 0 {
		for name, level := range in.Permissions {
			if rank(level) < 1 || name != "metadata" && rank(inst.Permissions[name]) < rank(level) {
				return fail(422, "The permissions requested are not granted to this installation.")
			}
		}
		t.permissions = maps.Clone(in.Permissions)
		t.permissions["metadata"] = "read"
	}
	t.expires = s.now().Add(tokenLife)
	shown := s.issuer.installationToken(inst, t)
	s.tokens[shown] = t
	out := obj{"token": shown, "expires_at": at(t.expires), "permissions": t.permissions, "repository_selection": inst.Selection()}
	if t.repos != nil {
		out["repository_selection"] = "selected"
		var list []obj
		for _, repo := range repos {
			list = append(list, s.repositoryJSON(repo))
		}
		out["repositories"] = list
	}
	return created(out)
}

// installationToken is shaped like GitHub's since April 2026: ghs_, the App's id,
// and a JWT, some 520 characters in all. What counts is the server's own record.
func (i *issuer) installationToken(inst *Installation, t *token) string {
	body, _ := json.Marshal(obj{
		"ins": inst.ID, "jti": newGUID()[:18], "exp": t.expires.Unix(),
	})
	jwt, err := i.sign(i.current(), body)
	if err != nil {
		panic(fmt.Sprintf("githubtest: signing a token: %v", err))
	}
	return fmt.Sprintf("ghs_%d_%s", inst.AppID, jwt)
}

func (s *Server) revokeToken(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, shownToken(c.r))
	return answer{status: http.StatusNoContent}
}

// ExpireTokens lets every installation token that was ever given out be expired.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tokens {
		if t.install != 0 {
			t.expires = s.now()
		}
	}
}

// UserToken returns an access token of a person, with which they can use the API
// and git as far as their roles allow.
func (s *Server) UserToken(user Account) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown := "ghp_" + randomLetters()
	s.tokens[shown] = &token{user: user.ID}
	return shown
}

// randomLetters are the 36 letters and digits behind a token's prefix.
func randomLetters() string {
	return strings.NewReplacer("-", "", "_", "").Replace(base64.RawURLEncoding.EncodeToString([]byte(newGUID() + newGUID())))[:36]
}
