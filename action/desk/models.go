package desk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Codes of calls that do not go out.
const (
	codeBudget = "GW_BUDGET"
	codeModel  = "GW_MODEL"
	codePath   = "GW_PATH"
	codeAsked  = "GW_REQUEST"
	codeSilent = "GW_UPSTREAM"
)

// paths are those that go on to the provider, and what follows its base address.
var paths = map[string]string{
	"v1/responses": "/responses", "v1/chat/completions": "/chat/completions",
	"v1/messages": "/messages", "v1/messages/count_tokens": "/messages/count_tokens",
}

// models passes calls on to the provider.
type models struct {
	provider runapi.Provider
	key      string
	http     *http.Client

	mu    sync.Mutex
	spent runapi.Spent
}

func newModels(p runapi.Provider, key string) *models {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true
	transport.ResponseHeaderTimeout = 10 * time.Minute
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &models{provider: p, key: key, http: &http.Client{Transport: transport, CheckRedirect: stay}}
}

func (m *models) total() runapi.Spent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spent
}

// begin counts a call, unless a limit is met.
func (m *models) begin() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, s := m.provider, m.spent
	tokens := s.Input + s.Cached + s.CacheWrite + s.Output
	switch {
	case p.MaxCalls > 0 && s.Calls >= p.MaxCalls:
		return fmt.Errorf("the run's %d calls are used up", p.MaxCalls)
	case p.MaxTokens > 0 && tokens >= p.MaxTokens:
		return fmt.Errorf("the run's %d tokens are used up", p.MaxTokens)
	case p.MaxMicros > 0 && s.CostMicros >= p.MaxMicros:
		return fmt.Errorf("the run's budget of %.2f USD is used up", float64(p.MaxMicros)/1e6)
	}
	m.spent.Calls++
	return nil
}

func (m *models) add(u runapi.Spent) {
	if p := m.provider.Price; p != nil {
		u.CostMicros = int64(float64(u.Input)*p.Input + float64(u.Cached)*p.Cached + float64(u.CacheWrite)*p.CacheWrite + float64(u.Output)*p.Output + 0.5)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.spent
	s.Input, s.Cached, s.CacheWrite, s.Output = s.Input+u.Input, s.Cached+u.Cached, s.CacheWrite+u.CacheWrite, s.Output+u.Output
	s.CostMicros += u.CostMicros
}

func (m *models) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.PathValue("path")
	if r.Method == http.MethodGet && path == "v1/models" {
		m.list(w)
		return
	}
	relay, known := paths[path]
	if !known || r.Method != http.MethodPost {
		refuse(w, http.StatusNotFound, codePath, "this path is not relayed.")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if code, what := m.check(body); code != "" {
		refuse(w, http.StatusBadRequest, code, what)
		return
	}
	if err := m.begin(); err != nil {
		refuse(w, http.StatusBadRequest, codeBudget, err.Error()+".")
		return
	}
	m.pass(w, r, relay, body)
}

func (m *models) list(w http.ResponseWriter) {
	type model struct {
		ID     string `json:"id"`
		Object string `json:"object"`
	}
	all := []model{}
	for _, name := range m.provider.Models {
		all = append(all, model{name, "model"})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"object": "list", "data": all})
}

// pass sends a call with the key, and its answer back as it comes.
func (m *models) pass(w http.ResponseWriter, from *http.Request, relay string, body []byte) {
	address, err := url.Parse(m.provider.BaseURL)
	if err != nil {
		refuse(w, http.StatusBadGateway, codeSilent, "the provider's address cannot be used.")
		return
	}
	address.Path = strings.TrimRight(address.Path, "/") + relay
	out, err := http.NewRequestWithContext(from.Context(), http.MethodPost, address.String(), bytes.NewReader(body))
	if err != nil {
		refuse(w, http.StatusBadGateway, codeSilent, "the provider's address cannot be used.")
		return
	}
	out.Header.Set("Content-Type", "application/json")
	out.Header.Set("User-Agent", "anvil-runner")
	out.Header.Set("Accept-Encoding", "identity") // what is compressed cannot be counted
	for _, name := range []string{"Accept", "Anthropic-Version", "Anthropic-Beta", "Openai-Beta"} {
		if v := from.Header.Get(name); v != "" {
			out.Header.Set(name, v)
		}
	}
	if m.provider.Auth == "x-api-key" {
		out.Header.Set("X-Api-Key", m.key)
	} else {
		out.Header.Set("Authorization", "Bearer "+m.key)
	}
	res, err := m.http.Do(out)
	if err != nil {
		refuse(w, http.StatusBadGateway, codeSilent, "the provider cannot be reached.")
		return
	}
	defer res.Body.Close()
	m.relay(w, res)
}

// relay passes an answer back, counting what it says it took. The key can be in no
// answer that goes through: a provider that quotes it is cut off.
func (m *models) relay(w http.ResponseWriter, res *http.Response) {
	for _, name := range []string{"Content-Type", "Retry-After", "Request-Id", "X-Request-Id"} {
		if v := res.Header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.WriteHeader(res.StatusCode)
	count := &meter{stream: strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream")}
	defer func() { m.add(count.usage()) }()
	guard := &quoted{key: []byte(m.key)}
	flusher := http.NewResponseController(w)
	part := make([]byte, 32<<10)
	for {
		n, err := res.Body.Read(part)
		count.write(part[:n])
		if guard.saw(part[:n]) {
			panic(http.ErrAbortHandler)
		}
		if n > 0 {
			if _, err := w.Write(part[:n]); err != nil {
				return
			}
			_ = flusher.Flush()
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler) // a cut answer is not a whole one
		}
	}
}

// quoted notices the key in a stream, also across its parts.
type quoted struct{ key, tail []byte }

func (q *quoted) saw(part []byte) bool {
	if len(q.key) == 0 {
		return false
	}
	text := append(q.tail, part...)
	if bytes.Contains(text, q.key) {
		return true
	}
	q.tail = slices.Clone(text[max(0, len(text)-len(q.key)+1):])
	return false
}

func refuse(w http.ResponseWriter, status int, code, what string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type":  "error",
		"error": map[string]string{"type": "invalid_request_error", "code": code, "message": code + ": " + what},
	})
}
