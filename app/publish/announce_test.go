package publish_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/publish"
)

// ended is a task that was announced while it was open and has failed since.
func (w *world) ended() (anvil.RunID, anvil.TaskID) {
	w.t.Helper()
	id := w.task("fix it")
	task := w.story(id).Task.ID
	w.done(w.announce(task))
	w.fails(id)
	return id, task
}

func (w *world) fails(id anvil.RunID) {
	w.t.Helper()
	if _, err := w.store.Store.Move(w.t.Context(), id, anvil.Failed, func(r *anvil.Run) error {
		r.Problem = anvil.Problemf("BRANCH_TAKEN", "Look.", "it is taken")
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
}

// told checks that people see one comment, one reaction and one check run, which
// say that the task failed.
func (w *world) told() {
	w.t.Helper()
	if len(w.hub.comments) != 1 || w.hub.writes["comment"] != 1 {
		w.t.Errorf("there are %d comments of %d written", len(w.hub.comments), w.hub.writes["comment"])
	}
	for _, body := range w.hub.comments {
		if !strings.HasPrefix(body, "the run is failed\n\n<!-- anvil:") {
			w.t.Errorf("the comment says %q", body)
		}
	}
	if got := slices.Collect(maps.Values(w.hub.reacted)); !slices.Equal(got, []string{"confused"}) {
		w.t.Errorf("the reactions are %v, want one", got)
	}
	if len(w.hub.checks) != 1 || w.hub.checks[0].Conclusion != "neutral" || w.hub.checks[0].HeadSHA != w.base {
		w.t.Errorf("the check runs are %+v", w.hub.checks)
	}
}

func TestATaskIsToldOnceWhereverTheServerIsKilled(t *testing.T) {
	t.Parallel()
	story := func(w *world) (again func()) {
		id := w.task("fix it")
		task := w.story(id).Task.ID
		_ = w.announce(task)
		w.fails(id)
		return func() { w.done(w.announce(task)) }
	}
	count := begin(t)
	story(count)()
	count.told()
	if count.kill.steps < 14 {
		t.Fatalf("telling has only %d steps: is the server still killed at each?", count.kill.steps)
	}
	for at := 1; at <= count.kill.steps; at++ {
		t.Run(fmt.Sprintf("after step %d", at), func(t *testing.T) {
			t.Parallel()
			w := begin(t)
			w.kill.at = at
			again := story(w)
			if w.kill.dead { // in the first part
				w.kill.dead = false
				again()
			} else { // in the second
				_ = w.announce(w.untold())
				w.kill.dead = false
				again()
			}
			w.told()
		})
	}
}

// untold is the one task that people have not been told of.
func (w *world) untold() anvil.TaskID {
	w.t.Helper()
	all, err := w.store.UntoldTasks(w.t.Context())
	if err != nil || len(all) != 1 {
		w.t.Fatalf("untold are %v (%v)", all, err)
	}
	return all[0]
}

func TestTheCommentIsEditedOnlyWhenItsTextChanged(t *testing.T) {
	t.Parallel()
	w := begin(t)
	id := w.task("fix it")
	task := w.story(id).Task.ID
	w.done(w.announce(task))
	w.done(w.announce(task))
	calls := w.kill.steps
	w.done(w.announce(task))
	if w.kill.steps != calls {
		t.Error("what was told is told again")
	}
	// Another version with the same words.
	if _, err := w.store.Store.Move(t.Context(), id, anvil.Failed, func(r *anvil.Run) error {
		r.Problem = anvil.Problemf("X", "Y", "z")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	a := w.announcer()
	a.Words.Comment = func(anvil.Story) string { return "the run is delivering" }
	w.done(a.Announce(t.Context(), string(task)))
	if w.hub.writes["edit"] != 0 {
		t.Errorf("it was edited %d times to the same words", w.hub.writes["edit"])
	}
}

func TestACommentThatSomebodyDeletedIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	w := begin(t)
	id := w.task("fix it")
	task := w.story(id).Task.ID
	w.done(w.announce(task))
	clear(w.hub.comments)
	w.fails(id)
	w.done(w.announce(task))
	if len(w.hub.comments) != 0 || !w.story(id).Told {
		t.Errorf("comments: %v", w.hub.comments)
	}
	if len(w.hub.checks) != 1 || len(w.hub.reacted) != 1 {
		t.Errorf("the rest is not told: %v, %v", w.hub.checks, w.hub.reacted)
	}
}

// An issue that is locked, deleted or out of reach takes no words; the task's state
// is not untold for ever because of it.
func TestWhereNobodyCanBeToldTheTaskGoesOn(t *testing.T) {
	t.Parallel()
	for _, kind := range []github.Kind{github.NotFound, github.Forbidden, github.Uninstalled, github.Archived} {
		w := begin(t)
		for _, op := range []string{"react", "comment", "find comment", "check", "find check"} {
			w.hub.answers[op] = &github.Error{Op: op, Kind: kind}
		}
		id, _ := w.ended()
		w.done(w.announce(w.story(id).Task.ID))
		if !w.story(id).Told {
			t.Errorf("%s: people will be told for ever", kind)
		}
	}
}

// One part of GitHub that is down keeps the others from saying nothing, and all is
// told once it is back.
func TestWhatCannotBeToldNowIsToldLater(t *testing.T) {
	t.Parallel()
	w := begin(t)
	w.hub.answers["react"] = &github.Error{Op: "react", Kind: github.Unavailable, Status: 502}
	id := w.task("fix it")
	task := w.story(id).Task.ID
	w.comesAgain(w.announce(task))
	if len(w.hub.comments) != 1 {
		t.Error("without reactions there is no comment either")
	}
	w.fails(id)
	w.comesAgain(w.announce(task))
	delete(w.hub.answers, "react")
	w.done(w.announce(task))
	w.told()
}

// A comment at GitHub's limit keeps its marker, by which it is found again.
func TestALongCommentKeepsItsMarker(t *testing.T) {
	t.Parallel()
	w := begin(t)
	a := w.announcer()
	a.Words.Comment = func(anvil.Story) string { return strings.Repeat("wörter ", 20_000) }
	task := w.story(w.task("fix it")).Task.ID
	w.done(a.Announce(t.Context(), string(task)))
	for _, body := range w.hub.comments {
		if n := len([]rune(body)); n > github.MaxBody || !strings.HasSuffix(body, (publish.Markers{Key: []byte("k")}).Of(task)) {
			t.Errorf("%d characters, ending in %q", n, body[len(body)-60:])
		}
	}
}

// Whoever may not write gets a reaction each time, and words once in a thread, also
// if an answer was interrupted.
func TestAnAnswerForAThreadIsGivenOnce(t *testing.T) {
	t.Parallel()
	w := begin(t)
	refuse := func(id string, comment int64) {
		d := anvil.Delivery{ID: anvil.DeliveryID(id), Event: "issue_comment", Body: []byte(id), ReceivedAt: w.now}
		if _, err := w.store.Receive(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if err := w.store.Decide(t.Context(), d.ID, anvil.Ruling{Decision: anvil.Refused, Reason: "NO_PERMISSION", Reply: &anvil.Reply{
			Repository: home, Issue: 12, Comment: comment, Reaction: "confused", Text: "You may not.", Once: "no-permission/7/12/3",
		}}); err != nil {
			t.Fatal(err)
		}
	}
	refuse("a", 1)
	refuse("b", 2)
	refuse("c", 3)
	w.kill.at = 6 // its comment was made, and not recorded
	if err := w.announcer().Reply(t.Context(), "a"); err == nil || len(w.hub.comments) != 1 {
		t.Fatalf("killed with %v and %d comments", err, len(w.hub.comments))
	}
	w.kill.dead = false
	a := w.announcer()
	for _, id := range []string{"a", "b", "c", "a"} {
		w.done(a.Reply(t.Context(), id))
	}
	if len(w.hub.comments) != 1 || w.hub.writes["comment"] != 1 || w.hub.writes["react"] != 3 {
		t.Errorf("comments %v, writes %v", w.hub.comments, w.hub.writes)
	}
}
