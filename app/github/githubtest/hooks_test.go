package githubtest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-github/v62/github"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

func TestACommentIsToldToTheApp(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	issue := w.srv.CreateIssue(w.repo, w.mona, "It is broken", "Look")
	c := w.srv.Comment(w.repo, issue.Number, w.mona, "/anvil fix it")
	w.settle()
	got := w.hooks.of("issue_comment")
	if len(got) != 1 {
		t.Fatalf("%d deliveries of issue_comment, want 1", len(got))
	}
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write(got[0].body)
	if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); got[0].header.Get("X-Hub-Signature-256") != want {
		t.Errorf("signature %s, want %s", got[0].header.Get("X-Hub-Signature-256"), want)
	}
	if err := github.ValidateSignature(got[0].header.Get("X-Hub-Signature"), got[0].body, []byte("s3cret")); err != nil {
		t.Errorf("the old signature: %v", err)
	}
	if ct, ua := got[0].header.Get("Content-Type"), got[0].header.Get("User-Agent"); ct != "application/json" || ua[:16] != "GitHub-Hookshot/" {
		t.Errorf("content type %q, user agent %q", ct, ua)
	}
	event, err := github.ParseWebHook("issue_comment", got[0].body)
	w.must(err)
	e := event.(*github.IssueCommentEvent)
	if e.GetAction() != "created" || e.GetComment().GetID() != c.ID || e.GetComment().GetUser().GetID() != w.mona.ID || e.GetSender().GetID() != w.mona.ID ||
		e.GetInstallation().GetID() != w.inst.ID || e.GetRepo().GetID() != w.repo.ID || e.GetRepo().GetDefaultBranch() != "main" || e.GetIssue().GetNumber() != 1 {
		t.Errorf("event %s", got[0].body)
	}

	// Someone else edits it; the App answers; both are told, and by whom.
	w.srv.EditComment(w.repo, c.ID, w.owner, "/anvil destroy it")
	_, _, err = w.asInstallation(nil).Issues.CreateComment(t.Context(), "acme", "widget", 1, &github.IssueComment{Body: new("On it")})
	w.must(err)
	w.srv.DeleteComment(w.repo, c.ID, w.mona)
	w.settle()
	var story []string
	for _, h := range w.hooks.of("issue_comment")[1:] {
		event, err := github.ParseWebHook("issue_comment", h.body)
		w.must(err)
		e := event.(*github.IssueCommentEvent)
		story = append(story, fmt.Sprintf("%s by %s (%s) of %s", e.GetAction(), e.GetSender().GetLogin(), e.GetSender().GetType(), e.GetComment().GetUser().GetLogin()))
	}
	want := []string{"edited by acme (Organization) of mona", "created by anvil[bot] (Bot) of anvil[bot]", "deleted by mona (User) of mona"}
	if !slices.Equal(story, want) {
		t.Errorf("told %q, want %q", story, want)
	}
}

func TestLabelsAndAssignmentsAreTold(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	issue := w.srv.CreateIssue(w.repo, w.mona, "It is broken", "")
	w.srv.Label(w.repo, issue.Number, w.mona, "anvil")
	w.srv.Assign(w.repo, issue.Number, w.mona, w.app.Bot)
	w.settle()
	got := w.hooks.of("issues")
	if len(got) != 3 {
		t.Fatalf("%d events of the issue, want 3", len(got))
	}
	var labelled, assigned github.IssuesEvent
	w.must(json.Unmarshal(got[1].body, &labelled))
	w.must(json.Unmarshal(got[2].body, &assigned))
	if labelled.GetAction() != "labeled" || labelled.GetLabel().GetName() != "anvil" {
		t.Errorf("labelled: %s", got[1].body)
	}
	if assigned.GetAction() != "assigned" || assigned.GetAssignee().GetID() != w.app.Bot.ID || len(assigned.GetIssue().Assignees) != 1 {
		t.Errorf("assigned: %s", got[2].body)
	}
}

