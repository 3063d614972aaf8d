package app

import (
	"testing"

	"github.com/seed-bc0cc349/anvil/app/runapi"
	"github.com/seed-bc0cc349/anvil/config"
)

// Who logs in at a registry is always said: what is left out, a runner fills in, and it
// has a token.
func TestImageCacheSaysWhoLogsIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		github, registry, user string
		want                   string
	}{
		"GitHub's":                         {"https://github.com", "ghcr.io", "", runapi.LoginJob},
		"GitHub's, with a login":           {"https://github.com", "ghcr.io", "pusher", runapi.LoginServer},
		"another":                          {"https://github.com", "registry.example.com", "", runapi.LoginAnonymous},
		"of a server of one's own":         {"https://github.example.com", "containers.github.example.com", "", runapi.LoginJob},
		"GitHub's, from one's own server":  {"https://github.example.com", "ghcr.io", "", runapi.LoginAnonymous},
		"like that of one's own, and none": {"https://github.example.com", "containers.example.com", "", runapi.LoginAnonymous},
	} {
		cfg := config.Config{}
		cfg.GitHub.URL, cfg.Environment.Cache.Registry, cfg.Environment.Cache.Credential.User = c.github, c.registry, c.user
		if got := imageCacheOf(&cfg).Login; got != c.want || got == "" {
			t.Errorf("%s: the login is %q, want %q", name, got, c.want)
		}
	}
}
