package runner_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// The test binary is its own supervisor.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "supervise" {
		os.Exit(confine.Supervise(os.Args[2:]))
	}
	if len(os.Args) > 2 && os.Args[1] == "inside" {
		os.Exit(confine.Inside(os.Args[2]))
	}
	os.Exit(m.Run())
}

// Secrets of a run. None of them may ever be seen outside the fake server.
const (
	nonce      = "canary-nonce-2f61c0"
	idToken    = "canary-idtoken.part.two-7d1e"
	idRequest  = "canary-idrequest-99ab31"
	leaseToken = "canary-lease-5c77f2a1"
	readToken  = "ghs_canary-read_0b1d.more-e94c"
	jobSecret  = "canary-job-secret-61aa"
	// These two the runner does not know as secrets, so that no redaction hides
	// that they got through.
	inputSecret = "canary-input-0be2"
	cloudSecret = "canary-cloud-77d0"
)

var canaries = []string{nonce, idToken, idRequest, leaseToken, readToken, jobSecret, inputSecret, cloudSecret}

// server speaks the server's side of the contract, GitHub's identity tokens, and
// git over HTTP with the read token.
type server struct {
	t    *testing.T
	http *httptest.Server
	git  string // directory of bare repositories

	// How it behaves; set before the run.
	claimed     runapi.RunnerInfo // what was last said of the machine
	refuseClaim *runapi.Error
	onRenew     func(n int) (runapi.RenewAnswer, *runapi.Error)
	onEvent     func(runapi.Event)
	onArtifact  func(name string)
	stale       bool                 // from now on
	onTheWay    func(*runapi.Prompt) // what happens to an approved prompt
	left        map[string][]byte    // what an earlier run left, by name

	mu         sync.Mutex
	assignment runapi.Assignment
	events     []runapi.Event
	artifacts  map[string][]byte
	about      map[string]runapi.About
	finish     *runapi.FinishRequest
	becomes    []runapi.FinishAnswer // what is answered to the finish, and when it is asked again
	finishedAt time.Time
	renewals   int
	dropEvents int // answers to lose
}

func newServer(t *testing.T) *server {
	s := &server{t: t, git: t.TempDir(), artifacts: map[string][]byte{}, about: map[string]runapi.About{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /oidc", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+idRequest || r.URL.Query().Get("audience") != s.http.URL {
			http.Error(w, "who are you", http.StatusForbidden)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"value": idToken})
	})
	mux.HandleFunc("POST "+runapi.PathClaim, s.claim)
	mux.HandleFunc("POST "+runapi.PathRenew, s.held(s.renew))
	mux.HandleFunc("POST "+runapi.PathEvents, s.held(s.append))
	mux.HandleFunc("PUT "+runapi.PathArtifact, s.held(s.artifact))
	mux.HandleFunc("POST "+runapi.PathFinish, s.held(s.finished))
	mux.HandleFunc("GET "+runapi.PathRestore, s.held(s.restore))
	mux.HandleFunc("/git/", s.serveGit)
	s.http = httptest.NewServer(mux)
	t.Cleanup(s.http.Close)
	return s
}

func (s *server) claim(w http.ResponseWriter, r *http.Request) {
	var in runapi.ClaimRequest
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.Nonce != nonce || r.Header.Get("Authorization") != "Bearer "+idToken {
		refuse(w, http.StatusForbidden, &runapi.Error{Code: runapi.CodeNonce, What: "unknown run."})
		return
	}
	s.claimed = in.Runner
	if s.refuseClaim != nil {
		refuse(w, http.StatusConflict, s.refuseClaim)
		return
	}
	a := s.assignment
	a.Prompt.Digest = a.Prompt.ComputeDigest()
	if s.onTheWay != nil {
		s.onTheWay(&a.Prompt)
	}
	answer(w, a)
}

// held answers CB_STALE to all but the holder of the lease.
func (s *server) held(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		stale := s.stale || s.finish != nil && !strings.HasSuffix(r.URL.Path, "/finish") // which may be asked again
		s.mu.Unlock()
		if stale || r.Header.Get("Authorization") != "Bearer "+leaseToken || r.PathValue("run") != s.assignment.Run {
			refuse(w, http.StatusConflict, &runapi.Error{Code: runapi.CodeStale, What: "the run went on without you."})
			return
		}
		next(w, r)
	}
}

func (s *server) renew(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.renewals++
	n := s.renewals
	s.mu.Unlock()
	if s.onRenew != nil {
		a, e := s.onRenew(n)
		if e != nil {
			refuse(w, http.StatusConflict, e)
			return
		}
		answer(w, a)
		return
	}
	answer(w, runapi.RenewAnswer{ExpiresAt: time.Now().Add(time.Minute)})
}

