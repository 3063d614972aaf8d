package modeltest

import (
	"encoding/json"
)

// responses is OpenAI's Responses protocol.
var responses = protocol{parse: parseResponses, plain: plainResponses, stream: streamResponses, fault: openaiFault}

func parseResponses(body []byte) (conversation, error) {
	type tool struct {
		Type       string `json:"type"`
		Name       string `json:"name"`
		Parameters schema `json:"parameters"`
	}
	var request struct {
		Model          string `json:"model"`
		Stream         bool   `json:"stream"`
		PromptCacheKey string `json:"prompt_cache_key"`
		Input          items  `json:"input"`
		Tools          []struct {
			tool
			Tools []tool `json:"tools"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return conversation{}, err
	}
	c := conversation{Model: request.Model, Stream: request.Stream, Session: request.PromptCacheKey}
	for _, t := range request.Tools {
		switch t.Type {
		case "function", "custom":
			c.Tools = append(c.Tools, offer{Name: t.Name, Freeform: t.Type == "custom", Properties: t.Parameters.Properties})
		case "namespace":
			for _, inner := range t.Tools {
				c.Tools = append(c.Tools, offer{Namespace: t.Name, Name: inner.Name, Properties: inner.Parameters.Properties})
			}
		}
	}
	for _, i := range request.Input {
		switch {
		case i.Type == "function_call_output" || i.Type == "custom_tool_call_output":
			c.gave(i.Output.String())
		case i.Role == "user":
			for _, part := range i.Content {
				c.told(part.Text)
			}
		}
	}
	return c, nil
}

// items is the input: a list, or a text that stands for one message of a person.
type items []struct {
	Type    string `json:"type"`
	Role    string `json:"role"`
	Content texts  `json:"content"`
	Output  texts  `json:"output"`
}

func (l *items) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		*l = make(items, 1)
		(*l)[0].Role = "user"
		return json.Unmarshal(raw, &(*l)[0].Content)
	}
	type plain items
	return json.Unmarshal(raw, (*plain)(l))
}

// output is an item of the answer, with how its content comes in a stream.
type output struct {
	item    object // complete
	started object // as it is announced
	parts   func(index int) []part
}

func outputs(t Turn) (list []output) {
	if t.Think != "" {
		id := "rs_" + t.ID
		summary := object{"type": "summary_text", "text": t.Think}
		list = append(list, output{
			item:    object{"type": "reasoning", "id": id, "summary": []any{summary}, "encrypted_content": "scripted"},
			started: object{"type": "reasoning", "id": id, "summary": []any{}},
			parts: func(index int) []part {
				at := object{"item_id": id, "output_index": index, "summary_index": 0}
				parts := []part{{"response.reasoning_summary_part.added", with(at, "part", object{"type": "summary_text", "text": ""})}}
				for _, piece := range pieces(t.Think) {
					parts = append(parts, part{"response.reasoning_summary_text.delta", with(at, "delta", piece)})
				}
				return append(parts,
					part{"response.reasoning_summary_text.done", with(at, "text", t.Think)},
					part{"response.reasoning_summary_part.done", with(at, "part", summary)})
			},
		})
	}
	if t.Text != "" {
		id := "msg_" + t.ID
		text := object{"type": "output_text", "text": t.Text, "annotations": []any{}}
		list = append(list, output{
			item:    object{"type": "message", "id": id, "role": "assistant", "status": "completed", "content": []any{text}},
			started: object{"type": "message", "id": id, "role": "assistant", "status": "in_progress", "content": []any{}},
			parts: func(index int) []part {
				at := object{"item_id": id, "output_index": index, "content_index": 0}
				parts := []part{{"response.content_part.added", with(at, "part", object{"type": "output_text", "text": "", "annotations": []any{}})}}
				for _, piece := range pieces(t.Text) {
					parts = append(parts, part{"response.output_text.delta", with(at, "delta", piece)})
				}
				return append(parts,
					part{"response.output_text.done", with(at, "text", t.Text)},
					part{"response.content_part.done", with(at, "part", text)})
			},
		})
	}
	if t.Call != nil {
		list = append(list, callOutput(t.ID, *t.Call))
	}
	return list
}

func callOutput(answer string, c Call) output {
	id, kind, field, events := "fc_"+answer, "function_call", "arguments", "response.function_call_arguments"
	if c.Freeform {
		id, kind, field, events = "ctc_"+answer, "custom_tool_call", "input", "response.custom_tool_call_input"
	}
	item := object{"type": kind, "id": id, "call_id": c.ID, "name": c.Name, "status": "completed", field: c.Input}
	if c.Namespace != "" {
		item["namespace"] = c.Namespace
	}
	return output{
		item:    item,
		started: with(with(item, "status", "in_progress"), field, ""),
		parts: func(index int) []part {
			at := object{"item_id": id, "output_index": index}
			var parts []part
			for _, piece := range pieces(c.Input) {
				parts = append(parts, part{events + ".delta", with(at, "delta", piece)})
			}
			return append(parts, part{events + ".done", with(at, field, c.Input)})
		},
	}
}

func plainResponses(t Turn) any {
	list := []any{}
	for _, o := range outputs(t) {
		list = append(list, o.item)
	}
	return object{
		"id": "resp_" + t.ID, "object": "response", "created_at": 0, "status": "completed", "model": t.Model, "output": list,
		"parallel_tool_calls": false, "error": nil, "incomplete_details": nil,
		"usage": object{
			"input_tokens": t.Usage.Input, "input_tokens_details": object{"cached_tokens": t.Usage.Cached},
			"output_tokens": t.Usage.Output, "output_tokens_details": object{"reasoning_tokens": t.Usage.Reasoning},
			"total_tokens": t.Usage.Input + t.Usage.Output,
		},
	}
}

func streamResponses(t Turn) []part {
	begun := object{"id": "resp_" + t.ID, "object": "response", "status": "in_progress", "model": t.Model, "output": []any{}}
	parts := []part{{"response.created", object{"response": begun}}, {"response.in_progress", object{"response": begun}}}
	for index, o := range outputs(t) {
		parts = append(parts, part{"response.output_item.added", object{"output_index": index, "item": o.started}})
		parts = append(parts, o.parts(index)...)
		parts = append(parts, part{"response.output_item.done", object{"output_index": index, "item": o.item}})
	}
	parts = append(parts, part{"response.completed", object{"response": plainResponses(t)}})
	for n, p := range parts {
		parts[n].data = with(with(p.data.(object), "type", p.event), "sequence_number", n)
	}
	return parts
}

// with returns a copy of o in which name is value.
func with(o object, name string, value any) object {
	c := object{name: value}
	for k, v := range o {
		if k != name {
			c[k] = v
		}
	}
	return c
}
