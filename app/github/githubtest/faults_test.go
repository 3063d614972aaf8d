package githubtest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

const comments = "/repos/*/*/issues/*/comments"

func (w *town) commentOn(gh *github.Client, number int, body string) (*github.Response, error) {
	_, res, err := gh.Issues.CreateComment(w.Context(), "acme", "widget", number, &github.IssueComment{Body: &body})
	return res, err
}

func TestFaultsBeforeAndAfterTheEffect(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	gh := w.asInstallation(nil)
	n := w.srv.CreateIssue(w.repo, w.mona, "x", "").Number
	count := func() int { return len(w.srv.Comments(w.repo, n)) }

	w.srv.SetFault(githubtest.Fault{Method: "POST", Path: comments, Do: githubtest.DoStatus, Status: 503})
	res, err := w.commentOn(gh, n, "one")
	w.refused(503, "", res, err)
	w.srv.SetFault(githubtest.Fault{Method: "POST", Path: comments, Do: githubtest.DoDrop})
	if _, err := w.commentOn(gh, n, "two"); err == nil {
		t.Error("a dropped request was answered")
	}
	if count() != 0 {
		t.Errorf("%d comments, want none yet", count())
	}
	id := w.srv.SetFault(githubtest.Fault{Method: "POST", Path: comments, Do: githubtest.DoAcceptDrop, After: 1})
	_, err = w.commentOn(gh, n, "three")
	w.must(err)
	if _, err := w.commentOn(gh, n, "four"); err == nil {
		t.Error("an answer that was dropped arrived")
	}
	if count() != 2 {
		t.Errorf("%d comments, want 2: it happened though nobody heard of it", count())
	}
	w.srv.SetFault(githubtest.Fault{Method: "POST", Path: comments, Do: githubtest.DoTruncate})
	if _, err := w.commentOn(gh, n, "five"); err == nil || count() != 3 {
		t.Errorf("a truncated answer: %v, %d comments", err, count())
	}
	w.srv.SetFault(githubtest.Fault{Method: "POST", Path: comments, Do: githubtest.DoAcceptFail, Status: 502})
	res, err = w.commentOn(gh, n, "six")
	w.refused(502, "", res, err)
	if count() != 4 {
		t.Errorf("%d comments, want 4: it happened though the answer says otherwise", count())
	}
	w.srv.SetFault(githubtest.Fault{Method: "GET", Path: "/repos/**", Do: githubtest.DoStatus, Status: 429, RetryAfter: 7, Times: -1})
	for range 2 {
		_, res, err := gh.Repositories.Get(t.Context(), "acme", "widget")
		w.refused(429, "", res, err)
		if res.Header.Get("Retry-After") != "7" {
			t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
		}
	}
	w.srv.ClearFaults()
	_, _, err = gh.Repositories.Get(t.Context(), "acme", "widget")
	w.must(err)

	var hit, cut int
	for _, e := range w.srv.Requests("POST", comments) {
		if e.Fault == id {
			hit++
		}
		if e.Status == 0 {
			cut++
		}
	}
	if all := w.srv.Requests("POST", comments); len(all) != 6 || hit != 1 || cut < 2 {
		t.Errorf("%d requests in the ledger, %d met the fault, %d without an answer", len(all), hit, cut)
	}
}

// The window in which tests kill the server: GitHub has done it, and has not said so.
func TestAnAnswerIsHeldUntilTheFaultIsReleased(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	gh := w.asInstallation(nil)
	n := w.srv.CreateIssue(w.repo, w.mona, "x", "").Number
	id := w.srv.SetFault(githubtest.Fault{Method: "POST", Path: comments, Do: githubtest.DoAcceptStall})
	answered := make(chan error, 1)
	go func() { _, err := w.commentOn(gh, n, "one"); answered <- err }()
	ctx, done := context.WithTimeout(t.Context(), 10*time.Second)
	defer done()
	w.must(w.srv.WaitFault(ctx, id))
	if got := w.srv.Comments(w.repo, n); len(got) != 1 {
		t.Errorf("%d comments while the answer is held, want 1", len(got))
	}
	select {
	case err := <-answered:
		t.Fatalf("answered while held: %v", err)
	default:
	}
	w.srv.ReleaseFault(id)
	w.must(<-answered)

	// A client that dies in the window leaves the effect behind.
	id = w.srv.SetFault(githubtest.Fault{Method: "POST", Path: comments, Do: githubtest.DoAcceptStall})
	dying, die := context.WithCancel(t.Context())
	go func() {
		_, _, err := gh.Issues.CreateComment(dying, "acme", "widget", n, &github.IssueComment{Body: new("two")})
		answered <- err
	}()
	w.must(w.srv.WaitFault(ctx, id))
	die()
	if err := <-answered; err == nil || len(w.srv.Comments(w.repo, n)) != 2 {
		t.Errorf("%v, %d comments", err, len(w.srv.Comments(w.repo, n)))
	}
}

func TestTheLedgerSaysWhoAskedForWhat(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	gh := w.asInstallation(map[string]string{"issues": "write"})
	n := w.srv.CreateIssue(w.repo, w.mona, "x", "").Number
	_, err := w.commentOn(gh, n, "one")
	w.must(err)
	_, _ = w.get("/repos/acme/widget", "")
	var got []string
	for i, e := range w.srv.Ledger() {
		got = append(got, strings.Join([]string{e.Method, e.Path, http.StatusText(e.Status), e.Actor}, " "))
		if e.N != i+1 || !e.Done {
			t.Errorf("entry %d is %+v", i, e)
		}
	}
	inst := itoa(w.inst.ID)
	want := []string{
		"POST /app/installations/" + inst + "/access_tokens Created app:anvil",
		"POST /repos/acme/widget/issues/1/comments Created installation:" + inst,
		"GET /repos/acme/widget Unauthorized anonymous",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the ledger says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	e := w.srv.Requests("POST", comments)[0]
	if len(e.RequestDigest) != 64 || len(e.ResponseDigest) != 64 || string(e.Request) == "" || e.Permissions["issues"] != "write" || e.Permissions["contents"] != "" {
		t.Errorf("entry %+v", e)
	}
}
