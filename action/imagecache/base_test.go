package imagecache

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A feature that lies in no registry has no digest there. That is told, and no registry is
// asked for something else of that name.
func TestFeaturesOfNoRegistryAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.breaks(func(_ http.ResponseWriter, r *http.Request) bool {
		t.Errorf("asked for %s", r.URL)
		return false
	})
	features := []string{"https://" + w.host() + "/a/tool.tgz", "legacy", "owner/repository/tool", "owner/repository/tool@v1"}
	var warned []string
	all := w.open().Bases(t.Context(), nil, features, func(text string) { warned = append(warned, text) })
	for i, feature := range features {
		if all[i].Name != feature || all[i].Digest != "" {
			t.Errorf("%s became %+v", feature, all[i])
		}
		if !slices.ContainsFunc(warned, func(text string) bool {
			return strings.Contains(text, "What "+feature+" stands for") && strings.Contains(text, "in no registry")
		}) {
			t.Errorf("nothing was said of %s: %q", feature, warned)
		}
	}
}
