package publish_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/publish"
	"github.com/seed-bc0cc349/anvil/app/queue"
)

// pace is that of a server's comments.
const pace = 10 * time.Second

// paced is an announcer that keeps a pace.
func (w *world) paced() *publish.Announcer {
	a := w.announcer()
	a.Pace = publish.Pace{Every: pace}
	return a
}

// waits checks that a task is told again at a time and no sooner.
func (w *world) waits(a *publish.Announcer, id anvil.RunID, at time.Time) {
	w.t.Helper()
	var later *queue.Later
	if err := a.Announce(w.t.Context(), string(w.story(id).Task.ID)); !errors.As(err, &later) || !later.At.Equal(at) {
		w.t.Fatalf("got %v, want to come again at %s", err, at.Format(time.TimeOnly))
	}
}

func (w *world) tells(a *publish.Announcer, id anvil.RunID) {
	w.t.Helper()
	w.done(a.Announce(w.t.Context(), string(w.story(id).Task.ID)))
}

// says checks what the one comment says, after how many edits.
func (w *world) says(words string, edits int) {
	w.t.Helper()
	if len(w.hub.comments) != 1 || w.hub.writes["edit"] != edits {
		w.t.Errorf("%d comments, edited %d times, want one, edited %d times", len(w.hub.comments), w.hub.writes["edit"], edits)
	}
	for _, body := range w.hub.comments {
		if !strings.HasPrefix(body, words+"\n") {
			w.t.Errorf("the comment says %q, want %q", body, words)
		}
	}
}

// What happens between two writes is told by the second one, and what is over by then is
// not told at all. A state that is passed through costs no write, so that the end, which
// people wait for, is told at once.
func TestACommentIsWrittenAtItsPace(t *testing.T) {
	t.Parallel()
	w := begin(t)
	a, start := w.paced(), w.now
	id := w.open("fix it")
	w.tells(a, id)
	w.says("the run is queued", 0)

	w.now = start.Add(3 * time.Second)
	w.works(id)
	w.waits(a, id, start.Add(pace))
	w.now = start.Add(pace - time.Microsecond)
	w.waits(a, id, start.Add(pace))
	w.says("the run is queued", 0)
	w.now = start.Add(pace)
	w.tells(a, id)
	w.says("the run is working", 1)

	w.now = start.Add(time.Minute)
	w.move(id, anvil.Inspecting, func(r *anvil.Run) { r.Report = &anvil.Report{} })
	w.waits(a, id, w.now.Add(pace))
	w.now = w.now.Add(4 * time.Second)
	w.fails(id)
	w.tells(a, id)
	w.says("the run is failed", 2)
}

// A state that people usually don't see is told once it lasts.
func TestAPassingStateThatLastsIsTold(t *testing.T) {
	t.Parallel()
	w := begin(t)
	a := w.paced()
	id := w.open("fix it")
	w.tells(a, id)
	w.now = w.now.Add(time.Minute)
	w.move(id, anvil.Dispatching, func(r *anvil.Run) {})
	w.waits(a, id, w.now.Add(pace))
	w.now = w.now.Add(pace)
	w.tells(a, id)
	w.says("the run is dispatching", 1)
}

// An end that comes right behind a write is in the reaction and the check run at once,
// and in the comment when its pace allows.
func TestTheEndIsShownAtOnceAndWrittenAtThePace(t *testing.T) {
	t.Parallel()
	w := begin(t)
	a, start := w.paced(), w.now
	id := w.open("fix it")
	w.tells(a, id)
	w.works(id)
	w.now = start.Add(time.Second)
	w.fails(id)
	w.waits(a, id, start.Add(pace))
	if len(w.hub.checks) != 1 || len(w.hub.reacted) != 1 || w.hub.writes["react"] != 2 {
		t.Errorf("checks %v, reactions %v", w.hub.checks, w.hub.reacted)
	}
	w.says("the run is queued", 0)
	w.now = start.Add(pace)
	w.tells(a, id)
	w.told()
	w.says("the run is failed", 1)
}

// A comment whose writing was not recorded may have been written a moment ago.
func TestACommentThatWasFoundAgainKeepsThePace(t *testing.T) {
	t.Parallel()
	w := begin(t)
	id := w.open("fix it")
	w.kill.at = 5 // eyes are three steps; the comment was intended and made
	_ = w.paced().Announce(t.Context(), string(w.story(id).Task.ID))
	if !w.kill.dead || len(w.hub.comments) != 1 {
		t.Fatalf("killed: %v, comments: %v", w.kill.dead, w.hub.comments)
	}
	w.kill.dead = false
	w.now = w.now.Add(time.Minute)
	w.works(id)
	a := w.paced()
	w.waits(a, id, w.now.Add(pace))
	w.now = w.now.Add(pace)
	w.tells(a, id)
	w.says("the run is working", 1)
}

// While GitHub has few requests left, and while many tasks are at work, what only says how
// far a task is waits; its end does not.
func TestEditsKeepWithinTheBudget(t *testing.T) {
	t.Parallel()
	w := begin(t)
	a := w.paced()
	id := w.open("fix it")
	w.tells(a, id)
	w.now = w.now.Add(time.Minute)
	w.works(id)
	w.hub.scarce = w.now.Add(20 * time.Minute)
	w.waits(a, id, w.hub.scarce)
	w.fails(id)
	w.tells(a, id)
	w.says("the run is failed", 1)

	w.hub.scarce = time.Time{}
	const many = 60
	late := 0
	for i := range many {
		id := w.open(fmt.Sprint("fix it ", i))
		w.tells(a, id)
		w.now = w.now.Add(10 * time.Millisecond)
		w.works(id)
	}
	w.now = w.now.Add(pace)
	all, err := w.store.UntoldTasks(t.Context())
	if err != nil || len(all) != many {
		t.Fatalf("untold are %d (%v)", len(all), err)
	}
	for _, task := range all {
		if a.Announce(t.Context(), string(task)) != nil {
			late++
		}
	}
	if late == 0 || late > many/2 {
		t.Errorf("%d of %d edits have to wait", late, many)
	}
}
