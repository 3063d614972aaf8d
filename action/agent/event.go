package agent

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/joblog"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// maxOutput is how much of a command's output an event carries; all of it is in
// the raw stream.
const maxOutput = 8 << 10

// step is one step of an agent's plan.
type step struct {
	Text string `json:"text"`
	Done bool   `json:"done,omitempty"`
}

// commandEvent tells of a command that has ended. exit is -1 if nobody knows how.
func commandEvent(argv []string, exit int, output string) Event {
	kept := joblog.NewClipped(maxOutput)
	_, _ = kept.Write([]byte(output))
	return event(runapi.KindCommand, scriptOf(argv), map[string]any{"argv": argv, "exit": exit, "output": string(kept.Bytes())})
}

// fileEvent tells of a changed file. change is add, update or delete.
func fileEvent(path, change string) Event {
	return event(runapi.KindFileChange, path, map[string]any{"path": path, "change": change})
}

// toolEvent tells of a call of a tool; failure is empty if it had a result.
func toolEvent(name string, arguments json.RawMessage, failure string) Event {
	data := map[string]any{"tool": name}
	if json.Valid(arguments) && len(arguments) <= maxData/2 {
		data["arguments"] = arguments
	}
	text := name
	if failure != "" {
		text += ": " + failure
		data["error"] = failure
	}
	return event(runapi.KindToolCall, text, data)
}

func planEvent(steps []step) Event {
	var text []string
	for _, s := range steps {
		text = append(text, map[bool]string{false: "[ ] ", true: "[x] "}[s.Done]+s.Text)
	}
	return event(runapi.KindPlan, strings.Join(text, "\n"), map[string]any{"steps": steps})
}

// usageEvent passes on an engine's own count of tokens. of says what it counts
// over: a turn or a thread. What is paid is counted by the server, not by this.
func usageEvent(of string, usage json.RawMessage) Event {
	if !json.Valid(usage) {
		usage = json.RawMessage("{}")
	}
	return event(runapi.KindUsage, "", map[string]any{"of": of, "usage": usage})
}

// event is an event with its own keys, which are left out if they are too large.
func event(kind, text string, data map[string]any) Event {
	e := Event{Kind: kind, Text: text}
	if b := mustJSON(data); len(b) <= maxData {
		e.Data = b
	}
	return e
}

// stray is a line that is not part of an engine's protocol.
func stray(line string) []Event {
	if line = strings.TrimSpace(line); line == "" {
		return nil
	}
	return []Event{{Kind: runapi.KindMessage, Text: line}}
}

// scriptOf is what people want to read of a command: the script, if a shell was
// given one.
func scriptOf(argv []string) string {
	if len(argv) == 3 && (strings.HasSuffix(argv[0], "sh")) && strings.HasPrefix(argv[1], "-") && strings.HasSuffix(argv[1], "c") {
		return argv[2]
	}
	return strings.Join(argv, " ")
}

// splitCommand takes a command line apart that was joined with a shell's quotes.
// One that is not is one word.
func splitCommand(line string) []string {
	var words []string
	var word strings.Builder
	var quote byte
	inWord := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'' && c == '\'', quote == '"' && c == '"':
			quote = 0
		case quote == '\'':
			word.WriteByte(c)
		case c == '\\' && i+1 < len(line):
			i++
			if quote == '"' && !strings.ContainsRune("\"\\$`", rune(line[i])) {
				word.WriteByte('\\')
			}
			word.WriteByte(line[i])
			inWord = true
		case quote == '"':
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == ' ':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return []string{line}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

// providerWords takes the words for people out of an error's body, if it is one
// that model providers answer with.
func providerWords(message string) string {
	var body struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if i := strings.IndexByte(message, '{'); i >= 0 && json.Unmarshal([]byte(message[i:]), &body) == nil && body.Error.Message != "" {
		return strings.TrimSpace(message[:i] + body.Error.Message)
	}
	return strings.TrimSpace(message)
}

// gatewayCode finds the code of a refusal by our own server.
var gatewayCode = regexp.MustCompile(`\b(GW_[A-Z_]{1,36}): (.+)`)

// failed is the problem of an engine that says itself why it failed. A refusal of
// our gateway keeps its code and its words, which say what to do.
func failed(engine, why string) error {
	if m := gatewayCode.FindStringSubmatch(why); m != nil {
		return &runapi.Error{Code: m[1], What: fmt.Sprintf("The engine %s was told: %s", engine, m[2])}
	}
	return &runapi.Error{
		Code: CodeFailed, What: fmt.Sprintf("The engine %s failed: %s", engine, strings.TrimSuffix(why, ".")+"."),
		Next: "Look at the run's log, then say /anvil retry.",
	}
}

// mustJSON encodes what is known to be encodable.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings, numbers and valid JSON
	}
	return b
}
