package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

const fine = `{"usage":{"input_tokens":1,"output_tokens":1}}`

// failing is an upstream that answers with the statuses, one after the other, and
// then well.
func failing(t *testing.T, name string, header http.Header, statuses ...int) (Upstream, *atomic.Int64) {
	asked := new(atomic.Int64)
	return upstreamAt(t, name, func(rw http.ResponseWriter, r *http.Request) {
		n := int(asked.Add(1))
		rw.Header().Set("Content-Type", "application/json")
		if n <= len(statuses) {
			for k, v := range header {
				rw.Header()[k] = v
			}
			rw.WriteHeader(statuses[n-1])
			io.WriteString(rw, `{"error":{"message":"no, and your key is `+ourKey+`"}}`)
			return
		}
		io.WriteString(rw, fine)
	}), asked
}

func many(status int) []int { return []int{status, status, status, status, status, status, status} }

// What fails before it has begun is asked again, or another upstream is; what the
// engine did wrong is not.
func TestRetriesAndFallback(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		header        http.Header
		statuses      []int
		status        int
		says, from    string
		first, second int64
		waited        time.Duration // at least, once
	}{
		{name: "well", status: 200, from: "first", first: 1},
		{name: "overloaded once", statuses: []int{529}, status: 200, from: "second", first: 1, second: 1},
		{name: "failing", statuses: many(500), status: 200, from: "second", first: 1, second: 1},
		{name: "limited", statuses: many(429), header: http.Header{"Retry-After": {"60"}}, status: 200, from: "second", first: 1, second: 1},
		{name: "redirecting", statuses: many(307), header: http.Header{"Location": {"http://169.254.169.254/"}}, status: 200, from: "second", first: 1, second: 1},
		{name: "a key that is not accepted", statuses: many(401), status: 200, from: "second", first: 1, second: 1},
		{name: "a bad request", statuses: many(400), status: 400, says: "no, and your key is ****", from: "first", first: 1},
		{name: "not there", statuses: many(404), status: 200, from: "second", first: 1, second: 1},
		{name: "alone: overloaded twice", statuses: []int{529, 503}, status: 200, from: "first", first: 3, waited: pause},
		{name: "alone: asks for a moment", statuses: []int{429}, header: http.Header{"Retry-After": {"7"}}, status: 200, from: "first", first: 2, waited: 7 * time.Second},
		{name: "alone: asks for a minute", statuses: many(429), header: http.Header{"Retry-After": {"60"}}, status: 429, says: "GW_UPSTREAM", first: 1},
		{name: "alone: failing", statuses: many(500), status: 503, says: "GW_UPSTREAM: upstream first failed (status 500)", first: 3},
		{name: "alone: redirecting", statuses: many(302), header: http.Header{"Location": {"/v1/other"}}, status: 502, says: "redirects are not followed", first: 1},
		{name: "alone: a key that is not accepted", statuses: many(403), status: 400, says: "GW_KEY", first: 1},
		{name: "alone: not there", statuses: many(404), status: 404, says: "no, and your key is ****", from: "first", first: 1},
		{name: "alone: compressed", statuses: nil, header: http.Header{"Content-Encoding": {"gzip"}}, status: 502, says: "compressed", first: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			statuses := test.statuses
			if strings.HasSuffix(test.name, "compressed") {
				statuses = many(200)
			}
			first, asked := failing(t, "first", test.header, statuses...)
			second, askedSecond := failing(t, "second", nil)
			all := []Upstream{first, second}
			if strings.HasPrefix(test.name, "alone") {
				all = all[:1]
			}
			w := newWorld(t, with(all...))
			var longest time.Duration
			w.gateway.sleep = func(_ context.Context, d time.Duration) error { longest = max(longest, d); return nil }
			run := w.working("a", token)
			status, text := w.post(run, token, "v1/responses", ask)
			if status != test.status || !strings.Contains(text, test.says) || strings.Contains(text, ourKey) {
				t.Errorf("got %d %s", status, text)
			}
			if asked.Load() != test.first || askedSecond.Load() != test.second {
				t.Errorf("the first was asked %d times and the second %d", asked.Load(), askedSecond.Load())
			}
			if longest < test.waited || test.waited == 0 && longest > 0 && test.status == 200 {
				t.Errorf("it was waited for %v", longest)
			}
			calls := w.calls(run)
			if len(calls) != 1 || test.from != "" && calls[0].Upstream != test.from || (calls[0].State == anvil.CallSettled) != (test.from != "") {
				t.Errorf("calls are %+v", calls)
			}
		})
	}
}

