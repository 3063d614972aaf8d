package intake

import (
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Words for Anvil in a thread that waits are the answer: the run ends answered,
// and the next attempt begins, with the same task.
func TestACommandInAWaitingThreadIsTheAnswer(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.at(anvil.Waiting)
	got := d.says("/anvil Passport, please")
	d.was(got, anvil.Accepted, "", "+1")
	run := d.is(id, anvil.Answered)
	if q := run.Question; q.Answer != "Passport, please" || q.Answerer.Login != "mona" || q.Delivery != got.ID || q.Text != "JWT or Passport?" {
		t.Errorf("question: %+v", q)
	}
	if got.Task != run.Task || got.Reply.Text != "" {
		t.Errorf("the delivery: %+v", got)
	}
	d.tasks(1)
	next := anvil.RunIDFor(run.Task, 2)
	d.is(next, anvil.Queued)
	if !d.queue.woke(anvil.HopSchedule, "") {
		t.Error("nobody schedules it")
	}
	// The same delivery decided twice answers once.
	if err := d.store.Answer(t.Context(), id, anvil.Answering{Delivery: got.ID, Text: "JWT"}); err != nil || d.is(id, anvil.Answered).Question.Answer != "Passport, please" {
		t.Errorf("%v", err)
	}
	// It goes on: more words are a task of their own.
	if more := d.says("/anvil and add tests"); more.Task == run.Task {
		t.Error("a second answer was taken")
	}
	d.tasks(2)
}

// What is no answer: talk among people, a label, the words of those who may not
// write, and what is not for the thread's task to go on with.
func TestWhatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.at(anvil.Waiting)
	d.was(d.says("Passport, I'd say"), anvil.Ignored, "NO_COMMAND", "")
	d.was(d.says("/anvil help"), anvil.Accepted, "", "eyes")
	d.was(d.says("/anvil status"), anvil.Accepted, "", "eyes")
	d.was(d.says("/anvil retry"), anvil.Refused, "TASK_OPEN", "confused")
	d.is(id, anvil.Waiting)
	role := d.gate.role
	d.gate.role = "triage"
	d.was(d.says("/anvil JWT"), anvil.Refused, "NO_PERMISSION", "confused")
	d.gate.role = role
	d.is(id, anvil.Waiting)
	if got := d.says("/anvil engine=sample JWT"); got.Reply == nil || !strings.Contains(got.Reply.Text, "Options have no effect") {
		t.Errorf("options in an answer: %+v", got.Reply)
	}
	d.is(id, anvil.Answered)
}
