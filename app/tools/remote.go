package tools

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/secret"
)

// Remote is an MCP server of the operator's, whose tools agents get under its name.
// It is asked by this server and with the operator's headers, which go nowhere else;
// nothing of a run's own tokens goes to it.
type Remote struct {
	Name    string // in front of each tool's name, with an underscore
	URL     string
	Headers map[string]string // secrets
	Tools   []string          // that agents may use, by the names that it has for them

	leftOut map[string]bool // tools of which the operator was told; for the one list under way

	// mu guards what was learned. It is held for moments.
	mu      sync.Mutex
	known   []*Tool
	learned time.Time
	asking  chan struct{} // of a list under way; closed when it has ended
}

// Times of a remote.
const (
	remoteAnswers = time.Minute      // within which a call has to be answered
	remoteLists   = 10 * time.Second // and a list of tools
	remoteFresh   = 5 * time.Minute  // how long a list of tools holds
	remoteRests   = 15 * time.Second // before a server that did not answer is asked again
	remoteQuota   = 50
	maxResult     = 256 << 10 // bytes of an answer
)

// offer lists the remote's tools that agents may use. While it does not answer they
// are those that it had before, and one request alone waits for it; all do until it
// has answered or failed for the first time.
func (r *Remote) offer(ctx context.Context, now func() time.Time, log *slog.Logger) []*Tool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case now().Sub(r.learned) < remoteFresh:
	case r.asking == nil:
		r.learn(ctx, now, log)
	case r.learned.IsZero():
		asking := r.asking
		r.mu.Unlock()
		select {
		case <-asking:
		case <-ctx.Done():
		}
		r.mu.Lock()
	}
	return r.known
}

// learn asks the remote for its tools. It is called with mu held, which others may
// have while it waits. The list is for all runs: that a caller is gone does not end it.
func (r *Remote) learn(ctx context.Context, now func() time.Time, log *slog.Logger) {
	r.asking = make(chan struct{})
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), remoteLists)
	defer cancel()
	known, err := r.list(ctx, log)
	r.mu.Lock()
	close(r.asking)
	r.asking = nil
	if err != nil {
		log.Warn("a tool server does not say what it has", "server", r.Name, "cause", r.failed(err))
		r.learned = now().Add(remoteRests - remoteFresh)
		return
	}
	r.known, r.learned = known, now()
}

func (r *Remote) list(ctx context.Context, log *slog.Logger) ([]*Tool, error) {
	session, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	var known []*Tool
	for t, err := range session.Tools(ctx, nil) {
		if err != nil {
			return nil, err
		}
		if !slices.Contains(r.Tools, t.Name) {
			continue
		}
		shown, err := starred(r.keys(), t)
		if err != nil {
			return nil, err
		}
		tool := &Tool{
			Name: r.Name + "_" + t.Name, Description: shown.Description, Quota: remoteQuota, schema: shown.InputSchema,
			do: func(ctx context.Context, c *caller, arguments json.RawMessage) (any, error) {
				if _, _, err := c.begin(ctx, r.Name+"/"+t.Name, anvil.Use{}); err != nil {
					return nil, err
				}
				return r.ask(ctx, t.Name, arguments)
			},
		}
		if wrong := unfit(tool); wrong != "" {
			r.leaveOut(t.Name, wrong, log)
			continue
		}
		known = append(known, tool)
	}
	return known, nil
}

// unfit says why a tool of a remote cannot be offered on, or "". Of such a tool the
// SDK panics, and it has no other way to say which it takes.
func unfit(t *Tool) (why string) {
	defer func() {
		if wrong := recover(); wrong != nil {
			why = fmt.Sprint(wrong)
		}
	}()
	mcp.NewServer(&mcp.Implementation{Name: "anvil", Version: "1"}, nil).AddTool(t.shown(), nil)
	return ""
}

// leaveOut tells the operator of a tool that is not offered, once.
func (r *Remote) leaveOut(tool, why string, log *slog.Logger) {
	if r.leftOut[tool] {
		return
	}
	if r.leftOut == nil {
		r.leftOut = map[string]bool{}
	}
	r.leftOut[tool] = true
	log.Warn("a tool is left out", "server", r.Name, "tool", tool, "cause", why)
}

// keys are the remote's secrets: each header's value, what follows the scheme in it, such
// as Bearer, and the password in that of the scheme Basic; encoded, too.
func (r *Remote) keys() (all secret.Keys) {
	for _, value := range r.Headers {
		scheme, bare, _ := strings.Cut(value, " ")
		bare = strings.TrimSpace(bare)
		all.AddEncoded(value)
		all.AddEncoded(bare)
		if login, err := base64.StdEncoding.DecodeString(bare); err == nil && strings.EqualFold(scheme, "Basic") {
			_, password, _ := strings.Cut(string(login), ":")
			all.AddEncoded(password)
		}
	}
	return all
}

// starred returns v, which is read from JSON, with stars over the keys in all its text.
func starred[T any](keys secret.Keys, v T) (clean T, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return clean, err
	}
	var read any
	if err := json.Unmarshal(text, &read); err != nil {
		return clean, err
	}
	if text, err = json.Marshal(star(keys, read)); err != nil {
		return clean, err
	}
	return clean, json.Unmarshal(text, &clean)
}

func star(keys secret.Keys, v any) any {
	switch v := v.(type) {
	case string:
		text := []byte(v)
		keys.Hide(text)
		return string(text)
	case []any:
		for i := range v {
			v[i] = star(keys, v[i])
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for name, value := range v {
			clean[star(keys, name).(string)] = star(keys, value)
		}
		return clean
	}
	return v
}

// failed is an error of the remote's, for the log: a server can repeat there, too, what
// it was sent.
func (r *Remote) failed(err error) error {
	return fmt.Errorf("tool server %s: %s", r.Name, star(r.keys(), err.Error()))
}

// ask makes one call.
func (r *Remote) ask(ctx context.Context, tool string, arguments json.RawMessage) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, remoteAnswers)
	defer cancel()
	session, err := r.connect(ctx)
	if err != nil {
		return nil, r.failed(err)
	}
	defer session.Close()
	answer, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return nil, r.failed(err)
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return nil, r.failed(err)
	}
	if len(text) > maxResult {
		return nil, &refusal{CodeFailed, fmt.Sprintf("the answer has more than %d bytes.", maxResult), "Ask for less."}
	}
	if answer, err = starred(r.keys(), answer); err != nil {
		return nil, r.failed(err)
	}
	return &mcp.CallToolResult{Content: answer.Content, StructuredContent: answer.StructuredContent, IsError: answer.IsError}, nil
}

func (r *Remote) connect(ctx context.Context) (*mcp.ClientSession, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "anvil", Version: "1"}, nil)
	return client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: r.URL, HTTPClient: &http.Client{Transport: r, CheckRedirect: stay}, MaxRetries: -1, DisableStandaloneSSE: true,
	}, nil)
}

// RoundTrip adds the operator's headers.
func (r *Remote) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	for name, value := range r.Headers {
		request.Header.Set(name, value)
	}
	return http.DefaultTransport.RoundTrip(request)
}

// stay follows no redirect: the headers are for one server.
func stay(*http.Request, []*http.Request) error { return errors.New("it redirects to another address") }
