package tools_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/seed-bc0cc349/anvil/app/tools"
)

// library is an MCP server of an operator's. It wants a secret, and remembers what it
// was sent.
type library struct {
	*httptest.Server
	mu      sync.Mutex
	headers []http.Header
	down    bool
	has     string        // instead of its list of tools, if set
	asked   chan struct{} // told of each request that waits for free
	free    chan struct{} // what it answers waits for this, if set
}

// guises are the secret as a server could repeat it encoded. In URLs it stands with a space.
func guises(sent string) []string {
	bare := strings.TrimPrefix(sent, "Bearer ")
	return []string{
		base64.StdEncoding.EncodeToString([]byte(sent)), base64.RawURLEncoding.EncodeToString([]byte("ab" + bare)), hex.EncodeToString([]byte(bare)),
		url.QueryEscape(bare), url.PathEscape(bare),
	}
}

const librarySecret = "Bearer the library's own secret"

func newLibrary(t *testing.T) *library {
	t.Helper()
	l := &library{}
	server := mcp.NewServer(&mcp.Implementation{Name: "library", Version: "1"}, nil)
	type query struct {
		Words string `json:"words"`
	}
	answer := func(_ context.Context, _ *mcp.CallToolRequest, q query) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "found: " + q.Words}}}, nil, nil
	}
	mcp.AddTool(server, &mcp.Tool{Name: "search", Description: "Searches."}, answer)
	mcp.AddTool(server, &mcp.Tool{Name: "echo", Description: "Tells what it was sent."}, func(_ context.Context, r *mcp.CallToolRequest, q query) (*mcp.CallToolResult, map[string]any, error) {
		sent := r.Extra.Header.Get("Authorization")
		if q.Words == "fail" {
			return nil, nil, errors.New("it failed with " + sent)
		}
		return &mcp.CallToolResult{Content: []mcp.Content{
			&mcp.TextContent{Text: strings.Join(guises(sent), " ")}, &mcp.TextContent{Text: "sent: " + sent + " of " + r.Extra.Header.Get("X-Org")}, &mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "a:b", Text: strings.TrimPrefix(sent, "Bearer ")}},
		}}, map[string]any{"headers": []string{sent}, sent: true}, nil
	})
	mcp.AddTool(server, &mcp.Tool{Name: "burn", Description: "Burns it down."}, answer)
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.headers = append(l.headers, r.Header.Clone())
		down, has, free := l.down, l.has, l.free
		l.mu.Unlock()
		if free != nil {
			l.asked <- struct{}{}
			<-free
		}
		if down || r.Header.Get("Authorization") != librarySecret {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		var call struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
		}
		if json.Unmarshal(body, &call) == nil && call.Method == "tools/list" && has != "" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"tools":%s}}`, call.ID, has)
			return
		}
		if call.Method == "tools/call" && bytes.Contains(body, []byte(`"refuse"`)) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32000,"message":"not for %s"}}`, call.ID, librarySecret)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(l.Close)
	return l
}

// The operator's server is asked with the operator's secret and with nothing of the
// run's; agents get the tools that were named, under its name.
func TestAServerOfTheOperators(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	w := newWorld(t, func(s *tools.Server) {
		s.Remotes = []*tools.Remote{{Name: "docs", URL: l.URL, Headers: map[string]string{"Authorization": librarySecret}, Tools: []string{"search"}}}
		s.Quotas = map[string]int{"docs_search": 2}
	})
	s := w.agent(w.working())
	list, err := s.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(list.Tools, func(t *mcp.Tool) bool { return t.Name == name })
	}
	if !has("docs_search") || has("docs_burn") || has("burn") || !has("get_task") {
		t.Errorf("tools: %+v", list.Tools)
	}
	if text, isError := w.ask(s, "docs_search", map[string]any{"words": "anvils"}); isError || text != "found: anvils" {
		t.Errorf("answered %q", text)
	}
	if text, isError := w.ask(s, "docs_burn", map[string]any{"words": "x"}); !isError || !strings.HasPrefix(text, "MCP_DENIED: there is no tool") {
		t.Errorf("a tool that was not named: %q", text)
	}
	l.mu.Lock()
	for _, h := range l.headers {
		if got := h.Values("Authorization"); !slices.Equal(got, []string{librarySecret}) {
			t.Errorf("it was sent %q", got)
		}
	}
	l.down = true
	l.mu.Unlock()
	if text, isError := w.ask(s, "docs_search", map[string]any{"words": "x"}); !isError || !strings.HasPrefix(text, "TOOL_FAILED: ") || strings.Contains(text, l.URL) {
		t.Errorf("while it is down: %q", text)
	}
	if text, isError := w.ask(s, "docs_search", map[string]any{"words": "x"}); !isError || !strings.HasPrefix(text, "MCP_DENIED: this tool may be used 2 times") {
		t.Errorf("above its quota: %q", text)
	}
	want := []string{
		"tool docs_search allowed", "tool docs_burn denied", "tool docs_search allowed", "tool docs_search failed", "tool docs_search denied",
	}
	if got := w.trail(); !slices.Equal(got, want) {
		t.Errorf("the trail is %v", got)
	}
}

// A server that does not answer takes no other tool with it.
func TestAServerThatIsDownFromTheStart(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	w := newWorld(t, func(s *tools.Server) {
		s.Remotes = []*tools.Remote{{Name: "docs", URL: l.URL, Headers: map[string]string{"Authorization": "Bearer wrong"}, Tools: []string{"search"}}}
	})
	s := w.agent(w.working())
	if text, isError := w.ask(s, "get_task", nil); isError {
		t.Error(text)
	}
	if !strings.Contains(w.log.String(), "a tool server does not say what it has") {
		t.Error("the operator is not told")
	}
}

