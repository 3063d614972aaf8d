package intake

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/app/queue"
	"github.com/seed-bc0cc349/anvil/app/store"
)

// gate is a GitHub that answers two questions.
type gate struct {
	id    int64
	role  string
	pull  string // state of the pull request
	fails error
	asked int
}

func (g *gate) Permission(context.Context, anvil.Repository, string) (int64, string, error) {
	g.asked++
	return g.id, g.role, g.fails
}

func (g *gate) Branch(context.Context, anvil.Repository, string) (string, error) { return "", nil }

func (g *gate) Contains(context.Context, anvil.Repository, string, string) (bool, error) {
	return true, nil
}

func (g *gate) PullRequest(_ context.Context, _ anvil.Repository, number int) (github.PullRequest, error) {
	return github.PullRequest{Number: number, State: g.pull}, nil
}

// wakes is a queue that remembers what was given to it.
type wakes struct{ jobs []anvil.Job }

func (w *wakes) EnqueueTx(_ context.Context, _ *sql.Tx, jobs ...anvil.Job) error {
	w.jobs = append(w.jobs, jobs...)
	return nil
}

func (w *wakes) woke(hop, key string) bool {
	for _, j := range w.jobs {
		if j.Hop == hop && j.Key == key {
			return true
		}
	}
	return false
}

// desk is the decide hop with a real store.
type desk struct {
	t     *testing.T
	store *store.Store
	queue *wakes
	gate  *gate
	hop   *Decider
	now   time.Time
	came  int
	rules anvil.Rules // in force
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, queue: &wakes{}, gate: &gate{id: 1, role: "write", pull: "open"}, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { d.now = d.now.Add(time.Millisecond); return d.now }
	var err error
	if d.store, err = store.Open(t.Context(), t.TempDir(), clock, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.store.Close() })
	d.store.Queue = d.queue
	d.hop = &Decider{
		Store: d.store, GitHub: d.gate, Now: clock, Log: slog.New(slog.DiscardHandler),
		Status: func(s anvil.Story) string { return "it is " + string(s.Run().State) },
		Rules:  func(context.Context, anvil.Repository) (anvil.Rules, error) { return d.rules, nil },
		Tell:   func(p *anvil.Problem) string { return p.Error() },
		Reader: func(context.Context) (Reader, error) {
			return Reader{
				Offer: policy.Offer{Default: "sample", Models: map[string][]string{"sample": nil}}, ValidRef: func(string) error { return nil },
				Clean: func(_, text string) (string, []anvil.RemovedHidden) { return text, nil },
				Mask:  func(text string) (string, []string) { return text, nil },
			}, nil
		},
	}
	return d
}

// receive stores a delivery without deciding it.
func (d *desk) receive(event string, changes ...o) anvil.DeliveryID {
	d.t.Helper()
	d.came++
	got := delivery(event, append(changes, o{"comment.id": 3300 + d.came})...)
	got.ID, got.ReceivedAt = anvil.DeliveryID(fmt.Sprint("delivery-", d.came)), d.hop.Now()
	if _, err := d.store.Receive(d.t.Context(), got); err != nil {
		d.t.Fatal(err)
	}
	return got.ID
}

// says is mona's comment, decided.
func (d *desk) says(text string) anvil.Delivery {
	d.t.Helper()
	return d.decide(d.receive("issue_comment", o{"comment.body": text}))
}

func (d *desk) decide(id anvil.DeliveryID) anvil.Delivery {
	d.t.Helper()
	if err := d.hop.Decide(d.t.Context(), string(id)); err != nil {
		d.t.Fatal(err)
	}
	return d.decided(id)
}

