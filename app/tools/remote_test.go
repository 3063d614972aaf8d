package tools_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

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
	mcp.AddTool(server, &mcp.Tool{Name: "burn", Description: "Burns it down."}, answer)
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.headers = append(l.headers, r.Header.Clone())
		down := l.down
		l.mu.Unlock()
		if down || r.Header.Get("Authorization") != librarySecret {
			http.Error(w, "no", http.StatusForbidden)
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
