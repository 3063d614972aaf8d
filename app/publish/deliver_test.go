package publish_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// A server that is killed after any step of a delivery leaves one commit on the
// branch, one pull request and one check run once it is back.
func TestADeliveryThatIsKilledAnywhereIsMadeOnce(t *testing.T) {
	t.Parallel()
	count := begin(t)
	count.done(count.deliver(count.task("fix it")))
	steps := count.kill.steps
	if steps < 14 {
		t.Fatalf("a delivery has only %d steps: is the server still killed at each?", steps)
	}
	for at := 1; at <= steps; at++ {
		t.Run(fmt.Sprintf("after step %d", at), func(t *testing.T) {
			t.Parallel()
			w := begin(t)
			id := w.task("fix it")
			w.kill.at = at
			if err := w.deliver(id); err == nil {
				t.Fatal("the hop did not notice that it was killed")
			}
			w.kill.dead = false
			w.done(w.deliver(id))
			w.is(id, anvil.Succeeded, "")
			w.published(id, 1)
			if w.hub.writes["open"] != 1 || w.hub.writes["check"] != 1 {
				t.Errorf("GitHub was asked to make %v", w.hub.writes)
			}
		})
	}
}

// published checks that the session's pull request is there, once, with the
// given number of commits on its branch.
func (w *world) published(id anvil.RunID, commits int) {
	w.t.Helper()
	if len(w.hub.pulls) != 1 || w.story(id).Session.PullRequest != w.hub.pulls[0].Number {
		w.t.Fatalf("the session's pull request is %d, and there are %+v", w.story(id).Session.PullRequest, w.hub.pulls)
	}
	if got := run(w.t, w.hub.origin, "", "rev-list", "--count", "main..refs/heads/"+branch); got != fmt.Sprint(commits) {
		w.t.Errorf("the branch has %s commits, want %d", got, commits)
	}
	if len(w.hub.checks) != commits {
		w.t.Errorf("there are %d check runs, want one for each commit", len(w.hub.checks))
	}
	for _, c := range w.hub.checks {
		if len(c.Annotations) != annotated {
			w.t.Errorf("the check run has %d annotations, want %d", len(c.Annotations), annotated)
		}
	}
}

// A further task adds to the pull request: its commit to the branch, its words to
// the text, in which earlier tasks and people's own words stay.
func TestAFurtherTaskThatIsKilledAnywhereAddsOnce(t *testing.T) {
	t.Parallel()
	first := func(t *testing.T) (*world, anvil.RunID) {
		w := begin(t)
		w.done(w.deliver(w.task("fix it")))
		w.hub.pulls[0].Body = "Please read.\n\n" + w.hub.pulls[0].Body + "\n\nThank you."
		w.kill.steps = 0
		return w, w.task("fix more", w.follow)
	}
	count, id := first(t)
	count.done(count.deliver(id))
	for at := 1; at <= count.kill.steps; at++ {
		t.Run(fmt.Sprintf("after step %d", at), func(t *testing.T) {
			t.Parallel()
			w, id := first(t)
			w.kill.at = at
			_ = w.deliver(id)
			w.kill.dead = false
			w.done(w.deliver(id))
			w.is(id, anvil.Succeeded, "")
			w.published(id, 2)
			body := w.hub.pulls[0].Body
			if strings.Count(body, "asked: fix it, then fix more") != 1 || !strings.HasPrefix(body, "Please read.\n\n<!--") || !strings.HasSuffix(body, "-->\n\nThank you.") {
				t.Errorf("the pull request says:\n%s", body)
			}
		})
	}
}

func TestWhatIsNotPublishedAndWhy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		world func(w *world)
		code  anvil.Code
		pulls int
	}{
		{"the requester lost the right to write", func(w *world) { w.hub.role = "read" }, "NO_PERMISSION", 0},
		{"the requester's account is gone", func(w *world) {
			w.hub.answers["permission"] = &github.Error{Op: "look up a person's permission", Kind: github.NotFound}
		}, "NO_PERMISSION", 0},
		{"GitHub has another tree", func(w *world) { w.hub.tree = strings.Repeat("0", 40) }, "PUBLISH_MISMATCH", 0},
		{"the branch is somewhere else at once", func(w *world) {
			w.hub.shows = func(string) (string, error) { return strings.Repeat("1", 40), nil }
		}, "PUBLISH_MISMATCH", 0},
		{"the branch was there", func(w *world) { w.commit(branch, w.base, "theirs.txt") }, "BRANCH_TAKEN", 0},
		{"a rule refuses the push", func(w *world) { w.refusesPushes("GH013: Repository rule violations found.") }, "PUSH_REJECTED", 0},
		{"a rule wants signatures", func(w *world) {
			w.refusesPushes("GH013: Repository rule violations found. Commits must have verified signatures.")
		}, "SIGNING_REQUIRED", 0},
		{"somebody else has a pull request from it", func(w *world) {
			w.hub.pulls = []github.PullRequest{{Number: 3, State: "open", Head: branch, AuthorID: 2}}
		}, "PR_CONFLICT", 1},
		{"the App is gone", func(w *world) {
			w.hub.answers["token"] = &github.Error{Op: "get an installation token", Kind: github.Uninstalled}
		}, "INST_GONE", 0},
		{"the repository is archived", func(w *world) {
			w.hub.answers["open"] = &github.Error{Op: "open a pull request", Kind: github.Archived}
		}, "REPO_ARCHIVED", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := begin(t)
			test.world(w)
			before, _ := w.hub.tip(branch)
			id := w.task("fix it")
			w.done(w.deliver(id))
			w.is(id, anvil.Failed, test.code)
			if len(w.hub.pulls) != test.pulls || len(w.hub.checks) != 0 {
				t.Errorf("there are pull requests %+v and check runs %+v", w.hub.pulls, w.hub.checks)
			}
			switch tip, _ := w.hub.tip(branch); test.code {
			case "NO_PERMISSION", "BRANCH_TAKEN", "INST_GONE", "PUSH_REJECTED", "SIGNING_REQUIRED":
				if tip != before {
					t.Errorf("the branch was at %q and is at %q", before, tip)
				}
			}
			if err := w.announce(w.story(id).Task.ID); err != nil || !w.story(id).Told {
				t.Errorf("people are not told: %v", err)
			}
		})
	}
}

