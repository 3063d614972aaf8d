package imagecache

import (
	"testing"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

func TestReference(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		repository string
		cache      runapi.ImageCache
		key, want  string
	}{
		{"Acme/Widgets", runapi.ImageCache{}, "abc", "ghcr.io/acme/widgets/anvil-env:abc"},
		{"acme/a--b", runapi.ImageCache{}, "abc", "ghcr.io/acme/a--b/anvil-env:abc"},
		{"acme/.github", runapi.ImageCache{}, "abc", "ghcr.io/acme/github-bdcc6a2a85f6/anvil-env:abc"},
		{"acme/w", runapi.ImageCache{Registry: "127.0.0.1:5000", Prefix: "Team/One", Repository: "env"}, "sha256:ab", "127.0.0.1:5000/team/one/env:sha256-ab-65c8150519cf"},
	} {
		r, err := repository(Options{Repository: c.repository, Images: c.cache})
		if err != nil {
			t.Errorf("%s: %v", c.repository, err)
			continue
		}
		if got := r.Tag(tagOf(c.key)).Name(); got != c.want {
			t.Errorf("%s is %s, want %s", c.repository, got, c.want)
		}
	}
	if pathPart("a.-b") == pathPart("a-b") || pathPart("_a") == pathPart("a") {
		t.Error("two repositories share a place")
	}
	if _, err := repository(Options{Repository: "a/b", Images: runapi.ImageCache{Registry: "not a host"}}); err == nil {
		t.Error("a host with spaces is taken")
	}
}

// The job's token is for the registry of the GitHub that gave it, and is never shown to
// another one: what a server of one's own gave counts nothing at github.com.
func TestLoginIsForItsRegistry(t *testing.T) {
	t.Parallel()
	const enterprise = "https://github.example.com"
	for name, c := range map[string]struct {
		github string // GITHUB_SERVER_URL of the job
		images runapi.ImageCache
		want   string
	}{
		"nothing is said":                   {"https://github.com", runapi.ImageCache{}, runapi.LoginJob},
		"by its name":                       {"https://github.com", runapi.ImageCache{Registry: "ghcr.io"}, runapi.LoginJob},
		"outside of a job":                  {"", runapi.ImageCache{}, runapi.LoginJob},
		"another registry":                  {"https://github.com", runapi.ImageCache{Registry: "registry.example.com"}, runapi.LoginAnonymous},
		"a server of one's own":             {enterprise, runapi.ImageCache{}, runapi.LoginAnonymous},
		"a server of one's own, by name":    {enterprise, runapi.ImageCache{Registry: "ghcr.io"}, runapi.LoginAnonymous},
		"a name like GitHub's":              {"https://github.com.example.com", runapi.ImageCache{}, runapi.LoginAnonymous},
		"the registry of one's own server":  {enterprise, runapi.ImageCache{Registry: "containers.github.example.com", Login: runapi.LoginJob}, runapi.LoginJob},
		"nobody in particular, and said so": {"https://github.com", runapi.ImageCache{Login: runapi.LoginAnonymous}, runapi.LoginAnonymous},
	} {
		o := Options{Images: c.images, Environ: []string{"GITHUB_TOKEN=t", "GITHUB_SERVER_URL=" + c.github}}
		if got := login(o); got != c.want {
			t.Errorf("%s: the login is %q, want %q", name, got, c.want)
		}
	}
}
