package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// counting is an upstream that answers, and counts what reaches it.
func counting(t *testing.T) (Upstream, *atomic.Int64) {
	reached := new(atomic.Int64)
	return upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		rw.Header().Set("Content-Type", "application/json")
		io.WriteString(rw, `{"usage":{"input_tokens":1,"output_tokens":1}}`)
	}), reached
}

// Whoever is not the present holder of a run at work gets no answer from a model, and
// the error has the shape of the provider that is spoken to.
func TestWhoMayNotCall(t *testing.T) {
	t.Parallel()
	up, reached := counting(t)
	w := newWorld(t, with(up))
	w.working("other", "anvil_lease_of_another_run")
	const openai, anthropic = `{"error":{"code":`, `"type":"error"}`
	for name, test := range map[string]struct {
		token  string
		change func(anvil.RunID)
		status int
		code   anvil.Code
	}{
		"no token":                {"", nil, 401, CodeToken},
		"another run's token":     {"anvil_lease_of_another_run", nil, 401, CodeToken},
		"the token's stored form": {anvil.Fingerprint(token), nil, 401, CodeToken},
		"the token of an older lease": {token, func(run anvil.RunID) {
			w.amend(run, func(r *anvil.Run) { r.Lease.Epoch, r.Lease.TokenHash = 2, anvil.Fingerprint("newer") })
		}, 401, CodeToken},
		"a run that is to stop":    {token, func(run anvil.RunID) { w.move(run, anvil.Stopping, nil) }, 400, CodeEnded},
		"a run that was cancelled": {token, func(run anvil.RunID) { w.move(run, anvil.Cancelled, nil) }, 400, CodeEnded},
		"a run that has failed": {token, func(run anvil.RunID) {
			w.move(run, anvil.Failed, func(r *anvil.Run) { r.Problem = anvil.Problemf("RUN_FAILED", "", "it failed") })
		}, 400, CodeEnded},
		"a run that has asked a person": {token, func(run anvil.RunID) {
			w.amend(run, func(r *anvil.Run) { r.Question = &anvil.Question{Text: "which one?", AskedAt: w.clock.Now()} })
		}, 400, CodeWaiting},
	} {
		run := w.working(name, token)
		if test.change != nil {
			if status, text := w.post(run, token, "v1/responses", ask); status != 200 { // so that it is remembered
				t.Errorf("%s: at first: %d %s", name, status, text)
			}
			test.change(run)
		}
		before := reached.Load()
		for path, shape := range map[string]string{"v1/responses": openai, "v1/chat/completions": openai, "v1/messages": anthropic, "v1/messages/count_tokens": anthropic, "v1/models": openai} {
			var status int
			var text string
			if path == "v1/models" {
				r, err := http.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("%s/api/v1/runs/%s/model/%s", w.http.URL, run, path), nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("X-Api-Key", test.token)
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				status, text = resp.StatusCode, string(body)
			} else {
				status, text = w.post(run, test.token, path, ask)
			}
			if status != test.status || !strings.Contains(text, string(test.code)+": ") || !strings.Contains(text, shape) {
				t.Errorf("%s, %s: %d %s", name, path, status, text)
			}
		}
		if reached.Load() != before {
			t.Errorf("%s: the upstream was asked", name)
		}
	}
	if status, text := w.post("nosuchtask.1", token, "v1/responses", ask); status != 401 {
		t.Errorf("a run that is not there: %d %s", status, text)
	}
	if log := w.log.String(); strings.Contains(log, token) || strings.Contains(log, ourKey) {
		t.Error("a token or key is in the log")
	}
}

