package githubtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// App is a GitHub App.
type App struct {
	ID            int64             `json:"id"`
	Slug          string            `json:"slug"`
	Name          string            `json:"name"`
	ClientID      string            `json:"client_id"`
	ClientSecret  string            `json:"client_secret"`
	CallbackURLs  []string          `json:"callback_urls"` // where people may be sent back to who sign in
	Owner         Account           `json:"owner"`
	Bot           Account           `json:"bot"` // who its acts are shown as: SLUG[bot]
	WebhookURL    string            `json:"webhook_url"`
	WebhookSecret string            `json:"webhook_secret"`
	Permissions   map[string]string `json:"permissions"`
	Events        []string          `json:"events"`
	PrivateKeyPEM string            `json:"private_key"` // PKCS #1
	CreatedAt     time.Time         `json:"created_at"`

	key *rsa.PrivateKey
}

// CreateApp registers an App. Its id, client id, key and bot are made here; what
// else is empty gets a default.
func (s *Server) CreateApp(app App) App { return must(s.createApp(app)) }

func (s *Server) createApp(app App) (App, error) {
	if app.Slug == "" {
		return app, fmt.Errorf("an App needs a slug")
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return app, fmt.Errorf("creating App %s: %w", app.Slug, err)
	}
	var random [8]byte
	_, _ = rand.Read(random[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.logins[strings.ToLower(app.Slug)+"[bot]"]; taken {
		return app, fmt.Errorf("there is an App %s already", app.Slug)
	}
	app.ID = s.newID("app")
	app.ClientID = "Iv23li" + hex.EncodeToString(random[:])[:14]
	app.ClientSecret = strings.ToLower(rand.Text() + rand.Text())[:40]
	app.key = key
	app.PrivateKeyPEM = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	app.CreatedAt = s.now()
	app.Bot = *s.createAccount(app.Slug+"[bot]", Bot)
	if app.Name == "" {
		app.Name = app.Slug
	}
	if app.Owner.ID == 0 {
		app.Owner = *s.createAccount("octo-org", Organization)
	}
	app.Permissions = withMetadata(app.Permissions)
	app.Events, app.CallbackURLs = slices.Clone(app.Events), slices.Clone(app.CallbackURLs)
	stored := app
	s.apps[app.ID] = &stored
	s.changed()
	return app, nil
}

func withMetadata(p map[string]string) map[string]string {
	p = maps.Clone(p)
	if p == nil {
		p = map[string]string{}
	}
	p["metadata"] = "read"
	return p
}

// SetWebhook sets where an App's webhooks go and what signs them.
func (s *Server) SetWebhook(appID int64, url, secret string) {
	must(s.changeApp(appID, func(a *App) { a.WebhookURL, a.WebhookSecret = url, secret }))
}

// SetAppPermissions changes what an App asks for. Its installations keep what
// they have granted until [Server.AcceptPermissions].
func (s *Server) SetAppPermissions(appID int64, permissions map[string]string, events ...string) {
	must(s.changeApp(appID, func(a *App) {
		a.Permissions = withMetadata(permissions)
		if events != nil {
			a.Events = slices.Clone(events)
		}
	}))
}

func (s *Server) changeApp(id int64, change func(*App)) (App, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.apps[id]
	if app == nil {
		return App{}, notFound("App %d", id)
	}
	change(app)
	s.changed()
	return *app, nil
}

// Apps returns all Apps in the order in which they were made.
func (s *Server) Apps() []App {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []App
	for _, id := range slices.Sorted(maps.Keys(s.apps)) {
		out = append(out, *s.apps[id])
	}
	return out
}

func (s *Server) appJSON(a *App) obj {
	return obj{
		"id": a.ID, "slug": a.Slug, "node_id": nodeID("app", a.ID), "client_id": a.ClientID, "name": a.Name,
		"owner": s.accountJSON(s.accounts[a.Owner.ID]), "description": "", "external_url": s.addr("apps", a.Slug),
		"html_url": s.addr("apps", a.Slug), "created_at": at(a.CreatedAt), "updated_at": at(a.CreatedAt),
		"permissions": maps.Clone(a.Permissions), "events": nonNil(a.Events),
	}
}

// nonNil makes sure that an empty list is [] and not null.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return slices.Clone(list)
}

func (s *Server) getApp(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.appJSON(c.actor.app)
	n := 0
	for _, inst := range s.installs {
		if inst.AppID == c.actor.app.ID {
			n++
		}
	}
	a["installations_count"] = n
	return ok(a)
}

func (s *Server) getHookConfig(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ok(obj{"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": c.actor.app.WebhookURL})
}
