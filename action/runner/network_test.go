package runner_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/runner"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// The agent and the checks have one way out. It asks the job's own proxy for what
// is allowed, and nobody for the rest; what it refused is told.
func TestRunHasOneWayOut(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.RequestURI)
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(upstream.Close)
	s := newServer(t)
	s.assign(project, `cat > /dev/null; env | grep -i proxy= > proxies
		git ls-remote https://refused.example/x; git ls-remote https://a.allowed.example/x; git ls-remote https://refused.example/y
		git ls-remote http://169.254.169.254/x; git ls-remote https://registry.npmjs.org/x; exit 0`)
	s.assignment.Verify = []string{"git ls-remote https://checks.example/ || true"}
	s.assignment.Containment = runapi.Containment{Mode: "none", Network: "proxy", Allow: []string{".allowed.example"}}
	m := newMachine(t, s)
	m.config.Environ = append(m.config.Environ, "HTTPS_PROXY=http://user:hunter2hunter2@"+strings.TrimPrefix(upstream.URL, "http://"), "NO_PROXY=refused.example")
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(asked, "; "); got != "CONNECT a.allowed.example:443; CONNECT registry.npmjs.org:443" {
		t.Errorf("the job's own proxy was asked: %s", got)
	}
	const notListed = "the host is not on the list"
	want := []runapi.Refusal{
		{Host: "refused.example", Port: "443", Why: notListed, Allow: "refused.example"},
		{Host: "169.254.169.254", Port: "80", Why: "an address is not allowed, only names are"},
		{Host: "checks.example", Port: "443", Why: notListed, Allow: "checks.example"},
	}
	if !slices.Equal(s.finish.Refused, want) {
		t.Errorf("handed back: %+v", s.finish.Refused)
	}
	var told []runapi.Refusal
	for _, e := range s.events {
		if e.Kind == runapi.KindRefused {
			var r runapi.Refusal
			if err := json.Unmarshal(e.Data, &r); err != nil {
				t.Error(err)
			}
			told = append(told, r)
			if allowed := strings.HasSuffix(e.Text, "stands in the task's comment and pull request."); allowed != (r.Allow != "") {
				t.Errorf("%+v is told as %s", r, e.Text)
			}
		}
	}
	if !slices.Equal(told, want) {
		t.Errorf("told: %+v", told)
	}
	proxies := s.bundled()["proxies"]
	if strings.Contains(proxies, "hunter2") || strings.Count(proxies, "=http://127.0.0.1:") != 6 {
		t.Errorf("the agent saw:\n%s", proxies)
	}
}

func TestRunWithoutNetwork(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, `cat > /dev/null; env > environment`)
	s.assignment.Containment = runapi.Containment{Mode: "none", Network: "none", Allow: []string{"ignored.example"}}
	m := newMachine(t, s)
	m.config.Environ = append(m.config.Environ, "HTTPS_PROXY=http://corp.example", "https_proxy=http://corp.example")
	if code := m.run(); code != runner.HandedBack || s.finish.Result != runapi.Proposed {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}
	if env := strings.ToLower(s.bundled()["environment"]); env == "" || strings.Contains(env, "_proxy=") {
		t.Errorf("the agent saw:\n%s", env)
	}
}

func TestRunRefusesAListThatIsNone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.assign(project, `cat > /dev/null`)
	s.assignment.Containment = runapi.Containment{Mode: "none", Network: "proxy", Allow: []string{"*"}}
	if code := newMachine(t, s).run(); code != runner.HandedBack || s.finish.Problem == nil || s.finish.Problem.Code != "EGRESS_SETUP" {
		t.Fatalf("exit code %d, finish %+v", code, s.finish)
	}
}
