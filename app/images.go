package app

import (
	"log/slog"
	"net/url"
	"time"

	"github.com/seed-bc0cc349/anvil/app/blob"
	"github.com/seed-bc0cc349/anvil/app/images"
	"github.com/seed-bc0cc349/anvil/app/runapi"
	"github.com/seed-bc0cc349/anvil/app/store"
	"github.com/seed-bc0cc349/anvil/config"
)

// environmentOf says whether runs work in dev containers.
func environmentOf(cfg *config.Config) runapi.Environment {
	e := cfg.Environment
	return runapi.Environment{DevContainer: e.DevContainer, Allow: e.Allow, Submodules: e.Submodules, BuildSeconds: int(e.BuildWithin / time.Second)}
}

// imageCacheOf says where runs keep the images of environments.
func imageCacheOf(cfg *config.Config) runapi.ImageCache {
	c := cfg.Environment.Cache
	seconds := func(d time.Duration) int { return int(d / time.Second) }
	cache := runapi.ImageCache{
		Backend: c.Backend, Registry: c.Registry, Prefix: c.Prefix, Repository: c.Repository, MaxBytes: c.MaxBytes,
		LookupSeconds: seconds(c.LookupWithin), PullSeconds: seconds(c.PullWithin), PushSeconds: seconds(c.PushWithin), WaitSeconds: seconds(c.WaitWithin),
	}
	switch {
	case c.Credential.Any():
		cache.Login = runapi.LoginServer // explicit credentials win, at GitHub's registry too
	case registryOfGitHub(cfg.GitHub.URL, c.Registry):
		cache.Login = runapi.LoginJob
	default:
		cache.Login = runapi.LoginAnonymous // said, for a runner that has a token would fill in the rest
	}
	return cache
}

// registryOfGitHub reports whether a registry is the one of a GitHub, at which the
// tokens of its jobs count.
func registryOfGitHub(github, registry string) bool {
	u, err := url.Parse(github)
	return err == nil && (u.Host == "github.com" && registry == "ghcr.io" || registry == "containers."+u.Host)
}

// imagesOf serves logins and the archive.
func imagesOf(cfg *config.Config, s *store.Store, blobs *blob.Store, now func() time.Time, log *slog.Logger) *images.Server {
	c := cfg.Environment.Cache
	served := &images.Server{Store: s, Blobs: blobs, Transfer: max(c.PullWithin, c.PushWithin), Log: log}
	if c.Backend == runapi.ImagesArchive {
		served.MaxBytes = c.MaxBytes
	}
	switch k := c.Credential; {
	case k.Helper != "":
		served.Credentials = images.Helper{Program: "docker-credential-" + k.Helper, Host: c.Registry, Lives: k.Lives, Now: now}
	case k.User != "":
		served.Credentials = images.Static{Host: c.Registry, User: k.User, Password: cfg.RegistryPassword}
	}
	return served
}
