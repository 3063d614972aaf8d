package agent

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// codexReader reads the stream of `codex exec --json`.
type codexReader struct {
	name    string // of the engine
	version string
	tree    string // as the agent names it
	thread  string
	message string // the last one
	plan    string // the last one
	failure string // why the turn failed
}

// codexLine is one line of the stream, with the keys of every type of it.
type codexLine struct {
	Type     string          `json:"type"`
	ThreadID string          `json:"thread_id"`
	Message  string          `json:"message"` // of an error
	Error    codexError      `json:"error"`
	Usage    json.RawMessage `json:"usage"`
	Item     codexItem       `json:"item"`
}

type codexError struct {
	Message string `json:"message"`
}

// codexItem is a thing that the agent said or did, with the keys of every type of it.
type codexItem struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Message  string `json:"message"`
	Status   string `json:"status"`
	Command  string `json:"command"`
	Output   string `json:"aggregated_output"`
	ExitCode *int   `json:"exit_code"`
	Changes  []struct {
		Path string `json:"path"`
		Kind string `json:"kind"`
	} `json:"changes"`
	Server    string          `json:"server"`
	Tool      string          `json:"tool"`
	Arguments json.RawMessage `json:"arguments"`
	Error     *codexError     `json:"error"`
	Query     string          `json:"query"`
	Items     []struct {
		Text      string `json:"text"`
		Completed bool   `json:"completed"`
	} `json:"items"`
}

func (r *codexReader) line(line string) []Event {
	var l codexLine
	if json.Unmarshal([]byte(line), &l) != nil {
		return stray(line)
	}
	switch l.Type {
	case "thread.started":
		r.thread = l.ThreadID
		return []Event{{Kind: KindReference, Text: r.thread}}
	case "turn.completed":
		// It counts over the whole thread, earlier runs included.
		return []Event{usageEvent("thread", l.Usage)}
	case "turn.failed":
		r.failure = providerWords(l.Error.Message)
	case "error":
		// It goes on, or turn.failed says why not.
		return []Event{{Kind: runapi.KindWarning, Text: providerWords(l.Message)}}
	case "item.started", "item.updated":
		if l.Item.Type == "todo_list" {
			return r.item(l.Item)
		}
	case "item.completed":
		return r.item(l.Item)
	}
	return nil
}

func (r *codexReader) item(i codexItem) []Event {
	switch i.Type {
	case "agent_message":
		r.message = i.Text
		return []Event{{Kind: runapi.KindMessage, Text: i.Text}}
	case "reasoning":
		return []Event{{Kind: runapi.KindReasoning, Text: i.Text}}
	case "command_execution":
		exit := -1
		if i.ExitCode != nil {
			exit = *i.ExitCode
		}
		return []Event{commandEvent(splitCommand(i.Command), exit, i.Output)}
	case "file_change":
		var all []Event
		for _, c := range i.Changes {
			all = append(all, fileEvent(below(r.tree, c.Path), cmp.Or(c.Kind, "update")))
		}
		return all
	case "mcp_tool_call":
		failure := ""
		if i.Error != nil {
			failure = cmp.Or(i.Error.Message, "failed")
		} else if i.Status == "failed" {
			failure = "failed"
		}
		return []Event{toolEvent(strings.Trim(i.Server+"."+i.Tool, "."), i.Arguments, failure)}
	case "web_search":
		return []Event{toolEvent("web_search", mustJSON(map[string]string{"query": i.Query}), "")}
	case "todo_list":
		var steps []step
		for _, s := range i.Items {
			steps = append(steps, step{Text: s.Text, Done: s.Completed})
		}
		e := planEvent(steps)
		if e.Text == r.plan {
			return nil // it is said again when it ends
		}
		r.plan = e.Text
		return []Event{e}
	case "error":
		return []Event{{Kind: runapi.KindWarning, Text: i.Message}}
	}
	return nil
}

func (r *codexReader) end(exit confine.Exit, said string) (Answer, error) {
	answer := Answer{Text: r.message, Version: r.version, Resume: r.thread}
	switch {
	case exit.Code == 0 && r.failure == "":
		return answer, nil
	case r.failure != "":
		return answer, failed(r.name, r.failure)
	}
	return answer, badExit("codex", exit, said)
}
