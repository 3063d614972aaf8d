package lease_test

import (
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

func (w *world) ask(run anvil.RunID, question string) {
	w.t.Helper()
	w.amend(run, func(r *anvil.Run) { r.Question = &anvil.Question{Text: question, AskedAt: w.clock.Now()} })
}

func (w *world) reply(run anvil.RunID, delivery, text string) {
	w.t.Helper()
	d := anvil.Delivery{ID: anvil.DeliveryID(delivery), Event: "issue_comment", Body: []byte(`{"x":"` + delivery + `"}`), ReceivedAt: w.clock.Now()}
	if _, err := w.store.Receive(w.t.Context(), d); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Answer(w.t.Context(), run, anvil.Answering{Delivery: d.ID, Text: text, By: anvil.Actor{ID: 2, Login: "ada"}}); err != nil {
		w.t.Fatal(err)
	}
}

// A run that asked is told so when it renews, waits once it is finished, whatever
// its runner made of it, and the attempt after the answer gets the question, the
// answer and the conversation.
func TestAQuestionAndItsAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	if a, err := h.Renew(t.Context(), runapi.RenewRequest{}); err != nil || a.Waiting {
		t.Fatalf("before: %+v %v", a, err)
	}
	w.ask(run, "JWT or Passport?")
	if a, err := h.Renew(t.Context(), runapi.RenewRequest{}); err != nil || !a.Waiting || a.Stop {
		t.Fatalf("after: %+v %v", a, err)
	}
	save(t, h, runapi.ArtifactConversation, someRun, "words")
	if a, err := h.Finish(t.Context(), runapi.FinishRequest{Result: runapi.Failed}); err != nil || a.State != "waiting" {
		t.Fatalf("finish: %+v %v", a, err)
	}
	if got := w.run(run); !got.Deadline.Equal(w.clock.Now().Add(w.leases.Terms.AnswerWithin)) {
		t.Errorf("it waits until %s", got.Deadline)
	}
	_, err := h.Renew(t.Context(), runapi.RenewRequest{})
	refused(t, "the runner that asked", err, "CB_STALE", 409)
	w.clock.advance(6 * 24 * time.Hour)
	if err := w.reaper.Reap(t.Context(), ""); err != nil || w.run(run).State != anvil.Waiting {
		t.Fatalf("after six days it is %s: %v", w.run(run).State, err)
	}

	w.reply(run, "answer", "Passport")
	task := w.run(run).Task
	second := anvil.RunIDFor(task, 2)
	w.start(second)
	a, err := w.claim(second)
	if err != nil {
		t.Fatal(err)
	}
	want := []runapi.Exchange{{Question: "JWT or Passport?", Answer: "Passport"}}
	if len(a.Prompt.Exchanges) != 1 || a.Prompt.Exchanges[0] != want[0] || a.Prompt.Instruction != "fix it" || a.Prompt.Digest != a.Prompt.ComputeDigest() {
		t.Errorf("prompt: %+v", a.Prompt)
	}
	if a.Resume == nil || a.Resume.Reference != "thread-1" || a.Resume.Conversation != sum("words") {
		t.Errorf("resume: %+v", a.Resume)
	}

	// It may ask again, and again its runner may be lost: the answers do not use up
	// the attempts.
	w.store.Attempts = 2
	w.ask(second, "Really?")
	if _, err := w.client.Holder(a).Finish(t.Context(), runapi.FinishRequest{Result: runapi.Unchanged}); err != nil {
		t.Fatal(err)
	}
	w.reply(second, "answer 2", "Yes")
	third := anvil.RunIDFor(task, 3)
	w.start(third)
	if a, err = w.claim(third); err != nil || len(a.Prompt.Exchanges) != 2 {
		t.Fatalf("%+v %v", a.Prompt, err)
	}
	w.move(third, anvil.Lost, func(r *anvil.Run) { r.Problem = anvil.Problemf("ATTEMPT_LOST", "", "lost") })
	if got := w.run(anvil.RunIDFor(task, 4)); got.State != anvil.Queued {
		t.Errorf("the attempt after the lost one is %s", got.State)
	}
}

// A question that nobody answers ends the task; a stop ends it at once.
func TestAQuestionThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	w.ask(run, "JWT or Passport?")
	if _, err := h.Finish(t.Context(), runapi.FinishRequest{Result: runapi.Unchanged}); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(w.leases.Terms.AnswerWithin)
	if err := w.reaper.Reap(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if got := w.run(run); got.State != anvil.Failed || got.Problem.Code != "QUESTION_EXPIRED" {
		t.Errorf("it is %s: %v", got.State, got.Problem)
	}
}
