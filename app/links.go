package app

import (
	"crypto/hkdf"
	"crypto/sha256"
	"log/slog"
	"time"

	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/store"
	"github.com/seed-bc0cc349/anvil/app/web"
	"github.com/seed-bc0cc349/anvil/config"
)

// linksOf lets people of other places say who they are at GitHub; it is nil where nobody
// can sign in. Its key is made of the webhook secret, as that of the markers is.
func linksOf(cfg *config.Config, s *store.Store, webhookSecret []byte, now func() time.Time, log *slog.Logger) (*web.Links, error) {
	if cfg.GitHub.ClientID == "" {
		return nil, nil
	}
	secret, err := cfg.ClientSecret()
	if err != nil {
		return nil, err
	}
	signIn, err := github.NewSignIn(github.SignInConfig{
		WebURL: cfg.GitHub.URL, APIURL: cfg.GitHub.APIURL, ClientID: cfg.GitHub.ClientID, ClientSecret: secret, RedirectURL: cfg.PublicURL + web.PathCallback,
	})
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, webhookSecret, nil, "anvil link", 32)
	if err != nil {
		return nil, err
	}
	return &web.Links{Store: s, GitHub: signIn, Key: key, PublicURL: cfg.PublicURL, Now: now, Log: log}, nil
}
