package modeltest

import "encoding/json"

// chat is OpenAI's Chat Completions protocol.
var chat = protocol{parse: parseChat, plain: plainChat, stream: streamChat, fault: openaiFault, end: "data: [DONE]\n\n"}

func parseChat(body []byte) (conversation, error) {
	var request struct {
		Model    string `json:"model"`
		Stream   bool   `json:"stream"`
		User     string `json:"user"`
		Messages []struct {
			Role    string `json:"role"`
			Content texts  `json:"content"`
		} `json:"messages"`
		Tools []struct {
			Function struct {
				Name       string `json:"name"`
				Parameters schema `json:"parameters"`
			} `json:"function"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return conversation{}, err
	}
	c := conversation{Model: request.Model, Stream: request.Stream, Session: request.User}
	for _, t := range request.Tools {
		c.Tools = append(c.Tools, offer{Name: t.Function.Name, Properties: t.Function.Parameters.Properties})
	}
	for _, m := range request.Messages {
		switch m.Role {
		case "user":
			for _, part := range m.Content {
				c.told(part.Text)
			}
		case "tool":
			c.gave(m.Content.String())
		}
	}
	return c, nil
}

func plainChat(t Turn) any {
	message := object{"role": "assistant", "content": t.Text}
	if t.Call != nil {
		message["tool_calls"] = []any{toolCall(*t.Call)}
	}
	return object{
		"id": "chatcmpl-" + t.ID, "object": "chat.completion", "created": 0, "model": t.Model,
		"choices": []any{object{"index": 0, "message": message, "finish_reason": t.finish("tool_calls", "stop")}},
		"usage":   chatUsage(t.Usage),
	}
}

// streamChat always ends with the usage, as if the request had asked for it.
func streamChat(t Turn) []part {
	chunk := func(delta object, finish any) part {
		return part{data: object{
			"id": "chatcmpl-" + t.ID, "object": "chat.completion.chunk", "created": 0, "model": t.Model,
			"choices": []any{object{"index": 0, "delta": delta, "finish_reason": finish}},
		}}
	}
	parts := []part{chunk(object{"role": "assistant", "content": ""}, nil)}
	for _, piece := range pieces(t.Text) {
		parts = append(parts, chunk(object{"content": piece}, nil))
	}
	if t.Call != nil {
		begin := *t.Call
		begin.Input = ""
		parts = append(parts, chunk(object{"tool_calls": []any{with(toolCall(begin), "index", 0)}}, nil))
		for _, piece := range pieces(t.Call.Input) {
			parts = append(parts, chunk(object{"tool_calls": []any{object{"index": 0, "function": object{"arguments": piece}}}}, nil))
		}
	}
	return append(parts, chunk(object{}, t.finish("tool_calls", "stop")), part{data: object{
		"id": "chatcmpl-" + t.ID, "object": "chat.completion.chunk", "created": 0, "model": t.Model,
		"choices": []any{}, "usage": chatUsage(t.Usage),
	}})
}

func toolCall(c Call) object {
	return object{"id": c.ID, "type": "function", "function": object{"name": c.Name, "arguments": c.Input}}
}

func chatUsage(u Usage) object {
	return object{
		"prompt_tokens": u.Input, "completion_tokens": u.Output, "total_tokens": u.Input + u.Output,
		"prompt_tokens_details":     object{"cached_tokens": u.Cached},
		"completion_tokens_details": object{"reasoning_tokens": u.Reasoning},
	}
}

// finish is the reason for which an answer ends.
func (t Turn) finish(call, end string) string {
	if t.Call != nil {
		return call
	}
	return end
}
