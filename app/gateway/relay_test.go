package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Each protocol, streamed and not: the upstream gets our key and the engine's body,
// the engine gets the answer as it is, and the tokens are counted from it.
func TestRelayAndMeter(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, path, body, kind string
		answer                 string
		want                   anvil.Usage
	}{
		{"responses", "v1/responses", `{"model":"large","input":"hi"}`, "application/json",
			`{"id":"r","output":[{"text":"say \"usage\": {}"}],"usage":{"input_tokens":1000,"input_tokens_details":{"cached_tokens":400},"output_tokens":50,"output_tokens_details":{"reasoning_tokens":20}}}`,
			anvil.Usage{Input: 600, Cached: 400, Output: 50, Reasoning: 20, CostMicros: 6000 + 400 + 2500}},
		{"responses, streamed", "v1/responses", `{"model":"large","stream":true,"input":"hi"}`, "text/event-stream",
			"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"usage\":null}}\n\n" +
				"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"\\\"usage\\\":{\\\"output_tokens\\\":9}\"}\n\n" +
				"event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":[],\"usage\":{\"input_tokens\":10,\"output_tokens\":5}}}\n\n",
			anvil.Usage{Input: 10, Output: 5, CostMicros: 100 + 250}},
		{"chat", "v1/chat/completions", `{"model":"large","messages":[]}`, "application/json; charset=utf-8",
			`{"choices":[{}],"usage":{"prompt_tokens":100,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":40},"completion_tokens_details":{"reasoning_tokens":4}}}`,
			anvil.Usage{Input: 60, Cached: 40, Output: 10, Reasoning: 4, CostMicros: 600 + 40 + 500}},
		{"chat, streamed", "v1/chat/completions", `{"model":"large","stream":true,"messages":[]}`, "text/event-stream",
			"data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}],\"usage\":null}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n",
			anvil.Usage{Input: 7, Output: 3, CostMicros: 70 + 150}},
		{"messages", "v1/messages?beta=true", `{"model":"large","max_tokens":100,"messages":[]}`, "application/json",
			`{"type":"message","usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,"output_tokens":4,"cache_creation":{"ephemeral_1h_input_tokens":20}}}`,
			anvil.Usage{Input: 10, CacheWrite: 20, Cached: 30, Output: 4, CostMicros: 100 + 400 + 30 + 200}},
		{"messages, streamed", "v1/messages", `{"model":"large","stream":true,"max_tokens":100,"messages":[]}`, "text/event-stream",
			"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":30,\"output_tokens\":1}}}\n\n" +
				"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":44}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
			anvil.Usage{Input: 10, Cached: 30, Output: 44, CostMicros: 100 + 30 + 2200}},
		{"generate", "v1beta/models/large:generateContent", `{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`, "application/json; charset=UTF-8",
			`{"candidates":[{"content":{"parts":[{"text":"\"usageMetadata\": {}"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1000,"cachedContentTokenCount":400,"candidatesTokenCount":30,"thoughtsTokenCount":20,"toolUsePromptTokenCount":7,"totalTokenCount":1057}}`,
			anvil.Usage{Input: 607, Cached: 400, Output: 50, Reasoning: 20, CostMicros: 6070 + 400 + 2500}},
		{"generate, streamed", "v1beta/models/large:streamGenerateContent?alt=sse", `{"contents":[]}`, "text/event-stream",
			"data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"a\",\"args\":{\"finishReason\":\"u\",\"usageMetadata\":{\"promptTokenCount\":9}}}}]}}],\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":1}}\r\n\r\n" +
				"data: {\"candidates\":[{\"content\":{},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":5,\"thoughtsTokenCount\":2}}\r\n\r\n",
			anvil.Usage{Input: 10, Output: 7, Reasoning: 2, CostMicros: 100 + 350}},
		{"generate, blocked", "v1beta/models/large:streamGenerateContent?alt=sse", `{"contents":[]}`, "text/event-stream",
			"data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{\"promptTokenCount\":10}}\n\n",
			anvil.Usage{Input: 10, CostMicros: 100}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
				want := "/" + strings.Replace(strings.TrimSuffix(test.path, "?beta=true"), "v1beta/", "v1/", 1)
				if r.RequestURI != want || r.Header.Get("Authorization") != "Bearer "+ourKey || r.Header.Get("X-Evil") != "" {
					t.Errorf("the upstream got %s with %v", r.RequestURI, r.Header)
				}
				var body map[string]any
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body["model"] != "large" && !strings.HasPrefix(test.name, "generate") {
					t.Errorf("the upstream got %v, %v", body, err)
				}
				if options, _ := body["stream_options"].(map[string]any); strings.HasPrefix(test.name, "chat, streamed") && options["include_usage"] != true {
					t.Errorf("usage was not asked for: %v", body)
				}
				rw.Header().Set("Content-Type", test.kind)
				rw.Header().Set("Openai-Organization", "ours")
				for _, part := range strings.SplitAfter(test.answer, "u") { // in pieces, cut where it hurts
					io.WriteString(rw, part)
					rw.(http.Flusher).Flush()
				}
			})))
			run := w.working("a", token)
			status, got := w.post(run, token, test.path, test.body)
			if status != 200 || got != test.answer {
				t.Errorf("the engine got %d %s", status, got)
			}
			calls := w.calls(run)
			if len(calls) != 1 || calls[0].State != anvil.CallSettled || calls[0].Estimated || calls[0].Upstream != "one" {
				t.Fatalf("calls are %+v", calls)
			}
			test.want.Calls = 1
			if calls[0].Usage != test.want {
				t.Errorf("usage is %+v, want %+v", calls[0].Usage, test.want)
			}
			story, err := w.store.StoryOfRun(t.Context(), run)
			if err != nil || story.Usage != test.want {
				t.Errorf("the story's usage is %+v, %v", story.Usage, err)
			}
		})
	}
}

