package modeltest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// protocol is one way to ask a model and to be answered.
type protocol struct {
	parse func(body []byte) (conversation, error)
	plain func(Turn) any
	// stream is the same answer in parts.
	stream func(Turn) []part
	// fault is an error's body.
	fault func(status int, message string) any
	// end is what follows the last part of a stream; empty: nothing.
	end string
}

// part is one server-sent event. Event may be empty.
type part struct {
	event string
	data  any
}

// object is a JSON object.
type object = map[string]any

// pieces cuts a text as a model would let it come: a word or so at a time.
func pieces(text string) []string { return strings.SplitAfter(text, " ") }

// texts is a text that some protocols let be a string or a list of parts.
type texts []struct {
	Type    string `json:"type"`
	Text    string `json:"text"`
	Content texts  `json:"content"` // of a tool's result
}

func (t *texts) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
		*t = texts{{Type: "text", Text: text}}
		return nil
	}
	type plain texts
	return json.Unmarshal(raw, (*plain)(t))
}

func (t texts) String() string {
	var all []string
	for _, part := range t {
		if part.Text != "" {
			all = append(all, part.Text)
		}
	}
	return strings.Join(all, "\n")
}

// schema is a tool's declared arguments.
type schema struct {
	Properties map[string]property `json:"properties"`
}

// openaiFault is an error as OpenAI's protocols have it.
func openaiFault(status int, message string) any {
	kind := "invalid_request_error"
	switch {
	case status == http.StatusTooManyRequests:
		kind = "rate_limit_error"
	case status >= 500:
		kind = "server_error"
	}
	return object{"error": object{"message": message, "type": kind, "param": nil, "code": nil}}
}
