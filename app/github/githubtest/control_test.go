package githubtest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/github/githubtest"
)

// sim calls the control API as curl would and decodes the answer.
func (w *town) sim(method, path string, body string, out any) int {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, w.srv.URL+"/_sim/"+path, strings.NewReader(body))
	w.must(err)
	res, err := http.DefaultClient.Do(req)
	w.must(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	w.must(err)
	if out != nil {
		if err := json.NewDecoder(bytes.NewReader(b)).Decode(out); err != nil {
			w.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
	if res.StatusCode != 200 {
		w.Logf("%s %s: %d %s", method, path, res.StatusCode, bytes.TrimSpace(b))
	}
	return res.StatusCode
}

func (w *town) simText(path string) (int, string) {
	w.Helper()
	res, err := http.Get(w.srv.URL + "/_sim/" + path)
	w.must(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	w.must(err)
	return res.StatusCode, string(b)
}

// All that a test in another process needs can be done by JSON.
func TestAWholeStoryOverTheControlAPI(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	do := func(method, path, body string, out any) {
		t.Helper()
		if status := w.sim(method, path, body, out); status != 200 {
			t.Fatalf("%s %s: %d", method, path, status)
		}
	}
	const repo = "repositories/hubot/demo"
	var app githubtest.App
	do("POST", "apps", `{"slug":"second","webhook_url":"`+w.hooks.URL+`","webhook_secret":"x","permissions":{"issues":"write","actions":"write"},"events":["issues","issue_comment"]}`, &app)
	if !strings.HasPrefix(app.PrivateKeyPEM, "-----BEGIN RSA PRIVATE KEY-----") || app.Bot.Login != "second[bot]" {
		t.Errorf("App %+v", app)
	}
	do("POST", "users", `{"login":"hubot"}`, nil)
	do("POST", repo[:len("repositories")], `{"owner":"hubot","name":"demo","files":{".github/workflows/anvil.yml":"on: workflow_dispatch\njobs: {a: {runs-on: x, permissions: {id-token: write}}}\n","a.txt":"one\n"}}`, nil)
	do("PUT", repo+"/roles/mona", `{"role":"maintain"}`, nil)
	var inst githubtest.Installation
	do("POST", "installations", `{"app":`+itoa(app.ID)+`,"account":"hubot","repositories":["hubot/demo"]}`, &inst)
	do("POST", repo+"/issues", `{"user":"mona","title":"Broken"}`, nil)
	var c githubtest.Comment
	do("POST", repo+"/issues/1/comments", `{"user":"mona","body":"/anvil fix"}`, &c)
	do("PATCH", repo+"/comments/"+itoa(c.ID), `{"user":"hubot","body":"/anvil break"}`, nil)
	do("POST", repo+"/issues/1/labels", `{"user":"mona","label":"anvil"}`, nil)
	do("POST", repo+"/issues/1/assignees", `{"user":"mona","assignee":"second[bot]"}`, nil)
	do("DELETE", repo+"/comments/"+itoa(c.ID)+"?user=mona", "", nil)
	var deliveries []githubtest.Delivery
	do("GET", "deliveries?wait=10s", "", &deliveries)
	var story []string
	for _, d := range deliveries {
		if d.App == app.ID {
			story = append(story, d.Event+"."+d.Action)
		}
	}
	if got, want := strings.Join(story, " "), "installation.created issues.opened issue_comment.created issue_comment.edited issues.labeled issues.assigned issue_comment.deleted"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
	do("POST", "deliveries/"+itoa(deliveries[len(deliveries)-1].ID)+"/attempts", "", nil)

	do("POST", repo+"/commits", `{"user":"mona","branch":"topic","message":"Two","files":{"a.txt":"two\n"}}`, nil)
	var refs map[string]string
	do("GET", repo+"/refs", "", &refs)
	if len(refs) != 2 {
		t.Errorf("refs %v", refs)
	}
	var run githubtest.WorkflowRun
	do("POST", repo+"/dispatches", `{"user":"mona","workflow":"anvil.yml"}`, &run)
	var job githubtest.Job
	do("POST", "runs/"+itoa(run.ID)+"/begin", "", &job)
	var minted struct{ Token string }
	do("POST", "oidc/tokens", `{"run":`+itoa(run.ID)+`,"audience":"a","claims":{"ref":"refs/heads/evil","actor":null}}`, &minted)
	if claims := claimsOf(t, minted.Token); claims["ref"] != "refs/heads/evil" || claims["actor"] != nil {
		t.Errorf("claims %v", claims)
	}
	do("POST", "runs/"+itoa(run.ID)+"/complete", `{"conclusion":"failure"}`, nil)
	do("POST", "runs/"+itoa(run.ID)+"/rerun", "", &run)
	do("POST", "runs/"+itoa(run.ID)+"/cancel", "", nil)
	do("GET", "runs/"+itoa(run.ID), "", &run)
	if run.Attempt != 2 || run.Conclusion != "cancelled" {
		t.Errorf("run %+v", run)
	}
	if status, text := w.simText("runs/" + itoa(run.ID) + "?field=conclusion"); status != 200 || text != "cancelled" {
		t.Errorf("one field: %d %q", status, text)
	}
	if status, _ := w.simText("runs/" + itoa(run.ID) + "?field=nothing"); status != 422 {
		t.Errorf("a field that is not there: %d", status)
	}
	var fault githubtest.Fault
	do("POST", "faults", `{"method":"GET","path":"/app","do":"status","status":502}`, &fault)
	if status, _ := w.get("/app", ""); status != 502 {
		t.Errorf("the fault did not hit: %d", status)
	}
	do("GET", "faults/1?wait=5s", "", &fault)
	if fault.Hits != 1 {
		t.Errorf("fault %+v", fault)
	}
	do("DELETE", "faults", "", nil)
	do("PATCH", "installations/"+itoa(inst.ID), `{"suspended":true,"permissions":{"issues":"read"}}`, &inst)
	if inst.SuspendedAt.IsZero() || inst.Permissions["issues"] != "read" {
		t.Errorf("installation %+v", inst)
	}
	do("DELETE", "installations/"+itoa(inst.ID), "", nil)
	do("PATCH", repo, `{"archived":true,"name":"old"}`, nil)
	var ledger []githubtest.Entry
	do("GET", "ledger?method=GET&path=/app", "", &ledger)
	if len(ledger) != 1 || ledger[0].Status != 502 || ledger[0].Fault != fault.ID {
		t.Errorf("ledger %+v", ledger)
	}

	for path, status := range map[string]int{"repositories/no/where": 404, "runs/1": 404, "nonsense": 404} {
		if got := w.sim("GET", path, "", nil); got != status {
			t.Errorf("GET %s: %d", path, got)
		}
	}
	for path, body := range map[string]string{"faults": `{"do":"dance"}`, "users": `{"login":"x","typ":"User"}`, "repositories": `{"owner":"x"}`, "installations": `[`} {
		if got := w.sim("POST", path, body, nil); got != 422 {
			t.Errorf("POST %s %s: %d", path, body, got)
		}
	}
	if got := w.sim("PUT", "repositories/hubot/old/roles/mona", `{"role":"king"}`, nil); got != 422 {
		t.Errorf("a role that is none: %d", got)
	}
}
