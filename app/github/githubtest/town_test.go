package githubtest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest/openapi"
)

// The test binary is also the runner of the jobs in these tests.
func TestMain(m *testing.M) {
	if role := os.Getenv("GITHUBTEST_RUNNER"); role != "" {
		os.Exit(playRunner(role))
	}
	os.Exit(m.Run())
}

const workflow = `name: anvil
run-name: anvil ${{ inputs.task }} (${{ inputs.nonce }})
on:
  workflow_dispatch:
    inputs:
      task: {required: true}
      nonce: {required: true}
      server: {default: "http://example.test"}
permissions: {}
jobs:
  work:
    runs-on: ubuntu-latest
    permissions:
      id-token: write
    steps:
      - run: echo
`

// town is a simulated GitHub with an App that is installed on one repository, and
// the people that the stories are about.
type town struct {
	*testing.T
	srv   *githubtest.Server
	check *openapi.Validator
	hooks *hooks
	app   githubtest.App
	inst  githubtest.Installation
	repo  githubtest.Repository

	owner, mona, rita, otto githubtest.Account // owner; write; read; nobody
}

var allPermissions = map[string]string{"contents": "write", "issues": "write", "pull_requests": "write", "checks": "write", "actions": "write", "metadata": "read"}

func newTown(t *testing.T, change ...func(*githubtest.Options)) *town {
	t.Helper()
	v, err := openapi.New()
	if err != nil {
		t.Fatal(err)
	}
	o := githubtest.Options{Dir: t.TempDir(), API: v.Wrap, Violations: v.Violations}
	for _, f := range change {
		f(&o)
	}
	srv, err := githubtest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	w := &town{T: t, srv: srv, check: v, hooks: newHooks(t)}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		v.Check(t)
	})
	w.owner, w.mona = srv.CreateAccount("acme", githubtest.Organization), srv.CreateUser("mona")
	w.rita, w.otto = srv.CreateUser("rita"), srv.CreateUser("otto")
	w.repo, err = srv.CreateRepository(w.owner, "widget", githubtest.From{FS: fstest.MapFS{
		"README.md":                   {Data: []byte("# Widget\n")},
		"main.go":                     {Data: []byte("package main\n\nfunc main() {}\n")},
		"bin/run":                     {Data: []byte("#!/bin/sh\n"), Mode: 0o755},
		".github/workflows/anvil.yml": {Data: []byte(workflow)},
		".github/workflows/ci.yml":    {Data: []byte("on: push\njobs: {test: {runs-on: ubuntu-latest, steps: []}}\n")},
	}}, githubtest.RepositoryOptions{Private: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.SetRole(w.repo, w.mona, "write")
	srv.SetRole(w.repo, w.rita, "read")
	w.app = srv.CreateApp(githubtest.App{Slug: "anvil", WebhookURL: w.hooks.URL, WebhookSecret: "s3cret", Permissions: allPermissions,
		Events: []string{"issue_comment", "issues", "push", "pull_request", "workflow_run"}})
	w.inst = srv.Install(w.app.ID, w.owner.ID, w.repo.ID)
	return w
}

// asApp is a client with the App's JWT.
func (w *town) asApp() *github.Client {
	w.Helper()
	tr, err := ghinstallation.NewAppsTransport(http.DefaultTransport, w.app.ID, []byte(w.app.PrivateKeyPEM))
	if err != nil {
		w.Fatal(err)
	}
	return w.client(&http.Client{Transport: tr})
}

func (w *town) client(c *http.Client) *github.Client {
	w.Helper()
	gh, err := github.NewClient(c).WithEnterpriseURLs(w.srv.URL+"/api/v3/", w.srv.URL+"/api/v3/")
	if err != nil {
		w.Fatal(err)
	}
	return gh
}

// asInstallation is a client with an installation token, narrowed to permissions.
func (w *town) asInstallation(permissions map[string]string, repositories ...int64) *github.Client {
	w.Helper()
	return w.client(nil).WithAuthToken(w.token(permissions, repositories...))
}

func (w *town) token(permissions map[string]string, repositories ...int64) string {
	w.Helper()
	var in struct {
		Permissions  map[string]string `json:"permissions,omitempty"`
		Repositories []int64           `json:"repository_ids,omitempty"`
	}
	in.Permissions, in.Repositories = permissions, repositories
	gh := w.asApp()
	req, err := gh.NewRequest("POST", fmt.Sprintf("app/installations/%d/access_tokens", w.inst.ID), in)
	if err != nil {
		w.Fatal(err)
	}
	var out struct {
		Token string `json:"token"`
	}
	if _, err := gh.Do(w.Context(), req, &out); err != nil {
		w.Fatal(err)
	}
	return out.Token
}

// status is the status of an answer, and stops the test if there was none.
func (w *town) status(res *github.Response, err error) int {
	w.Helper()
	if res == nil {
		w.Fatalf("no answer: %v", err)
	}
	return res.StatusCode
}

func (w *town) refused(status int, message string, res *github.Response, err error) {
	w.Helper()
	if err == nil || w.status(res, err) != status || !strings.Contains(err.Error(), message) {
		w.Errorf("got %v, want a %d with %q", err, status, message)
	}
}

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// hooks is the App's own server: it keeps what is delivered.
type hooks struct {
	*httptest.Server
	mu     sync.Mutex
	got    []hook
	answer func(http.ResponseWriter, *http.Request)
	more   chan struct{}
}

type hook struct {
	event, guid string
	header      http.Header
	body        []byte
}

func newHooks(t *testing.T) *hooks {
	h := &hooks{more: make(chan struct{}, 1000)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		h.got = append(h.got, hook{r.Header.Get("X-GitHub-Event"), r.Header.Get("X-GitHub-Delivery"), r.Header, body})
		answer := h.answer
		h.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
		h.more <- struct{}{}
	}))
	t.Cleanup(h.Close)
	return h
}

func (w *town) settle() {
	w.Helper()
	ctx, done := context.WithTimeout(w.Context(), 20*time.Second)
	defer done()
	w.must(w.srv.WaitDeliveries(ctx))
}

// of returns what was delivered of an event.
func (h *hooks) of(event string) []hook {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []hook
	for _, x := range h.got {
		if x.event == event {
			out = append(out, x)
		}
	}
	return out
}
