package modeltest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// dialect is how a small agent speaks one protocol.
type dialect struct {
	path   string
	stream string // the path where the answer is a stream, if that is another one
	tools  any
	user   func(text string) any
	result func(call, output string) any
	body   func(history []any, tools any, stream bool) map[string]any
	// read takes the answer's text, call and entry for the history out of an answer.
	read func(answer map[string]any) (text string, call call, said []any)
	// join makes the answer of the events of a stream.
	join func(events []map[string]any) map[string]any
}

type call struct{ id, name, input string }

type list = []any
type obj = map[string]any

func dialects() map[string]dialect {
	shellSchema := obj{"type": "object", "properties": obj{"command": obj{"type": "string"}}}
	return map[string]dialect{
		"responses": {
			path: "/v1/responses",
			tools: list{
				obj{"type": "function", "name": "shell", "parameters": obj{"properties": obj{"command": obj{"type": "array"}}}},
				obj{"type": "custom", "name": "apply_patch"},
				obj{"type": "namespace", "name": "mcp__anvil", "tools": list{obj{"type": "function", "name": "get_task"}}},
			},
			user: func(text string) any {
				return obj{"type": "message", "role": "user", "content": list{obj{"type": "input_text", "text": text}}}
			},
			result: func(id, out string) any { return obj{"type": "function_call_output", "call_id": id, "output": out} },
			body: func(h []any, tools any, stream bool) map[string]any {
				return obj{"input": h, "tools": tools, "stream": stream}
			},
			read: func(a map[string]any) (text string, c call, said []any) {
				for _, o := range at(a, "output").(list) {
					item := o.(obj)
					said = append(said, item)
					switch item["type"] {
					case "message":
						text += at(item, "content", 0, "text").(string)
					case "function_call":
						c = call{item["call_id"].(string), item["name"].(string), item["arguments"].(string)}
					case "custom_tool_call":
						c = call{item["call_id"].(string), item["name"].(string), item["input"].(string)}
					}
				}
				return text, c, said
			},
			join: func(events []map[string]any) map[string]any { return at(events[len(events)-1], "response").(obj) },
		},
		"chat": {
			path:   "/v1/chat/completions",
			tools:  list{obj{"function": obj{"name": "bash", "parameters": shellSchema}}, obj{"function": obj{"name": "anvil_get_task"}}},
			user:   func(text string) any { return obj{"role": "user", "content": text} },
			result: func(id, out string) any { return obj{"role": "tool", "tool_call_id": id, "content": out} },
			body: func(h []any, tools any, stream bool) map[string]any {
				return obj{"messages": h, "tools": tools, "stream": stream}
			},
			read: func(a map[string]any) (text string, c call, said []any) {
				message := at(a, "choices", 0, "message").(obj)
				if calls, ok := message["tool_calls"].(list); ok {
					c = call{at(calls, 0, "id").(string), at(calls, 0, "function", "name").(string), at(calls, 0, "function", "arguments").(string)}
				}
				return message["content"].(string), c, list{message}
			},
			join: func(events []map[string]any) map[string]any {
				message := obj{"role": "assistant", "content": ""}
				var function obj
				for _, e := range events {
					if len(e["choices"].(list)) == 0 {
						continue
					}
					delta := at(e, "choices", 0, "delta").(obj)
					if text, ok := delta["content"].(string); ok {
						message["content"] = message["content"].(string) + text
					}
					if calls, ok := delta["tool_calls"].(list); ok {
						if first := calls[0].(obj); first["id"] != nil {
							function = first["function"].(obj)
							message["tool_calls"] = list{first}
						} else {
							function["arguments"] = function["arguments"].(string) + at(first, "function", "arguments").(string)
						}
					}
				}
				return obj{"choices": list{obj{"message": message}}, "usage": events[len(events)-1]["usage"]}
			},
		},
		"messages": {
			path: "/v1/messages",
			tools: list{
				obj{"name": "Bash", "input_schema": shellSchema},
				obj{"name": "Write", "input_schema": obj{"properties": obj{"file_path": obj{}, "content": obj{}}}},
				obj{"name": "mcp__anvil__get_task", "input_schema": obj{}},
			},
			user: func(text string) any {
				return obj{"role": "user", "content": list{obj{"type": "text", "text": "<system-reminder>mind</system-reminder>"}, obj{"type": "text", "text": text}}}
			},
			result: func(id, out string) any {
				return obj{"role": "user", "content": list{obj{"type": "tool_result", "tool_use_id": id, "content": out}}}
			},
			body: func(h []any, tools any, stream bool) map[string]any {
				return obj{"messages": h, "tools": tools, "stream": stream, "max_tokens": 100}
			},
			read: func(a map[string]any) (text string, c call, said []any) {
				for _, b := range a["content"].(list) {
					block := b.(obj)
					switch block["type"] {
					case "text":
						text += block["text"].(string)
					case "tool_use":
						input, _ := json.Marshal(block["input"])
						c = call{block["id"].(string), block["name"].(string), string(input)}
					}
				}
				return text, c, list{obj{"role": "assistant", "content": a["content"]}}
			},
			join: func(events []map[string]any) map[string]any {
				message := at(events[0], "message").(obj)
				content, parts := list{}, ""
				for _, e := range events {
					switch e["type"] {
					case "content_block_start":
						content, parts = append(content, e["content_block"]), ""
					case "content_block_delta":
						delta := e["delta"].(obj)
						block := content[len(content)-1].(obj)
						switch delta["type"] {
						case "text_delta":
							block["text"] = block["text"].(string) + delta["text"].(string)
						case "input_json_delta":
							parts += delta["partial_json"].(string)
							var input any
							if json.Unmarshal([]byte(parts), &input) == nil {
								block["input"] = input
							}
						}
					case "message_delta":
						message["usage"].(obj)["output_tokens"] = at(e, "usage", "output_tokens")
					}
				}
				message["content"] = content
				return message
			},
		},
		"generate": {
			path: "/v1beta/models/some-model:generateContent", stream: "/v1beta/models/some-model:streamGenerateContent?alt=sse",
			tools: list{obj{"functionDeclarations": list{
				obj{"name": "run_shell_command", "parametersJsonSchema": shellSchema},
				obj{"name": "write_file", "parameters": obj{"properties": obj{"file_path": obj{}, "content": obj{}}}},
				obj{"name": "mcp_anvil_get_task"},
			}}},
			user: func(text string) any {
				return obj{"role": "user", "parts": list{obj{"text": "<session_context>\nmind"}, obj{"text": text}}}
			},
			result: func(id, out string) any {
				return obj{"role": "user", "parts": list{obj{"functionResponse": obj{"id": id, "name": "any", "response": obj{"output": out}}}}}
			},
			body: func(h []any, tools any, _ bool) map[string]any { return obj{"contents": h, "tools": tools} },
			read: func(a map[string]any) (text string, c call, said []any) {
				content := at(a, "candidates", 0, "content").(obj)
				for _, p := range content["parts"].(list) {
					part := p.(obj)
					if part["thought"] == true {
						continue
					}
					if said, ok := part["text"].(string); ok {
						text += said
					}
					if f, ok := part["functionCall"].(obj); ok {
						input, _ := json.Marshal(f["args"])
						c = call{f["id"].(string), f["name"].(string), string(input)}
					}
				}
				return text, c, list{content}
			},
			join: func(events []map[string]any) map[string]any {
				parts := list{}
				for _, e := range events {
					parts = append(parts, at(e, "candidates", 0, "content", "parts").(list)...)
				}
				last := events[len(events)-1]
				at(last, "candidates", 0, "content").(obj)["parts"] = parts
				return last
			},
		},
	}
}

