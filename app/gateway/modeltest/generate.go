package modeltest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// generate is Google's generateContent, as the Gemini API has it. Which model, and whether
// its answer is streamed, stands in the path.
var generate = protocol{parse: parseGenerate, plain: plainGenerate, stream: streamGenerate, fault: googleFault}

func parseGenerate(body []byte) (conversation, error) {
	var request struct {
		Contents []struct {
			Role  string `json:"role"`
			Parts []struct {
				Text     string `json:"text"`
				Thought  bool   `json:"thought"`
				Response *struct {
					Response struct {
						Output any `json:"output"`
						Error  any `json:"error"`
					} `json:"response"`
				} `json:"functionResponse"`
			} `json:"parts"`
		} `json:"contents"`
		Tools []struct {
			Functions []struct {
				Name       string `json:"name"`
				Parameters schema `json:"parameters"`
				JSONSchema schema `json:"parametersJsonSchema"`
			} `json:"functionDeclarations"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return conversation{}, err
	}
	c := conversation{}
	for _, t := range request.Tools {
		for _, f := range t.Functions {
			properties := f.Parameters.Properties
			if properties == nil {
				properties = f.JSONSchema.Properties
			}
			c.Tools = append(c.Tools, offer{Name: f.Name, Properties: properties})
		}
	}
	for _, content := range request.Contents {
		if content.Role != "user" && content.Role != "function" {
			continue
		}
		for _, part := range content.Parts {
			switch {
			case part.Response == nil:
				c.told(part.Text)
			case part.Response.Response.Error != nil:
				c.gave(words(part.Response.Response.Error))
			default:
				c.gave(words(part.Response.Response.Output))
			}
		}
	}
	return c, nil
}

// words is a tool's result as text.
func words(result any) string {
	if text, ok := result.(string); ok {
		return text
	}
	text, err := json.Marshal(result)
	if err != nil {
		panic(err) // it came as JSON
	}
	return string(text)
}

// generated is one piece of an answer; finish is empty but for the last.
func generated(t Turn, finish string, parts ...any) object {
	candidate := object{"index": 0, "content": object{"role": "model", "parts": parts}}
	if finish != "" {
		candidate["finishReason"] = finish
	}
	return object{
		"candidates": []any{candidate}, "modelVersion": t.Model, "responseId": t.ID,
		"usageMetadata": object{
			"promptTokenCount": t.Usage.Input, "cachedContentTokenCount": t.Usage.Cached,
			"candidatesTokenCount": t.Usage.Output - t.Usage.Reasoning, "thoughtsTokenCount": t.Usage.Reasoning,
			"totalTokenCount": t.Usage.Input + t.Usage.Output,
		},
	}
}

func plainGenerate(t Turn) any {
	var parts []any
	if t.Think != "" {
		parts = append(parts, object{"text": t.Think, "thought": true})
	}
	if t.Text != "" {
		parts = append(parts, object{"text": t.Text})
	}
	if t.Call != nil {
		parts = append(parts, functionCall(*t.Call))
	}
	return generated(t, "STOP", parts...)
}

func streamGenerate(t Turn) []part {
	var parts []part
	if t.Think != "" {
		parts = append(parts, part{data: generated(t, "", object{"text": t.Think, "thought": true})})
	}
	for _, piece := range pieces(t.Text) {
		parts = append(parts, part{data: generated(t, "", object{"text": piece})})
	}
	if t.Call != nil {
		parts = append(parts, part{data: generated(t, "", functionCall(*t.Call))})
	}
	return append(parts, part{data: generated(t, "STOP", object{"text": ""})})
}

func functionCall(c Call) object {
	return object{"functionCall": object{"id": c.ID, "name": c.Name, "args": json.RawMessage(c.Input)}}
}

// googleFault is an error as Google's APIs have it.
func googleFault(status int, message string) any {
	kind := map[int]string{
		http.StatusBadRequest: "INVALID_ARGUMENT", http.StatusUnauthorized: "UNAUTHENTICATED", http.StatusForbidden: "PERMISSION_DENIED",
		http.StatusNotFound: "NOT_FOUND", http.StatusTooManyRequests: "RESOURCE_EXHAUSTED", http.StatusServiceUnavailable: "UNAVAILABLE",
	}[status]
	if kind == "" {
		kind = "INTERNAL"
	}
	return object{"error": object{"code": status, "message": message, "status": kind}}
}

// generateContent serves the paths of the protocol: v1beta/models/MODEL:METHOD.
func (s *Server) generateContent(w http.ResponseWriter, r *http.Request) {
	model, method, _ := strings.Cut(r.PathValue("call"), ":")
	p := generate
	p.parse = func(body []byte) (conversation, error) {
		c, err := parseGenerate(body)
		c.Model, c.Stream = model, method == "streamGenerateContent"
		return c, err
	}
	switch {
	case method == "countTokens":
		s.count(w, r, "totalTokens", googleFault)
	case method == "generateContent", method == "streamGenerateContent" && r.URL.Query().Get("alt") == "sse":
		s.answer(p)(w, r)
	default:
		s.nothing(w, r, googleFault)
	}
}
