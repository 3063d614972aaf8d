package linear_test

import (
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/linear"
	"github.com/seed-bc0cc349/anvil/app/linear/lineartest"
	"github.com/seed-bc0cc349/anvil/app/simulated"
)

type world struct {
	*lineartest.Server
	*linear.Client
	now  time.Time // the clock of both
	mona lineartest.User
}

func start(t *testing.T, o lineartest.Options) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	o.Now = clock
	var err error
	if w.Server, err = lineartest.Start(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Server.Close() })
	a := w.Agent()
	w.Client = linear.New(linear.Config{URL: w.URL, ClientID: a.ClientID, ClientSecret: a.ClientSecret, Clock: clock})
	w.mona = w.AddUser(lineartest.User{Name: "Mona", GitHubUserID: "7"})
	team := w.AddTeam(lineartest.Team{Key: "WEB", Name: "Web"})
	w.AddIssue(lineartest.Issue{Title: "Greet everybody", Team: team.ID, Project: w.AddProject("Site").ID})
	return w
}

func (w *world) begin(t *testing.T) string {
	t.Helper()
	s, err := w.Delegate(w.mona.ID, "WEB-1")
	if err != nil {
		t.Fatal(err)
	}
	return s.ID
}

func TestSession(t *testing.T) {
	t.Parallel()
	w := start(t, lineartest.Options{})
	ctx, id := t.Context(), w.begin(t)
	key := func(k string) string { return linear.ID([]byte("secret"), k) }
	for _, a := range []linear.Activity{
		{ID: key("a"), Type: linear.Thought, Body: "On it", Fleeting: true},
		{ID: key("b"), Type: linear.Action, Action: "Working", Parameter: "acme/web"},
		{ID: key("c"), Type: linear.Elicitation, Body: "Which one?", Choices: []linear.Choice{{Value: "a"}, {Value: "b", Label: "the other"}}},
		{ID: key("d"), Type: linear.Response, Body: "Done"},
	} {
		if err := w.Say(ctx, id, a); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.ShowPlan(ctx, id, []linear.Step{{Content: "look", Status: "completed"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.ShowLinks(ctx, id, []linear.Link{{Label: "Pull request", URL: "https://github.com/acme/web/pull/2"}}); err != nil {
		t.Fatal(err)
	}
	now, _ := w.Server.Session(id)
	if len(now.Activities) != 3 || now.Status != "complete" || string(now.Plan) != `[{"content":"look","status":"completed"}]` || len(now.ExternalURLs) != 1 {
		t.Errorf("the session is %+v", now)
	}
	if m := string(now.Activities[1].SignalMetadata); m != `{"options":[{"value":"a"},{"label":"the other","value":"b"}]}` || now.Activities[1].Signal != "select" {
		t.Errorf("the choices are %s", m)
	}
}

func TestIssueAndPeople(t *testing.T) {
	t.Parallel()
	w := start(t, lineartest.Options{})
	ctx := t.Context()
	issue, err := w.Client.Issue(ctx, "WEB-1")
	if err != nil {
		t.Fatal(err)
	}
	if issue.Team.Key != "WEB" || issue.Project != "Site" || issue.State.Type != "backlog" || len(issue.Team.States) != 6 {
		t.Errorf("the issue is %+v", issue)
	}
	if err := w.MoveIssue(ctx, issue.ID, issue.Team.States[2].ID); err != nil {
		t.Fatal(err)
	}
	if st := w.StateOf("WEB-1"); st.Type != "started" {
		t.Errorf("the issue is %s", st.Name)
	}
	if u, err := w.User(ctx, w.mona.ID); err != nil || u.GitHub != 7 || !u.Active || u.Guest || u.App {
		t.Errorf("Mona is %+v (%v)", u, err)
	}
	if u, err := w.Self(ctx); err != nil || !u.App {
		t.Errorf("the app is %+v (%v)", u, err)
	}
	if _, err := w.User(ctx, "nobody"); !linear.IsNotFound(err) {
		t.Errorf("nobody is %v", err)
	}
}

// An activity whose answer was lost is not there twice, and the client knows that it is.
func TestLostAnswerIsNoSecondActivity(t *testing.T) {
	t.Parallel()
	for _, do := range []simulated.Do{simulated.DoAcceptDrop, simulated.DoAcceptFail, simulated.DoTruncate, simulated.DoDrop, simulated.DoStatus} {
		t.Run(string(do), func(t *testing.T) {
			t.Parallel()
			w := start(t, lineartest.Options{})
			id := w.begin(t)
			w.SetFault(lineartest.Fault{Path: "/graphql/agentActivityCreate", Do: do, Status: 502})
			a := linear.Activity{ID: linear.ID(nil, "x"), Type: linear.Response, Body: "Done"}
			if err := w.Say(t.Context(), id, a); linear.RetryAt(err, w.now).IsZero() {
				t.Fatalf("the first try ended with %v", err)
			}
			if err := w.Say(t.Context(), id, a); err != nil {
				t.Fatal(err)
			}
			if now, _ := w.Server.Session(id); len(now.Activities) != 1 {
				t.Errorf("%d activities are there", len(now.Activities))
			}
		})
	}
}

// A token that ran out or was revoked is replaced, and what was asked is asked again.
func TestTokenIsReplaced(t *testing.T) {
	t.Parallel()
	w := start(t, lineartest.Options{TokenLives: time.Hour})
	for _, end := range []func(){func() {}, w.Revoke, func() { w.now = w.now.Add(58 * time.Minute) }} {
		end()
		if _, err := w.Self(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	tokens := 0
	for _, e := range w.Ledger() {
		if e.Kind == "oauth" {
			tokens++
		}
	}
	if tokens != 3 {
		t.Errorf("%d tokens were asked for", tokens)
	}
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	w := start(t, lineartest.Options{})
	c := linear.New(linear.Config{URL: w.URL, ClientID: "x", ClientSecret: "y"})
	_, err := c.Self(t.Context())
	if p := linear.Problem(err); p == nil || p.Code != linear.CodeAuth {
		t.Errorf("it ended with %v", err)
	}
}

// After the rate limit nothing is asked before it makes sense again.
func TestRateLimitIsObeyed(t *testing.T) {
	t.Parallel()
	w := start(t, lineartest.Options{Budget: lineartest.Budget{Requests: 1, Within: time.Minute}})
	_, _ = w.Self(t.Context())
	_, err := w.Self(t.Context())
	at := linear.RetryAt(err, w.now)
	if e := linear.AsError(err); e == nil || e.Kind != linear.RateLimited || !at.After(w.now) {
		t.Fatalf("it ended with %v, again at %v", err, at)
	}
	asked := len(w.Ledger())
	if _, err := w.Self(t.Context()); linear.RetryAt(err, w.now) != at || len(w.Ledger()) != asked {
		t.Errorf("it was asked all the same: %v", err)
	}
	w.now = at.Add(time.Second)
	if _, err := w.Self(t.Context()); err != nil {
		t.Error(err)
	}
}