func TestAPersonsCommitOnTheBranchStays(t *testing.T) {
	t.Parallel()
	w := begin(t)
	w.done(w.deliver(w.task("fix it")))
	id := w.task("fix more", w.follow)
	before := w.story(id).Run().BaseCommit
	theirs := w.commit(branch, before, "theirs.txt")
	w.done(w.deliver(id))
	w.is(id, anvil.Failed, "BRANCH_TAKEN")
	if tip, _ := w.hub.tip(branch); tip != theirs {
		t.Errorf("the person's commit is no longer the tip")
	}
	if next := w.story(id).Run().Problem.Next; !strings.Contains(next, "goes on from what is there") {
		t.Errorf("the advice for the thread's own branch is %q", next)
	}
}

func TestAPullRequestThatWasMergedMeanwhileTakesNoMoreCommits(t *testing.T) {
	t.Parallel()
	w := begin(t)
	w.done(w.deliver(w.task("fix it")))
	id := w.task("fix more", w.follow)
	w.hub.pulls[0].State = "closed"
	before, _ := w.hub.tip(branch)
	w.done(w.deliver(id))
	w.is(id, anvil.Failed, "PR_CLOSED")
	if tip, _ := w.hub.tip(branch); tip != before {
		t.Error("a commit went to the branch of a merged pull request, where nobody sees it")
	}
}

// GitHub shows what it has taken a moment later. That is no mismatch.
func TestAPushThatGitHubDoesNotShowYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := begin(t)
	id := w.task("fix it")
	w.hub.shows = func(string) (string, error) { return "", &github.Error{Kind: github.NotFound} }
	w.comesAgain(w.deliver(id))
	w.comesAgain(w.deliver(id))
	w.is(id, anvil.Delivering, "")
	if len(w.hub.pulls) != 0 {
		t.Error("the pull request was opened before the push was read back")
	}
	w.hub.shows = nil
	w.done(w.deliver(id))
	w.is(id, anvil.Succeeded, "")

	// One that is never shown ends, too: somebody deleted it.
	w.hub.shows = func(string) (string, error) { return "", &github.Error{Kind: github.NotFound} }
	id = w.task("fix more", w.follow)
	w.comesAgain(w.deliver(id))
	w.now = w.now.Add(3 * time.Minute)
	w.done(w.deliver(id))
	w.is(id, anvil.Failed, "PUBLISH_MISMATCH")
}

// The answer to the opening got lost, or another server of ours was quicker.
func TestItsOwnPullRequestIsAdopted(t *testing.T) {
	t.Parallel()
	w := begin(t)
	w.hub.pulls = []github.PullRequest{
		{Number: 2, State: "closed", Head: branch, AuthorID: 2}, // somebody else's, long ago
		{Number: 3, State: "open", Head: branch, AuthorID: bot},
	}
	id := w.task("fix it")
	w.done(w.deliver(id))
	w.is(id, anvil.Succeeded, "")
	if got := w.story(id).Session.PullRequest; got != 3 || w.hub.writes["open"] != 0 {
		t.Errorf("the session has pull request %d; GitHub was asked to make %v", got, w.hub.writes)
	}
}

func TestWherePlansHaveNoDraftsItIsNoDraft(t *testing.T) {
	t.Parallel()
	w := begin(t)
	w.hub.answers["draft"] = &github.Error{Op: "open a pull request", Kind: github.Invalid, Message: "Draft pull requests are not supported in this repository."}
	id := w.task("fix it")
	w.done(w.deliver(id))
	w.is(id, anvil.Succeeded, "")
	if w.hub.pulls[0].Draft {
		t.Error("it is a draft")
	}
}

// What waiting may cure is waited for, but not for ever.
func TestAGitHubThatIsDownIsWaitedForADay(t *testing.T) {
	t.Parallel()
	for _, kind := range []github.Kind{github.Unavailable, github.Unreachable, github.Unauthorized} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := begin(t)
			id := w.task("fix it")
			w.hub.answers["branch"] = &github.Error{Op: "look up the branch", Kind: kind}
			w.comesAgain(w.deliver(id))
			w.now = w.now.Add(23 * time.Hour)
			w.comesAgain(w.deliver(id))
			w.now = w.now.Add(2 * time.Hour)
			w.done(w.deliver(id))
			w.is(id, anvil.Failed, github.Problem(w.hub.answers["branch"]).Code)
			if next := w.story(id).Run().Problem.Next; !strings.Contains(next, "/anvil retry") {
				t.Errorf("a task that has ended says %q", next)
			}
		})
	}
}

// A check run that GitHub does not take leaves the pull request as it is.
func TestWithoutPermissionForChecksTheTaskSucceeds(t *testing.T) {
	t.Parallel()
	w := begin(t)
	id := w.task("fix it")
	w.hub.answers["check"] = &github.Error{Op: "make a check run", Kind: github.Forbidden}
	w.done(w.deliver(id))
	w.is(id, anvil.Succeeded, "")
}
