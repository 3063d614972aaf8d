package lineartest_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/linear/lineartest"
	"github.com/seed-bc0cc349/anvil/app/simulated"
)

// A session goes from pending to its end by what is said in it.
func TestSessionFollowsItsActivities(t *testing.T) {
	t.Parallel()
	w := start(t, lineartest.Options{})
	session, err := w.Delegate(w.mona.ID, "WEB-1")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		content map[string]any
		more    []any
		status  string
	}{
		{map[string]any{"type": "thought", "body": "Reading"}, []any{"ephemeral", true}, "active"},
		{map[string]any{"type": "action", "action": "Running", "parameter": "go test"}, nil, "active"},
		{map[string]any{"type": "elicitation", "body": "Which one?"}, []any{"signal", "select", "signalMetadata", map[string]any{"options": []any{map[string]any{"value": "a"}}}}, "awaitingInput"},
		{map[string]any{"type": "response", "body": "Done"}, nil, "complete"},
	} {
		if code := w.say(t, session.ID, step.content, step.more...); code != "" {
			t.Fatalf("%v was answered with %s", step.content, code)
		}
		if now, _ := w.Session(session.ID); now.Status != step.status {
			t.Fatalf("after %v the session is %s, not %s", step.content, now.Status, step.status)
		}
	}
	now, _ := w.Session(session.ID)
	if len(now.Activities) != 3 {
		t.Errorf("%d activities are left: the ephemeral one should be gone", len(now.Activities))
	}
	if issue, _ := w.Issue("WEB-1"); len(issue.Comments) != 2 {
		t.Errorf("%d comments: elicitation and response should be ones", len(issue.Comments))
	}
}

// What Linear would refuse is refused.
func TestStrict(t *testing.T) {
	t.Parallel()
	w := start(t, lineartest.Options{})
	session, _ := w.Delegate(w.mona.ID, "WEB-1")
	thought := map[string]any{"type": "thought", "body": "Reading"}
	const id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
	for name, code := range map[string]string{
		"no such type":            w.say(t, session.ID, map[string]any{"type": "musing", "body": "x"}),
		"a field of others":       w.say(t, session.ID, map[string]any{"type": "thought", "body": "x", "action": "y"}),
		"no body":                 w.say(t, session.ID, map[string]any{"type": "response"}),
		"an ephemeral answer":     w.say(t, session.ID, map[string]any{"type": "response", "body": "x"}, "ephemeral", true),
		"stop by the agent":       w.say(t, session.ID, thought, "signal", "stop"),
		"select without a choice": w.say(t, session.ID, map[string]any{"type": "elicitation", "body": "x"}, "signal", "select"),
		"another's session":       w.say(t, id, thought),
		"an id of no version":     w.say(t, session.ID, thought, "id", "6f9619ff-8b86-1d01-b42d-00cf4fc964ff"),
		"an id that is there":     w.say(t, session.ID, thought, "id", id) + w.say(t, session.ID, thought, "id", id),
	} {
		if code != "INPUT_ERROR" {
			t.Errorf("%s was answered with %q", name, code)
		}
	}
	if status, _, code := w.ask(t, `{ viewer { shoeSize } }`, nil); code != "GRAPHQL_VALIDATION_FAILED" || status != 400 {
		t.Errorf("a field that Linear does not have was answered with %d %s", status, code)
	}
	w.Revoke()
	if status, _, code := w.ask(t, `{ viewer { id } }`, nil); code != "AUTHENTICATION_ERROR" || status != 401 {
		t.Errorf("a revoked token was answered with %d %s", status, code)
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	w := start(t, lineartest.Options{})
	_, data, code := w.ask(t, `query($id: String!) { issue(id: $id) { ...i creator { guest app gitHubUserId } } }
		fragment i on Issue { identifier state { type } team { key started: states(filter: {type: {eq: "started"}}) { nodes { name position } } } }`,
		map[string]any{"id": w.issue.ID})
	got, _ := json.Marshal(data)
	const want = `{"issue":{"creator":{"app":false,"gitHubUserId":"7","guest":false},"identifier":"WEB-1","state":{"type":"backlog"},` +
		`"team":{"key":"WEB","started":{"nodes":[{"name":"In Progress","position":2},{"name":"In Review","position":3}]}}}}`
	if string(got) != want || code != "" {
		t.Errorf("%s\n%s", got, code)
	}
	if calls := w.Calls("issue"); len(calls) != 1 || calls[0].Actor != "agent" {
		t.Errorf("the ledger has %+v", calls)
	}
}

// What is used of the budget comes back with time.
func TestBudget(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	w := start(t, lineartest.Options{Now: func() time.Time { return now }, Budget: lineartest.Budget{Requests: 2, Within: time.Minute}})
	for range 2 {
		if _, _, code := w.ask(t, `{ viewer { id } }`, nil); code != "" {
			t.Fatal(code)
		}
	}
	if status, _, code := w.ask(t, `{ viewer { id } }`, nil); code != "RATELIMITED" || status != 400 {
		t.Fatalf("above the budget: %d %s", status, code)
	}
	now = now.Add(30 * time.Second)
	if _, _, code := w.ask(t, `{ viewer { id } }`, nil); code != "" {
		t.Fatal(code)
	}
}

// What is not answered with 200 is sent again under the same id, signed anew.
func TestDeliveriesAreRetried(t *testing.T) {
	t.Parallel()
	w := start(t, lineartest.Options{})
	w.Listen(receiver(t, http.StatusServiceUnavailable, http.StatusOK).URL)
	if _, err := w.Delegate(w.mona.ID, "WEB-1"); err != nil {
		t.Fatal(err)
	}
	if err := w.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := w.Deliveries()
	if len(all) != 1 || len(all[0].Attempts) != 2 {
		t.Fatalf("%d deliveries: %+v", len(all), all)
	}
	for _, a := range all[0].Attempts {
		if a.Header.Get("Linear-Delivery") != all[0].ID || a.Header.Get("Linear-Signature") != lineartest.Sign(w.Agent().WebhookSecret, a.Body) {
			t.Errorf("an attempt has the headers %v", a.Header)
		}
	}
}

// A fault that cuts the answer leaves the effect: whoever asks again with the same id
// makes no second activity.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	w := start(t, lineartest.Options{})
	session, _ := w.Delegate(w.mona.ID, "WEB-1")
	w.SetFault(lineartest.Fault{Path: "/graphql/agentActivityCreate", Do: simulated.DoAcceptFail, Status: 502})
	thought := map[string]any{"type": "thought", "body": "Reading"}
	const id = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
	_ = w.say(t, session.ID, thought, "id", id)
	if code := w.say(t, session.ID, thought, "id", id); code != "INPUT_ERROR" {
		t.Errorf("the second one was answered with %q", code)
	}
	if now, _ := w.Session(session.ID); len(now.Activities) != 1 {
		t.Errorf("%d activities", len(now.Activities))
	}
}

