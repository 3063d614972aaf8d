package endpoint_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/endpoint"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

const leaseToken = "anvil_lease_of_a_test"

// open starts an endpoint in front of a server, and returns a client of the agent's.
func open(t *testing.T, server http.HandlerFunc) (*endpoint.Endpoint, func(method, target, body string, header ...string) *http.Response) {
	t.Helper()
	s := httptest.NewServer(server)
	t.Cleanup(s.Close)
	client, err := runapi.NewClient(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	e, err := endpoint.Open(client.Holder(runapi.Assignment{Run: "run_1", LeaseToken: leaseToken}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	agent := &http.Client{
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", e.Socket())
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(agent.CloseIdleConnections)
	return e, func(method, target, body string, header ...string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://endpoint"+target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+e.Token())
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := agent.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
}

func TestRequestsGoOnInTheLeasesName(t *testing.T) {
	t.Parallel()
	var got []*http.Request
	var bodies []string
	e, ask := open(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, bodies = append(got, r), append(bodies, string(b))
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Mcp-Session-Id", "s1")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "answered")
	})
	for _, c := range []struct{ method, target, want string }{
		{"POST", "/v1/responses", "/api/v1/runs/run_1/model/v1/responses"},
		{"POST", "/v1/messages?beta=true", "/api/v1/runs/run_1/model/v1/messages?beta=true"},
		{"POST", "/v1beta/models/m-1:streamGenerateContent?alt=sse", "/api/v1/runs/run_1/model/v1beta/models/m-1:streamGenerateContent?alt=sse"},
		{"GET", "/v1/models", "/api/v1/runs/run_1/model/v1/models"},
		{"POST", "/mcp", "/api/v1/runs/run_1/tools"},
		{"DELETE", "/mcp", "/api/v1/runs/run_1/tools"},
	} {
		got, bodies = nil, nil
		res := ask(c.method, c.target, "the body", "Cookie", "evil=1", "X-Forwarded-For", "1.2.3.4", "Anthropic-Version", "2023-06-01", "X-Evil", "1", "X-Goog-Api-Key", "1")
		text, _ := io.ReadAll(res.Body)
		if res.StatusCode != http.StatusTeapot || string(text) != "answered" || len(got) != 1 {
			t.Fatalf("%s %s: %s %q", c.method, c.target, res.Status, text)
		}
		r := got[0]
		if r.RequestURI != c.want || r.Method != c.method || bodies[0] != "the body" {
			t.Errorf("%s %s arrived as %s %s %q", c.method, c.target, r.Method, r.RequestURI, bodies[0])
		}
		if r.Header.Get("Authorization") != "Bearer "+leaseToken || r.Header.Get("Anthropic-Version") == "" {
			t.Errorf("%s: headers %v", c.target, r.Header)
		}
		for _, name := range []string{"Cookie", "X-Forwarded-For", "X-Evil", "X-Api-Key", "X-Goog-Api-Key"} {
			if r.Header.Get(name) != "" {
				t.Errorf("%s went through", name)
			}
		}
		if res.Header.Get("Set-Cookie") != "" || res.Header.Get("Mcp-Session-Id") != "s1" {
			t.Errorf("the answer's headers: %v", res.Header)
		}
	}
	for _, header := range []string{"X-Api-Key", "X-Goog-Api-Key"} {
		got = nil
		if res := ask("POST", "/v1/messages", "", "Authorization", "", header, e.Token()); res.StatusCode != http.StatusTeapot || len(got) != 1 {
			t.Errorf("by %s: %s", header, res.Status)
		}
	}
}

func TestWhatDoesNotGoOn(t *testing.T) {
	t.Parallel()
	e, ask := open(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("went on: %s %s", r.Method, r.RequestURI) })
	for _, c := range []struct {
		method, target string
		header         []string
		want           int
	}{
		{"POST", "/v1/responses", []string{"Authorization", "Bearer wrong"}, 401},
		{"POST", "/v1/responses", []string{"Authorization", ""}, 401},
		{"POST", "/v1/responses", []string{"Authorization", "Bearer " + leaseToken}, 401},
		{"POST", "/mcp", []string{"Authorization", e.Token()}, 401},
		{"GET", "/", nil, 404},
		{"POST", "/api/v1/runs/run_1/finish", nil, 404},
		{"POST", "/v1/../finish", nil, 404},
		{"POST", "/v1/%2e%2e/finish", nil, 404},
		{"POST", "/v1/..%2f..%2ffinish", nil, 404},
		{"POST", "//v1/responses", nil, 404},
		{"POST", "/v1/", nil, 404},
		{"POST", "/mcp/", nil, 404},
		{"POST", "/v1/responses?x=%0d%0aevil", nil, 404},
		{"PUT", "/v1/responses", nil, 405},
		{"CONNECT", "/v1/responses", nil, 405},
		{"HEAD", "/", []string{"Authorization", ""}, 200},
		{"GET", "/api/hello", []string{"Authorization", ""}, 200},
	} {
		if res := ask(c.method, c.target, "", c.header...); res.StatusCode != c.want {
			t.Errorf("%s %s %v: %s, want %d", c.method, c.target, c.header, res.Status, c.want)
		}
	}
}

// An engine sees each part of an answer when the server sends it.
func TestAnswersStream(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	_, ask := open(t, func(w http.ResponseWriter, r *http.Request) {
		for i := range 3 {
			fmt.Fprintf(w, "part %d\n", i)
			w.(http.Flusher).Flush()
			<-more
		}
	})
	lines := bufio.NewScanner(ask("POST", "/v1/responses", "").Body)
	for i := range 3 {
		if !lines.Scan() || lines.Text() != fmt.Sprintf("part %d", i) {
			t.Fatalf("%q, %v", lines.Text(), lines.Err())
		}
		more <- struct{}{}
	}
	if lines.Scan() {
		t.Errorf("and %q", lines.Text())
	}
}

// A stream that the server cuts is cut for the engine too, and not at its end.
func TestCutAnswer(t *testing.T) {
	t.Parallel()
	_, ask := open(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	if b, err := io.ReadAll(ask("POST", "/v1/responses", "").Body); err == nil {
		t.Errorf("%q, and no error", b)
	}
}

func TestLostLeaseMeansStop(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"code":"CB_STALE","what":"the run went on."}`: "CB_STALE: the run went on.",
		`not ours`: "CB_STALE: ",
	} {
		_, ask := open(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, body)
		})
		res := ask("POST", "/v1/messages", "")
		text, _ := io.ReadAll(res.Body)
		if res.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), want) || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s", res.Status, text)
		}
	}
}

func TestRedirectsEndHere(t *testing.T) {
	t.Parallel()
	var asked []string
	_, ask := open(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	if res := ask("POST", "/v1/messages", "x"); res.StatusCode != http.StatusBadGateway || res.Header.Get("Location") != "" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	if slices.Contains(asked, "/elsewhere") {
		t.Error("the redirect was followed")
	}
}