func (d *desk) decided(id anvil.DeliveryID) anvil.Delivery {
	d.t.Helper()
	got, err := d.store.Delivery(d.t.Context(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	if got.Reply != nil && !d.queue.woke(anvil.HopReply, string(id)) {
		d.t.Errorf("%s has an answer that nobody gives", id)
	}
	return got
}

// was checks the decision, the code of its reason, and the reaction of its answer.
func (d *desk) was(got anvil.Delivery, want anvil.Decision, code anvil.Code, reaction string) {
	d.t.Helper()
	if got.Decision != want || !strings.HasPrefix(got.Reason, string(code)) {
		d.t.Errorf("%s: %s %q, want %s %s", got.ID, got.Decision, got.Reason, want, code)
	}
	if (got.Reply != nil) != (reaction != "") || got.Reply != nil && got.Reply.Reaction != reaction {
		d.t.Errorf("%s: the answer is %+v, want a %q", got.ID, got.Reply, reaction)
	}
}

// at opens a task and brings its run to a state.
func (d *desk) at(state anvil.State) anvil.RunID {
	d.t.Helper()
	got := d.says("/anvil fix it")
	if got.Task == "" {
		d.t.Fatalf("no task was opened: %s", got.Reason)
	}
	id := anvil.RunIDFor(got.Task, 1)
	for _, to := range map[anvil.State][]anvil.State{
		anvil.Dispatching: {anvil.Dispatching},
		anvil.Uncertain:   {anvil.Dispatching, anvil.Uncertain},
		anvil.Dispatched:  {anvil.Dispatching, anvil.Dispatched},
		anvil.Working:     {anvil.Dispatching, anvil.Working},
		anvil.Stopping:    {anvil.Dispatching, anvil.Working, anvil.Stopping},
		anvil.Waiting:     {anvil.Dispatching, anvil.Working, anvil.Waiting},
		anvil.Inspecting:  {anvil.Dispatching, anvil.Working, anvil.Inspecting},
		anvil.Held:        {anvil.Dispatching, anvil.Working, anvil.Inspecting, anvil.Held},
		anvil.Delivering:  {anvil.Dispatching, anvil.Working, anvil.Inspecting, anvil.Delivering},
		anvil.Succeeded:   {anvil.Dispatching, anvil.Working, anvil.Inspecting, anvil.Delivering, anvil.Succeeded},
		anvil.Unchanged:   {anvil.Dispatching, anvil.Working, anvil.Inspecting, anvil.Unchanged},
		anvil.Cancelled:   {anvil.Cancelled},
		anvil.Failed:      {anvil.Failed},
	}[state] {
		d.move(id, to)
	}
	return id
}

func (d *desk) move(id anvil.RunID, to anvil.State) {
	d.t.Helper()
	if _, err := d.store.Move(d.t.Context(), id, to, func(r *anvil.Run) error {
		r.BaseRef, r.BaseCommit = "main", strings.Repeat("a", 40)
		r.Dispatch = anvil.Dispatch{NonceHash: "n", AskedAt: d.now, Times: 1}
		r.Lease = anvil.Lease{Epoch: 1, TokenHash: "x", ExpiresAt: d.now.Add(time.Hour)}
		r.Report, r.Verdict = &anvil.Report{}, &anvil.Verdict{}
		if to == anvil.Waiting {
			r.Question = &anvil.Question{Text: "JWT or Passport?", AskedAt: d.now}
		}
		if to == anvil.Held || to == anvil.Failed {
			r.Problem = anvil.Problemf("X", "Y", "z")
		}
		return nil
	}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) is(id anvil.RunID, want anvil.State) anvil.Run {
	d.t.Helper()
	run, err := d.store.Run(d.t.Context(), id)
	if err != nil || run.State != want {
		d.t.Errorf("the run is %s (%v), want %s", run.State, err, want)
	}
	return run
}

func (d *desk) tasks(want int) {
	d.t.Helper()
	all, err := d.store.TasksSince(d.t.Context(), time.Time{})
	if err != nil || len(all) != want {
		d.t.Errorf("there are %d tasks (%v), want %d", len(all), err, want)
	}
}

var everyState = []anvil.State{
	anvil.Queued, anvil.Dispatching, anvil.Uncertain, anvil.Dispatched, anvil.Working, anvil.Stopping, anvil.Waiting, anvil.Inspecting,
	anvil.Held, anvil.Delivering, anvil.Succeeded, anvil.Unchanged, anvil.Cancelled, anvil.Failed,
}

func TestStopAtEachState(t *testing.T) {
	t.Parallel()
	for _, state := range everyState {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			id := d.at(state)
			got := d.says("/anvil stop")
			switch state {
			case anvil.Queued, anvil.Waiting, anvil.Inspecting, anvil.Held:
				d.was(got, anvil.Accepted, "", "+1")
				d.is(id, anvil.Cancelled)
			case anvil.Dispatching, anvil.Uncertain, anvil.Dispatched, anvil.Working, anvil.Stopping:
				d.was(got, anvil.Accepted, "", "+1")
				run := d.is(id, anvil.Stopping)
				if state != anvil.Stopping && (run.Deadline.IsZero() || !d.queue.woke(anvil.HopStop, string(id))) {
					t.Error("it may stop for ever, or nobody tells the provider")
				}
			default: // too late
				d.was(got, anvil.Refused, CodeNothing, "confused")
				d.is(id, state)
			}
			if late := state == anvil.Delivering; strings.Contains(got.Reason, "being published") != late {
				t.Errorf("the reason is %q", got.Reason)
			}
		})
	}
}

func TestRetryAtEachState(t *testing.T) {
	t.Parallel()
	for _, state := range everyState {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			id := d.at(state)
			got := d.says("/anvil retry")
			switch {
			case state == anvil.Held:
				d.was(got, anvil.Accepted, "", "+1")
				d.is(id, anvil.Inspecting)
				if !d.queue.woke(anvil.HopInspect, string(id)) {
					t.Error("nobody inspects it")
				}
				d.tasks(1)
			case state.Ended():
				d.was(got, anvil.Accepted, "", "")
				d.tasks(2)
				s, err := d.store.Story(t.Context(), got.Task)
				if err != nil || s.Task.Command.Prompt.Instruction != "fix it" || s.Task.Command.Verb != anvil.VerbDo {
					t.Errorf("the new task is %+v (%v)", s.Task.Command, err)
				}
			default:
				d.was(got, anvil.Refused, "TASK_OPEN", "confused")
				d.tasks(1)
			}
		})
	}
}

func TestStatusAndHelpChangeNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.was(d.says("/anvil help"), anvil.Accepted, "", "eyes")
	for _, verb := range []string{"status", "stop", "retry"} {
		d.was(d.says("/anvil "+verb), anvil.Refused, CodeNothing, "confused")
	}
	d.tasks(0)
	id := d.at(anvil.Working)
	got := d.says("/anvil status")
	d.was(got, anvil.Accepted, "", "eyes")
	if got.Reply.Text != "it is working" || got.Task == "" {
		t.Errorf("the status is %+v", got.Reply)
	}
	d.is(id, anvil.Working)
}

// interrupted decides the delivery with a store that dies instead of recording the
// decision, as if the server had been killed there.
func (d *desk) interrupted(id anvil.DeliveryID) {
	d.t.Helper()
	whole := d.hop.Store
	d.hop.Store = dying{d.store}
	if err := d.hop.Decide(d.t.Context(), string(id)); err == nil {
		d.t.Fatal("it was not interrupted")
	}
	d.hop.Store = whole
}

type dying struct{ *store.Store }

func (dying) Decide(context.Context, anvil.DeliveryID, anvil.Ruling, ...anvil.Job) error {
	return errors.New("killed")
}

func TestWhatWasInterruptedIsDecidedAsIfItHadNotBeen(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.at(anvil.Queued)
	id := d.receive("issue_comment", o{"comment.body": "/anvil stop"})
	d.interrupted(id)
	d.was(d.decide(id), anvil.Accepted, "", "+1")

	// By the time that a released change's release is decided again, the run may
	// have come to its end. That is no second task.
	run := d.at(anvil.Held)
	id = d.receive("issue_comment", o{"comment.body": "/anvil retry"})
	d.interrupted(id)
	d.is(run, anvil.Inspecting)
	d.move(run, anvil.Delivering)
	d.move(run, anvil.Succeeded)
	d.was(d.decide(id), anvil.Accepted, "", "+1")
	d.tasks(2)

	// But a later retry is one.
	d.was(d.says("/anvil retry"), anvil.Accepted, "", "")
	d.tasks(3)
}

func TestWhoMayNotWriteIsToldOnceInAThread(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.gate.role = "read"
	first, second := d.says("/anvil fix it"), d.says("/anvil stop")
	d.was(first, anvil.Refused, CodePermission, "confused")
	d.was(second, anvil.Refused, CodePermission, "confused")
	if first.Reply.Once == "" || first.Reply.Once != second.Reply.Once {
		t.Errorf("told under %q and %q", first.Reply.Once, second.Reply.Once)
	}
	d.gate.id, d.gate.role = 2, "admin" // the login is somebody else's by now
	d.was(d.says("/anvil fix it"), anvil.Ignored, CodeIdentity, "")
	d.gate.fails = &github.Error{Op: "look up a person's permission", Kind: github.NotFound}
	d.gate.id, d.gate.role = 0, ""
	d.was(d.says("/anvil fix it"), anvil.Ignored, CodeIdentity, "")
	d.tasks(0)
}

// Nothing that may pass makes a delivery forgotten: not a GitHub that is down, nor a
// key or clock of ours that is wrong, nor that we do not know who we are yet.
func TestADeliveryWaitsForWhatMayPass(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.receive("issue_comment", o{"comment.body": "/anvil fix it"})
	waits := func(why string) {
		t.Helper()
		err := d.hop.Decide(t.Context(), string(id))
		var later *queue.Later
		if !errors.As(err, &later) || !later.At.After(d.now) {
			t.Errorf("%s: got %v, want to come again later", why, err)
		}
		if got := d.decided(id); got.Decision != anvil.Pending {
			t.Errorf("%s: decided %s %s", why, got.Decision, got.Reason)
		}
	}
	for _, kind := range []github.Kind{github.Unavailable, github.Unreachable, github.BadResponse, github.Unauthorized} {
		d.gate.fails = &github.Error{Op: "ask", Kind: kind}
		waits(string(kind))
	}
	d.gate.fails = &github.Error{Op: "ask", Kind: github.RateLimited, Until: d.now.Add(time.Hour)}
	waits("rate limited")
	d.gate.fails = nil
	known := d.hop.Reader
	d.hop.Reader = func(context.Context) (Reader, error) {
		return Reader{}, &github.Error{Op: "look up the App", Kind: github.NotFound}
	}
	waits("unknown to ourselves")
	d.hop.Reader = known
	d.was(d.decide(id), anvil.Accepted, "", "")
	d.decide(id)
	d.tasks(1)
}

