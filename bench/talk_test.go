package bench

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// measureTalk counts what a task asks of GitHub from its command to the pull request, beside
// a script that goes straight through the same steps; and measures how long people wait for
// the first sign that they were heard, at a GitHub that takes its time.
func measureTalk(t *testing.T, all *table, w *town) {
	w.published(t) // tokens and rules are known afterwards, as they are to a server at work
	asked := w.published(t)
	all.add(t, row{
		what: "requests of GitHub's API, from a command to the pull request", measured: fmt.Sprint(len(asked)),
		peer: fmt.Sprintf("a straight script: %d", len(straight)), ratio: float64(len(asked)) / float64(len(straight)), limit: 1,
	})

	const answersIn = 20 * time.Millisecond
	fault := w.hub.SetFault(githubtest.Fault{Path: "/**", Do: "delay", DelayMS: int(answersIn.Milliseconds()), Times: -1})
	defer w.hub.ReleaseFault(fault)
	var took []time.Duration
	all.timed(func() {
		for range rounds {
			took = append(took, w.heard(t)+answersIn)
		}
	})
	all.within(t, fmt.Sprintf("webhook to the first visible sign, GitHub answering in %s (p50 of %d)", answersIn, rounds), ms(median(took)), 100, "ms")
	all.within(t, "  the same, p99", ms(percentile(took, 0.99)), 1000, "ms")
}

// straight is what a script asks that does what a task does, each step with one request,
// with nothing kept from one task to the next but the App's token, nothing asked twice, and
// nothing left out that people or safety rely on.
var straight = []string{
	"what the person may do",
	"eyes on the comment",
	"the repository's default branch",
	"the commit of that branch",
	"the repository's rules",
	"whether the organisation has rules",
	"a comment that it is taken up",
	"the workflow's start",
	"the comment: it is at work",
	"a token with which the runner reads",
	"the comment: it is verified",
	"what the person may do now",
	"whether the issue is still there",
	"a token to fetch and inspect with",
	"a token to publish with",
	"the branch, as GitHub has it after the push",
	"the commit, as GitHub has it",
	"the pull request",
	"the check run",
	"the comment: how it ended",
	"the eyes taken away",
	"the rocket",
}

// published lets a task come to a pull request, and returns what the App asked meanwhile.
func (w *town) published(t *testing.T) (asked []githubtest.Entry) {
	t.Helper()
	before := len(w.hub.Ledger())
	issue := w.hub.CreateIssue(w.small.repo, w.person, "Write a word", "Anywhere.")
	w.post(t, fmt.Sprintf("/repos/%s/issues/%d/comments", w.small.repo.FullName(), issue.Number), map[string]string{"body": "/anvil engine=writer verify=true write a word"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told := func() bool { // the comment may have to wait for its pace
		rocket, comment := false, false
		for _, e := range w.hub.Ledger()[before:] {
			rocket = rocket || e.Method == "POST" && strings.HasSuffix(e.Path, "/reactions") && strings.Contains(string(e.Request), "rocket") && e.Status != 0
			comment = comment || e.Method == "PATCH" && strings.Contains(e.Path, "/issues/comments/") && strings.Contains(string(e.Request), "ready for you") && e.Status != 0
		}
		return rocket && comment
	}
	if err := w.hub.WaitFor(ctx, told); err != nil {
		t.Fatalf("the task did not come to a pull request: %v", err)
	}
	w.quiet(t)
	for _, e := range w.hub.Ledger()[before:] {
		if (e.Kind == "rest" || e.Kind == "graphql") && !strings.HasPrefix(e.Actor, "user:") && !strings.HasPrefix(e.Actor, "anonymous") {
			asked = append(asked, e)
		}
	}
	return asked
}

// heard is how long it takes from a webhook to the reaction on its comment.
func (w *town) heard(t *testing.T) time.Duration {
	t.Helper()
	before, delivered := len(w.hub.Ledger()), len(w.hub.Deliveries())
	issue := w.hub.CreateIssue(w.small.repo, w.person, "Look around", "There is nothing to do.")
	w.post(t, fmt.Sprintf("/repos/%s/issues/%d/comments", w.small.repo.FullName(), issue.Number), map[string]string{"body": "/anvil look around"})
	var sign time.Time
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.hub.WaitFor(ctx, func() bool {
		for _, e := range w.hub.Ledger()[before:] {
			if e.Method == "POST" && strings.HasSuffix(e.Path, "/reactions") && strings.Contains(string(e.Request), "eyes") {
				sign = e.Time
				return true
			}
		}
		return false
	}); err != nil {
		t.Fatalf("nobody was heard: %v", err)
	}
	w.quiet(t)
	for _, d := range w.hub.Deliveries()[delivered:] {
		if d.Event == "issue_comment" && strings.Contains(string(d.Payload), "/anvil look around") {
			return sign.Sub(d.DeliveredAt)
		}
	}
	t.Fatal("there was no webhook")
	return 0
}
