package endpoint

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"regexp"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// onward and back are the headers that go through, to the server and from it.
var (
	onward = []string{
		"Content-Type", "Content-Encoding", "Accept", "User-Agent",
		"Anthropic-Version", "Anthropic-Beta", "Openai-Beta", "Session-Id", "Originator", "X-Client-Request-Id", "X-Stainless-Retry-Count",
		"Mcp-Session-Id", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name", "Last-Event-Id",
	}
	back = []string{
		"Content-Type", "Content-Encoding", "Retry-After", "Request-Id", "X-Request-Id", "X-Should-Retry",
		"Mcp-Session-Id", "Mcp-Protocol-Version", "Allow",
	}
)

// plainQuery is what a query may be made of: engines ask for beta=true and the like.
var plainQuery = regexp.MustCompile(`^[A-Za-z0-9=&_.,-]{0,512}$`)

func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" && r.Method == http.MethodHead || r.URL.Path == "/api/hello" {
		w.WriteHeader(http.StatusOK)
		return
	}
	if !e.admits(r) {
		refuse(w, http.StatusUnauthorized, "ENDPOINT_TOKEN", "the token is not the one of this run.")
		return
	}
	send := e.server.RelayModel
	where := strings.TrimPrefix(r.URL.Path, "/")
	switch {
	case r.URL.EscapedPath() != r.URL.Path || path.Clean(r.URL.Path) != r.URL.Path || !plainQuery.MatchString(r.URL.RawQuery):
		refuse(w, http.StatusNotFound, "ENDPOINT_PATH", "this is no path of the endpoint.")
		return
	case r.URL.Path == "/mcp":
		send, where = e.server.RelayTools, ""
	case !strings.HasPrefix(where, "v1/") && !strings.HasPrefix(where, "v1beta/"):
		refuse(w, http.StatusNotFound, "ENDPOINT_PATH", "this is no path of the endpoint.")
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete:
	default:
		refuse(w, http.StatusMethodNotAllowed, "ENDPOINT_PATH", "nothing here is asked for like that.")
		return
	}
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	default:
		refuse(w, http.StatusTooManyRequests, "ENDPOINT_BUSY", "too many requests at once.")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			refuse(w, http.StatusRequestEntityTooLarge, "ENDPOINT_SIZE", "the request is too large.")
		}
		return
	}
	res, err := send(r.Context(), runapi.Relayed{
		Method: r.Method, Path: where, Query: r.URL.RawQuery, Header: pick(r.Header, onward), Body: body,
	})
	if err != nil {
		refuse(w, http.StatusBadGateway, "ENDPOINT_SERVER", "the server can't be reached.")
		return
	}
	defer res.Body.Close()
	answer(w, res)
}

// admits reports whether the request carries the token.
func (e *Endpoint) admits(r *http.Request) bool {
	given := cmp.Or(r.Header.Get("X-Api-Key"), r.Header.Get("X-Goog-Api-Key"))
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		given = bearer
	}
	return subtle.ConstantTimeCompare([]byte(given), []byte(e.token)) == 1
}

// answer passes on the server's answer, each part as it comes.
func answer(w http.ResponseWriter, res *http.Response) {
	switch {
	case res.StatusCode == http.StatusConflict:
		// The contract says so when the lease no longer counts.
		problem := &runapi.Error{}
		if b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10)); err != nil || json.Unmarshal(b, problem) != nil || problem.Code == "" {
			problem = &runapi.Error{Code: runapi.CodeStale, What: "the run went on without this lease."}
		}
		refuse(w, http.StatusBadRequest, problem.Code, problem.What)
		return
	case res.StatusCode >= 300 && res.StatusCode < 400:
		refuse(w, http.StatusBadGateway, "ENDPOINT_SERVER", "the server answered with a redirect.")
		return
	}
	for name, values := range pick(res.Header, back) {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	flusher := http.NewResponseController(w)
	_ = flusher.Flush() // engines wait for the head of a stream
	part := make([]byte, 32<<10)
	for {
		n, err := res.Body.Read(part)
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
			panic(http.ErrAbortHandler) // the agent must not take a cut answer for a whole one
		}
	}
}

// pick returns the named headers of h.
func pick(h http.Header, names []string) http.Header {
	picked := http.Header{}
	for _, name := range names {
		if values := h.Values(name); len(values) > 0 {
			picked[name] = values
		}
	}
	return picked
}

// refuse answers in a form that model providers' clients read, whoever's they are.
func refuse(w http.ResponseWriter, status int, code, what string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type":  "error",
		"error": map[string]string{"type": "invalid_request_error", "code": code, "message": code + ": " + what},
	})
}
