package agent

import (
	"encoding/json"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Kinds that end up in the answer and not in the stream.
const (
	kindAnswer = "answer"
	kindResume = "resume"
)

// kinds translates the protocol's names.
var kinds = map[string]string{
	"message":     runapi.KindMessage,
	"reasoning":   runapi.KindReasoning,
	"plan":        runapi.KindPlan,
	"command":     runapi.KindCommand,
	"file_change": runapi.KindFileChange,
	"tool_call":   runapi.KindToolCall,
	"usage":       runapi.KindUsage,
	"error":       runapi.KindError,
	kindAnswer:    kindAnswer,
	kindResume:    kindResume,
}

// maxData is how much of a line's own keys goes into an event.
const maxData = 16 << 10

// parseLine reads one line of the command protocol. Empty lines are none.
func parseLine(line string) (Event, bool) {
	line = strings.TrimSpace(line)
	if line == "" {
		return Event{}, false
	}
	plain := Event{Kind: runapi.KindMessage, Text: line}
	if !strings.HasPrefix(line, "{") {
		return plain, true
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal([]byte(line), &keys) != nil || keys["event"] == nil {
		return plain, true
	}
	var name, text string
	if json.Unmarshal(keys["event"], &name) != nil {
		return plain, true
	}
	if raw, ok := keys["text"]; ok && json.Unmarshal(raw, &text) != nil {
		return plain, true
	}
	kind, ok := kinds[name]
	if !ok {
		kind = runapi.KindMessage
		text = strings.TrimSpace(name + " " + text)
	}
	e := Event{Kind: kind, Text: text}
	delete(keys, "event")
	delete(keys, "text")
	if len(keys) > 0 {
		if data, err := json.Marshal(keys); err == nil && len(data) <= maxData {
			e.Data = data
		}
	}
	if e.Text == "" && kind == runapi.KindCommand {
		e.Text = commandLine(keys["argv"])
	}
	if e.Text == "" && kind == runapi.KindFileChange {
		_ = json.Unmarshal(keys["path"], &e.Text)
	}
	return e, true
}

func commandLine(argv json.RawMessage) string {
	var words []string
	if json.Unmarshal(argv, &words) != nil {
		return ""
	}
	return strings.Join(words, " ")
}