func TestInstallationsAreTold(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	second, err := w.srv.CreateRepository(w.owner, "second", githubtest.From{}, githubtest.RepositoryOptions{})
	w.must(err)
	w.srv.AddRepositories(w.inst.ID, second.ID)
	w.srv.Suspend(w.inst.ID)
	w.srv.Comment(w.repo, w.srv.CreateIssue(w.repo, w.mona, "quiet", "").Number, w.mona, "nobody hears this")
	w.srv.Uninstall(w.inst.ID)
	w.srv.Ping(w.app.ID)
	w.settle()
	var story []string
	for _, d := range w.srv.Deliveries() {
		story = append(story, d.Event+" "+d.Action)
	}
	want := []string{"installation created", "installation_repositories added", "installation suspend", "installation deleted", "ping "}
	if !slices.Equal(story, want) {
		t.Errorf("told %q, want %q", story, want)
	}
}

// GitHub never delivers twice by itself. What failed is found in the log, and goes
// out again, under the same GUID, when the App asks for it.
func TestAFailedDeliveryIsFoundAndRedelivered(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.settle()
	w.hooks.mu.Lock()
	w.hooks.answer = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(503) }
	w.hooks.mu.Unlock()
	issue := w.srv.CreateIssue(w.repo, w.mona, "It is broken", "")
	w.settle()
	w.hooks.mu.Lock()
	w.hooks.answer = nil
	w.hooks.mu.Unlock()
	w.srv.Comment(w.repo, issue.Number, w.mona, "hello")
	w.settle()

	gh := w.asApp()
	list, _, err := gh.Apps.ListHookDeliveries(t.Context(), nil)
	w.must(err)
	if len(list) != 3 {
		t.Fatalf("%d deliveries listed, want 3", len(list))
	}
	failed := list[1]
	if failed.GetStatusCode() != 503 || failed.GetEvent() != "issues" || list[0].GetStatusCode() != 200 {
		t.Errorf("deliveries %+v", list)
	}
	whole, _, err := gh.Apps.GetHookDelivery(t.Context(), failed.GetID())
	w.must(err)
	if whole.Request.Headers["X-GitHub-Delivery"] != failed.GetGUID() {
		t.Errorf("request headers %v", whole.Request.Headers)
	}
	if _, _, err := gh.Apps.RedeliverHookDelivery(t.Context(), failed.GetID()); err != nil {
		t.Logf("go-github calls 202 %v", err)
	}
	w.settle()
	got := w.hooks.of("issues")
	if len(got) != 2 || got[0].guid != got[1].guid || string(got[0].body) != string(got[1].body) {
		t.Errorf("%d deliveries, not twice the same", len(got))
	}
	again, _, err := gh.Apps.ListHookDeliveries(t.Context(), &github.ListCursorOptions{PerPage: 1})
	w.must(err)
	if len(again) != 1 || !again[0].GetRedelivery() || again[0].GetGUID() != failed.GetGUID() {
		t.Errorf("the log begins with %+v", again)
	}
}

func TestDeliveriesCanBeLostAndDoubled(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	issue := w.srv.CreateIssue(w.repo, w.mona, "It is broken", "")
	w.srv.SetFault(githubtest.Fault{Method: "DELIVER", Path: "issue_comment", Do: githubtest.DoDrop})
	w.srv.SetFault(githubtest.Fault{Method: "DELIVER", Path: "issue_comment", Do: githubtest.DoDuplicate})
	w.srv.Comment(w.repo, issue.Number, w.mona, "lost")
	w.srv.Comment(w.repo, issue.Number, w.mona, "doubled")
	w.settle()
	got := w.hooks.of("issue_comment")
	if len(got) != 2 || got[0].guid != got[1].guid {
		t.Errorf("%d deliveries, want one twice", len(got))
	}
	payload := []byte(`{"action":"created","forged":true}`)
	w.srv.Deliver(w.app.ID, "issue_comment", payload, "11111111-2222-4333-8444-555555555555")
	w.settle()
	last := w.hooks.of("issue_comment")[2]
	if string(last.body) != string(payload) || last.guid != "11111111-2222-4333-8444-555555555555" {
		t.Errorf("delivered %s as %s", last.body, last.guid)
	}
}
