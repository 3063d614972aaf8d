package githubtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Account is a person, a bot or an organization.
type Account struct {
	ID        int64     `json:"id"`
	Login     string    `json:"login"`
	Type      string    `json:"type"` // User, Bot or Organization
	CreatedAt time.Time `json:"created_at"`
}

// Types of account.
const (
	User         = "User"
	Bot          = "Bot"
	Organization = "Organization"
)

// CreateUser returns the person with this login, made if there is none.
func (s *Server) CreateUser(login string) Account { return s.CreateAccount(login, User) }

// CreateAccount returns the account with this login, made if there is none.
func (s *Server) CreateAccount(login, kind string) Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.createAccount(login, kind)
}

func (s *Server) createAccount(login, kind string) *Account {
	if id, ok := s.logins[strings.ToLower(login)]; ok {
		return s.accounts[id]
	}
	a := &Account{ID: s.newID("account"), Login: login, Type: kind, CreatedAt: s.now()}
	s.accounts[a.ID] = a
	s.logins[strings.ToLower(login)] = a.ID
	s.changed()
	return a
}

// RenameUser gives an account another login; its id stays.
func (s *Server) RenameUser(user Account, login string) Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[user.ID]
	delete(s.logins, strings.ToLower(a.Login))
	a.Login = login
	s.logins[strings.ToLower(login)] = a.ID
	s.changed()
	return *a
}

func (s *Server) account(login string) (*Account, error) {
	if id, ok := s.logins[strings.ToLower(login)]; ok {
		return s.accounts[id], nil
	}
	return nil, notFound("account %q", login)
}

// missing is an error that says what does not exist; the control API answers 404.
type missing string

func (m missing) Error() string { return string(m) + " does not exist" }

func notFound(format string, args ...any) error { return missing(fmt.Sprintf(format, args...)) }

// must is for callers in Go, who name things that they have made themselves: a
// wrong name there is a mistake in the program.
func must[T any](v T, err error) T {
	if err != nil {
		panic("githubtest: " + err.Error())
	}
	return v
}

// digest is the hexadecimal SHA-256 of b.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (s *Server) accountJSON(a *Account) obj {
	if a == nil {
		return nil
	}
	url := s.api("users", a.Login)
	html := s.addr(a.Login)
	if a.Type == Bot {
		html = s.addr("apps", strings.TrimSuffix(a.Login, "[bot]"))
	}
	return obj{
		"login": a.Login, "id": a.ID, "node_id": nodeID("user", a.ID), "type": a.Type, "site_admin": false,
		"avatar_url": s.addr("_sim/static/avatar.svg"), "gravatar_id": "", "url": url, "html_url": html,
		"followers_url": url + "/followers", "following_url": url + "/following{/other_user}",
		"gists_url": url + "/gists{/gist_id}", "starred_url": url + "/starred{/owner}{/repo}",
		"subscriptions_url": url + "/subscriptions", "organizations_url": url + "/orgs", "repos_url": url + "/repos",
		"events_url": url + "/events{/privacy}", "received_events_url": url + "/received_events",
		"user_view_type": "public",
	}
}

func (s *Server) getUser(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(c.r.PathValue("username"))
	if id, idErr := strconv.ParseInt(c.r.PathValue("account_id"), 10, 64); idErr == nil && s.accounts[id] != nil {
		a, err = s.accounts[id], nil
	}
	if err != nil {
		return fail(404, "Not Found")
	}
	return ok(s.userJSON(a))
}

// userJSON is an account as it is shown by itself. The caller holds mu.
func (s *Server) userJSON(a *Account) obj {
	u := s.accountJSON(a)
	for k, v := range (obj{
		"name": a.Login, "company": nil, "blog": "", "location": nil, "email": nil, "hireable": nil, "bio": nil,
		"public_repos": 0, "public_gists": 0, "followers": 0, "following": 0,
		"created_at": at(a.CreatedAt), "updated_at": at(a.CreatedAt),
	}) {
		u[k] = v
	}
	return u
}
