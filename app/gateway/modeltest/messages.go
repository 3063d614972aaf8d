package modeltest

import (
	"encoding/json"
	"net/http"
)

// messages is Anthropic's Messages protocol.
var messages = protocol{parse: parseMessages, plain: plainMessages, stream: streamMessages, fault: anthropicFault}

func parseMessages(body []byte) (conversation, error) {
	var request struct {
		Model    string `json:"model"`
		Stream   bool   `json:"stream"`
		Metadata struct {
			UserID string `json:"user_id"`
		} `json:"metadata"`
		Messages []struct {
			Role    string `json:"role"`
			Content texts  `json:"content"`
		} `json:"messages"`
		Tools []struct {
			Name   string `json:"name"`
			Schema schema `json:"input_schema"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return conversation{}, err
	}
	c := conversation{Model: request.Model, Stream: request.Stream, Session: request.Metadata.UserID}
	for _, t := range request.Tools {
		c.Tools = append(c.Tools, offer{Name: t.Name, Properties: t.Schema.Properties})
	}
	for _, m := range request.Messages {
		if m.Role != "user" {
			continue
		}
		for _, part := range m.Content {
			switch part.Type {
			case "tool_result":
				c.gave(part.Content.String())
			case "text":
				c.told(part.Text)
			}
		}
	}
	return c, nil
}

// blocks are the parts of the answer's content.
func blocks(t Turn) (list []object) {
	if t.Think != "" {
		list = append(list, object{"type": "thinking", "thinking": t.Think, "signature": "scripted"})
	}
	if t.Text != "" {
		list = append(list, object{"type": "text", "text": t.Text})
	}
	if t.Call != nil {
		list = append(list, object{"type": "tool_use", "id": t.Call.ID, "name": t.Call.Name, "input": json.RawMessage(t.Call.Input)})
	}
	return list
}

func plainMessages(t Turn) any {
	return object{
		"id": "msg_" + t.ID, "type": "message", "role": "assistant", "model": t.Model, "content": blocks(t),
		"stop_reason": t.finish("tool_use", "end_turn"), "stop_sequence": nil, "usage": messagesUsage(t.Usage),
	}
}

func streamMessages(t Turn) []part {
	begun := messagesUsage(t.Usage)
	begun["output_tokens"] = 1
	parts := []part{
		{"message_start", object{"message": object{
			"id": "msg_" + t.ID, "type": "message", "role": "assistant", "model": t.Model, "content": []any{},
			"stop_reason": nil, "stop_sequence": nil, "usage": begun,
		}}},
		{"ping", object{}},
	}
	for index, block := range blocks(t) {
		var empty object
		var deltas []object
		switch block["type"] {
		case "thinking":
			empty = object{"type": "thinking", "thinking": "", "signature": ""}
			for _, piece := range pieces(t.Think) {
				deltas = append(deltas, object{"type": "thinking_delta", "thinking": piece})
			}
			deltas = append(deltas, object{"type": "signature_delta", "signature": "scripted"})
		case "text":
			empty = object{"type": "text", "text": ""}
			for _, piece := range pieces(t.Text) {
				deltas = append(deltas, object{"type": "text_delta", "text": piece})
			}
		case "tool_use":
			empty = with(block, "input", object{})
			for _, piece := range pieces(t.Call.Input) {
				deltas = append(deltas, object{"type": "input_json_delta", "partial_json": piece})
			}
		}
		parts = append(parts, part{"content_block_start", object{"index": index, "content_block": empty}})
		for _, delta := range deltas {
			parts = append(parts, part{"content_block_delta", object{"index": index, "delta": delta}})
		}
		parts = append(parts, part{"content_block_stop", object{"index": index}})
	}
	parts = append(parts,
		part{"message_delta", object{
			"delta": object{"stop_reason": t.finish("tool_use", "end_turn"), "stop_sequence": nil},
			"usage": object{"output_tokens": t.Usage.Output},
		}},
		part{"message_stop", object{}})
	for n, p := range parts {
		parts[n].data = with(p.data.(object), "type", p.event)
	}
	return parts
}

// messagesUsage counts what is neither read from nor written to the cache apart.
func messagesUsage(u Usage) object {
	return object{
		"input_tokens":            max(0, u.Input-u.Cached-u.CacheWrite),
		"cache_read_input_tokens": u.Cached, "cache_creation_input_tokens": u.CacheWrite, "output_tokens": u.Output,
	}
}

func anthropicFault(status int, message string) any {
	kind := "invalid_request_error"
	switch status {
	case http.StatusUnauthorized:
		kind = "authentication_error"
	case http.StatusForbidden:
		kind = "permission_error"
	case http.StatusNotFound:
		kind = "not_found_error"
	case http.StatusTooManyRequests:
		kind = "rate_limit_error"
	case 529:
		kind = "overloaded_error"
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable:
		kind = "api_error"
	}
	return object{"type": "error", "error": object{"type": kind, "message": message}}
}