// Nobody is there: another upstream takes its place, and after some failures it is
// not even tried.
func TestTheBreaker(t *testing.T) {
	t.Parallel()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	base, err := url.Parse("http://" + nobody.Addr().String() + "/v1")
	if err != nil {
		t.Fatal(err)
	}
	gone := Upstream{Name: "gone", Protocols: []string{"responses"}, BaseURL: base}
	second, _ := failing(t, "second", nil)
	w := newWorld(t, with(gone, second))
	run := w.working("a", token)
	for range 8 {
		if status, text := w.post(run, token, "v1/responses", ask); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
	}
	if log := w.log.String(); strings.Count(log, "cannot be reached") != 5 || !strings.Contains(log, "left alone") {
		t.Errorf("the log is:\n%s", log)
	}
}

// An upstream that does not have the model is passed over while another one may have it.
// What the last one says reaches the engine.
func TestAModelThatIsNotThere(t *testing.T) {
	t.Parallel()
	first, asked := failing(t, "first", nil, slices.Repeat([]int{404}, 4*tripping)...)
	second, askedSecond := failing(t, "second", nil, slices.Repeat([]int{404}, 4*tripping)...)
	third, askedThird := failing(t, "third", nil)
	third.Models = map[string]string{"small": ""}
	w := newWorld(t, with(first, second, third))
	run := w.working("a", token)
	for range 2 * tripping {
		if status, text := w.post(run, token, "v1/responses", ask); status != 404 || !strings.Contains(text, "no, and your key") {
			t.Errorf("%d %s", status, text)
		}
		if status, text := w.post(run, token, "v1/responses", `{"model":"small"}`); status != 200 {
			t.Errorf("%d %s", status, text)
		}
	}
	for _, call := range w.calls(run) {
		if want := map[string]string{"large": "second", "small": "third"}[call.Model]; call.Upstream != want {
			t.Errorf("%s was asked of %s, want %s", call.Model, call.Upstream, want)
		}
	}
	if a, b, c := asked.Load(), askedSecond.Load(), askedThird.Load(); a != 4*tripping || b != 4*tripping || c != 2*tripping {
		t.Errorf("they were asked %d, %d and %d times: one that lacks a model has not failed", a, b, c)
	}
}

// An upstream that does not accept the key is left alone, as one that is not there. Where
// no other can take its place it is asked all the same, so that the engine hears what is
// wrong and stops, and a key that one model alone is refused to serves the others.
func TestARefusedKeyIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 402, 403} {
		first := func(asked *atomic.Int64) Upstream {
			return upstreamAt(t, "first", func(rw http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				rw.Header().Set("Content-Type", "application/json")
				if text, _ := io.ReadAll(r.Body); strings.Contains(string(text), "small") {
					io.WriteString(rw, fine)
					return
				}
				rw.WriteHeader(status)
			})
		}
		var asked, askedAlone atomic.Int64
		second, _ := failing(t, "second", nil)
		w, alone := newWorld(t, with(first(&asked), second)), newWorld(t, with(first(&askedAlone)))
		run, runAlone := w.working("a", token), alone.working("a", token)
		for range 2 * tripping {
			if status, text := w.post(run, token, "v1/responses", ask); status != 200 {
				t.Errorf("%d %s", status, text)
			}
			if status, text := alone.post(runAlone, token, "v1/responses", ask); status != 400 || !strings.Contains(text, "GW_KEY") {
				t.Errorf("alone: %d %s", status, text)
			}
		}
		if status, text := alone.post(runAlone, token, "v1/responses", `{"model":"small"}`); status != 200 {
			t.Errorf("another model: %d %s", status, text)
		}
		if asked.Load() != tripping || askedAlone.Load() != 2*tripping+1 {
			t.Errorf("status %d: it was asked %d times, and alone %d times", status, asked.Load(), askedAlone.Load())
		}
	}
}

