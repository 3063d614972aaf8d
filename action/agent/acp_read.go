package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"

	"github.com/coder/acp-go-sdk"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// acpHearing is what an agent has said and not finished yet: words come in small
// pieces, and calls of tools in several updates.
type acpHearing struct {
	tree  string
	kind  string // of the words: a message or reasoning; empty for none
	words strings.Builder
	last  string // message
	calls map[acp.ToolCallId]*acpCall
}

type acpCall struct {
	title     string
	kind      acp.ToolKind
	input     any
	output    any
	text      strings.Builder
	locations []string
}

// maxWords bounds a message that is put together of pieces.
const maxWords = 1 << 20

// SessionUpdate takes what the agent tells.
func (t *acpTurn) SessionUpdate(_ context.Context, n acp.SessionNotification) error {
	t.mu.Lock()
	if t.silent {
		t.mu.Unlock()
		return nil
	}
	t.heard.tree = t.tree
	events := t.heard.update(n.Update)
	t.mu.Unlock()
	for _, e := range events {
		t.events <- e
	}
	return nil
}

func (t *acpTurn) setSilent(silent bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.silent = silent
}

// tell passes on an event of the turn's own.
func (t *acpTurn) tell(e Event) { t.events <- e }

// finish passes on what was not finished, and notes the answer. Nothing is heard
// after it.
func (t *acpTurn) finish() {
	t.mu.Lock()
	t.silent = true
	events := t.heard.flush()
	t.answer.Text = t.heard.last
	t.mu.Unlock()
	for _, e := range events {
		t.events <- e
	}
}

// update returns the events that an update completes.
func (h *acpHearing) update(u acp.SessionUpdate) []Event {
	switch {
	case u.AgentMessageChunk != nil:
		return h.hear(runapi.KindMessage, u.AgentMessageChunk.Content)
	case u.AgentThoughtChunk != nil:
		return h.hear(runapi.KindReasoning, u.AgentThoughtChunk.Content)
	case u.Plan != nil:
		var steps []step
		for _, e := range u.Plan.Entries {
			steps = append(steps, step{Text: e.Content, Done: e.Status == acp.PlanEntryStatusCompleted})
		}
		return append(h.flush(), planEvent(steps))
	case u.ToolCall != nil:
		c := u.ToolCall
		return append(h.flush(), h.call(c.ToolCallId, &c.Title, &c.Kind, &c.Status, c.RawInput, c.RawOutput, c.Content, c.Locations)...)
	case u.ToolCallUpdate != nil:
		c := u.ToolCallUpdate
		return h.call(c.ToolCallId, c.Title, c.Kind, c.Status, c.RawInput, c.RawOutput, c.Content, c.Locations)
	case u.UsageUpdate != nil:
		b, err := json.Marshal(u.UsageUpdate)
		if err != nil {
			return nil
		}
		return []Event{usageEvent("session", b)}
	}
	return nil
}

// hear adds a piece to the words of its kind.
func (h *acpHearing) hear(kind string, c acp.ContentBlock) (done []Event) {
	if h.kind != kind {
		done = h.flush()
		h.kind = kind
	}
	if c.Text != nil && h.words.Len() < maxWords {
		h.words.WriteString(c.Text.Text)
	}
	return done
}

// flush returns the words that were heard as one event.
func (h *acpHearing) flush() []Event {
	text, kind := strings.TrimSpace(h.words.String()), h.kind
	h.words.Reset()
	h.kind = ""
	if text == "" || kind == "" {
		return nil
	}
	if kind == runapi.KindMessage {
		h.last = text
	}
	return []Event{{Kind: kind, Text: text}}
}

// call takes what is new of a tool's call, and returns its events once it has ended.
func (h *acpHearing) call(id acp.ToolCallId, title *string, kind *acp.ToolKind, status *acp.ToolCallStatus, input, output any,
	content []acp.ToolCallContent, locations []acp.ToolCallLocation) []Event {
	c := h.calls[id]
	if c == nil {
		if h.calls == nil || len(h.calls) >= maxCalls {
			h.calls = map[acp.ToolCallId]*acpCall{}
		}
		c = &acpCall{}
		h.calls[id] = c
	}
	if title != nil {
		c.title = *title
	}
	if kind != nil {
		c.kind = *kind
	}
	if input != nil {
		c.input = input
	}
	if output != nil {
		c.output = output
	}
	if len(content) > 0 {
		c.text.Reset() // an update replaces what was there
	}
	for _, part := range content {
		switch {
		case part.Content != nil && part.Content.Content.Text != nil:
			c.text.WriteString(part.Content.Content.Text.Text)
		case part.Diff != nil:
			c.locations = append(c.locations, part.Diff.Path)
		}
	}
	for _, l := range locations {
		c.locations = append(c.locations, l.Path)
	}
	if status == nil || *status != acp.ToolCallStatusCompleted && *status != acp.ToolCallStatusFailed {
		return nil
	}
	delete(h.calls, id)
	return h.called(c, *status == acp.ToolCallStatusFailed)
}

// called are the events of a call that has ended.
func (h *acpHearing) called(c *acpCall, failed bool) []Event {
	switch c.kind {
	case acp.ToolKindExecute:
		return []Event{commandEvent(commandOf(c), exitOf(c, failed), c.text.String())}
	case acp.ToolKindEdit, acp.ToolKindDelete, acp.ToolKindMove:
		if failed {
			break
		}
		change := map[acp.ToolKind]string{acp.ToolKindEdit: "update", acp.ToolKindDelete: "delete", acp.ToolKindMove: "move"}[c.kind]
		var all []Event
		told := map[string]bool{}
		for _, path := range c.locations {
			if !told[path] {
				told[path] = true
				all = append(all, fileEvent(below(h.tree, path), change))
			}
		}
		if len(all) > 0 {
			return all
		}
	}
	failure := ""
	if failed {
		failure = cmp.Or(firstLine([]byte(c.text.String())), "failed")
	}
	return []Event{toolEvent(cmp.Or(c.title, string(c.kind), "tool"), mustJSON(c.input), failure)}
}

// commandOf is the command of a call, whose input has no fixed form: most agents
// name it command, as a line or as words.
func commandOf(c *acpCall) []string {
	input, _ := c.input.(map[string]any)
	for _, name := range []string{"command", "cmd"} {
		switch v := input[name].(type) {
		case string:
			return []string{"sh", "-c", v}
		case []any:
			var words []string
			for _, word := range v {
				if s, ok := word.(string); ok {
					words = append(words, s)
				}
			}
			return words
		}
	}
	return []string{"sh", "-c", strings.Trim(c.title, "`")}
}

// exitOf is how a command ended, as far as the agent tells.
func exitOf(c *acpCall, failed bool) int {
	output, _ := c.output.(map[string]any)
	for _, name := range []string{"exit_code", "exitCode", "exit"} {
		if n, ok := output[name].(float64); ok {
			return int(n)
		}
	}
	if failed {
		return -1
	}
	return 0
}
