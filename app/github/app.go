package github

import (
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Config says which GitHub, and as which App.
type Config struct {
	// WebURL is what people open and git clones from; default https://github.com.
	WebURL string
	// APIURL is the REST API; default https://api.github.com. For GitHub
	// Enterprise Server it is https://HOST/api/v3.
	APIURL string
	// AppID and PrivateKey are the App's registration. See [ParseKey].
	AppID      int64
	PrivateKey *rsa.PrivateKey
	// Token is used for everything instead of acting as an App: the token of a job, or
	// a person's. Then there is no AppID and no PrivateKey. What it may do is up to
	// whoever gave it.
	Token string
	// Bot is the login of the account that Token acts as, by which its comments and
	// check runs are told from those of others; default github-actions[bot].
	Bot string
	// UserAgent names us to GitHub, which refuses requests without; default "anvil".
	UserAgent string
	// Transport carries the requests; default [http.DefaultTransport].
	Transport http.RoundTripper
	// Timeout bounds each call, getting a token included; default 20 s.
	Timeout time.Duration
	// Clock tells the time for rate limits and token lifetimes; default time.Now.
	// The App's JWT is always dated by the machine's clock: GitHub checks it.
	Clock func() time.Time
	// Log receives the few things worth knowing that are no errors; default slog.Default.
	Log *slog.Logger
}

// App makes calls to one GitHub as one App. It is safe for concurrent use.
type App struct {
	web, api *url.URL
	id       int64
	key      *rsa.PrivateKey
	given    string // the token of everything, unless there is an App
	bot      string // whose token it is
	agent    string
	wire     http.RoundTripper
	base     http.RoundTripper // below wire, for what needs no credentials
	timeout  time.Duration
	now      func() time.Time
	log      *slog.Logger

	fetches      singleflight.Group
	noRunDetails atomic.Bool // this GitHub does not know return_run_details

	// mu guards the maps below, and is not held during a request.
	mu     sync.Mutex
	grants map[grant]*granted
	pauses map[int64]time.Time // by installation; 0 is the App itself
	scarce map[int64]time.Time // until when an installation has few requests left
	names  map[int64]name      // of repositories that were renamed, by id
}

// New returns an App. It makes no request.
func New(c Config) (*App, error) {
	if c.WebURL == "" {
		c.WebURL = "https://github.com"
	}
	if c.APIURL == "" {
		c.APIURL = "https://api.github.com"
	}
	web, err := baseURL("web", c.WebURL)
	if err != nil {
		return nil, err
	}
	api, err := baseURL("API", c.APIURL)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Token != "":
		c.AppID, c.PrivateKey = 0, nil
	case c.AppID <= 0:
		return nil, errors.New("github: the App's id is missing")
	case c.PrivateKey == nil:
		return nil, errors.New("github: the App's private key is missing")
	}
	if c.UserAgent == "" {
		c.UserAgent = "anvil"
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	if c.Timeout <= 0 {
		c.Timeout = 20 * time.Second
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	a := &App{
		web: web, api: api, id: c.AppID, key: c.PrivateKey, given: c.Token, bot: cmp.Or(c.Bot, "github-actions[bot]"), agent: c.UserAgent,
		timeout: c.Timeout, now: c.Clock, log: c.Log,
		grants: map[grant]*granted{},
		pauses: map[int64]time.Time{},
		scarce: map[int64]time.Time{},
		names:  map[int64]name{},
	}
	a.base = c.Transport
	a.wire = &wire{base: c.Transport, host: api.Host, scheme: api.Scheme}
	return a, nil
}

// ID returns the App's id.
func (a *App) ID() int64 { return a.id }

// CloneURL returns the address from which git clones repo, without credentials.
func (a *App) CloneURL(repo anvil.Repository) string {
	a.mu.Lock()
	if now, known := a.names[repo.ID]; known {
		repo.Owner, repo.Name = now.owner, now.repo
	}
	a.mu.Unlock()
	return a.web.JoinPath(repo.Owner, repo.Name+".git").String()
}

// ParseKey reads an App's private key as GitHub hands it out (PEM, PKCS #1), or
// as some tools rewrite it (PKCS #8).
func ParseKey(pemBytes []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(pemBytes)
	if block == nil {
		return nil, errors.New("github: the private key is not in PEM form")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("github: the private key (PEM block %q) is not an RSA key", clean(block.Type, 40))
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("github: the private key is not an RSA key")
	}
	return key, nil
}

func baseURL(what, s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("github: %s address %q is not a plain http or https address", what, clean(s, 200))
	}
	u.Path = strings.TrimRight(u.Path, "/") + "/"
	return u, nil
}