func TestOnceItsPullRequestIsClosedTheThreadStartsAnew(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first, err := d.store.StoryOfRun(t.Context(), d.at(anvil.Succeeded))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.store.SetPullRequest(t.Context(), first.Session.ID, 13); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"open", "closed"} {
		d.gate.pull = state
		s, err := d.store.Story(t.Context(), d.says("/anvil and more").Task)
		if same := state == "open"; err != nil || (s.Session.ID == first.Session.ID) != same {
			t.Errorf("%s: the task is in session %s (%v), the first was in %s", state, s.Session.ID, err, first.Session.ID)
		}
	}
}

func TestWhereTheAppIsGoneRunsEnd(t *testing.T) {
	t.Parallel()
	change := func(action string) o {
		return o{"action": action, "comment": nil, "issue": nil, "installation": o{"id": 500, "account": user(9, "octo")}}
	}
	for _, action := range []string{"suspend", "deleted"} {
		d := newDesk(t)
		working := d.at(anvil.Working)
		queued, err := d.store.OpenTask(t.Context(), anvil.Opening{Command: anvil.Command{Delivery: d.receive("issue_comment"), Thread: anvil.Thread{
			Repository: anvil.Repository{ID: 901, Installation: 501, Owner: "octo", Name: "else"}, Issue: 1,
		}}})
		if err != nil {
			t.Fatal(err)
		}
		d.was(d.decide(d.receive("installation", change(action))), anvil.Accepted, "", "")
		if run := d.is(working, anvil.Stopping); run.Problem == nil || run.Problem.Code != CodeGone || run.Problem.Next == "" {
			t.Errorf("%s: the run says %v", action, run.Problem)
		}
		d.is(anvil.RunIDFor(queued.ID, 1), anvil.Queued) // of another installation
		asked := d.gate.asked
		d.was(d.says("/anvil fix it"), anvil.Ignored, CodeGone, "")
		if d.gate.asked != asked {
			t.Error("GitHub is asked with an installation that is gone")
		}
	}

	// A repository that is taken out ends its own runs, and says nothing about the
	// state of the installation.
	d := newDesk(t)
	removed := func(repository int64) o {
		c := change("removed")
		c["repositories_removed"] = []any{o{"id": repository, "full_name": "octo/x"}}
		return c
	}
	d.decide(d.receive("installation", change("suspend")))
	d.decide(d.receive("installation_repositories", removed(42)))
	d.was(d.says("/anvil fix it"), anvil.Ignored, CodeGone, "")
	d.decide(d.receive("installation", change("unsuspend")))
	id := d.at(anvil.Queued)
	d.decide(d.receive("installation_repositories", removed(42)))
	d.is(id, anvil.Queued)
	d.decide(d.receive("installation_repositories", removed(900)))
	if run := d.is(id, anvil.Cancelled); run.Problem == nil || run.Problem.Code != CodeGone {
		t.Errorf("the run says %v", run.Problem)
	}
}

func (g *gate) Reviews(context.Context, anvil.Repository, int) ([]github.Review, error) {
	return nil, nil
}

func (g *gate) FailingChecks(context.Context, anvil.Repository, string) ([]github.FailedCheck, error) {
	return nil, nil
}

func (g *gate) ReviewComments(context.Context, anvil.Repository, int, int64) ([]anvil.ReviewComment, error) {
	return nil, nil
}

// What the rules deny opens no task, and is kept so that other rules can be asked.
func TestTheRulesAreAsked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules anvil.Rules
		text  string
		code  anvil.Code
	}{
		"role":    {anvil.Rules{Ask: "maintain"}, "/anvil do it", CodePermission},
		"place":   {anvil.Rules{Channels: []string{"slack"}}, "/anvil do it", policy.CodeDenied},
		"engine":  {anvil.Rules{Engines: []string{}}, "/anvil plan it", policy.CodeDenied},
		"allowed": {anvil.Rules{Engines: []string{"sample"}, Ask: "write", Channels: []string{"github"}}, "/anvil do it", ""},
		"a verb":  {anvil.Rules{Channels: []string{}}, "/anvil help", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.rules = c.rules
			got := d.says(c.text)
			if c.code == "" {
				if got.Decision != anvil.Accepted {
					t.Errorf("%s %s", got.Decision, got.Reason)
				}
				return
			}
			d.was(got, anvil.Refused, c.code, "confused")
			if got.Task != "" {
				t.Errorf("a task was opened: %s", got.Task)
			}
		})
	}
}
