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

// The job's token is for GitHub's registry, and is never shown to another one.
func TestLoginIsForItsRegistry(t *testing.T) {
	t.Parallel()
	if got := login(runapi.ImageCache{}); got != runapi.LoginJob {
		t.Errorf("GitHub's registry: %q", got)
	}
	if got := login(runapi.ImageCache{Registry: "registry.example.com"}); got != runapi.LoginAnonymous {
		t.Errorf("another registry: %q", got)
	}
}