// Linear's own SDK takes our signatures and is understood: this is no private dialect.
func TestRealLinearSDK(t *testing.T) {
	t.Parallel()
	bin := os.Getenv("ANVIL_AGENTS")
	if bin == "" {
		t.Skip("Linear's SDK is tried by make test-agents: ANVIL_AGENTS is not set")
	}
	w := start(t, lineartest.Options{Retries: []time.Duration{}})
	script, err := filepath.Abs("testdata/sdk.mjs")
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", script, filepath.Join(bin, "..", "@linear", "sdk"), w.URL, w.token, w.Agent().WebhookSecret)
	node.Stderr = os.Stderr
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Process.Kill(); _ = node.Wait() })
	var said struct{ URL string }
	if err := json.NewDecoder(out).Decode(&said); err != nil {
		t.Fatal(err)
	}
	w.Listen(said.URL)
	session, err := w.Delegate(w.mona.ID, "WEB-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	now, _ := w.Session(session.ID)
	if len(now.Activities) != 1 || now.Activities[0].Body != "heard WEB-1" || len(now.ExternalURLs) != 1 || now.Status != "active" {
		t.Errorf("the SDK left %+v", now)
	}
	if st := w.StateOf("WEB-1"); st.Name != "In Progress" {
		t.Errorf("the issue is %s", st.Name)
	}
	for _, d := range w.Deliveries() {
		for _, a := range d.Attempts {
			if a.Status != http.StatusOK {
				t.Errorf("the SDK answered with %d %s", a.Status, strings.TrimSpace(a.Answer))
			}
		}
	}
	a := w.Deliveries()[0].Attempts[0]
	forged, err := http.NewRequest("POST", said.URL, strings.NewReader(string(a.Body)))
	if err != nil {
		t.Fatal(err)
	}
	forged.Header = a.Header.Clone()
	forged.Header.Set("Linear-Signature", lineartest.Sign("another secret", a.Body))
	resp, err := http.DefaultClient.Do(forged)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("the SDK took another signature: %s", resp.Status)
	}
}
