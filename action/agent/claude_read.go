package agent

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// claudeReader reads the stream of `claude -p --output-format stream-json`.
type claudeReader struct {
	name    string // of the engine
	version string
	tree    string // as the agent names it
	session string
	message string                   // the last one
	calls   map[string]claudeContent // of tools, that have no result yet
	result  *claudeLine
}

// claudeLine is one line of the stream, with the keys of every type of it.
type claudeLine struct {
	Type      string `json:"type"`
	Subtype   string `json:"subtype"`
	SessionID string `json:"session_id"`
	Servers   []struct {
		Name   string `json:"name"`
		Status string `json:"status"`
	} `json:"mcp_servers"`
	Message struct {
		Content json.RawMessage `json:"content"` // a text, or a list of claudeContent
	} `json:"message"`
	Attempt     int             `json:"attempt"`
	MaxRetries  int             `json:"max_retries"`
	ErrorStatus *int            `json:"error_status"`
	IsError     bool            `json:"is_error"`
	IsAPIError  bool            `json:"is_api_error_message"`
	APIStatus   *int            `json:"api_error_status"`
	Result      string          `json:"result"`
	Errors      []string        `json:"errors"`
	Usage       json.RawMessage `json:"usage"`
}

type claudeContent struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	Thinking  string          `json:"thinking"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
	Content   json.RawMessage `json:"content"`
	IsError   bool            `json:"is_error"`
}

// claudeInput are the arguments of the tools that have events of their own.
type claudeInput struct {
	Command      string `json:"command"`
	FilePath     string `json:"file_path"`
	NotebookPath string `json:"notebook_path"`
	Todos        []struct {
		Content string `json:"content"`
		Status  string `json:"status"`
	} `json:"todos"`
	Subject string `json:"subject"`
}

// maxCalls bounds the calls that are remembered: a real agent has a few at a time.
const maxCalls = 1000

func (r *claudeReader) line(line string) []Event {
	var l claudeLine
	if json.Unmarshal([]byte(line), &l) != nil {
		return stray(line)
	}
	switch l.Type {
	case "system":
		return r.system(l)
	case "assistant":
		if l.IsAPIError {
			return nil // the result says it again
		}
		return r.contents(l.Message.Content)
	case "user":
		return r.contents(l.Message.Content)
	case "result":
		r.session, r.result = cmp.Or(l.SessionID, r.session), &l
		return []Event{usageEvent("turn", l.Usage)}
	}
	return nil
}

func (r *claudeReader) system(l claudeLine) []Event {
	switch l.Subtype {
	case "init":
		r.session = l.SessionID
		all := []Event{{Kind: KindReference, Text: r.session}}
		for _, s := range l.Servers {
			if s.Status == "failed" {
				all = append(all, Event{Kind: runapi.KindWarning, Text: "The tools of " + s.Name + " can't be reached; the engine works without them."})
			}
		}
		return all
	case "api_retry":
		status := ""
		if l.ErrorStatus != nil {
			status = fmt.Sprintf(" (status %d)", *l.ErrorStatus)
		}
		return []Event{{Kind: runapi.KindWarning, Text: fmt.Sprintf("The model gave no answer%s; attempt %d of %d follows.", status, l.Attempt+1, l.MaxRetries+1)}}
	}
	return nil
}

func (r *claudeReader) contents(raw json.RawMessage) []Event {
	var list []claudeContent
	if json.Unmarshal(raw, &list) != nil {
		return nil // a text of the user's: the prompt
	}
	var all []Event
	for _, c := range list {
		switch c.Type {
		case "text":
			if text := strings.TrimSpace(c.Text); text != "" {
				r.message = text
				all = append(all, Event{Kind: runapi.KindMessage, Text: text})
			}
		case "thinking":
			if text := strings.TrimSpace(c.Thinking); text != "" {
				all = append(all, Event{Kind: runapi.KindReasoning, Text: text})
			}
		case "tool_use":
			if len(r.calls) < maxCalls {
				r.calls[c.ID] = c
			}
		case "tool_result":
			call, known := r.calls[c.ToolUseID]
			if known {
				delete(r.calls, c.ToolUseID)
				all = append(all, r.called(call, textOf(c.Content), c.IsError))
			}
		}
	}
	return all
}

// called is the event of a tool's call once it has a result.
func (r *claudeReader) called(c claudeContent, result string, failed bool) Event {
	var in claudeInput
	_ = json.Unmarshal(c.Input, &in) // of another shape: then it has none of these
	failure := ""
	if failed {
		result = strings.TrimSuffix(strings.TrimPrefix(result, "<tool_use_error>"), "</tool_use_error>")
		failure = cmp.Or(firstLine([]byte(result)), "failed")
	}
	switch c.Name {
	case "Bash":
		exit := 0
		if failed {
			exit = 1
			if _, err := fmt.Sscanf(result, "Exit code %d", &exit); err == nil {
				_, result, _ = strings.Cut(result, "\n")
			}
		}
		return commandEvent([]string{"bash", "-c", in.Command}, exit, result)
	case "Write", "Edit", "MultiEdit", "NotebookEdit":
		if !failed {
			return fileEvent(below(r.tree, cmp.Or(in.FilePath, in.NotebookPath)), map[bool]string{true: "write", false: "update"}[c.Name == "Write"])
		}
	case "TodoWrite":
		if !failed {
			var steps []step
			for _, t := range in.Todos {
				steps = append(steps, step{Text: t.Content, Done: t.Status == "completed"})
			}
			return planEvent(steps)
		}
	case "TaskCreate":
		if !failed {
			return planEvent([]step{{Text: in.Subject}})
		}
	}
	name := c.Name
	if server, tool, ok := strings.Cut(strings.TrimPrefix(name, "mcp__"), "__"); ok && strings.HasPrefix(name, "mcp__") {
		name = server + "." + tool
	}
	return toolEvent(name, c.Input, failure)
}

// textOf is the text of a tool's result, which is a text or a list of them.
func textOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var list []claudeContent
	_ = json.Unmarshal(raw, &list) // neither: there is no text in it
	var b strings.Builder
	for _, c := range list {
		b.WriteString(c.Text)
	}
	return b.String()
}

func (r *claudeReader) end(exit confine.Exit, said string) (Answer, error) {
	answer := Answer{Text: r.message, Version: r.version, Resume: r.session}
	l := r.result
	switch {
	case l == nil && exit.Code == 0:
		return answer, failed(r.name, "it ended without a result")
	case l == nil:
		return answer, badExit("claude", exit, said)
	case !l.IsError && exit.Code == 0: // subtype says success even beside an error
		answer.Text = cmp.Or(l.Result, answer.Text)
		return answer, nil
	case !l.IsError:
		return answer, badExit("claude", exit, said)
	}
	why := cmp.Or(l.Result, strings.Join(l.Errors, "; "), strings.ReplaceAll(l.Subtype, "_", " "))
	if l.APIStatus != nil && !strings.Contains(why, fmt.Sprint(*l.APIStatus)) {
		why = fmt.Sprintf("%s (status %d)", why, *l.APIStatus)
	}
	return answer, failed(r.name, why)
}