// at walks down a JSON value.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			v = v.(obj)[p]
		case int:
			v = v.(list)[p]
		}
	}
	return v
}

// ask makes one call and returns the answer, however it came.
func ask(t *testing.T, url string, d dialect, history []any, stream bool) map[string]any {
	t.Helper()
	path := d.path
	if stream && d.stream != "" {
		path = d.stream
	}
	res := post(t, url+path, d.body(history, d.tools, stream))
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		t.Fatalf("%s: %s", res.Status, body)
	}
	if !stream {
		var answer map[string]any
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return answer
	}
	var events []map[string]any
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	name := ""
	for lines.Scan() {
		if event, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			name = event
		}
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var event map[string]any
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		if name != "" && event["type"] != name {
			t.Errorf("the event %s has type %v", name, event["type"])
		}
		events = append(events, event)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return d.join(events)
}

func post(t *testing.T, url string, body map[string]any) *http.Response {
	t.Helper()
	body["model"] = "some-model"
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer the key")
	res, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// work plays an agent until the model has nothing more to call, and returns what was
// called and said, and the history.
func work(t *testing.T, url string, d dialect, history []any, instruction string, stream bool) (did []string, after []any) {
	t.Helper()
	history = append(history, d.user(instruction))
	for range 20 {
		text, c, said := d.read(ask(t, url, d, history, stream))
		history = append(history, said...)
		if text != "" {
			did = append(did, "say "+text)
		}
		if c.name == "" {
			return did, history
		}
		did = append(did, c.name+" "+c.input)
		history = append(history, d.result(c.id, fmt.Sprintf("output %d", len(did))))
	}
	t.Fatal("the model never ended")
	return nil, nil
}
