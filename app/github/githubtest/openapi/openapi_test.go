package openapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest/openapi"
)

// A validator that never finds anything proves nothing.
func TestViolationsAreFound(t *testing.T) {
	t.Parallel()
	const limit = `"limit":1,"remaining":1,"reset":1,"used":1`
	good := `{"rate":{` + limit + `},"resources":{"core":{` + limit + `},"search":{` + limit + `}}}`
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		answer             string
		violation          string
	}{
		"all is well":             {"GET", "/rate_limit", "", 200, good, ""},
		"a field is missing":      {"GET", "/rate_limit", "", 200, `{"rate":{` + limit + `}}`, `property "resources" is missing`},
		"a field of another type": {"GET", "/rate_limit", "", 200, strings.Replace(good, `"limit":1`, `"limit":"1"`, 1), "must be an integer"},
		"no such operation":       {"GET", "/nowhere", "", 404, `{}`, "no such operation"},
		"a bad request taken":     {"POST", "/repos/o/r/issues/1/comments", `{"text":"x"}`, 201, `{}`, `the request: at /body: property "body" is missing`},
		"a bad request refused":   {"POST", "/repos/o/r/issues/1/reactions", `{}`, 400, `{"message":"m","documentation_url":"u","status":"400"}`, ""},
		"an error without shape":  {"GET", "/rate_limit", "", 503, `<html>`, "not shaped like an error"},
		"an unlisted success":     {"GET", "/rate_limit", "", 202, `{}`, "status"},
		"by id":                   {"GET", "/repositories/7/actions/runs?created=%3E%3D2026-01-01", "", 200, `{"total_count":0,"workflow_runs":[]}`, ""},
		"a comment by its id":     {"DELETE", "/repos/o/r/issues/comments/1", "", 204, "", ""},
	} {
		v, err := openapi.New()
		if err != nil {
			t.Fatal(err)
		}
		h := v.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if body, _ := io.ReadAll(r.Body); string(body) != c.body {
				t.Errorf("%s: the handler got %q", name, body)
			}
			if c.answer != "" {
				w.Header().Set("Content-Type", "application/json")
			}
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.answer)
		}))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		if w.Code != c.status || w.Body.String() != c.answer {
			t.Errorf("%s: passed on %d %q", name, w.Code, w.Body)
		}
		got := strings.Join(v.Violations(), "; ")
		if (c.violation == "") != (got == "") || !strings.Contains(got, c.violation) {
			t.Errorf("%s: violations %q, want %q", name, got, c.violation)
		}
	}
}
