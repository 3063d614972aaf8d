package githubtest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// submit sends a form as a browser on the page would, or from another origin.
func (w *town) submit(origin, path string, form url.Values) (int, string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), "POST", w.srv.URL+path, strings.NewReader(form.Encode()))
	w.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", origin)
	res, err := http.DefaultClient.Do(req)
	w.must(err)
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

func TestAPersonAnswersInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	issue := w.srv.CreateIssue(w.repo, w.mona, "It is <b>broken</b>", "- [x] seen\n\n<script>alert(1)</script>\n<img src=x onerror=alert(2)>\n\n<details><summary>more</summary>\n\n| a |\n|---|\n| `b` |\n\n</details>", "bug")
	gh := w.asInstallation(nil)
	_, _, err := gh.Reactions.CreateIssueReaction(t.Context(), "acme", "widget", issue.Number, "eyes")
	w.must(err)

	page := w.page("/acme/widget/issues/1")
	for _, want := range []string{"It is &lt;b&gt;broken&lt;/b&gt;", "<details><summary>more</summary>", "<td><code>b</code></td>", `type="checkbox"`, "👀 1", "mona (write)", "rita (read)"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	for _, evil := range []string{"alert(", "onerror"} {
		if strings.Contains(page, evil) {
			t.Errorf("the page has %s", evil)
		}
	}
	status, body := w.submit(w.srv.URL, "/acme/widget/issues/1/comments", url.Values{"user": {"mona"}, "body": {"/anvil fix it"}})
	if status != 200 || !strings.Contains(body, "/anvil fix it") || !strings.Contains(body, `value="mona" selected`) {
		t.Errorf("commented: %d %s", status, body)
	}
	w.settle()
	if n := len(w.hooks.of("issue_comment")); n != 1 {
		t.Errorf("the App was told %d times", n)
	}
	if status, _ := w.submit("http://evil.test", "/acme/widget/issues/1/comments", url.Values{"user": {"mona"}, "body": {"/anvil leak"}}); status != 403 {
		t.Errorf("a form of another origin: %d", status)
	}
	if status, _ := w.submit(w.srv.URL, "/acme/widget/issues/1/comments", url.Values{"user": {"otto"}, "body": {"hello"}}); status != 403 {
		t.Errorf("somebody who cannot see the repository: %d", status)
	}
}

func TestThePagesOfAPullRequest(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ctx, gh := t.Context(), w.asInstallation(nil)
	w.srv.CreateIssue(w.repo, w.mona, "Broken", "")
	sha := w.srv.Commit(w.repo, w.mona, "anvil/1", "Fix", map[string]string{"main.go": "package main\n\nfunc main() { println(\"<hi>\") }\n"})
	_, _, err := gh.PullRequests.Create(ctx, "acme", "widget", &github.NewPullRequest{Title: new("Fix it"), Head: new("anvil/1"), Base: new("main"), Body: new("Closes #1"), Draft: new(true)})
	w.must(err)
	check, _, err := gh.Checks.CreateCheckRun(ctx, "acme", "widget", github.CreateCheckRunOptions{Name: "anvil", HeadSHA: sha, Status: new("completed"), Conclusion: new("success"),
		Output: &github.CheckRunOutput{Title: new("Verified"), Summary: new("All **well**")}})
	w.must(err)
	page := w.page("/acme/widget/pull/2")
	for _, want := range []string{"Draft", `<span class="add">&#43;func main() { println(&#34;&lt;hi&gt;&#34;) }`, "<strong>well</strong>", "Ready for review", "No description", "Merge"} {
		if has := strings.Contains(page, want); has == (want == "No description" || want == "Merge") {
			t.Errorf("the page has %q: %v", want, has)
		}
	}
	if page := w.page("/acme/widget/runs/" + itoa(check.GetID())); !strings.Contains(page, "Verified") || !strings.Contains(page, "#2 Fix it") {
		t.Error("the check's page lacks its title or its pull request")
	}
	for _, form := range []struct {
		who, verb string
		status    int
	}{{"rita", "ready", 403}, {"mona", "ready", 200}, {"mona", "merge", 200}} {
		if status, body := w.submit(w.srv.URL, "/acme/widget/issues/2/"+form.verb, url.Values{"user": {form.who}}); status != form.status {
			t.Errorf("%s by %s: %d %s", form.verb, form.who, status, body)
		}
	}
	if page := w.page("/acme/widget/issues/1"); !strings.Contains(page, "Closed") || !strings.Contains(page, "Merged") {
		t.Error("the issue's page does not show that it was closed by a merged pull request")
	}
	for _, path := range []string{"/", "/acme/widget", "/acme/widget/issues", "/acme/widget/pulls", "/acme/widget/actions", "/acme/widget/commit/" + sha,
		"/acme/widget/tree/main", "/acme/widget/tree/anvil/1/bin", "/acme/widget/blob/main/main.go", "/acme/widget/raw/anvil/1/main.go", "/_sim/static/style.css"} {
		w.page(path)
	}
	res, err := http.Get(w.srv.URL + "/acme/nowhere")
	w.must(err)
	defer res.Body.Close()
	if res.StatusCode != 404 {
		t.Errorf("a repository that is not there: %d", res.StatusCode)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "script-src 'self'") {
		t.Errorf("content security policy %q", csp)
	}
}

func TestAClosedOrConflictingPullRequestIsNotMerged(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	gh := w.asInstallation(nil)
	w.srv.Commit(w.repo, w.mona, "theirs", "Theirs", map[string]string{"main.go": "package theirs\n"})
	w.srv.Commit(w.repo, w.mona, "ours", "Ours", map[string]string{"main.go": "package ours\n"})
	for _, head := range []string{"theirs", "ours"} {
		_, _, err := gh.PullRequests.Create(t.Context(), "acme", "widget", &github.NewPullRequest{Title: &head, Head: &head, Base: new("main")})
		w.must(err)
	}
	w.srv.Merge(w.repo, 1, w.mona)
	p, _, err := gh.PullRequests.Get(t.Context(), "acme", "widget", 2)
	w.must(err)
	if p.GetMergeable() || p.GetMergeableState() != "dirty" {
		t.Errorf("mergeable %v, %s", p.GetMergeable(), p.GetMergeableState())
	}
	if status, body := w.submit(w.srv.URL, "/acme/widget/issues/2/merge", url.Values{"user": {"mona"}}); status != 422 || !strings.Contains(body, "conflicts") {
		t.Errorf("merged all the same: %d %s", status, body)
	}
	var edit githubtest.EditIssue
	edit.State = new("closed")
	w.srv.EditIssue(w.repo, 2, w.mona, edit)
	if w.srv.PullRequests(w.repo)[1].State != "closed" {
		t.Error("not closed")
	}
}
