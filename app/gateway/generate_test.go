package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// What of generateContent is passed on is what engines need: nothing that the provider
// would act on outside, and each thing in one spelling.
func TestGenerateBodies(t *testing.T) {
	t.Parallel()
	var last atomic.Value
	w := newWorld(t, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		last.Store(r.RequestURI + " " + string(text))
		rw.Header().Set("Content-Type", "application/json")
		io.WriteString(rw, `{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1}}`)
	})))
	run := w.working("a", token)
	const plain = "v1beta/models/large:generateContent"
	for _, test := range []struct {
		name, path, body string
		status           int
		says             string // the answer, or what the upstream gets
	}{
		{"a call", plain, `{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{"maxOutputTokens":5,"temperature":1}}`, 200, "/v1/models/large:generateContent {"},
		{"another model", "v1beta/models/huge:generateContent", `{}`, 400, "GW_MODEL: the run may not use this model. It may use: large, small."},
		{"another model in the body", plain, `{"model":"models/huge","contents":[]}`, 400, "GW_REQUEST"},
		{"an escaped model", "v1beta/models/la%72ge:generateContent", `{}`, 404, "GW_PATH"},
		{"a path in the model", "v1beta/models/..%2f..%2fevil:generateContent", `{}`, 404, "GW_PATH"},
		{"a tuned model of somebody's", "v1beta/tunedModels/evil:generateContent", `{}`, 404, "GW_PATH"},
		{"files of the account", "v1beta/files", `{}`, 404, "GW_PATH"},
		{"a batch", "v1beta/models/large:batchGenerateContent", `{}`, 404, "GW_PATH"},
		{"a key in the query", plain + "?key=evil", `{}`, 400, "GW_REQUEST"},
		{"a stream that is one list", "v1beta/models/large:streamGenerateContent", `{}`, 400, "alt=sse"},
		{"a stream", "v1beta/models/large:streamGenerateContent?alt=sse", `{"contents":[]}`, 200, "/v1/models/large:streamGenerateContent?alt=sse {"},
		{"a cache of somebody's", plain, `{"cachedContent":"cachedContents/evil","contents":[]}`, 400, "GW_REQUEST"},
		{"the same, in the other spelling", plain, `{"cached_content":"cachedContents/evil","contents":[]}`, 400, "GW_REQUEST"},
		{"two conversations", plain, `{"contents":[],"contents":[]}`, 400, "GW_REQUEST"},
		{"a file at an address", plain, `{"contents":[{"parts":[{"fileData":{"fileUri":"https://evil.example"}}]}]}`, 400, "fileData"},
		{"the same, in the other spelling", plain, `{"contents":[{"parts":[{"file_data":{"file_uri":"https://evil.example"}}]}]}`, 400, "file_data"},
		{"the same, escaped", plain, `{"contents":[{"parts":[{"file\u0044ata":{"fileUri":"https://evil.example"}}]}]}`, 400, "fileData"},
		{"the same, in the instructions", plain, `{"systemInstruction":{"parts":[{"fileData":{"fileUri":"gs://evil"}}]},"contents":[]}`, 400, "fileData"},
		{"the same, beside a tool's result", plain, `{"contents":[{"parts":[{"functionResponse":{"name":"a","parts":[{"fileData":{"fileUri":"https://evil.example"}}]}}]}]}`, 400, "fileData"},
		{"an argument of that name", plain, `{"contents":[{"parts":[{"functionCall":{"name":"a","args":{"fileData":{"fileUri":"https://a.example"}}}},{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}]}`, 200, "a.example"},
		{"tools of the provider", plain, `{"contents":[],"tools":[{"functionDeclarations":[{"name":"a"}],"googleSearch":{}}, {"urlContext":{"evil":1}},{"codeExecution":{}}],"toolConfig":{}}`, 200,
			`{"contents":[],"tools":[{"functionDeclarations":[{"name":"a"}]}],"toolConfig":{}}`},
		{"tools of the engine", plain, `{"contents":[],"tools":[{"functionDeclarations":[{"name":"googleSearch"}]}]}`, 200, `"name":"googleSearch"`},
		{"two bounds", plain, `{"contents":[],"generationConfig":{"maxOutputTokens":5,"max_output_tokens":9000}}`, 400, "max_output_tokens"},
		{"a negative bound", plain, `{"contents":[],"generationConfig":{"maxOutputTokens":-5}}`, 400, "maxOutputTokens"},
		{"a picture as the answer", plain, `{"contents":[],"generationConfig":{"responseModalities":["IMAGE"]}}`, 400, "responseModalities"},
		{"not an object", plain, `[]`, 400, "GW_REQUEST"},
		{"cut off", plain, `{"contents":[`, 400, "GW_REQUEST"},
		{"empty", plain, ``, 400, "GW_REQUEST"},
	} {
		last.Store("")
		status, text := w.post(run, token, test.path, test.body)
		if status != 200 {
			var told struct {
				Error struct {
					Code            int
					Message, Status string
				}
			}
			if err := json.Unmarshal([]byte(text), &told); err != nil || told.Error.Code != status || !strings.HasPrefix(told.Error.Message, "GW_") || told.Error.Status == "" {
				t.Errorf("%s: it is not told as Google does: %s", test.name, text)
			}
		} else {
			text = last.Load().(string)
		}
		if status != test.status || !strings.Contains(text, test.says) {
			t.Errorf("%s: %d %.300s", test.name, status, text)
		}
		if sent := last.Load().(string); status != 200 && sent != "" || strings.Contains(sent, "evil") {
			t.Errorf("%s: the upstream got %.300s", test.name, sent)
		}
	}
}