// A tool that cannot be offered on, for its schema is of no object, is left out, and the
// operator is told once. All others stay.
func TestAServerThatListsWhatCannotBeOffered(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	l.has = `[{"name":"search","inputSchema":{"type":"object"}},{"name":"bare","inputSchema":{"properties":{}}},
		{"name":"text","inputSchema":{"type":"string"}},{"name":"none"}]`
	var ahead atomic.Int64
	w := newWorld(t, func(s *tools.Server) {
		s.Remotes = []*tools.Remote{{
			Name: "docs", URL: l.URL, Headers: map[string]string{"Authorization": librarySecret}, Tools: []string{"search", "bare", "text", "none"},
		}}
		s.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	s := w.agent(w.working())
	for range 2 {
		list, err := s.ListTools(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, t := range list.Tools {
			if strings.HasPrefix(t.Name, "docs") {
				names = append(names, t.Name)
			}
		}
		if !slices.Equal(names, []string{"docs_search"}) {
			t.Errorf("offered of it: %q", names)
		}
		ahead.Add(int64(time.Hour))
	}
	if n := strings.Count(w.log.String(), "a tool is left out"); n != 3 {
		t.Errorf("the operator is told %d times of three tools: %s", n, w.log)
	}
}

// While a server hangs, one request waits for what it has, and the runs' others go on
// with what was known.
func TestAServerThatHangs(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	l.asked = make(chan struct{}, 100)
	var ahead atomic.Int64
	w := newWorld(t, func(s *tools.Server) {
		s.Remotes = []*tools.Remote{{Name: "docs", URL: l.URL, Headers: map[string]string{"Authorization": librarySecret}, Tools: []string{"search"}}}
		s.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	first, second := w.agent(w.working()), w.agent(w.working())
	free := make(chan struct{})
	l.mu.Lock()
	l.free = free
	l.mu.Unlock()
	ahead.Add(int64(time.Hour))
	waits := make(chan error, 1)
	go func() {
		_, err := first.ListTools(t.Context(), nil)
		waits <- err
	}()
	<-l.asked
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // less than the server is given
	defer cancel()
	list, err := second.ListTools(ctx, nil)
	if err != nil || !slices.ContainsFunc(list.Tools, func(t *mcp.Tool) bool { return t.Name == "docs_search" }) {
		t.Errorf("the other run's tools: %+v, %v", list, err)
	}
	select {
	case <-waits:
		t.Error("the other run waited for the server as well")
	default:
	}
	close(free)
	if err := <-waits; err != nil {
		t.Error(err)
	}
}

// A server that repeats what it was sent does not give the operator's secret away: not
// in text, in structured content or in an error, not in the description of a tool, and
// not to the log.
func TestAServerThatRepeatsItsSecret(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	bare := strings.TrimPrefix(librarySecret, "Bearer ")
	l.has = `[{"name":"echo","description":"For ` + bare + `.","inputSchema":{"type":"object","properties":{"words":{"type":"string","default":"` + bare + `"}}}},
		{"name":"refuse","inputSchema":{"type":"object"}},{"name":"bad","inputSchema":{"type":"` + bare + `"}}]`
	w := newWorld(t, func(s *tools.Server) {
		s.Remotes = []*tools.Remote{{
			Name: "docs", URL: l.URL, Headers: map[string]string{"Authorization": librarySecret, "X-Org": "acme"}, Tools: []string{"echo", "refuse", "bad"},
		}}
	})
	s := w.agent(w.working())
	list, err := s.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	told, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(told), `"For `+strings.Repeat("*", len(bare))+`."`) {
		t.Errorf("listed: %s", told)
	}
	for _, words := range []string{"tell", "fail"} {
		answer, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "docs_echo", Arguments: map[string]any{"words": words}})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "****") || words == "tell" && !strings.Contains(string(text), "* of acme") {
			t.Errorf("answered %s", text)
		}
		told = append(told, text...)
	}
	if text, isError := w.ask(s, "docs_refuse", map[string]any{}); !isError || !strings.HasPrefix(text, "TOOL_FAILED: ") {
		t.Errorf("a tool that it does not know: %s", text)
	}
	told = append(told, w.log.String()...)
	for _, guise := range append(guises(librarySecret), "own secret") {
		if strings.Contains(string(told), guise) {
			t.Errorf("told %s: %s", guise, told)
		}
	}
}

// Of a name and a password in one header the password is a secret by itself.
func TestAServerWithAPassword(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	const password = "a password: of ours"
	login := "Basic " + base64.StdEncoding.EncodeToString([]byte("acme-web:"+password))
	w := newWorld(t, func(s *tools.Server) {
		s.Remotes = []*tools.Remote{{
			Name: "docs", URL: l.URL, Headers: map[string]string{"Authorization": librarySecret, "X-Login": login}, Tools: []string{"search"},
		}}
	})
	said := "acme-web, " + password + ", " + login
	text, isError := w.ask(w.agent(w.working()), "docs_search", map[string]any{"words": said})
	if want := "found: acme-web, " + strings.Repeat("*", len(password)) + ", " + strings.Repeat("*", len(login)); isError || text != want {
		t.Errorf("answered %q", text)
	}
}
