package github_test

import (
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

const workflow = `name: Anvil
run-name: anvil ${{ inputs.task }}
on:
  workflow_dispatch:
    inputs:
      task: {required: true, type: string}
      nonce: {required: true, type: string}
      server: {required: true, type: string}
permissions:
  contents: read
  id-token: write
jobs:
  anvil:
    runs-on: ubuntu-latest
    steps:
      - run: anvil-runner
`

// town is a simulated GitHub with one repository, on which our App is installed.
type town struct {
	*githubtest.Server
	app     githubtest.App
	at      githubtest.Installation
	theirs  githubtest.Repository
	repo    anvil.Repository
	mona    githubtest.Account
	anvil   *github.App
	install map[string]string
}

func newTown(t *testing.T) *town {
	t.Helper()
	s, err := githubtest.Start(githubtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	org := s.CreateAccount("octo", githubtest.Organization)
	granted := map[string]string{"actions": "write", "checks": "write", "contents": "write", "issues": "write", "pull_requests": "write"}
	app := s.CreateApp(githubtest.App{Slug: "anvil", Permissions: granted})
	theirs, err := s.CreateRepository(org, "hello", githubtest.From{FS: fstest.MapFS{
		"README.md":                   {Data: []byte("# Hello\n")},
		".github/anvil.yml":           {Data: []byte("verify: [go test ./...]\n")},
		".github/workflows/anvil.yml": {Data: []byte(workflow)},
	}}, githubtest.RepositoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	mona := s.CreateUser("mona")
	s.SetRole(theirs, mona, "write")
	at := s.Install(app.ID, org.ID, theirs.ID)
	key, err := github.ParseKey([]byte(app.PrivateKeyPEM))
	if err != nil {
		t.Fatal(err)
	}
	a, err := github.New(github.Config{
		WebURL: s.URL, APIURL: s.URL + "/api/v3", AppID: app.ID, PrivateKey: key,
		UserAgent: "anvil/test", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	repo := anvil.Repository{ID: theirs.ID, Installation: at.ID, Owner: "octo", Name: "hello", DefaultBranch: "main"}
	return &town{Server: s, app: app, at: at, theirs: theirs, repo: repo, mona: mona, anvil: a, install: granted}
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestWeKnowWhoAndWhereWeAre(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	self := must[github.Identity](t)(w.anvil.Self(t.Context()))
	if self.AppID != w.app.ID || self.Slug != "anvil" || self.Bot != (anvil.Actor{ID: w.app.Bot.ID, Login: "anvil[bot]", Bot: true}) {
		t.Errorf("self is %+v", self)
	}
	for name, repo := range map[string]anvil.Repository{
		"by id":   must[anvil.Repository](t)(w.anvil.Repository(t.Context(), w.at.ID, w.repo.ID)),
		"by name": must[anvil.Repository](t)(w.anvil.InstallationOf(t.Context(), "octo", "hello")),
	} {
		if repo != w.repo {
			t.Errorf("%s: %+v, want %+v", name, repo, w.repo)
		}
	}
	for _, e := range w.Ledger() {
		if e.UserAgent != "anvil/test" {
			t.Errorf("%s %s came from %q", e.Method, e.Path, e.UserAgent)
		}
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	for _, role := range []string{"admin", "maintain", "write", "triage", "read", "none"} {
		w.SetRole(w.theirs, w.mona, role)
		id, got, err := w.anvil.Permission(t.Context(), w.repo, "mona")
		if role == "none" && got == "read" { // a public repository can be read by everybody
			got = "none"
		}
		if err != nil || id != w.mona.ID || got != role {
			t.Errorf("%s: %d, %q, %v", role, id, got, err)
		}
	}
	w.RenameUser(w.mona, "lisa")
	other := w.CreateUser("mona") // somebody else took the name
	if id, _, err := w.anvil.Permission(t.Context(), w.repo, "mona"); err != nil || id == w.mona.ID || id != other.ID {
		t.Errorf("a recycled login is still the former person: %d, %v", id, err)
	}
	if _, _, err := w.anvil.Permission(t.Context(), w.repo, "nobody-of-that-name"); !errors.Is(err, github.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsInARepository(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	tip := w.Refs(w.theirs)["refs/heads/main"]
	branch, sha, err := w.anvil.DefaultBranchCommit(t.Context(), w.repo)
	if err != nil || branch != "main" || sha != tip {
		t.Errorf("got %s %s, %v, want main %s", branch, sha, err, tip)
	}
	next := w.Commit(w.theirs, w.mona, "anvil/3-fix", "a change", map[string]string{"a b/ä.txt": "hi"})
	if got := must[string](t)(w.anvil.Branch(t.Context(), w.repo, "anvil/3-fix")); got != next {
		t.Errorf("got %s, want %s", got, next)
	}
	if _, err := w.anvil.Branch(t.Context(), w.repo, "anvil"); !errors.Is(err, github.ErrNotFound) {
		t.Errorf("half a branch's name: %v", err)
	}
	tree, parents, err := w.anvil.Commit(t.Context(), w.repo, next)
	if err != nil || len(tree) != 40 || len(parents) != 1 || parents[0] != tip {
		t.Errorf("got %s, %v, %v", tree, parents, err)
	}
	for ref, paths := range map[string][]string{"main": {".github/anvil.yml"}, next: {"a b/ä.txt"}} {
		for _, path := range paths {
			want, _ := w.File(w.theirs, ref, path)
			if got := must[[]byte](t)(w.anvil.File(t.Context(), w.repo, path, ref)); string(got) != want || want == "" {
				t.Errorf("%s: %q, want %q", path, got, want)
			}
		}
	}
	for _, path := range []string{"missing", "a b"} {
		if _, err := w.anvil.File(t.Context(), w.repo, path, next); !errors.Is(err, github.ErrNotFound) {
			t.Errorf("%s: %v", path, err)
		}
	}
	empty := must[githubtest.Repository](t)(w.CreateRepository(w.theirs.Owner, "empty", githubtest.From{}, githubtest.RepositoryOptions{}))
	w.AddRepositories(w.at.ID, empty.ID)
	if _, _, err := w.anvil.DefaultBranchCommit(t.Context(), anvil.Repository{ID: empty.ID, Installation: w.at.ID, Owner: "octo", Name: "empty"}); !errors.Is(err, github.ErrNotFound) {
		t.Errorf("an empty repository: %v", err)
	}
}

func TestADispatchFromAskingToCancelling(t *testing.T) {
	t.Parallel()
	for _, mode := range []githubtest.DispatchMode{githubtest.DispatchDetails, githubtest.DispatchPlain, githubtest.DispatchOldGHES} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			w.SetDispatchMode(mode)
			ask := github.DispatchRequest{Workflow: "anvil.yml", Ref: "main", Inputs: map[string]string{"task": "abcdefghjk.1", "nonce": "n", "server": "s"}}
			place := must[anvil.Placement](t)(w.anvil.Dispatch(t.Context(), w.repo, ask))
			runs := w.WorkflowRuns(w.theirs)
			if len(runs) != 1 || (place.WorkflowRun != 0) != (mode == githubtest.DispatchDetails) {
				t.Fatalf("%d runs, placed at %+v", len(runs), place)
			}
			found, ok, err := w.anvil.FindWorkflowRun(t.Context(), w.repo, "anvil.yml", "abcdefghjk.1", time.Now())
			if err != nil || !ok || found.WorkflowRun != runs[0].ID || found.URL != runs[0].URL {
				t.Errorf("found %+v, %t, %v", found, ok, err)
			}
			if mode == githubtest.DispatchDetails && place != found {
				t.Errorf("told %+v, found %+v", place, found)
			}
			state := must[github.WorkflowRun](t)(w.anvil.WorkflowRun(t.Context(), w.repo, found.WorkflowRun))
			if state.Status != "queued" || state.Attempt != 1 || state.Conclusion != "" {
				t.Errorf("state is %+v", state)
			}
			for range 2 { // the second time it has ended
				if err := w.anvil.CancelWorkflowRun(t.Context(), w.repo, found.WorkflowRun); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestADispatchWhoseAnswerIsLostIsFoundAgain(t *testing.T) {
	t.Parallel()
	for _, how := range []githubtest.Do{githubtest.DoAcceptDrop, githubtest.DoTruncate} {
		w := newTown(t)
		w.SetFault(githubtest.Fault{Method: "POST", Path: "/repos/*/*/actions/workflows/*/dispatches", Do: how})
		ask := github.DispatchRequest{Workflow: "anvil.yml", Ref: "main", Inputs: map[string]string{"task": "abcdefghjk.1", "nonce": "n", "server": "s"}}
		if _, err := w.anvil.Dispatch(t.Context(), w.repo, ask); !errors.Is(err, github.ErrUncertain) {
			t.Fatalf("%s: %v", how, err)
		}
		if n := len(w.WorkflowRuns(w.theirs)); n != 1 {
			t.Fatalf("%s: %d runs, want one: nobody may ask twice", how, n)
		}
		if _, ok, err := w.anvil.FindWorkflowRun(t.Context(), w.repo, "anvil.yml", "abcdefghjk.1", time.Now()); err != nil || !ok {
			t.Errorf("%s: %t, %v", how, ok, err)
		}
	}
}

func TestWorkflowsThatCannotBeStarted(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.Commit(w.theirs, w.mona, "main", "more workflows", map[string]string{
		".github/workflows/push.yml":  "name: Push\non: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: 'true'\n",
		".github/workflows/other.yml": strings.Replace(workflow, "nonce:", "password:", 1),
	})
	inputs := map[string]string{"task": "abcdefghjk.1", "nonce": "n", "server": "s"}
	for file, code := range map[string]anvil.Code{"missing.yml": github.CodeNoWorkflow, "push.yml": github.CodeNoWorkflow, "other.yml": github.CodeInputs} {
		_, err := w.anvil.Dispatch(t.Context(), w.repo, github.DispatchRequest{Workflow: file, Ref: "main", Inputs: inputs})
		if p := github.Problem(err); !errors.Is(err, github.ErrNotAccepted) || p.Code != code {
			t.Errorf("%s: %v", file, err)
		}
	}
	if _, err := w.anvil.Dispatch(t.Context(), w.repo, github.DispatchRequest{Workflow: "anvil.yml", Ref: "gone", Inputs: inputs}); !errors.Is(err, github.ErrNotAccepted) {
		t.Errorf("a branch that is not there: %v", err)
	}
	if n := len(w.WorkflowRuns(w.theirs)); n != 0 {
		t.Errorf("%d runs", n)
	}
}

func TestACommentThatTellsTheStory(t *testing.T) {
	t.Parallel()
	const marker = "<!-- anvil:abcdefghjk -->"
	w := newTown(t)
	issue := w.CreateIssue(w.theirs, w.mona, "It is broken", "Please fix")
	theirs := w.Comment(w.theirs, issue.Number, w.mona, "/anvil fix it "+marker)
	since := time.Now()

	target := github.Target{Comment: theirs.ID, Issue: issue.Number}
	eyes := must[int64](t)(w.anvil.React(t.Context(), w.repo, target, "eyes"))
	if again := must[int64](t)(w.anvil.React(t.Context(), w.repo, target, "eyes")); again != eyes {
		t.Errorf("two equal reactions: %d, %d", eyes, again)
	}
	if _, ok, err := w.anvil.FindComment(t.Context(), w.repo, issue.Number, marker, since); err != nil || ok {
		t.Fatalf("somebody else's marker is ours: %t, %v", ok, err)
	}
	ours := must[github.Comment](t)(w.anvil.CreateComment(t.Context(), w.repo, issue.Number, "**queued**\n"+marker))
	if !strings.HasPrefix(ours.URL, w.URL) {
		t.Errorf("its address is %q", ours.URL)
	}
	must[github.Comment](t)(w.anvil.EditComment(t.Context(), w.repo, ours.ID, "**done**\n"+marker+strings.Repeat("🚀", 70_000)))
	found, ok, err := w.anvil.FindComment(t.Context(), w.repo, issue.Number, marker, since)
	if err != nil || !ok || found != ours {
		t.Errorf("found %+v, %t, %v, want %+v", found, ok, err, ours)
	}
	must[int64](t)(w.anvil.React(t.Context(), w.repo, target, "rocket"))
	for range 2 {
		if err := w.anvil.Unreact(t.Context(), w.repo, target, eyes); err != nil {
			t.Fatal(err)
		}
	}

	comments := w.Comments(w.theirs, issue.Number)
	if len(comments) != 2 || comments[1].App != w.app.ID || comments[1].Edits != 1 || !strings.HasPrefix(comments[1].Body, "**done**") {
		t.Errorf("GitHub has %d comments, the last by App %d", len(comments), comments[len(comments)-1].App)
	}
	if r := w.Reactions(w.theirs); len(r) != 1 || r[0].Content != "rocket" || r[0].Comment != theirs.ID {
		t.Errorf("GitHub has reactions %+v", r)
	}
	w.DeleteComment(w.theirs, ours.ID, w.mona)
	if _, err := w.anvil.EditComment(t.Context(), w.repo, ours.ID, "x"); !errors.Is(err, github.ErrNotFound) {
		t.Errorf("a deleted comment: %v", err)
	}
}

func TestAPullRequestAndItsCheckRun(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	head := w.Commit(w.theirs, w.mona, "anvil/3-fix", "fix", map[string]string{"README.md": "# Fixed\n"})
	n := github.NewPullRequest{Title: "Fix it " + strings.Repeat("very ", 100), Body: "Closes #3", Head: "anvil/3-fix", Base: "main", Draft: true}
	if _, ok, err := w.anvil.FindPullRequest(t.Context(), w.repo, n.Head); ok || err != nil {
		t.Fatalf("found before it was made: %v", err)
	}
	pull := must[github.PullRequest](t)(w.anvil.CreatePullRequest(t.Context(), w.repo, n))
	if pull.HeadSHA != head || pull.Head != n.Head || pull.Base != "main" || !pull.Draft || pull.State != "open" || pull.HeadRepository != w.repo.ID || pull.AuthorID != w.app.Bot.ID {
		t.Errorf("made %+v", pull)
	}
	if _, err := w.anvil.CreatePullRequest(t.Context(), w.repo, n); !errors.Is(err, github.ErrExists) {
		t.Errorf("a second one: %v", err)
	}
	found, ok, err := w.anvil.FindPullRequest(t.Context(), w.repo, n.Head)
	if err != nil || !ok || found != pull {
		t.Errorf("found %+v, %t, %v, want %+v", found, ok, err, pull)
	}
	body := "Closes #3, really"
	if edited := must[github.PullRequest](t)(w.anvil.EditPullRequest(t.Context(), w.repo, pull.Number, github.PullRequestEdit{Body: &body})); edited.Body != body || edited.Title != pull.Title {
		t.Errorf("edited to %+v", edited)
	}
	if got := must[github.PullRequest](t)(w.anvil.PullRequest(t.Context(), w.repo, pull.Number)); got.Body != body {
		t.Errorf("got %+v", got)
	}
	if all := w.PullRequests(w.theirs); len(all) != 1 {
		t.Errorf("GitHub has %d pull requests", len(all))
	}

	check := github.CheckRun{Name: "Anvil", HeadSHA: head, ExternalID: "abcdefghjk", Status: "in_progress", Title: "Working", Summary: "…", DetailsURL: w.URL + "/t/abcdefghjk"}
	posted := must[github.PostedCheckRun](t)(w.anvil.CreateCheckRun(t.Context(), w.repo, check))
	check.Status, check.Conclusion, check.Title, check.Text = "completed", "success", "Verified", strings.Repeat("log line\n", 20_000)
	done := must[github.PostedCheckRun](t)(w.anvil.UpdateCheckRun(t.Context(), w.repo, posted.ID, check))
	if done.ID != posted.ID || done.Status != "completed" || done.Conclusion != "success" {
		t.Errorf("updated to %+v", done)
	}
	at, ok, err := w.anvil.FindCheckRun(t.Context(), w.repo, head, "Anvil", "abcdefghjk")
	if err != nil || !ok || at != done {
		t.Errorf("found %+v, %t, %v, want %+v", at, ok, err, done)
	}
	if _, ok, _ := w.anvil.FindCheckRun(t.Context(), w.repo, head, "Anvil", "zzzzzzzzzz"); ok {
		t.Error("found another task's check run")
	}
	if runs := w.CheckRuns(w.theirs); len(runs) != 1 || len(runs[0].Text) > github.MaxCheck {
		t.Errorf("GitHub has %d check runs", len(runs))
	}
}

func TestATokenOpensOneRepositoryAndNoMore(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	other := must[githubtest.Repository](t)(w.CreateRepository(w.theirs.Owner, "other", githubtest.From{FS: fstest.MapFS{"a": {Data: []byte("a")}}}, githubtest.RepositoryOptions{Private: true}))
	w.AddRepositories(w.at.ID, other.ID)
	read, expires, err := w.anvil.ReadToken(t.Context(), w.repo)
	if err != nil || time.Until(expires) < 30*time.Minute {
		t.Fatal(expires, err)
	}
	publish, _, err := w.anvil.PublishToken(t.Context(), w.repo)
	if err != nil || publish == read {
		t.Fatal(err)
	}
	for path, want := range map[string]map[string]int{
		"/repos/octo/hello/branches/main": {read: 200, publish: 200},
		"/repos/octo/hello/pulls":         {read: 403, publish: 200},
		"/repos/octo/hello/issues":        {read: 403},
		"/repos/octo/other/branches/main": {read: 404, publish: 404},
	} {
		for token, status := range want {
			if got := get(t, w.URL+"/api/v3"+path, "Bearer "+token); got != status {
				t.Errorf("%s: %d, want %d", path, got, status)
			}
		}
	}
	clone := w.anvil.CloneURL(w.repo)
	basic := func(token string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token))
	}
	for service, want := range map[string]map[string]int{
		"git-upload-pack":  {read: 200, publish: 200},
		"git-receive-pack": {read: 403, publish: 200},
	} {
		for token, status := range want {
			if got := get(t, clone+"/info/refs?service="+service, basic(token)); got != status {
				t.Errorf("%s: %d, want %d", service, got, status)
			}
		}
	}
}

func get(t *testing.T, address, authorization string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", authorization)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func TestWhatChangesUnderUs(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	issue := w.CreateIssue(w.theirs, w.mona, "It is broken", "")
	comment := func() error {
		_, err := w.anvil.CreateComment(t.Context(), w.repo, issue.Number, "hi")
		return err
	}
	code := func(err error) anvil.Code {
		if p := github.Problem(err); p != nil {
			return p.Code
		}
		return ""
	}
	if err := comment(); err != nil {
		t.Fatal(err)
	}

	w.ExpireTokens() // as when they are revoked: the first call learns it, the next has a new one
	if got := code(comment()); got != github.CodeAuth {
		t.Errorf("expired: %s", got)
	}
	if err := comment(); err != nil {
		t.Errorf("with a new token: %v", err)
	}

	w.Suspend(w.at.ID)
	if got := code(comment()); got != github.CodeGone {
		t.Errorf("suspended: %s", got)
	}
	w.Unsuspend(w.at.ID)

	w.GrantPermissions(w.at.ID, map[string]string{"issues": "read"})
	if err := comment(); code(err) != github.CodePermission || !strings.Contains(github.Problem(err).What, "issues=write") {
		t.Errorf("permission taken away: %v", err)
	}
	w.GrantPermissions(w.at.ID, w.install)

	w.SetArchived(w.theirs, true)
	if got := code(comment()); got != github.CodeArchived {
		t.Errorf("archived: %s", got)
	}
	w.SetArchived(w.theirs, false)

	w.RenameRepository(w.theirs, "goodbye")
	before := len(w.Requests("POST", "/repos/*/hello/issues/*/comments"))
	for range 2 {
		if err := comment(); err != nil {
			t.Errorf("under its former name: %v", err)
		}
	}
	// The refusal is met once; then the new name is known.
	if n := len(w.Requests("POST", "/repos/*/hello/issues/*/comments")) - before; n != 1 {
		t.Errorf("asked %d times under the former name", n)
	}
	if _, err := w.anvil.Branch(t.Context(), w.repo, "main"); err != nil {
		t.Errorf("a read after the rename: %v", err)
	}
	repo := must[anvil.Repository](t)(w.anvil.Repository(t.Context(), w.at.ID, w.repo.ID))
	if repo.Name != "goodbye" {
		t.Errorf("found %+v", repo)
	}
	w.repo = repo
	if err := comment(); err != nil {
		t.Errorf("under its new name: %v", err)
	}

	other := must[githubtest.Repository](t)(w.CreateRepository(w.theirs.Owner, "other", githubtest.From{}, githubtest.RepositoryOptions{}))
	w.AddRepositories(w.at.ID, other.ID)
	w.RemoveRepositories(w.at.ID, w.repo.ID)
	if _, _, err := w.anvil.PublishToken(t.Context(), w.repo); code(err) != github.CodeGone {
		t.Errorf("removed from the installation: %v", err)
	}
	w.Uninstall(w.at.ID)
	if _, _, err := w.anvil.ReadToken(t.Context(), w.repo); code(err) != github.CodeGone {
		t.Errorf("uninstalled: %v", err)
	}
}

func TestAJobProvesWhoItIs(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	const audience = "https://anvil.example"
	v, err := github.NewVerifier(github.VerifierConfig{Issuer: w.Issuer(), Audience: audience, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	place := must[anvil.Placement](t)(w.anvil.Dispatch(t.Context(), w.repo, github.DispatchRequest{
		Workflow: "anvil.yml", Ref: "main", Inputs: map[string]string{"task": "abcdefghjk.1", "nonce": "n", "server": "s"},
	}))
	claims := must[github.Claims](t)(v.Verify(t.Context(), w.MintOIDC(githubtest.Forgery{Run: place.WorkflowRun, Audience: audience})))
	if claims.RepositoryID != w.repo.ID || claims.RunID != place.WorkflowRun || claims.RunAttempt != 1 || claims.EventName != "workflow_dispatch" ||
		claims.WorkflowRef != "octo/hello/.github/workflows/anvil.yml@refs/heads/main" || claims.ActorID != w.app.Bot.ID || claims.JTI == "" {
		t.Errorf("claims %+v", claims)
	}
	for name, c := range map[string]struct {
		forged githubtest.Forgery
		code   anvil.Code
	}{
		"alg none":          {githubtest.Forgery{Alg: "none"}, github.CodeOIDCToken},
		"HS256":             {githubtest.Forgery{Alg: "HS256"}, github.CodeOIDCToken},
		"unknown key":       {githubtest.Forgery{Key: "unknown"}, github.CodeOIDCToken},
		"foreign key":       {githubtest.Forgery{Key: "foreign"}, github.CodeOIDCToken},
		"other audience":    {githubtest.Forgery{Audience: "sts.example"}, github.CodeOIDCClaim},
		"expired":           {githubtest.Forgery{Claims: map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}}, github.CodeOIDCTime},
		"without an id":     {githubtest.Forgery{Claims: map[string]any{"jti": nil}}, github.CodeOIDCClaim},
		"without run":       {githubtest.Forgery{Claims: map[string]any{"run_id": nil}}, github.CodeOIDCClaim},
		"another's issuer":  {githubtest.Forgery{Claims: map[string]any{"iss": github.ActionsIssuer}}, github.CodeOIDCClaim},
		"the default shape": {githubtest.Forgery{}, github.CodeOIDCClaim},
	} {
		f := c.forged
		f.Run = place.WorkflowRun
		if f.Audience == "" && name != "the default shape" {
			f.Audience = audience
		}
		if _, err := v.Verify(t.Context(), w.MintOIDC(f)); anvil.AsProblem(err) == nil || anvil.AsProblem(err).Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}
