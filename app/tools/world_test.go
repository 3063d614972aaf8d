package tools_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest/openapi"
	"github.com/seed-bc0cc349/anvil/app/publish"
	"github.com/seed-bc0cc349/anvil/app/runapi"
	"github.com/seed-bc0cc349/anvil/app/secret"
	"github.com/seed-bc0cc349/anvil/app/store"
	"github.com/seed-bc0cc349/anvil/app/tools"
)

// world is a simulated GitHub with people and an issue, a real store, and the tools
// behind a real socket.
type world struct {
	t      *testing.T
	hub    *githubtest.Server
	repo   githubtest.Repository
	people map[string]githubtest.Account
	issue  githubtest.Issue
	client *github.App
	store  *store.Store
	dir    string
	jobs   *jobs
	tools  *tools.Server
	http   *httptest.Server
	log    *lines
	clock  atomic.Int64 // GitHub's, ahead of ours by so many nanoseconds

	installation int64
}

// token is the lease token of every run here.
const token = "the lease token of the run"

func newWorld(t *testing.T, change ...func(*tools.Server)) *world {
	t.Helper()
	w := &world{t: t, people: map[string]githubtest.Account{}, jobs: &jobs{}, log: &lines{}, dir: t.TempDir()}
	validator, err := openapi.New()
	if err != nil {
		t.Fatal(err)
	}
	if w.hub, err = githubtest.Start(githubtest.Options{API: validator.Wrap, Now: w.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.hub.Close()
		if v := validator.Violations(); len(v) > 0 {
			t.Errorf("against GitHub's description: %v", v)
		}
	})
	org := w.hub.CreateAccount("acme", githubtest.Organization)
	app := w.hub.CreateApp(githubtest.App{Slug: "anvil", Permissions: map[string]string{"issues": "write", "checks": "write", "pull_requests": "write", "contents": "write", "metadata": "read"}})
	if w.repo, err = w.hub.CreateRepository(org, "web", githubtest.From{FS: fstest.MapFS{"README.md": {Data: []byte("# Web\n")}}}, githubtest.RepositoryOptions{}); err != nil {
		t.Fatal(err)
	}
	for login, role := range map[string]string{"mona": "write", "rita": "read", "otto": ""} {
		w.people[login] = w.hub.CreateUser(login)
		if role != "" {
			w.hub.SetRole(w.repo, w.people[login], role)
		}
	}
	at := w.hub.Install(app.ID, org.ID, w.repo.ID)
	w.issue = w.hub.CreateIssue(w.repo, w.people["otto"], "It is broken", "the body now", "bug")
	key, err := github.ParseKey([]byte(app.PrivateKeyPEM))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	client, err := github.New(github.Config{WebURL: w.hub.URL, APIURL: w.hub.URL + "/api/v3", AppID: app.ID, PrivateKey: key, Clock: w.now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if w.store, err = store.Open(t.Context(), w.dir, time.Now, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	w.store.Queue = w.jobs
	markers := publish.Markers{Key: []byte("a key for markers")}
	w.client = client
	w.tools = &tools.Server{
		Store: w.store, GitHub: client, Marker: func(key string) string { return markers.Of(anvil.TaskID(key)) }, Mask: secret.Mask,
		Public: "https://anvil.example.com", Now: time.Now, Log: log,
	}
	for _, c := range change {
		c(w.tools)
	}
	mux := http.NewServeMux()
	w.tools.Register(mux)
	w.http = httptest.NewServer(mux)
	t.Cleanup(w.http.Close)
	w.installation = at.ID
	return w
}

// working returns a run that a runner works on, asked for by mona with a comment.
func (w *world) working(change ...func(*anvil.Run)) anvil.RunID {
	w.t.Helper()
	comment := w.hub.Comment(w.repo, w.issue.Number, w.people["mona"], "/anvil fix it")
	d := anvil.Delivery{ID: anvil.DeliveryID(fmt.Sprintf("d%d", comment.ID)), Event: "issue_comment", Body: fmt.Appendf(nil, `{"comment":%d}`, comment.ID), ReceivedAt: time.Now()}
	if _, err := w.store.Receive(w.t.Context(), d); err != nil {
		w.t.Fatal(err)
	}
	task, err := w.store.OpenTask(w.t.Context(), anvil.Opening{Command: anvil.Command{
		Delivery: d.ID, Verb: anvil.VerbDo, Comment: comment.ID, Requester: anvil.Actor{ID: w.people["mona"].ID, Login: "mona"},
		Thread: anvil.Thread{
			Repository: anvil.Repository{ID: w.repo.ID, Installation: w.installation, Owner: "acme", Name: "web", DefaultBranch: "main"},
			Issue:      w.issue.Number, Title: "It is broken",
		},
		Prompt: anvil.Prompt{Instruction: "fix it", IssueTitle: "It was broken", IssueBody: "the body then", Digest: "d"},
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	id := anvil.RunIDFor(task.ID, 1)
	w.move(id, anvil.Dispatching, func(r *anvil.Run) {
		r.BaseRef, r.BaseCommit, r.Engine = "main", strings.Repeat("a", 40), anvil.EngineInfo{Name: "codex", Kind: "codex"}
		r.Dispatch = anvil.Dispatch{NonceHash: "x", AskedAt: time.Now(), Times: 1}
	})
	w.move(id, anvil.Working, func(r *anvil.Run) {
		r.Lease = anvil.Lease{Epoch: 1, TokenHash: anvil.Fingerprint(token), ExpiresAt: time.Now().Add(time.Hour)}
		for _, c := range change {
			c(r)
		}
	})
	return id
}

// now is GitHub's time.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.clock.Load())) }

// later lets time pass at GitHub: its times have whole seconds.
func (w *world) later() { w.clock.Add(int64(2 * time.Second)) }

func (w *world) move(id anvil.RunID, to anvil.State, change func(*anvil.Run)) {
	w.t.Helper()
	if _, err := w.store.Move(w.t.Context(), id, to, func(r *anvil.Run) error {
		if change != nil {
			change(r)
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) url(id anvil.RunID) string {
	return w.http.URL + strings.Replace(runapi.PathTools, "{run}", string(id), 1)
}

// agent is an MCP client with a run's token.
func (w *world) agent(id anvil.RunID) *mcp.ClientSession {
	w.t.Helper()
	session, err := connect(w.t.Context(), w.url(id), map[string]string{"Authorization": "Bearer " + token})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { session.Close() })
	return session
}

func connect(ctx context.Context, url string, headers map[string]string) (*mcp.ClientSession, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "agent", Version: "1"}, nil)
	return client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: url, HTTPClient: &http.Client{Transport: with(headers)}, MaxRetries: -1}, nil)
}

// with adds headers to each request.
type with map[string]string

func (h with) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, value := range h {
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// ask calls a tool and returns the text of its answer.
func (w *world) ask(s *mcp.ClientSession, tool string, arguments any) (text string, isError bool) {
	w.t.Helper()
	answer, err := s.CallTool(w.t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		w.t.Fatalf("%s: %v", tool, err)
	}
	for _, c := range answer.Content {
		text += c.(*mcp.TextContent).Text
	}
	return text, answer.IsError
}

// answer asks and reads the answer as JSON.
func answer[T any](w *world, s *mcp.ClientSession, tool string, arguments any) (v T) {
	w.t.Helper()
	text, isError := w.ask(s, tool, arguments)
	if isError {
		w.t.Fatalf("%s: %s", tool, text)
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		w.t.Fatalf("%s: %v: %s", tool, err, text)
	}
	return v
}

// trail lists the audit trail as "action outcome", server's own rows left out, and
// checks that it is whole.
func (w *world) trail() (rows []string) {
	w.t.Helper()
	if _, _, err := store.VerifyAudit(w.t.Context(), w.dir, ""); err != nil {
		w.t.Error(err)
	}
	all, err := w.store.AuditTrail(w.t.Context(), 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range all {
		if a.Actor == "agent" {
			rows = append(rows, a.Action+" "+string(a.Outcome))
		}
	}
	return rows
}

func (w *world) story(id anvil.RunID) anvil.Story {
	w.t.Helper()
	s, err := w.store.StoryOfRun(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// jobs is a queue that remembers what was given to it.
type jobs struct {
	mu  sync.Mutex
	all []anvil.Job
}

func (j *jobs) EnqueueTx(_ context.Context, _ *sql.Tx, next ...anvil.Job) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = append(j.all, next...)
	return nil
}

func (j *jobs) has(job anvil.Job) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Contains(j.all, job)
}

func (j *jobs) forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = nil
}

// lines is a log that can be written and read at once.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
