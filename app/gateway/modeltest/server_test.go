package modeltest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/gateway/modeltest"
)

func start(t *testing.T, o modeltest.Options) *modeltest.Server {
	t.Helper()
	s, err := modeltest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

var errand = []modeltest.Script{{Name: "errand", Match: "go", Steps: []modeltest.Step{
	{Think: "what to do"}, {Say: "first I list"}, {Shell: "ls"},
	{Write: &modeltest.File{Path: "a.txt", Content: "one\ntwo"}},
	{Tool: &modeltest.Tool{Name: "get_task", Arguments: map[string]any{"n": 1, "last": "{{.Output}}"}}},
	{Say: "I saw {{.Earlier}} earlier instructions"},
}}}

// One script is the same work in every protocol, streamed or not, by the tools that
// the request offers.
func TestAScriptIsFollowedInEveryProtocol(t *testing.T) {
	t.Parallel()
	s := start(t, modeltest.Options{Scripts: errand})
	want := map[string][]string{
		"responses": {
			"say first I list", `shell {"command":["bash","-c","ls"]}`,
			"apply_patch *** Begin Patch\n*** Add File: a.txt\n+one\n+two\n*** End Patch\n",
			`get_task {"last":"output 3","n":1}`, "say I saw 0 earlier instructions",
		},
		"chat": {
			"say first I list", `bash {"command":"ls"}`,
			`bash {"command":"mkdir -p \"$(dirname 'a.txt')\" \u0026\u0026 cat \u003e 'a.txt' \u003c\u003c'ANVIL_FILE'\none\ntwo\nANVIL_FILE"}`,
			`anvil_get_task {"last":"output 3","n":1}`, "say I saw 0 earlier instructions",
		},
		"messages": {
			"say first I list", `Bash {"command":"ls"}`, `Write {"content":"one\ntwo\n","file_path":"a.txt"}`,
			`mcp__anvil__get_task {"last":"output 3","n":1}`, "say I saw 0 earlier instructions",
		},
		"generate": {
			"say first I list", `run_shell_command {"command":"ls"}`, `write_file {"content":"one\ntwo\n","file_path":"a.txt"}`,
			`mcp_anvil_get_task {"last":"output 3","n":1}`, "say I saw 0 earlier instructions",
		},
	}
	for name, d := range dialects() {
		for _, stream := range []bool{false, true} {
			did, history := work(t, s.URL, d, nil, "go", stream)
			if !slices.Equal(did, want[name]) {
				t.Errorf("%s, stream %v:\n%q\nwant\n%q", name, stream, did, want[name])
			}
			// A second instruction sees the first, as long as the history is sent.
			did, _ = work(t, s.URL, d, history, "go on", stream)
			if last := did[len(did)-1]; last != "say I saw 1 earlier instructions" {
				t.Errorf("%s, stream %v: the second time it ends with %q", name, stream, last)
			}
		}
	}
}

// The instruction is found in the envelope that Anvil puts around it.
func TestTheInstructionIsTakenOutOfTheEnvelope(t *testing.T) {
	t.Parallel()
	s := start(t, modeltest.Options{Scripts: []modeltest.Script{
		{Match: "^go$", Steps: []modeltest.Step{{Say: "found"}}}, {Steps: []modeltest.Step{{Say: "not found"}}},
	}})
	prompt := "Anvil prompt, format 1, boundary B0\nwords\n[B0 instruction 2 bytes]\ngo\n[B0 end of instruction]\n\n[B0 issue title 4 bytes]\nelse\n[B0 end of issue title]\n"
	if did, _ := work(t, s.URL, dialects()["chat"], nil, prompt, false); did[0] != "say found" {
		t.Error(did)
	}
}

// Disturbances come where the script says, as often as it says.
func TestDisturbances(t *testing.T) {
	t.Parallel()
	for name, d := range dialects() {
		for _, stream := range []bool{false, true} {
			s := start(t, modeltest.Options{Scripts: []modeltest.Script{
				{Match: "fail", Steps: []modeltest.Step{{Fail: &modeltest.Failure{Status: 529, RetryAfter: "1", Times: 1}}, {Say: "after all"}}},
				{Match: "cut", Steps: []modeltest.Step{{Cut: &modeltest.Cut{Times: 1}}, {Say: "a longer answer of some words"}}},
				{Match: "hold", Steps: []modeltest.Step{{Hold: true}, {Say: "never"}}},
			}})
			res := post(t, s.URL+d.path, d.body(list{d.user("fail")}, d.tools, stream))
			body, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if res.StatusCode != 529 || res.Header.Get("Retry-After") != "1" || !strings.Contains(string(body), `"error"`) {
				t.Errorf("%s, stream %v: failed with %s %s", name, stream, res.Status, body)
			}
			if did, _ := work(t, s.URL, d, nil, "fail", stream); did[0] != "say after all" {
				t.Errorf("%s, stream %v: after the failure: %q", name, stream, did)
			}
			res = post(t, s.URL+d.path, d.body(list{d.user("cut")}, d.tools, stream))
			body, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err == nil || len(body) == 0 {
				t.Errorf("%s, stream %v: an answer that is cut has %d bytes, then %v", name, stream, len(body), err)
			}
			if did, _ := work(t, s.URL, d, nil, "cut", stream); did[0] != "say a longer answer of some words" {
				t.Errorf("%s, stream %v: after the cut: %q", name, stream, did)
			}
		}
	}
}

// A stream that is held ends when the server does.
func TestAHeldAnswerEndsWithTheServer(t *testing.T) {
	t.Parallel()
	s := start(t, modeltest.Options{Scripts: []modeltest.Script{{Steps: []modeltest.Step{{Hold: true}, {Say: "never"}}}}})
	d := dialects()["messages"]
	res := post(t, s.URL+d.path, d.body(list{d.user("wait")}, d.tools, true))
	defer res.Body.Close()
	first := make([]byte, len("event: message_start"))
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "event: message_start" {
		t.Fatalf("%q, %v", first, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(res.Body); err == nil && strings.Contains(string(rest), "message_stop") {
		t.Errorf("it went on: %s", rest)
	}
}

// The same conversation costs the same, whatever the protocol.
func TestUsageFollowsFromThePlaceInTheScript(t *testing.T) {
	t.Parallel()
	s := start(t, modeltest.Options{Scripts: errand})
	for _, stream := range []bool{false, true} {
		for name, want := range map[string]string{
			"responses": `{"input_tokens":1200,"input_tokens_details":{"cached_tokens":1000},"output_tokens":50,"output_tokens_details":{"reasoning_tokens":10},"total_tokens":1250}`,
			"chat":      `{"completion_tokens":50,"completion_tokens_details":{"reasoning_tokens":10},"prompt_tokens":1200,"prompt_tokens_details":{"cached_tokens":1000},"total_tokens":1250}`,
			"messages":  `{"cache_creation_input_tokens":200,"cache_read_input_tokens":1000,"input_tokens":0,"output_tokens":50}`,
		} {
			d := dialects()[name]
			usage, _ := json.Marshal(ask(t, s.URL, d, list{d.user("go"), d.result("x", "done")}, stream)["usage"])
			if string(usage) != want {
				t.Errorf("%s, stream %v: %s\nwant %s", name, stream, usage, want)
			}
		}
	}
}

func TestTheLedgerSaysWhatArrived(t *testing.T) {
	t.Parallel()
	s := start(t, modeltest.Options{Scripts: errand, Keys: []string{"another key"}, Models: []string{"m"}})
	d := dialects()["chat"]
	res := post(t, s.URL+d.path, d.body(list{d.user("go")}, d.tools, false))
	_ = res.Body.Close()
	for _, path := range []string{"/", "/api/hello", "/v1/models", "/nothing"} {
		res, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	res = post(t, s.URL+"/v1/messages/count_tokens", obj{"messages": list{}})
	_ = res.Body.Close()
	var got []string
	for _, r := range s.Requests() {
		got = append(got, strings.Join([]string{r.Method, r.Path, r.Key, http.StatusText(r.Status)}, " "))
	}
	want := []string{
		"POST /v1/chat/completions Bearer the key Unauthorized", "GET /  OK", "GET /api/hello  OK", "GET /v1/models  Unauthorized",
		"GET /nothing  Not Found", "POST /v1/messages/count_tokens Bearer the key OK",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAScriptThatIsWrongIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"scripts: []": "no script", "scripts: [{match: '('}]": "missing closing",
		"scripts: [{steps: [{say: a, shell: b}]}]": "exactly one thing, this one does 2", "scripts: [{steps: [{sing: a}]}]": "sing not found",
		"scripts: [{steps: [{tool: {server: a}}]}]": "needs a name", "scripts: [{steps: [{fail: {status: 17}}]}]": "no HTTP status",
	} {
		path := filepath.Join(t.TempDir(), "script.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := modeltest.Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