// What a body may not ask for.
func TestBodies(t *testing.T) {
	t.Parallel()
	var last atomic.Value
	w := newWorld(t, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		last.Store(string(text))
		rw.Header().Set("Content-Type", "application/json")
		io.WriteString(rw, `{"usage":{"input_tokens":1,"output_tokens":1}}`)
	})))
	run := w.working("a", token)
	const elsewhere = "GW_REQUEST: a picture or file is named by an address or an id"
	for _, test := range []struct {
		name, path, body string
		status           int
		says             string // the answer, or what the upstream gets
	}{
		{"another model", "v1/responses", `{"model":"huge"}`, 400, "GW_MODEL: the run may not use this model. It may use: large, small."},
		{"no model", "v1/responses", `{"input":"x"}`, 400, "GW_MODEL"},
		{"two models", "v1/responses", `{"model":"large","model":"huge"}`, 400, "GW_REQUEST"},
		{"a model in other letters", "v1/responses", `{"model":"large","Model":"huge"}`, 400, "GW_REQUEST"},
		{"an escaped key", "v1/responses", `{"model":"large","mod\u0065l":"huge"}`, 400, "GW_REQUEST"},
		{"an escaped quote before a key", "v1/responses", `{"x":"\\\"","model":"huge","y":"\\"}`, 400, "GW_MODEL"},
		{"two objects", "v1/responses", `{"model":"large"}{"model":"huge"}`, 400, "GW_REQUEST"},
		{"not an object", "v1/responses", `[{"model":"large"}]`, 400, "GW_REQUEST"},
		{"cut off", "v1/responses", `{"model":"large","input":"`, 400, "GW_REQUEST"},
		{"brackets that do not fit", "v1/responses", `{"model":"large","input":[}]}`, 400, "GW_REQUEST"},
		{"deep", "v1/responses", `{"model":"large","input":` + strings.Repeat("[", 500_000) + strings.Repeat("]", 500_000) + `}`, 200, `"model":"large"`},
		{"empty", "v1/responses", ``, 400, "GW_REQUEST"},
		{"large", "v1/responses", `{"model":"large","input":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "GW_TOO_BIG"},
		{"another's conversation", "v1/responses", `{"model":"large","previous_response_id":"resp_1"}`, 400, "previous_response_id is not relayed"},
		{"none", "v1/responses", `{"model":"large","previous_response_id":null}`, 200, "null"},
		{"without being metered", "v1/responses", `{"model":"large","background":true}`, 400, "background is not relayed"},
		{"at another price", "v1/responses", `{"model":"large","service_tier":"priority"}`, 400, "service_tier"},
		{"at the usual price", "v1/responses", `{"model":"large","service_tier":"auto"}`, 200, "auto"},
		{"negative", "v1/messages", `{"model":"large","max_tokens":-5}`, 400, "max_tokens"},
		{"servers to connect to", "v1/messages", `{"model":"large","mcp_servers":[{"url":"https://evil.example"}]}`, 200, `"mcp_servers":[]`},
		{"tools of the provider", "v1/responses", `{"model":"large","tools":[{"type":"function","name":"a"}, {"type":"web_search"},{"type":"mcp","server_url":"https://evil.example"}],"x":1}`, 200,
			`{"model":"large","tools":[{"type":"function","name":"a"}],"x":1}`},
		{"dated tools", "v1/messages", `{"model":"large","tools":[{"type":"bash_20250124"},{"name":"mine"},{"type":"web_fetch_20250910"},{"type":"code_execution_20250825"}]}`, 200,
			`{"model":"large","tools":[{"type":"bash_20250124"},{"name":"mine"}]}`},
		{"a tool of two types", "v1/messages", `{"model":"large","tools":[{"Type":"web_search_1","type":"custom"}]}`, 400, "tools is not a list"},
		{"a tool of one type and another", "v1/responses", `{"model":"large","tools":[{"type":"web_search","type":"function"}]}`, 400, "tools is not a list"},
		{"tools in namespaces", "v1/responses", `{"model":"large","tools":[{"type":"namespace","tools":[{"type":"function"}]},{"type":"namespace","tools":[{"type":"mcp","server_url":"https://evil.example"}]}]}`, 200,
			`{"model":"large","tools":[{"type":"namespace","tools":[{"type":"function"}]}]}`},
		{"a picture at an address", "v1/responses", `{"model":"large","input":[{"content":[{"type":"input_image","image_url":"https://evil.example/?tree"}]}]}`, 400, elsewhere},
		{"a picture at an address, for Chat", "v1/chat/completions", `{"model":"large","messages":[{"content":[{"type":"image_url","image_url":{"detail":"low","url" : "https://evil.example"}}]}]}`, 400, elsewhere},
		{"a picture at an escaped address", "v1/responses", `{"model":"large","input":[{"image\u005furl":"\u0068ttps://evil.example"}]}`, 400, elsewhere},
		{"a film", "v1/chat/completions", `{"model":"large","messages":[{"content":[{"type":"video_url","video_url":{"url":"gs://evil"}}]}]}`, 400, elsewhere},
		{"a file at an address", "v1/responses", `{"model":"large","input":[{"content":[{"type":"input_file","file_url":"https://evil.example"}]}]}`, 400, elsewhere},
		{"a file whose bytes are an address", "v1/chat/completions", `{"model":"large","messages":[{"content":[{"type":"file","file":{"file_data":"https:\/\/evil.example"}}]}]}`, 400, elsewhere},
		{"a file of somebody's", "v1/responses", `{"model":"large","input":[{"content":[{"type":"input_file","file_id":"file-evil"}]}]}`, 400, elsewhere},
		{"a source at an address", "v1/messages", `{"model":"large","messages":[{"content":[{"type":"image","source":{"type":"url","url":"https://evil.example"}}]}]}`, 400, elsewhere},
		{"a source at an address, with two types", "v1/messages", `{"model":"large","messages":[{"content":[{"type":"document","source":{"type":"\u0075rl","url":"https://evil.example","type":"base64"}}]}]}`, 400, elsewhere},
		{"a source of somebody's", "v1/messages", `{"model":"large","messages":[{"content":[{"type":"document","source":{"type":"file","file_id":"file_evil"}}]}]}`, 400, elsewhere},
		{"a picture with its bytes", "v1/responses", `{"model":"large","input":[{"image_url":"data:image/png;base64,AA=="},{"image_url":null},{"file_data":"data:application/pdf;base64,AA=="}]}`, 200, "AA=="},
		{"a picture with its bytes, for Chat", "v1/chat/completions", `{"model":"large","messages":[{"content":[{"image_url":{"url":"data:image/png;base64,AA=="}}]}]}`, 200, "AA=="},
		{"a source with its bytes", "v1/messages", `{"model":"large","messages":[{"content":[{"type":"image","source":{"type":"base64","data":"AA=="}}]}]}`, 200, "AA=="},
		{"an argument that is an address", "v1/messages", `{"model":"large","messages":[{"content":[{"type":"tool_use","input":{"url":"https://a.example","image_url":"https://a.example","file_id":"1","source":"url"}}]}]}`, 200, "a.example"},
		{"words about addresses", "v1/responses", `{"model":"large","input":[{"content":[{"type":"input_text","text":"{\"image_url\":\"https://a.example\"}"}]}],"tools":[{"type":"function","parameters":{"properties":{"image_url":{"type":"string"},"url":{"type":"string"}}}}]}`, 200, "a.example"},
		{"its own stream options", "v1/chat/completions", `{"model":"large","stream":true,"stream_options":{"include_obfuscation":false}}`, 200, `"include_usage":true`},
	} {
		last.Store("")
		status, text := w.post(run, token, test.path, test.body)
		if status == 200 {
			text = last.Load().(string)
		}
		if status != test.status || !strings.Contains(text, test.says) {
			t.Errorf("%s: %d %.300s", test.name, status, text)
		}
		if sent := last.Load().(string); status != 200 && sent != "" || strings.Contains(sent, "evil") {
			t.Errorf("%s: the upstream got %.300s", test.name, sent)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", fmt.Sprintf("%s/api/v1/runs/%s/model/v1/responses", w.http.URL, run), strings.NewReader("\x1f\x8b"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Encoding", "gzip")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a compressed body: %d", resp.StatusCode)
	}
}

// What is sent as bytes, in ways that clients don't: other paths, other forms of a
// target, two lengths, lines within lines. Nothing of it reaches the upstream, and a
// proper call on a new connection does.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	up, reached := counting(t)
	w := newWorld(t, with(up))
	run := w.working("a", token)
	base := "/api/v1/runs/" + string(run) + "/model/"
	address := strings.TrimPrefix(w.http.URL, "http://")
	send := func(t *testing.T, text string) string {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, "Connection: close") { // else the server would take us for gone
			conn.(*net.TCPConn).CloseWrite()
		}
		var all strings.Builder
		for in := bufio.NewReader(conn); ; {
			line, err := in.ReadString('\n')
			all.WriteString(line)
			if err != nil {
				return all.String()
			}
		}
	}
	call := func(method, target, headers, body string) string {
		return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: anvil\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s\r\n%s", method, target, token, headers, body)
	}
	length := fmt.Sprintf("Content-Length: %d\r\n", len(ask))
	for _, target := range []string{
		base + "/v1/responses", base + "v1//responses", base + "v1/../v1/responses", base + "./v1/responses", base + "v1/%2e%2e/v1/responses",
		base + "v1%2fresponses", base + "v1/%72esponses", base + "v1/responses/", base + "v1/responses/../files", base + "v1/responses;x=1",
		base + "v1/files", base + "v1/responses/resp_1", base + "v1/fine_tuning/jobs", base + "v1/organization/api_keys", base + "V1/Responses", base + "v1/messages/batches",
		base + "http://evil.example/v1/responses", base + "@evil.example/v1/responses",
		"http://evil.example" + base + "v1/responses", "http://anvil" + base + "v1/responses", "*", "evil.example:443",
		"/" + base + "v1/responses", "/api/v1/runs//" + string(run) + "/model/v1/responses", "/api/v1/runs/../runs/" + string(run) + "/model/v1/responses",
	} {
		got := send(t, call("POST", target, length, ask))
		if !strings.HasPrefix(got, "HTTP/1.1 4") && !strings.HasPrefix(got, "HTTP/1.1 3") {
			t.Errorf("%s: %s", target, got)
		}
		if strings.HasPrefix(target, base) && !strings.Contains(got, "GW_PATH") {
			t.Errorf("%s: %s", target, got)
		}
	}
	for _, method := range []string{"GET", "PUT", "DELETE", "TRACE", "CONNECT", "PRI", "post"} {
		if got := send(t, call(method, base+"v1/responses", length, ask)); !strings.HasPrefix(got, "HTTP/1.1 4") && !strings.HasPrefix(got, "HTTP/1.1 5") {
			t.Errorf("%s: %s", method, got)
		}
	}
	inner := call("POST", base+"v1/responses", length, ask)
	for name, text := range map[string]string{
		"two lengths":          call("POST", base+"v1/responses", length+"Content-Length: 5\r\n", ask),
		"a signed length":      call("POST", base+"v1/responses", "Content-Length: +5\r\n", ask),
		"an unknown coding":    call("POST", base+"v1/responses", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
		"two codings":          call("POST", base+"v1/responses", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
		"a space in a name":    call("POST", base+"v1/responses", "Content-Length : 5\r\n"+length, ask),
		"a folded line":        call("POST", base+"v1/responses", "X-A: b\r\n c\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
		"a chunk's size":       call("POST", base+"v1/responses", "Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"),
		"a line in the path":   call("POST", base+"v1/responses\r\nX-Evil: 1", length, ask),
		"a NUL in a header":    call("POST", base+"v1/responses", "X-A: \x00\r\n"+length, ask),
		"no host":              strings.Replace(inner, "Host: anvil\r\n", "", 1),
		"two hosts":            strings.Replace(inner, "Host: anvil\r\n", "Host: anvil\r\nHost: evil.example\r\n", 1),
		"chunked and a length": call("POST", base+"v1/files", length+"Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
	} {
		if got := send(t, text); strings.HasPrefix(got, "HTTP/1.1 2") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d of them reached the upstream", n)
	}
	if got := send(t, call("POST", base+"v1/responses", length+"Connection: close\r\n", ask)); !strings.HasPrefix(got, "HTTP/1.1 200") || reached.Load() != 1 {
		t.Errorf("a proper call: %s", got)
	}
}

// Of the engine's headers only those on the list pass, and of the provider's too.
func TestHeaders(t *testing.T) {
	t.Parallel()
	got := make(chan http.Header, 1)
	w := newWorld(t, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
		r.Header.Set("Host", r.Host)
		got <- r.Header
		for _, name := range []string{"Set-Cookie", "Openai-Organization", "Anthropic-Organization-Id", "Location", "X-Request-Id"} {
			rw.Header().Set(name, "value")
		}
		rw.Header().Set("Content-Type", "application/json")
		io.WriteString(rw, `{"usage":{"output_tokens":1}}`)
	})))
	run := w.working("a", token)
	r, err := http.NewRequestWithContext(t.Context(), "POST", fmt.Sprintf("%s/api/v1/runs/%s/model/v1/messages", w.http.URL, run), strings.NewReader(ask))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example"
	for name, value := range map[string]string{
		"X-Api-Key": token, "Authorization": "Bearer " + token, "Cookie": "a=b", "X-Forwarded-For": "1.2.3.4", "X-Evil": "x", "Openai-Organization": "theirs",
		"Anthropic-Beta": "context-1m", "Anthropic-Version": "2023-06-01", "Accept-Encoding": "gzip", "User-Agent": "engine", "Proxy-Authorization": "x",
	} {
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	sent := <-got
	for name, want := range map[string]string{
		"Authorization": "Bearer " + ourKey, "Anthropic-Beta": "context-1m", "Anthropic-Version": "2023-06-01", "Accept-Encoding": "identity",
		"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "anvil-gateway", "Content-Length": fmt.Sprint(len(ask)),
	} {
		if sent.Get(name) != want {
			t.Errorf("the upstream got %s: %q, want %q", name, sent.Get(name), want)
		}
		sent.Del(name)
	}
	if host := sent.Get("Host"); !strings.HasPrefix(host, "127.0.0.1:") {
		t.Errorf("the upstream was called %s", host)
	}
	sent.Del("Host")
	if len(sent) > 0 {
		t.Errorf("the upstream got more: %v", sent)
	}
	if resp.Header.Get("X-Request-Id") != "value" || resp.Header.Get("Set-Cookie") != "" || resp.Header.Get("Openai-Organization") != "" || resp.Header.Get("Location") != "" {
		t.Errorf("the engine got %v", resp.Header)
	}
}

// One run has no more than so many calls under way.
func TestTooManyAtOnce(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(c *Config) { c.Parallel = 2 }, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		rw.Header().Set("Content-Type", "application/json")
		io.WriteString(rw, `{"usage":{"output_tokens":1}}`)
	})))
	run := w.working("a", token)
	done := make(chan int)
	for range 2 {
		go func() {
			status, _, _ := w.try(run, token, "v1/responses", ask)
			done <- status
		}()
		<-arrived
	}
	if status, text := w.post(run, token, "v1/responses", ask); status != 429 || !strings.Contains(text, "GW_BUSY") {
		t.Errorf("the third call: %d %s", status, text)
	}
	close(release)
	for range 2 {
		if status := <-done; status != 200 {
			t.Errorf("a call in time: %d", status)
		}
	}
}