func (s *server) append(w http.ResponseWriter, r *http.Request) {
	var in runapi.EventsRequest
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		refuse(w, http.StatusBadRequest, &runapi.Error{Code: runapi.CodeBody, What: "not events."})
		return
	}
	s.mu.Lock()
	next := int64(len(s.events)) + 1
	var fresh []runapi.Event
	for _, e := range in.Events {
		if e.Seq > next {
			s.mu.Unlock()
			refuse(w, http.StatusConflict, &runapi.Error{Code: runapi.CodeSeq, What: "a gap.", Expected: next})
			return
		}
		if e.Seq == next {
			s.events, fresh = append(s.events, e), append(fresh, e)
			next++
		}
	}
	drop := s.dropEvents > 0
	s.dropEvents--
	s.mu.Unlock()
	for _, e := range fresh {
		if s.onEvent != nil {
			s.onEvent(e)
		}
	}
	if drop { // stored, but the answer is lost
		panic(http.ErrAbortHandler)
	}
	answer(w, runapi.EventsAnswer{Next: next})
}

func (s *server) artifact(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	sum := sha256.Sum256(b)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	if err != nil || r.Header.Get(runapi.HeaderDigest) != digest {
		refuse(w, http.StatusUnprocessableEntity, &runapi.Error{Code: runapi.CodeArtifact, What: "digest."})
		return
	}
	if s.onArtifact != nil {
		defer s.onArtifact(r.PathValue("name"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.artifacts[r.PathValue("name")] = b
	if text := r.Header.Get(runapi.HeaderAbout); text != "" {
		var about runapi.About
		if json.Unmarshal([]byte(text), &about) != nil {
			refuse(w, http.StatusBadRequest, &runapi.Error{Code: runapi.CodeArtifact, What: "about."})
			return
		}
		s.about[r.PathValue("name")] = about
	}
	answer(w, runapi.ArtifactAnswer{Digest: digest, Size: int64(len(b))})
}

// restore gives what s.left holds.
func (s *server) restore(w http.ResponseWriter, r *http.Request) {
	b, ok := s.left[r.PathValue("name")]
	if !ok {
		refuse(w, http.StatusNotFound, &runapi.Error{Code: runapi.CodeArtifact, What: "there is none."})
		return
	}
	_, _ = w.Write(b)
}

func (s *server) finished(w http.ResponseWriter, r *http.Request) {
	var in runapi.FinishRequest
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		refuse(w, http.StatusBadRequest, &runapi.Error{Code: runapi.CodeBody, What: "not a finish."})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.finish == nil {
		s.finishedAt = time.Now()
	}
	s.finish = &in
	became := runapi.FinishAnswer{State: "inspecting"}
	if len(s.becomes) > 0 {
		became, s.becomes = s.becomes[0], s.becomes[1:]
	}
	answer(w, became)
}

// serveGit is the git program's own server, behind the read token.
func (s *server) serveGit(w http.ResponseWriter, r *http.Request) {
	user, pass, ok := r.BasicAuth()
	if strings.HasPrefix(r.URL.Path, "/git/public.git/") {
		if ok {
			s.t.Error("a repository that anybody may read was asked for with a login")
		}
	} else if !ok || user != "x-access-token" || pass != readToken {
		w.Header().Set("WWW-Authenticate", "Basic")
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	(&cgi.Handler{
		Path: gitProgram(s.t), Args: []string{"http-backend"}, Root: "/git",
		Env: []string{"GIT_PROJECT_ROOT=" + s.git, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + s.git},
	}).ServeHTTP(w, r)
}

// repository makes a bare repository of the files, and returns its address and
// commit.
func (s *server) repository(files map[string]string) (url, commit string) {
	s.t.Helper()
	work := s.t.TempDir()
	for name, text := range files {
		path := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	runGit(s.t, work, "init", "-q", "-b", "main")
	runGit(s.t, work, "add", "-A")
	runGit(s.t, work, "commit", "-q", "-m", "first")
	runGit(s.t, work, "commit", "-q", "--allow-empty", "-m", "second") // so that there is history to leave out
	runGit(s.t, work, "clone", "-q", "--bare", ".", filepath.Join(s.git, "r.git"))
	return s.http.URL + "/git/r.git", runGit(s.t, work, "rev-parse", "HEAD")
}

// assign makes an assignment in which agent, a shell script, is the engine.
func (s *server) assign(files map[string]string, agent string) {
	url, commit := s.repository(files)
	s.assignment = runapi.Assignment{
		Run: "abcdefghjk.1", Epoch: 1, LeaseToken: leaseToken, ExpiresAt: time.Now().Add(time.Minute), RenewEverySeconds: 60,
		Repository: runapi.Repository{ID: 7, FullName: "acme/shop", CloneURL: url},
		BaseRef:    "main", BaseCommit: commit, ReadToken: readToken,
		Engine: runapi.Engine{Name: "script", Kind: "command", Command: []string{"sh", "-c", agent}},
		Prompt: runapi.Prompt{Instruction: "fix it", IssueNumber: 3, IssueTitle: "It is broken", IssueBody: "Please."},
		Verify: []string{"test -f good"}, VerifySource: "command",
		Containment: runapi.Containment{Mode: "none"},
	}
}

// machine is where a job runs.
type machine struct {
	t       *testing.T
	temp    string
	out     bytes.Buffer
	signals chan os.Signal
	config  runner.Config
}

func newMachine(t *testing.T, s *server) *machine {
	m := &machine{t: t, temp: t.TempDir(), signals: make(chan os.Signal, 2)}
	files := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "RUNNER_TEMP=" + m.temp, "RUNNER_NAME=test 1",
		"ANVIL_SERVER=" + s.http.URL + "/", "ANVIL_TASK=abcdefghjk.1", "ANVIL_NONCE=" + nonce,
		"ACTIONS_ID_TOKEN_REQUEST_URL=" + s.http.URL + "/oidc?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + idRequest,
		"GITHUB_TOKEN=" + jobSecret, "INPUT_SECRET=" + inputSecret, "AWS_SECRET=" + cloudSecret,
	}
	for _, name := range []string{"ENV", "PATH", "OUTPUT", "STATE", "STEP_SUMMARY"} {
		path := filepath.Join(files, name)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		env = append(env, "GITHUB_"+name+"="+path)
	}
	m.config = runner.Config{
		Environ: env, Out: &m.out, Signals: m.signals, Supervisor: []string{self, "supervise"}, Self: self, Version: "test",
		Second: 10 * time.Millisecond,
	}
	return m
}

// run runs the job and shows its log if the test fails.
func (m *machine) run() int {
	code := runner.Run(m.t.Context(), m.config)
	m.t.Cleanup(func() {
		if m.t.Failed() {
			m.t.Logf("the job's log:\n%s", m.out.String())
		}
	})
	return code
}

func (m *machine) file(name string) string {
	b, err := os.ReadFile(m.config.Getenv(name))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b)
}

// noCanaries fails the test if a secret is to be seen anywhere but in the line
// that masks it.
func noCanaries(t *testing.T, s *server, m *machine) {
	t.Helper()
	seen := map[string]string{"summary": m.file("GITHUB_STEP_SUMMARY"), "outputs": m.file("GITHUB_OUTPUT")}
	for line := range strings.Lines(m.out.String()) {
		if !strings.HasPrefix(line, "::add-mask::") {
			seen["job log"] += line
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, b := range s.artifacts {
		seen["artifact "+name] = string(b)
	}
	events, err := json.Marshal(s.events)
	if err != nil {
		t.Fatal(err)
	}
	finish, err := json.Marshal(s.finish)
	if err != nil {
		t.Fatal(err)
	}
	seen["events"], seen["finish"] = string(events), string(finish)
	for where, text := range seen {
		for _, c := range canaries {
			if strings.Contains(text, c) {
				t.Errorf("%s has the secret %q", where, c)
			}
		}
	}
	left, err := os.ReadDir(m.temp)
	if err != nil || len(left) > 0 {
		t.Errorf("the workspace was left behind: %v %v", left, err)
	}
}

// bundled unpacks the uploaded bundle and returns the files of its commit.
func (s *server) bundled() map[string]string { return s.unpacked(runapi.ArtifactBundle) }

// unpacked does so with the bundle or the checkpoint.
func (s *server) unpacked(name string) map[string]string {
	s.t.Helper()
	dir := s.t.TempDir()
	path := filepath.Join(dir, "bundle")
	if err := os.WriteFile(path, s.artifacts[name], 0o644); err != nil {
		s.t.Fatal(err)
	}
	clone := filepath.Join(dir, "clone")
	runGit(s.t, dir, "clone", "-q", filepath.Join(s.git, "r.git"), clone)
	heads := runGit(s.t, clone, "bundle", "list-heads", path)
	head := s.finish.Head
	if name == runapi.ArtifactCheckpoint {
		head = s.about[name].Head
	}
	if want := head + " " + runapi.BundleRef; heads != want {
		s.t.Fatalf("the bundle's refs are %q, want %q", heads, want)
	}
	runGit(s.t, clone, "fetch", "-q", path, runapi.BundleRef)
	if parents := runGit(s.t, clone, "log", "-1", "--format=%P", "FETCH_HEAD"); parents != s.assignment.BaseCommit {
		s.t.Fatalf("the result's parents are %q, want the base commit %s", parents, s.assignment.BaseCommit)
	}
	files := map[string]string{}
	for _, line := range strings.Split(runGit(s.t, clone, "ls-tree", "-r", "FETCH_HEAD"), "\n") {
		meta, name, _ := strings.Cut(line, "\t")
		f := strings.Fields(meta)
		if len(f) == 3 && f[1] == "commit" { // a submodule
			continue
		}
		files[name] = f[0] + " " + runGit(s.t, clone, "cat-file", "blob", f[2])
	}
	return files
}

// kinds lists the events' kinds and texts.
func (s *server) story() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, e := range s.events {
		fmt.Fprintf(&b, "%s %s\n", e.Kind, e.Text)
	}
	return b.String()
}

func runGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(gitProgram(t), args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=T", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=T", "GIT_COMMITTER_EMAIL=t@example.com",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func gitProgram(t *testing.T) string {
	path, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not on PATH")
	}
	return path
}

func answer(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

func refuse(w http.ResponseWriter, status int, e *runapi.Error) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(e)
}

// hold answers nothing until released.
func hold(released <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-released:
		case <-r.Context().Done():
		}
	})
}
