package lineartest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/linear/lineartest"
)

// town is a workspace with a person, a team and an issue.
type town struct {
	*lineartest.Server
	mona  lineartest.User
	team  lineartest.Team
	issue lineartest.Issue
	token string
}

func start(t *testing.T, o lineartest.Options) *town {
	t.Helper()
	if o.Retries == nil {
		o.Retries = []time.Duration{0, 0, 0}
	}
	s, err := lineartest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w := &town{Server: s, mona: s.AddUser(lineartest.User{Name: "Mona", GitHubUserID: "7"}), team: s.AddTeam(lineartest.Team{Key: "WEB", Name: "Web"})}
	w.issue = s.AddIssue(lineartest.Issue{Title: "Greet everybody", Description: "Some are left out.", Team: w.team.ID, Creator: w.mona.ID})
	w.token = w.login(t)
	return w
}

func (w *town) login(t *testing.T) string {
	t.Helper()
	a := w.Agent()
	resp, err := http.PostForm(w.URL+"/oauth/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {a.ClientID}, "client_secret": {a.ClientSecret}, "scope": {"read,write"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var given struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&given); err != nil || given.Token == "" {
		t.Fatalf("the token was answered with %s (%v)", resp.Status, err)
	}
	return given.Token
}

// ask makes a GraphQL request, and returns its status, data and first error code.
func (w *town) ask(t *testing.T, query string, vars any) (status int, data map[string]any, code string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": vars})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("POST", w.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Data   map[string]any
		Errors []struct {
			Extensions struct{ Code string }
		}
	}
	raw, _ := io.ReadAll(resp.Body)
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatalf("%s: %s", resp.Status, raw)
	}
	if len(answer.Errors) > 0 {
		code = answer.Errors[0].Extensions.Code
	}
	return resp.StatusCode, answer.Data, code
}

const create = `mutation($input: AgentActivityCreateInput!) { agentActivityCreate(input: $input) { success agentActivity { id } } }`

// say creates an activity, and returns the error's code.
func (w *town) say(t *testing.T, session string, content map[string]any, more ...any) string {
	t.Helper()
	input := map[string]any{"agentSessionId": session, "content": content}
	for i := 0; i+1 < len(more); i += 2 {
		input[more[i].(string)] = more[i+1]
	}
	_, _, code := w.ask(t, create, map[string]any{"input": input})
	return code
}

// receiver takes webhooks and answers each with the next status.
func receiver(t *testing.T, statuses ...int) *httptest.Server {
	t.Helper()
	n := make(chan int, 1)
	n <- 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := <-n
		n <- at + 1
		w.WriteHeader(statuses[min(at, len(statuses)-1)])
	}))
	t.Cleanup(s.Close)
	return s
}