// Models are asked for by the upstream's own name for them, and only where they are.
func TestModelsOfAnUpstream(t *testing.T) {
	t.Parallel()
	first, asked := failing(t, "first", nil)
	first.Models = map[string]string{"small": ""}
	second := upstreamAt(t, "second", func(rw http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		if string(text) != `{ "model":"my-deployment" , "input":"hi"}` || r.Header.Get("Api-Key") != ourKey || r.URL.RawQuery != "api-version=1" {
			t.Errorf("the second upstream got %s with %v at %s", text, r.Header, r.URL)
		}
		rw.Header().Set("Content-Type", "application/json")
		io.WriteString(rw, fine)
	})
	second.Models, second.Auth, second.BaseURL.RawQuery = map[string]string{"large": "my-deployment"}, "api-key", "api-version=1"
	w := newWorld(t, with(first, second))
	run := w.working("a", token)
	if status, text := w.post(run, token, "v1/responses", `{ "model":"large" , "input":"hi"}`); status != 200 || asked.Load() != 0 {
		t.Errorf("%d %s", status, text)
	}
	if status, text := w.post(run, token, "v1/responses", `{"model":"small"}`); status != 200 || asked.Load() != 1 {
		t.Errorf("%d %s", status, text)
	}
}

// A stream that is cut in the middle ends with an error in the provider's own shape;
// nothing is asked again, and what it took is estimated.
func TestACutStream(t *testing.T) {
	t.Parallel()
	for path, test := range map[string]struct{ begin, end string }{
		"v1/responses":        {"event: response.created\ndata: {\"type\":\"response.created\"}\n\ndata: {\"type\":", "event: response.failed\ndata: {\"response\":{\"error\":{\"code\":\"GW_UPSTREAM\""},
		"v1/chat/completions": {"data: {\"choices\":[]}\n\n", "data: {\"error\":{\"code\":\"GW_UPSTREAM\""},
		"v1/messages":         {"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":77,\"output_tokens\":1}}}\n\n", "event: error\ndata: {\"error\":{\"message\":\"GW_UPSTREAM: upstream one cut"},
	} {
		for _, how := range []string{"broken", "ended"} {
			t.Run(path+" "+how, func(t *testing.T) {
				t.Parallel()
				var asked atomic.Int64
				w := newWorld(t, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					rw.Header().Set("Content-Type", "text/event-stream")
					io.WriteString(rw, test.begin+strings.Repeat(" ", 400))
					rw.(http.Flusher).Flush()
					if how == "broken" {
						panic(http.ErrAbortHandler)
					}
				})))
				run := w.working("a", token)
				status, text := w.post(run, token, path, `{"model":"large","stream":true,"max_tokens":100}`)
				if status != 200 || !strings.HasPrefix(text, test.begin) || !strings.Contains(text, "\n\n"+test.end) || !strings.HasSuffix(text, "\n\n") {
					t.Errorf("the engine got %d %q", status, text)
				}
				c := w.calls(run)[0]
				if asked.Load() != 1 || c.State != anvil.CallFailed || c.Code != CodeUpstream || !c.Estimated || c.Usage.Output < 10 || c.Usage.Output > 100 || c.Usage.Input == 0 {
					t.Errorf("asked %d times; the call is %+v", asked.Load(), c)
				}
				if path == "v1/messages" && c.Usage.Input != 77 {
					t.Errorf("what the stream had told of its input is forgotten: %+v", c.Usage)
				}
			})
		}
	}
}

// An answer that is not streamed and is cut never passes for a whole one.
func TestACutAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.Header().Set("Content-Length", "5000")
		io.WriteString(rw, `{"output":"`)
		rw.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})))
	run := w.working("a", token)
	if status, text, err := w.try(run, token, "v1/responses", ask); err == nil {
		t.Errorf("got %d %s", status, text)
	}
	if c := w.calls(run)[0]; c.State != anvil.CallFailed || !c.Estimated {
		t.Errorf("the call is %+v", c)
	}
}

