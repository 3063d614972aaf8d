package missed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// town is a GitHub, the way from it to a server, and what the server has.
type town struct {
	now      time.Time
	attempts []anvil.Attempt // oldest first
	received map[anvil.DeliveryID]bool
	answer   func(anvil.DeliveryID) int // of the way and the server behind it
	asked    []anvil.DeliveryID
	listed   []time.Time // since when, look by look
	down     error       // of GitHub's API
	logged   strings.Builder
}

func newTown() *town {
	return &town{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), received: map[anvil.DeliveryID]bool{}, answer: func(anvil.DeliveryID) int { return 202 }}
}

func (w *town) finder() *Finder {
	return &Finder{GitHub: w, Store: w, Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(&w.logged, nil))}
}

// deliver is an attempt of GitHub.
func (w *town) deliver(id anvil.DeliveryID) {
	status := w.answer(id)
	w.attempts = append(w.attempts, anvil.Attempt{ID: int64(len(w.attempts) + 1), Delivery: id, Event: "issue_comment", At: w.now, Status: status})
	if status == 202 {
		w.received[id] = true
	}
}

func (w *town) Attempts(_ context.Context, since time.Time, failed bool) (all []anvil.Attempt, whole bool, err error) {
	w.listed = append(w.listed, since)
	for _, a := range slices.Backward(w.attempts) {
		if !a.At.Before(since) && !(failed && a.Arrived()) {
			all = append(all, a)
		}
	}
	return all, true, w.down
}

func (w *town) Redeliver(_ context.Context, attempt int64) error {
	if w.down != nil {
		return w.down
	}
	id := w.attempts[attempt-1].Delivery
	w.asked = append(w.asked, id)
	w.deliver(id)
	return nil
}

func (w *town) Unreceived(_ context.Context, ids []anvil.DeliveryID) (missing []anvil.DeliveryID, _ error) {
	for _, id := range ids {
		if !w.received[id] {
			missing = append(missing, id)
		}
	}
	return missing, nil
}

// look lets a minute pass and looks.
func (w *town) look(t *testing.T, f *Finder) {
	t.Helper()
	w.now = w.now.Add(time.Minute)
	if err := f.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// nobody answers, as while a server is down or the way to it closed.
func nobody(anvil.DeliveryID) int { return 0 }

func everything(anvil.DeliveryID) int { return 202 }

func TestWhatWasMissedWhileTheServerWasDownComesInOrder(t *testing.T) {
	t.Parallel()
	w := newTown()
	w.deliver("before")
	w.answer = nobody
	var missed []anvil.DeliveryID
	for n := range 40 {
		w.now = w.now.Add(90 * time.Minute)
		missed = append(missed, anvil.DeliveryID(fmt.Sprint("missed ", n)))
		w.deliver(missed[n])
	}
	w.answer = everything
	f := w.finder()
	w.look(t, f)
	if !slices.Equal(w.asked, missed) {
		t.Errorf("asked for %v, want %v", w.asked, missed)
	}
	for range 10 {
		w.look(t, f)
	}
	if len(w.asked) != len(missed) || len(w.received) != len(missed)+1 {
		t.Errorf("asked %d times, received %d", len(w.asked), len(w.received))
	}
	if last := w.listed[len(w.listed)-1]; w.now.Sub(last) > 10*time.Minute {
		t.Errorf("the last look went back to %s, at %s: to the start again", last, w.now)
	}
}

// The server runs, and its way to GitHub is open, but not GitHub's way to it.
func TestAClosedWayIsProbedAndAllComesWithinTwoLooksOfItsOpening(t *testing.T) {
	t.Parallel()
	w := newTown()
	f := w.finder()
	w.look(t, f)
	w.answer = func(anvil.DeliveryID) int { return 502 }
	for n := range 20 {
		w.deliver(anvil.DeliveryID(fmt.Sprint("missed ", n)))
	}
	for range 60 {
		before := len(w.asked)
		w.look(t, f)
		if len(w.asked) != before+1 {
			t.Fatalf("%d were asked for at once while the way was closed", len(w.asked)-before)
		}
	}
	w.answer = everything
	w.look(t, f)
	w.look(t, f)
	if len(w.received) != 20 {
		t.Errorf("%d of 20 arrived within two looks", len(w.received))
	}
}

func TestOneThatIsRefusedIsAskedForEverMoreSeldomAndKeepsNoneOut(t *testing.T) {
	t.Parallel()
	w := newTown()
	f := w.finder()
	w.look(t, f)
	w.answer = func(id anvil.DeliveryID) int {
		if id == "poison" {
			return 400
		}
		return 0
	}
	w.deliver("other")
	w.deliver("poison")
	w.look(t, f)
	w.look(t, f)
	w.answer = func(id anvil.DeliveryID) int {
		if id == "poison" {
			return 400
		}
		return 202
	}
	for range 3 {
		w.look(t, f)
	}
	if !w.received["other"] {
		t.Errorf("the other did not arrive; asked for %v", w.asked)
	}
	for range 70 * 60 {
		w.look(t, f)
	}
	times := 0
	for _, id := range w.asked {
		if id == "poison" {
			times++
		}
	}
	if times < 4 || times > 9 {
		t.Errorf("asked %d times in 70 hours for what is refused", times)
	}
	for range 3 * 60 {
		w.look(t, f)
	}
	if said := w.logged.String(); strings.Count(said, "is lost") != 1 || !strings.Contains(said, "delivery=poison") {
		t.Errorf("what is given up is not named, once:\n%s", said)
	}
}

func TestWhatArrivedThoughNoAnswerDidIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newTown()
	w.answer = nobody
	w.deliver("stored")
	w.received["stored"] = true
	w.look(t, w.finder())
	if len(w.asked) > 0 {
		t.Errorf("asked for %v", w.asked)
	}
}

func TestAGitHubThatDoesNotAnswerLosesNothing(t *testing.T) {
	t.Parallel()
	w := newTown()
	w.answer = nobody
	w.deliver("missed")
	w.answer = everything
	f := w.finder()
	w.down = errors.New("no answer")
	for range 3 {
		f.tell(t.Context(), f.Look(t.Context()))
	}
	if n := strings.Count(w.logged.String(), "not looked for"); n != 1 {
		t.Errorf("the trouble is told %d times, want once", n)
	}
	w.down = nil
	w.look(t, f)
	if !w.received["missed"] {
		t.Error("it did not arrive")
	}
}

func TestALongOutageDoesNotComeInOneFlood(t *testing.T) {
	t.Parallel()
	w := newTown()
	w.answer = nobody
	for n := range 400 {
		w.deliver(anvil.DeliveryID(fmt.Sprint("missed ", n)))
	}
	w.answer = everything
	f := w.finder()
	for _, want := range []int{most, 2 * most, 400} {
		w.look(t, f)
		if len(w.asked) != want {
			t.Errorf("asked for %d, want %d", len(w.asked), want)
		}
	}
}

// What was taken and left alone, as an event that nobody listens to is, is in no store.
func TestWhatWasTakenAtLastIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newTown()
	f := w.finder()
	w.look(t, f)
	w.answer = nobody
	w.deliver("left alone")
	w.answer = everything
	w.deliver("left alone") // somebody had it sent again by hand
	delete(w.received, "left alone")
	for range 3 {
		w.look(t, f)
	}
	if len(w.asked) > 0 {
		t.Errorf("asked for %v", w.asked)
	}
}
