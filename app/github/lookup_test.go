package github

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRoles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		id     int64
		role   string
		fails  bool
	}{
		"owner":                       {`{"permission":"admin","role_name":"admin","user":{"id":5}}`, 5, "admin", false},
		"maintainer":                  {`{"permission":"write","role_name":"maintain","user":{"id":5}}`, 5, "maintain", false},
		"writer":                      {`{"permission":"write","role_name":"write","user":{"id":5}}`, 5, "write", false},
		"triage":                      {`{"permission":"read","role_name":"triage","user":{"id":5}}`, 5, "triage", false},
		"reader":                      {`{"permission":"read","role_name":"read","user":{"id":5}}`, 5, "read", false},
		"outsider":                    {`{"permission":"none","role_name":"none","user":{"id":5}}`, 5, "none", false},
		"nobody":                      {`{"permission":"none","role_name":"","user":null}`, 0, "none", false},
		"a role of their own":         {`{"permission":"read","role_name":"security","user":{"id":5}}`, 5, "read", false},
		"a role that calls itself so": {`{"permission":"read","role_name":"admin","user":{"id":5}}`, 5, "read", false},
		"an older server":             {`{"permission":"write","user":{"id":5}}`, 5, "write", false},
		"an unknown permission":       {`{"permission":"super","user":{"id":5}}`, 0, "", true},
		"write for nobody":            {`{"permission":"write","role_name":"write"}`, 0, "", true},
		"nothing":                     {`{}`, 0, "", true},
	} {
		h := newHub(t, says(200, c.answer))
		id, role, err := h.app(t).Permission(t.Context(), hello, "mona")
		if id != c.id || role != c.role || (err != nil) != c.fails {
			t.Errorf("%s: %d, %q, %v", name, id, role, err)
		}
	}
}

func TestNamesCannotLeaveTheirPlaceInAPath(t *testing.T) {
	t.Parallel()
	for login, path := range map[string]string{
		"mona":          "mona",
		"anvil[bot]":    "anvil%5Bbot%5D",
		"../../../user": "..%2F..%2F..%2Fuser",
		"a?b=c#d":       "a%3Fb=c%23d",
	} {
		h := newHub(t, says(404, message("Not Found")))
		_, _, _ = h.app(t).Permission(t.Context(), hello, login)
		if got := h.calls()[0].path; got != "/api/v3/repos/octo/hello/collaborators/"+path+"/permission" {
			t.Errorf("%q: asked %s", login, got)
		}
	}
	for _, path := range []string{"../hooks", "a/../../b", "", "/etc", "a//b", "./x"} {
		h := newHub(t, says(200, "{}"))
		if _, err := h.app(t).File(t.Context(), hello, path, "main"); AsError(err) == nil || AsError(err).Kind != Invalid || len(h.calls()) != 0 {
			t.Errorf("%q: %v, asked %v", path, err, h.calls())
		}
	}
	for _, owner := range []string{"..", "."} { // dots are not escaped by anybody
		h := newHub(t, says(200, "{}"))
		if _, err := h.app(t).InstallationOf(t.Context(), owner, "x"); err == nil || len(h.calls()) != 0 {
			t.Errorf("%q: %v, asked %v", owner, err, h.calls())
		}
	}
}

