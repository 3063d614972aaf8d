package publish_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/linear"
	"github.com/seed-bc0cc349/anvil/app/linear/lineartest"
	"github.com/seed-bc0cc349/anvil/app/publish"
	"github.com/seed-bc0cc349/anvil/app/queue"
	"github.com/seed-bc0cc349/anvil/app/simulated"
)

// notebook keeps effects, and one delivery.
type notebook struct {
	effects  map[string]anvil.Effect
	delivery anvil.Delivery
	story    anvil.Story
}

func (l *notebook) Intend(_ context.Context, key string, task anvil.TaskID) (anvil.Effect, bool, error) {
	e, known := l.effects[key]
	if !known {
		e = anvil.Effect{Key: key, Task: task, State: anvil.Intended}
		l.effects[key] = e
	}
	return e, !known, nil
}

func (l *notebook) Effected(_ context.Context, e anvil.Effect) error {
	l.effects[e.Key] = e
	return nil
}

func (l *notebook) Story(context.Context, anvil.TaskID) (anvil.Story, error) { return l.story, nil }

func (l *notebook) Delivery(context.Context, anvil.DeliveryID) (anvil.Delivery, error) {
	return l.delivery, nil
}

// inLinear is a session of Linear's in which a task is shown.
type inLinear struct {
	*lineartest.Server
	*publish.Linear
	ledger *notebook
	now    time.Time
	thread anvil.PlaceThread
	view   linear.View
}

func openLinear(t *testing.T) *inLinear {
	t.Helper()
	w := &inLinear{now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), ledger: &notebook{effects: map[string]anvil.Effect{}}}
	clock := func() time.Time { return w.now }
	var err error
	if w.Server, err = lineartest.Start(lineartest.Options{Now: clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Server.Close() })
	a := w.Agent()
	w.Linear = &publish.Linear{
		Store: w.ledger, Talk: linear.New(linear.Config{URL: w.URL, ClientID: a.ClientID, ClientSecret: a.ClientSecret, Clock: clock}),
		View: func(anvil.Story) linear.View { return w.view }, Key: []byte("k"), Now: clock, Log: slog.New(slog.DiscardHandler),
	}
	team := w.AddTeam(lineartest.Team{Key: "WEB"})
	issue := w.AddIssue(lineartest.Issue{Team: team.ID, Title: "x"})
	session, err := w.Delegate(w.AddUser(lineartest.User{Name: "mona"}).ID, "WEB-1")
	if err != nil {
		t.Fatal(err)
	}
	w.thread = anvil.PlaceThread{Place: "linear", Thread: session.ID, Subject: issue.ID}
	return w
}

// show shows the view of a task that began at noon.
func (w *inLinear) show(t *testing.T) lineartest.AgentSession {
	t.Helper()
	s := anvil.Story{Task: anvil.Task{ID: "7q2m9x1c4k", CreatedAt: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}}
	if err := w.Show(t.Context(), s, w.thread); err != nil {
		t.Fatal(err)
	}
	session, _ := w.Session(w.thread.Thread)
	return session
}

func thought(key, body string) linear.Said {
	return linear.Said{Key: key, Activity: linear.Activity{Type: linear.Thought, Body: body}}
}

// What is at work for long says so before Linear shows it as stale, each time once; what
// waits for a person, or is over, says nothing.
func TestLinearBeat(t *testing.T) {
	t.Parallel()
	w := openLinear(t)
	w.view = linear.View{Say: []linear.Said{thought("a", "On it")}, Working: true}
	for after, want := range []int{1, 1, 2, 2, 2} { // 0, 15, 30, 30 and 45 minutes
		w.now = time.Date(2026, 11, 26, 12, []int{0, 15, 30, 30, 45}[after], 0, 0, time.UTC)
		if session := w.show(t); len(session.Activities) != want {
			t.Errorf("look %d: %+v", after, session.Activities)
		}
	}
	posts := len(w.Calls("agentActivityCreate"))
	w.view.Working = false
	w.now = w.now.Add(time.Hour)
	if w.show(t); len(w.Calls("agentActivityCreate")) != posts {
		t.Error("something was said for a task that waits")
	}
}

// What did not change is not sent again, and the issue moves once for a stage: who moves
// it back means it.
func TestLinearShowsOnce(t *testing.T) {
	t.Parallel()
	w := openLinear(t)
	w.view = linear.View{
		Say: []linear.Said{thought("a", "On it")}, Plan: []linear.Step{{Content: "x", Status: "pending"}}, Links: []linear.Link{{Label: "x", URL: "https://x.example"}},
		Stage: linear.Begun,
	}
	w.show(t)
	if st := w.StateOf("WEB-1"); st.Name != "In Progress" {
		t.Errorf("the issue is %s", st.Name)
	}
	asked := len(w.Ledger())
	w.show(t)
	if len(w.Ledger()) != asked {
		t.Errorf("%d more requests were made for nothing", len(w.Ledger())-asked)
	}
	w.view.Stage = linear.Review
	w.show(t)
	if st := w.StateOf("WEB-1"); st.Name != "In Review" {
		t.Errorf("the issue is %s", st.Name)
	}
}

// While Linear is away the same is to be done again, later; what is gone is let be.
func TestLinearAway(t *testing.T) {
	t.Parallel()
	w := openLinear(t)
	w.view = linear.View{Say: []linear.Said{thought("a", "On it")}}
	fault := w.SetFault(lineartest.Fault{Path: "/**", Do: simulated.DoStatus, Status: 503, Times: -1})
	err := w.Show(t.Context(), anvil.Story{Task: anvil.Task{ID: "7q2m9x1c4k"}}, w.thread)
	if later, ok := errors.AsType[*queue.Later](err); !ok || !later.At.After(w.now) {
		t.Fatalf("it ended with %v", err)
	}
	w.ReleaseFault(fault)
	if session := w.show(t); len(session.Activities) != 1 {
		t.Errorf("it shows %+v", session.Activities)
	}
	w.thread.Thread = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
	if err := w.Show(t.Context(), anvil.Story{Task: anvil.Task{ID: "another"}}, w.thread); err != nil {
		t.Errorf("a session that is gone ended with %v", err)
	}
}

// The first sign is no word after the last one.
func TestLinearGreetsNotAfterwards(t *testing.T) {
	t.Parallel()
	w := openLinear(t)
	key := "linear:" + w.thread.Thread + ":created:" + w.thread.Thread
	w.ledger.delivery = anvil.Delivery{ID: anvil.DeliveryID(key), Decision: anvil.Refused, Reply: &anvil.Reply{Text: "no", Reaction: "confused", Origin: anvil.Origin{Place: "linear", Thread: w.thread.Thread}}}
	if err := w.Answer(t.Context(), w.ledger.delivery); err != nil {
		t.Fatal(err)
	}
	if err := w.Greet(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if session, _ := w.Session(w.thread.Thread); session.Status != "error" || len(session.Activities) != 1 {
		t.Errorf("the session is %+v", session)
	}
	w.ledger.delivery = anvil.Delivery{ID: anvil.DeliveryID(key), Decision: anvil.Pending}
	for range 2 {
		if err := w.Greet(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	if session, _ := w.Session(w.thread.Thread); session.Status != "active" || len(session.Activities) != 2 {
		t.Errorf("the session is %+v", session)
	}
}
