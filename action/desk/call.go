package desk

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// check looks at what a call asks for: a model of the run, and nothing that the provider
// would do besides answering. Its own tools, and pictures or files that it is to fetch,
// are a way out which no proxy sees; what it stores was stored with the same key by
// others. The server's gateway says the same of calls (package app/gateway).
//
// A body in which a name stands twice is no JSON here, and a name that counts is known in
// any case of its letters: a provider may take the one that we do not look at.
func (m *models) check(body []byte) (code, what string) {
	var call map[string]any
	if json.Unmarshal(body, &call) != nil {
		return codeAsked, "the call is not a JSON object whose names each stand once."
	}
	model, _ := call["model"].(string)
	switch {
	case model == "":
		return codeModel, "the call names no model."
	case len(m.provider.Models) > 0 && !slices.Contains(m.provider.Models, model):
		return codeModel, "the model is not one of this run's: " + strings.Join(m.provider.Models, ", ") + "."
	}
	for name, value := range call {
		known := strings.ToLower(name)
		switch {
		case known != name && (known == "model" || known == "tools" || slices.Contains(notRelayed, known)):
			return codeAsked, known + " is in another spelling."
		case slices.Contains(notRelayed, name) && asks(value):
			return codeAsked, name + " is not relayed."
		}
	}
	if !ownTools(call["tools"]) {
		return codeAsked, "tools that the provider runs are not allowed."
	}
	if elsewhere(call) {
		return codeAsked, "a picture or file is named by an address or an id, and the provider is not sent for it. Send its bytes in the request."
	}
	return "", ""
}

// notRelayed are what the provider would do by itself, keeps for others, or takes another
// price for.
var notRelayed = []string{
	"mcp_servers", "web_search_options", "container", "prompt", "previous_response_id", "conversation", "background", "service_tier", "speed",
}

// usual are values of those that ask for nothing.
var usual = []any{nil, false, "auto", "default", "flex", "standard", "standard_only"}

func asks(value any) bool {
	if list, ok := value.([]any); ok {
		return len(list) > 0
	}
	if _, ok := value.(map[string]any); ok {
		return true
	}
	return !slices.Contains(usual, value)
}

// kinds are the tools that an engine carries out itself.
var kinds = []string{
	"function", "custom", "local_shell", "apply_patch", "namespace", "tool_search",
	"bash", "text_editor", "computer", "memory", "tool_search_tool",
}

// ownTools reports whether a list of tools, and of those in a namespace, has none that
// the provider carries out.
func ownTools(tools any) bool {
	list, ok := tools.([]any)
	if !ok {
		return tools == nil
	}
	for _, t := range list {
		tool, ok := t.(map[string]any)
		kind, isText := tool["type"].(string)
		name := strings.TrimRight(kind, "_0123456789") // such as bash_20250124
		switch {
		case !ok || !isText && tool["type"] != nil || kind != "" && !slices.Contains(kinds, name):
			return false
		case kind == "namespace" && !ownTools(tool["tools"]):
			return false
		}
		for key := range tool {
			if key != "type" && strings.EqualFold(key, "type") {
				return false
			}
		}
	}
	return true
}

// elsewhere reports whether a value holds a picture or a file that the provider would
// fetch or take from what it stores.
func elsewhere(value any) bool {
	switch v := value.(type) {
	case []any:
		return slices.ContainsFunc(v, elsewhere)
	case map[string]any:
		for name, inner := range v {
			switch name {
			case "image_url", "file_url", "video_url", "audio_url":
				if object, ok := inner.(map[string]any); ok {
					inner = object["url"]
				}
				if text, ok := inner.(string); ok && !strings.HasPrefix(text, "data:") {
					return true
				}
			case "file_data":
				if text, ok := inner.(string); ok && strings.Contains(text[:min(len(text), 40)], "://") {
					return true
				}
			case "source":
				if object, ok := inner.(map[string]any); ok && (object["type"] == "url" || object["type"] == "file") {
					return true
				}
			case "input": // of a tool in Messages: any name may stand in it
				if v["type"] == "tool_use" {
					continue
				}
			case "file_id":
				if _, ok := inner.(string); ok {
					return true
				}
			}
			if elsewhere(v[name]) {
				return true
			}
		}
	}
	return false
}
