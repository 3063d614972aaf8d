package agent_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// localToken is the token of the local endpoint that provider plays.
const localToken = "anvil_local_of_a_test"

// provider plays the local endpoint with a model and tools behind it, as little
// of them as the two CLIs need. Its model calls tools in order, then says that all
// is done.
type provider struct {
	*httptest.Server
	calls  []call // of tools, one per answer
	refuse string // the code and words of a refusal, instead of any answer
	status int    // of the refusal

	mu     sync.Mutex
	asked  []string // bodies of model requests
	others []string // requests that it does not know, or without the token
	tools  []string // names of tools that were called over MCP
}

// call is a tool that the model calls: a shell script, a tool of the MCP server, or
// a tool of the CLI's own with its input.
type call struct {
	script, tool string
	own, input   string
}

func play(t *testing.T, calls ...call) *provider {
	p := &provider{calls: calls}
	p.Server = httptest.NewServer(http.HandlerFunc(p.handle))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) handle(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Method == http.MethodHead || r.URL.Path == "/api/hello" {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+localToken {
		p.others = append(p.others, r.Method+" "+r.URL.Path+" without the token")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "POST /v1/responses", "POST /v1/messages":
		p.asked = append(p.asked, string(body))
		if p.refuse != "" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(p.status)
			fmt.Fprintf(w, `{"type":"error","error":{"type":"invalid_request_error","code":"x","message":%q}}`, p.refuse)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		if r.URL.Path == "/v1/responses" {
			p.respond(w, body)
		} else {
			p.message(w, body)
		}
	case "POST /mcp":
		p.mcp(w, body)
	case "GET /mcp":
		w.WriteHeader(http.StatusMethodNotAllowed)
	default:
		p.others = append(p.others, r.Method+" "+r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
	}
}

// next is the call that the model makes now: as many came before as there are
// results in the request since its last prompt.
func (p *provider) next(results int) (call, bool) {
	if results < len(p.calls) {
		return p.calls[results], true
	}
	return call{}, false
}

func send(w io.Writer, kind string, keys map[string]any) {
	keys["type"] = kind
	b, _ := json.Marshal(keys)
	fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, b)
}

// respond speaks OpenAI's Responses.
func (p *provider) respond(w io.Writer, body []byte) {
	var req struct {
		Input []struct{ Type, Role string }
	}
	_ = json.Unmarshal(body, &req)
	results := 0
	for _, i := range slices.Backward(req.Input) {
		if i.Type == "message" && i.Role == "user" {
			break
		}
		if i.Type == "function_call_output" {
			results++
		}
	}
	id := fmt.Sprint(len(p.asked))
	send(w, "response.created", map[string]any{"response": map[string]any{"id": "resp_" + id}})
	item := map[string]any{"type": "message", "id": "msg_" + id, "role": "assistant", "content": []any{map[string]any{"type": "output_text", "text": "All is done."}}}
	if c, ok := p.next(results); ok {
		send(w, "response.output_item.done", map[string]any{"item": map[string]any{"type": "reasoning", "id": "rs_" + id, "summary": []any{map[string]any{"type": "summary_text", "text": "One step at a time"}}}})
		item = map[string]any{"type": "function_call", "id": "fc_" + id, "call_id": "call_" + id, "name": "exec_command", "arguments": fmt.Sprintf(`{"cmd":%q}`, c.script)}
		if c.tool != "" {
			item["name"], item["namespace"], item["arguments"] = c.tool, "mcp__anvil", "{}"
		} else if c.own != "" {
			item["name"], item["arguments"] = c.own, c.input
		}
	}
	send(w, "response.output_item.done", map[string]any{"item": item})
	send(w, "response.completed", map[string]any{"response": map[string]any{"id": "resp_" + id, "usage": map[string]any{
		"input_tokens": 10, "input_tokens_details": map[string]any{"cached_tokens": 2}, "output_tokens": 5,
		"output_tokens_details": map[string]any{"reasoning_tokens": 1}, "total_tokens": 15}}})
}

// message speaks Anthropic's Messages.
func (p *provider) message(w io.Writer, body []byte) {
	var req struct {
		Model    string
		Messages []struct {
			Role    string
			Content json.RawMessage
		}
	}
	_ = json.Unmarshal(body, &req)
	results := 0
	for _, m := range slices.Backward(req.Messages) {
		if n := strings.Count(string(m.Content), `"tool_result"`); n > 0 {
			results += n
		} else if m.Role == "user" {
			break
		}
	}
	id := fmt.Sprint(len(p.asked))
	send(w, "message_start", map[string]any{"message": map[string]any{"id": "msg_" + id, "type": "message", "role": "assistant", "model": req.Model, "content": []any{},
		"usage": map[string]any{"input_tokens": 10, "output_tokens": 1}}})
	block, delta, stop := map[string]any{"type": "text", "text": ""}, map[string]any{"type": "text_delta", "text": "All is done."}, "end_turn"
	if c, ok := p.next(results); ok {
		input, _ := json.Marshal(map[string]string{"command": c.script, "description": "work"})
		block = map[string]any{"type": "tool_use", "id": "toolu_" + id, "name": "Bash", "input": map[string]any{}}
		if c.tool != "" {
			block["name"], input = "mcp__anvil__"+c.tool, []byte("{}")
		} else if c.own != "" {
			block["name"], input = c.own, []byte(c.input)
		}
		delta, stop = map[string]any{"type": "input_json_delta", "partial_json": string(input)}, "tool_use"
	}
	send(w, "content_block_start", map[string]any{"index": 0, "content_block": block})
	send(w, "content_block_delta", map[string]any{"index": 0, "delta": delta})
	send(w, "content_block_stop", map[string]any{"index": 0})
	send(w, "message_delta", map[string]any{"delta": map[string]any{"stop_reason": stop}, "usage": map[string]any{"output_tokens": 5}})
	send(w, "message_stop", map[string]any{})
}

// mcp is a server with the one tool get_task.
func (p *provider) mcp(w http.ResponseWriter, body []byte) {
	var req struct {
		ID     json.RawMessage
		Method string
		Params struct{ ProtocolVersion, Name string }
	}
	_ = json.Unmarshal(body, &req)
	var result any
	switch req.Method {
	case "initialize":
		result = map[string]any{"protocolVersion": req.Params.ProtocolVersion, "capabilities": map[string]any{"tools": map[string]any{}},
			"serverInfo": map[string]any{"name": "anvil", "version": "1"}}
	case "tools/list":
		result = map[string]any{"tools": []any{map[string]any{"name": "get_task", "description": "The task.", "inputSchema": map[string]any{"type": "object", "properties": map[string]any{}}}}}
	case "tools/call":
		p.tools = append(p.tools, req.Params.Name)
		result = map[string]any{"content": []any{map[string]any{"type": "text", "text": "fix the failing test"}}}
	default:
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": req.ID, "result": result})
}
