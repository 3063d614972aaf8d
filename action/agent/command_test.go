package agent_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/agent"
	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// start runs a shell script as the engine.
func start(t *testing.T, script string, raw *bytes.Buffer) (agent.Turn, error) {
	t.Helper()
	dir := t.TempDir()
	engine, env := agent.Command{}, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	named := runapi.Engine{Name: "script", Kind: "command", Command: []string{"sh", "-c", script}}
	program, err := engine.Find(named, env)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Start(t.Context(), agent.Work{
		Engine: named, Program: program, Prompt: "the prompt\n", Tree: dir, Home: dir, Env: env,
		Confine: &confine.Plain{}, Raw: raw, Grace: 100 * time.Millisecond,
	})
}

func TestCommandTranslatesItsOutput(t *testing.T) {
	t.Parallel()
	var raw bytes.Buffer
	turn, err := start(t, `
		cat
		echo '  {"event":"plan","text":"two steps","steps":["a","b"]}'
		echo '{"event":"command","argv":["go","test"],"exit":1,"output":"FAIL"}'
		echo '{"event":"file_change","path":"a.go"}'
		echo '{"event":"usage","input_tokens":3}'
		echo '{"event":"dance","text":"hop"}'
		echo '{"event":3}'
		echo '{"no":"event"}'
		echo to the log only >&2
		echo '{"event":"resume","text":"thread-1"}'
		printf 'no newline'`, &raw)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for e := range turn.Events() {
		got = append(got, e.Kind+"|"+e.Text+"|"+string(e.Data))
	}
	want := []string{
		"engine.message|the prompt|",
		`engine.plan|two steps|{"steps":["a","b"]}`,
		`engine.command|go test|{"argv":["go","test"],"exit":1,"output":"FAIL"}`,
		`engine.file_change|a.go|{"path":"a.go"}`,
		`engine.usage||{"input_tokens":3}`,
		"engine.message|dance hop|",
		`engine.message|{"event":3}|`,
		`engine.message|{"no":"event"}|`,
		"reference|thread-1|",
		"engine.message|no newline|",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("events:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	answer, err := turn.Wait()
	if err != nil || answer.Text != "no newline" || answer.Resume != "thread-1" {
		t.Errorf("answer %+v, %v", answer, err)
	}
	if !strings.Contains(raw.String(), "to the log only") || !strings.Contains(raw.String(), `{"event":3}`) {
		t.Errorf("raw output: %q", raw.String())
	}
}

// The answer counts even if the program failed afterwards; the failure quotes what
// it last said, without control characters.
func TestCommandFails(t *testing.T) {
	t.Parallel()
	var raw bytes.Buffer
	turn, err := start(t, `echo '{"event":"answer","text":"half done"}'; printf '\033[31mout of money\n' >&2; exit 4`, &raw)
	if err != nil {
		t.Fatal(err)
	}
	for range turn.Events() {
	}
	answer, err := turn.Wait()
	var e *runapi.Error
	if !errors.As(err, &e) || e.Code != agent.CodeFailed || !strings.Contains(e.What, "exit code 4") || !strings.HasSuffix(e.What, "It last said: out of money") {
		t.Errorf("error: %v", err)
	}
	if answer.Text != "half done" {
		t.Errorf("answer: %+v", answer)
	}
}

func TestCommandStops(t *testing.T) {
	t.Parallel()
	var raw bytes.Buffer
	turn, err := start(t, `trap '' TERM; echo ready; sleep 100; sleep 100`, &raw)
	if err != nil {
		t.Fatal(err)
	}
	for range turn.Events() { // it ends because of the stop
		turn.Stop()
		turn.Stop()
	}
	if answer, err := turn.Wait(); err == nil || answer.Text != "ready" {
		t.Errorf("answer %+v, %v", answer, err)
	}
}

func TestCommandMissing(t *testing.T) {
	t.Parallel()
	for _, command := range [][]string{nil, {"no-such-program-anywhere"}, {"./relative-and-missing"}} {
		_, err := agent.Command{}.Find(runapi.Engine{Name: "x", Command: command}, []string{"PATH=" + os.Getenv("PATH")})
		var e *runapi.Error
		if !errors.As(err, &e) || e.Code != agent.CodeMissing || e.Next == "" {
			t.Errorf("%v: %v", command, err)
		}
	}
}