// A stream reaches the engine while the model still writes.
func TestAStreamIsNotHeldBack(t *testing.T) {
	t.Parallel()
	read := make(chan struct{})
	w := newWorld(t, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(rw, "data: {\"n\":%d}\n\n", i)
			rw.(http.Flusher).Flush()
			<-read
		}
		io.WriteString(rw, "data: [DONE]\n\n")
	})))
	run := w.working("a", token)
	resp, err := w.start(t.Context(), run, token, "v1/chat/completions", `{"model":"large","stream":true}`)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 1000)
	for i := range 3 {
		n, err := resp.Body.Read(buf)
		if want := fmt.Sprintf("data: {\"n\":%d}\n\n", i); err != nil || string(buf[:n]) != want {
			t.Fatalf("read %q, %v; want %q", buf[:n], err, want)
		}
		read <- struct{}{}
	}
}

func TestModelsAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.working("a", token)
	get := func(method, path string, header ...string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, w.http.URL+"/api/v1/runs/"+string(run)+"/model/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Api-Key", token)
		for _, h := range header {
			r.Header.Set(h, "2023-06-01")
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text)
	}
	if status, text := get("GET", "v1/models"); status != 200 || !strings.Contains(text, `"id":"large"`) || !strings.Contains(text, `"object":"list"`) {
		t.Errorf("got %d %s", status, text)
	}
	if status, text := get("GET", "v1/models?limit=9", "Anthropic-Version"); status != 200 || !strings.Contains(text, `"id":"small"`) || !strings.Contains(text, `"has_more":false`) {
		t.Errorf("got %d %s", status, text)
	}
	for _, method := range []string{"HEAD", "GET"} {
		for _, path := range []string{"", "api/hello"} {
			if status, _ := get(method, path); status != 200 {
				t.Errorf("%s %q: %d", method, path, status)
			}
		}
	}
}