func TestABranchIsTheOneOfThatName(t *testing.T) {
	t.Parallel()
	branch := func(name, sha string) http.HandlerFunc {
		return says(200, string(asJSON(map[string]any{"name": name, "commit": map[string]any{"sha": sha}})))
	}
	h := newHub(t, branch("anvil/3-fix", sha1))
	if got, err := h.app(t).Branch(t.Context(), hello, "anvil/3-fix"); err != nil || got != sha1 || !strings.HasSuffix(h.calls()[0].path, "/branches/anvil%2F3-fix") {
		t.Errorf("got %q, %v from %s", got, err, h.calls()[0].path)
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   Kind
	}{
		"renamed":            {branch("main", sha1), NotFound},
		"missing":            {says(404, message("Branch not found")), NotFound},
		"not a commit":       {branch("master", "HEAD"), BadResponse},
		"nothing":            {says(200, "{}"), NotFound},
		"an empty one asked": {says(200, "{}"), NotFound},
	} {
		_, err := newHub(t, c.answer).app(t).Branch(t.Context(), hello, "master")
		if e := AsError(err); e == nil || e.Kind != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFileIsAFileOfReasonableSize(t *testing.T) {
	t.Parallel()
	file := func(content string, size int) string {
		return string(asJSON(map[string]any{"type": "file", "encoding": "base64", "size": size, "content": base64.StdEncoding.EncodeToString([]byte(content))}))
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   Kind
	}{
		"missing":       {says(404, message("Not Found")), NotFound},
		"directory":     {says(200, `[{"type":"file","name":"a"}]`), NotFound},
		"submodule":     {says(200, `{"type":"submodule"}`), NotFound},
		"too big":       {says(200, `{"type":"file","encoding":"none","size":2000000,"content":""}`), TooBig},
		"cut":           {says(200, file("abc", 5)), BadResponse},
		"not base64":    {says(200, `{"type":"file","encoding":"base64","size":3,"content":"%%%"}`), BadResponse},
		"other content": {says(200, `"abc"`), BadResponse},
	} {
		_, err := newHub(t, c.answer).app(t).File(t.Context(), hello, ".github/anvil.yml", "main")
		if e := AsError(err); e == nil || e.Kind != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	h := newHub(t, says(200, file("verify:\n", 8)))
	got, err := h.app(t).File(t.Context(), hello, ".github/anvil.yml", sha1)
	if err != nil || string(got) != "verify:\n" || h.calls()[0].query != "ref="+sha1 {
		t.Errorf("got %q, %v from %+v", got, err, h.calls()[0])
	}
}

func TestACommentIsOursOnlyIfOurAppMadeIt(t *testing.T) {
	t.Parallel()
	const marker = "<!-- anvil:task=abcdefghjk -->"
	h := newHub(t, says(200, string(asJSON([]map[string]any{
		{"id": 1, "body": marker, "user": map[string]any{"login": "anvil[bot]", "id": 1}},
		{"id": 2, "body": marker, "performed_via_github_app": map[string]any{"id": 8}},
		{"id": 3, "body": "something else", "performed_via_github_app": map[string]any{"id": 7}},
		{"id": 4, "body": "state\n" + marker, "performed_via_github_app": map[string]any{"id": 7}},
	}))))
	got, found, err := h.app(t).FindComment(t.Context(), hello, 3, marker, time.Time{})
	if err != nil || !found || got.ID != 4 {
		t.Errorf("got %+v, %t, %v", got, found, err)
	}
}

func TestAPullRequestIsTheOneFromOurBranch(t *testing.T) {
	t.Parallel()
	pull := func(number int, state, ref string, repo int64) map[string]any {
		return map[string]any{"number": number, "state": state, "head": map[string]any{"ref": ref, "sha": sha1, "repo": map[string]any{"id": repo}}}
	}
	h := newHub(t, says(200, string(asJSON([]any{
		pull(9, "open", "anvil/3-x", 43), // a fork in the same organisation
		pull(8, "closed", "anvil/3-x", 42),
		pull(5, "open", "anvil/3-x", 42),
		pull(4, "closed", "anvil/3-x", 42),
		pull(12, "open", "anvil/3-xy", 42),
	}))))
	got, found, err := h.app(t).FindPullRequest(t.Context(), hello, "anvil/3-x")
	if err != nil || !found || got.Number != 5 {
		t.Errorf("got %+v, %t, %v", got, found, err)
	}
	h = newHub(t, says(422, `{"message":"Validation Failed","errors":[{"resource":"PullRequest","code":"custom","message":"A pull request already exists for octo:anvil/3-x."}]}`))
	if _, err := h.app(t).CreatePullRequest(t.Context(), hello, NewPullRequest{}); !errors.Is(err, ErrExists) || !errors.Is(err, ErrNotAccepted) {
		t.Errorf("got %v", err)
	}
	h = newHub(t, says(422, `{"message":"Validation Failed","errors":[{"resource":"PullRequest","code":"custom","message":"No commits between main and anvil/3-x"}]}`))
	if _, err := h.app(t).CreatePullRequest(t.Context(), hello, NewPullRequest{}); errors.Is(err, ErrExists) || !strings.Contains(Problem(err).What, "No commits between") {
		t.Errorf("got %v", err)
	}
}

func TestARepositoryIsFoundByItsIDAlone(t *testing.T) {
	t.Parallel()
	repo := map[string]any{"id": 42, "name": "renamed", "owner": map[string]any{"login": "new-owner"}, "default_branch": "trunk", "private": true}
	list := func(r ...any) http.HandlerFunc { return says(200, string(asJSON(map[string]any{"repositories": r}))) }
	got, err := newHub(t, list(map[string]any{"id": 41}, repo)).app(t).Repository(t.Context(), 9, 42)
	if err != nil || got.FullName() != "new-owner/renamed" || got.DefaultBranch != "trunk" || !got.Private || got.Installation != 9 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := newHub(t, list()).app(t).Repository(t.Context(), 9, 42); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	repo["archived"] = true
	got, err = newHub(t, list(repo)).app(t).Repository(t.Context(), 9, 42)
	if Problem(err) == nil || Problem(err).Code != CodeArchived || got.ID != 42 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAReactionThatIsGoneIsTakenBack(t *testing.T) {
	t.Parallel()
	for status, ok := range map[int]bool{204: true, 404: true, 403: false} {
		h := newHub(t, says(status, ""))
		if err := h.app(t).Unreact(t.Context(), hello, Target{Comment: 5, Issue: 3}, 6); (err == nil) != ok {
			t.Errorf("%d: %v", status, err)
		}
		if got := h.calls()[0].String(); got != "DELETE /api/v3/repos/octo/hello/issues/comments/5/reactions/6" {
			t.Error(got)
		}
	}
}

func TestWithoutAnInstallationTheBotIsAskedForByNobody(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v3/app":
			says(200, `{"id":7,"slug":"anvil"}`)(w, r)
		case "/api/v3/app/installations":
			says(200, `[]`)(w, r)
		default:
			if r.Header.Get("Authorization") != "" {
				t.Error("the JWT went to a path that does not take it")
			}
			says(200, `{"id":99,"login":"anvil[bot]"}`)(w, r)
		}
	})
	got, err := h.app(t).Self(t.Context())
	if err != nil || got.Slug != "anvil" || got.Bot.ID != 99 || got.Bot.Login != "anvil[bot]" || !got.Bot.Bot {
		t.Errorf("got %+v, %v", got, err)
	}
	h = newHub(t, says(200, `{"id":8,"slug":"other"}`))
	if _, err := h.app(t).Self(t.Context()); err == nil {
		t.Error("another App's answer was taken")
	}
}
