package github

import (
	"net/http"
	"strings"
	"testing"
)

// A history has a commit if the tip is at it or ahead of it. A commit that GitHub does
// not know is in no history; what is no commit's name is not asked for.
func TestContains(t *testing.T) {
	t.Parallel()
	tip, old := strings.Repeat("2", 40), strings.Repeat("1", 40)
	for name, test := range map[string]struct {
		sha    string
		answer http.HandlerFunc
		has    bool
		fails  bool
		calls  int
	}{
		"ahead":     {old, says(200, `{"status":"ahead"}`), true, false, 1},
		"identical": {tip, says(200, `{"status":"identical"}`), true, false, 1},
		"diverged":  {old, says(200, `{"status":"diverged"}`), false, false, 1},
		"behind":    {old, says(200, `{"status":"behind"}`), false, false, 1},
		"gone":      {old, says(404, message("Not Found")), false, false, 1},
		"forbidden": {old, says(403, message("Resource not accessible by integration")), false, true, 1},
		"a name":    {"main", says(200, `{"status":"ahead"}`), false, false, 0},
		"a way out": {"../../x", says(200, `{"status":"ahead"}`), false, false, 0},
		"no commit": {"", says(200, `{"status":"ahead"}`), false, false, 0},
	} {
		h := newHub(t, test.answer)
		has, err := h.app(t).Contains(t.Context(), hello, tip, test.sha)
		if has != test.has || (err != nil) != test.fails || len(h.calls()) != test.calls {
			t.Errorf("%s: %v, %v, asked %v", name, has, err, h.calls())
		}
		if test.calls == 1 && len(h.calls()) == 1 && !strings.HasSuffix(h.calls()[0].path, "/compare/"+test.sha+"..."+tip) {
			t.Errorf("%s: asked %v", name, h.calls())
		}
	}
}