// An upstream that falls silent is given up.
func TestSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Silence = 50 * time.Millisecond }, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(rw, "data: {}\n\n")
		rw.(http.Flusher).Flush()
		<-r.Context().Done()
	})))
	run := w.working("a", token)
	if status, text := w.post(run, token, "v1/responses", `{"model":"large","stream":true}`); status != 200 || !strings.Contains(text, "fell silent") {
		t.Errorf("got %d %s", status, text)
	}
}

// An upstream that has begun its answer's head is held to the same: whatever it says in
// the head, and however it is to be tried again.
func TestSilenceAfterTheHead(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 400, 429, 503} {
		w := newWorld(t, func(c *Config) { c.Silence = 50 * time.Millisecond }, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(status)
			rw.(http.Flusher).Flush()
			<-r.Context().Done()
		})))
		run := w.working("a", token)
		if got, text := w.post(run, token, "v1/responses", ask); got < 400 || !strings.Contains(text, "GW_UPSTREAM") {
			t.Errorf("head %d: got %d %s", status, got, text)
		}
	}
}

// A person's stop cuts what is under way, and the engine reads why.
func TestAStopCutsStreams(t *testing.T) {
	t.Parallel()
	cut := make(chan struct{})
	w := newWorld(t, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(rw, "data: {}\n\n")
		rw.(http.Flusher).Flush()
		<-r.Context().Done()
		close(cut)
	})))
	run := w.working("a", token)
	resp, err := w.start(t.Context(), run, token, "v1/messages", `{"model":"large","stream":true,"max_tokens":9}`)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, len("data: {}\n\n"))); err != nil {
		t.Fatal(err)
	}
	w.move(run, anvil.Stopping, nil)
	rest, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(rest), "GW_ENDED: the run was told to stop") {
		t.Errorf("the engine got %q, %v", rest, err)
	}
	<-cut
}

// An engine that goes away stops the upstream, and pays for what it has begun.
func TestAnEngineThatGoesAway(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		arrived, stopped := make(chan struct{}), make(chan struct{})
		w := newWorld(t, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
			if stream {
				rw.Header().Set("Content-Type", "text/event-stream")
				io.WriteString(rw, "data: {}\n\n")
				rw.(http.Flusher).Flush()
			}
			io.Copy(io.Discard, r.Body)
			close(arrived)
			<-r.Context().Done()
			close(stopped)
		})))
		run := w.working("a", token)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if resp, err := w.start(ctx, run, token, "v1/responses", fmt.Sprintf(`{"model":"large","stream":%v,"input":"%s"}`, stream, strings.Repeat("word ", 100))); err == nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		}()
		<-arrived
		cancel()
		<-ended
		<-stopped
		w.http.Close() // waits until the call has settled
		c := w.calls(run)[0]
		if c.State != anvil.CallFailed || c.Code != CodeGone || !c.Estimated || c.Usage.Input < 100 || c.Usage.CostMicros == 0 {
			t.Errorf("the call is %+v", c)
		}
	}
}

// A key of ours that a provider repeats does not reach the engine, however the
// stream is cut in pieces.
func TestAKeyIsTakenOut(t *testing.T) {
	t.Parallel()
	text := "data: {\"a\":\"" + ourKey + " sk-ups " + ourKey + ourKey[:9] + "\"}\n\ndata: [DONE]\n\n"
	want := strings.ReplaceAll(text, ourKey, strings.Repeat("*", len(ourKey)))
	for size := 1; size < len(text); size += 3 {
		w := newWorld(t, with(upstreamAt(t, "one", func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "text/event-stream")
			for rest := text; rest != ""; {
				n := min(size, len(rest))
				io.WriteString(rw, rest[:n])
				rw.(http.Flusher).Flush()
				rest = rest[n:]
			}
		})))
		run := w.working("a", token)
		if _, got := w.post(run, token, "v1/chat/completions", `{"model":"large","stream":true}`); got != want {
			t.Fatalf("in pieces of %d: got %q", size, got)
		}
	}
}