// Counting tokens costs nothing, and comes with our key in the header that Google reads;
// the run's token may stand in that header too.
func TestGenerateKeysAndCounts(t *testing.T) {
	t.Parallel()
	var got atomic.Value
	up := upstreamAt(t, "google", func(rw http.ResponseWriter, r *http.Request) {
		got.Store(r.RequestURI + " " + r.Header.Get("X-Goog-Api-Key") + r.Header.Get("Authorization"))
		rw.Header().Set("Content-Type", "application/json")
		io.WriteString(rw, `{"totalTokens":12}`)
	})
	up.Auth, up.Models = "x-goog-api-key", map[string]string{"large": "gemini-large-001"}
	w := newWorld(t, with(up))
	run := w.working("a", token)
	r, err := http.NewRequestWithContext(t.Context(), "POST", w.http.URL+"/api/v1/runs/"+string(run)+"/model/v1beta/models/large:countTokens", strings.NewReader(`{"contents":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Goog-Api-Key", token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || string(text) != `{"totalTokens":12}` {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	if want := "/v1/models/gemini-large-001:countTokens " + ourKey; got.Load() != want {
		t.Errorf("the upstream got %v, want %s", got.Load(), want)
	}
	if calls := w.calls(run); len(calls) != 1 || calls[0].Usage.CostMicros != 0 || calls[0].Protocol != "generate" || calls[0].State != anvil.CallSettled {
		t.Errorf("calls are %+v", calls)
	}
}

// A stream that breaks off is no whole answer, though each of its events tells a usage, and
// it is paid for.
func TestAGenerateStreamThatBreaksOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(rw, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"half\"}]}}],\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":1}}\n\n")
	})))
	run := w.working("a", token)
	status, text := w.post(run, token, "v1beta/models/large:streamGenerateContent?alt=sse", `{"contents":[]}`)
	if status != 200 || !strings.HasSuffix(text, "\n\n") || !strings.Contains(text, `"message":"GW_UPSTREAM`) {
		t.Errorf("%d %s", status, text)
	}
	if calls := w.calls(run); len(calls) != 1 || !calls[0].Estimated || calls[0].Usage.Input != 10 || calls[0].Usage.Output == 0 {
		t.Errorf("calls are %+v", calls)
	}
}
