package gateway

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Google's generateContent differs from the other protocols in two ways. The model, and
// whether the answer is streamed, stand in the path. And the body is read by a parser that
// takes each key in two spellings, contents_like and contentsLike, and knows more of them
// than is documented: so what is passed on is a list of keys, as engines spell them, rather
// than all but a list.

// generatePath is a path of generateContent, as it was sent: a model's name that needs no
// escape, and what is asked of it.
var generatePath = regexp.MustCompile(`^v1beta/models/([A-Za-z0-9][A-Za-z0-9._-]{0,199}):(generateContent|streamGenerateContent|countTokens)$`)

// generateRoute finds what a path of generateContent asks for. A stream has to be asked for
// as one of events; and nothing else is taken from the query, where the key could stand too.
func generateRoute(method, path, query string) (route, *refusal) {
	m := generatePath.FindStringSubmatch(path)
	rt := route{protocol: generate}
	if m == nil || method != http.MethodPost {
		return rt, refuse(http.StatusNotFound, CodePath, "this path is not relayed. Models answer at v1beta/models/MODEL:generateContent, :streamGenerateContent?alt=sse and :countTokens.")
	}
	want := ""
	rt.model, rt.relay = m[1], ":"+m[2]
	switch m[2] {
	case "streamGenerateContent":
		rt.stream, want = true, "alt=sse"
	case "countTokens":
		rt.count = true
	}
	if query != want {
		return rt, refuse(http.StatusBadRequest, CodeRequest, "the query has to be %q. The key goes into the header x-goog-api-key.", want)
	}
	return rt, nil
}

// generateKeys are the keys of a body that are passed on.
var generateKeys = []string{"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings"}

// understandGenerate reads the body of a call of generateContent.
func (q *request) understandGenerate(rt route, hosted []string) *refusal {
	q.model, q.stream = rt.model, rt.stream
	return q.each(q.body, "the body", generateKeys, func(m member, value []byte) *refusal {
		switch m.key {
		case "contents":
			return q.all(m.key, value, q.content)
		case "systemInstruction":
			return q.content(value)
		case "tools":
			return q.generateTools(m, value, hosted)
		case "generationConfig":
			return q.generateConfig(value)
		}
		return nil
	})
}

// each calls take with each member of an object whose keys are among those allowed, each
// there once.
func (q *request) each(object []byte, what string, allowed []string, take func(member, []byte) *refusal) *refusal {
	var no *refusal
	seen := map[string]bool{}
	err := members(object, func(m member) error {
		switch {
		case seen[m.key]:
			no = refuse(http.StatusBadRequest, CodeRequest, "%s has the key %s twice. Send it once.", what, m.key)
		case !slices.Contains(allowed, m.key):
			no = refuse(http.StatusBadRequest, CodeRequest, "%s has the key %.100q, which is not relayed. Relayed are: %s.", what, m.key, strings.Join(allowed, ", "))
		default:
			seen[m.key] = true
			no = take(m, object[m.start:m.end])
		}
		if no != nil {
			return no
		}
		return nil
	})
	if no == nil && err != nil {
		no = refuse(http.StatusBadRequest, CodeRequest, "%s is not a JSON object.", what)
	}
	return no
}

// all calls take with each element of a list.
func (q *request) all(what string, list []byte, take func([]byte) *refusal) *refusal {
	var no *refusal
	err := elements(list, func(element []byte) error {
		if no = take(element); no != nil {
			return no
		}
		return nil
	})
	if no == nil && err != nil {
		no = refuse(http.StatusBadRequest, CodeRequest, "%s is not a list.", what)
	}
	return no
}

// content looks at one turn of the conversation.
func (q *request) content(value []byte) *refusal {
	return q.each(value, "a content", []string{"role", "parts"}, func(m member, value []byte) *refusal {
		if m.key == "parts" {
			return q.all(m.key, value, q.part)
		}
		return nil
	})
}

// partKeys are what a part of a content may be. What is missing is fileData, which the
// provider would fetch, or have stored for somebody.
var partKeys = []string{
	"text", "thought", "thoughtSignature", "inlineData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult", "videoMetadata", "partMetadata", "mediaResolution",
}

func (q *request) part(value []byte) *refusal {
	return q.each(value, "a part", partKeys, func(m member, value []byte) *refusal {
		switch m.key {
		case "inlineData":
			q.files++
		case "functionResponse": // a tool's result may have files beside it
			return q.each(value, "a functionResponse", []string{"id", "name", "response", "parts", "willContinue", "scheduling"}, func(m member, value []byte) *refusal {
				if m.key == "parts" {
					return q.all(m.key, value, q.part)
				}
				return nil
			})
		}
		return nil
	})
}

// generateTools keeps of each tool what the engine itself carries out, and what the
// operator allows; the rest the provider would carry out.
func (q *request) generateTools(m member, list []byte, hosted []string) *refusal {
	var kept [][]byte
	changed := false
	no := q.all("tools", list, func(tool []byte) *refusal {
		var parts [][]byte
		others := false
		if members(tool, func(m member) error {
			if m.key == "functionDeclarations" || slices.Contains(hosted, m.key) {
				parts = append(parts, append(append(encode(m.key), ':'), tool[m.start:m.end]...))
			} else {
				others = true
			}
			return nil
		}) != nil {
			return refuse(http.StatusBadRequest, CodeRequest, "a tool is not a JSON object.")
		}
		switch {
		case !others:
			kept = append(kept, tool)
			return nil
		case len(parts) > 0:
			kept = append(kept, slices.Concat([]byte{'{'}, bytes.Join(parts, []byte{','}), []byte{'}'}))
		}
		changed = true
		return nil
	})
	if no == nil && changed {
		q.edits = append(q.edits, edit{m.start, m.end, slices.Concat([]byte{'['}, bytes.Join(kept, []byte{','}), []byte{']'})})
	}
	return no
}

// generateConfig reads how much may be answered. Of the two spellings that the provider
// takes only one is passed on, so that no second one counts there.
func (q *request) generateConfig(config []byte) *refusal {
	var no *refusal
	seen := map[string]bool{}
	err := members(config, func(m member) error {
		value := config[m.start:m.end]
		wrong := refuse(http.StatusBadRequest, CodeRequest, "the value of %.100s in generationConfig is not relayed.", m.key)
		switch key := strings.ToLower(strings.ReplaceAll(m.key, "_", "")); key {
		case "maxoutputtokens", "candidatecount", "responsemodalities":
			if seen[key] || strings.Contains(m.key, "_") {
				no = wrong
				return no
			}
			seen[key] = true
			n, err := strconv.ParseInt(string(value), 10, 64)
			var modalities []string
			switch {
			case key == "maxoutputtokens" && err == nil && n >= 0:
				q.output = n
			case key == "candidatecount" && err == nil && n >= 1 && n <= 128:
				q.answers = n
			case key == "responsemodalities" && json.Unmarshal(value, &modalities) == nil && slices.Equal(modalities, []string{"TEXT"}):
			default: // pictures and speech have other prices
				no = wrong
				return no
			}
		}
		return nil
	})
	if no == nil && err != nil {
		no = refuse(http.StatusBadRequest, CodeRequest, "generationConfig is not a JSON object.")
	}
	return no
}

// generated is a usage of generateContent.
type generated struct {
	Prompt   int64  `json:"promptTokenCount"` // cached ones included
	Cached   int64  `json:"cachedContentTokenCount"`
	Tools    int64  `json:"toolUsePromptTokenCount"`
	Answer   *int64 `json:"candidatesTokenCount"` // reasoning not included
	Thoughts int64  `json:"thoughtsTokenCount"`
}

// takeGenerated reads an answer of generateContent, or one event of its stream: each tells
// the usage so far, and the last one why the answer ends.
func (m *meter) takeGenerated(object []byte) {
	told := false
	_ = members(object, func(f member) error {
		value := object[f.start:f.end]
		switch f.key {
		case "usageMetadata":
			var u generated
			if json.Unmarshal(value, &u) == nil {
				told = true
				m.usage.Cached = max(0, min(u.Cached, u.Prompt))
				m.usage.Input = max(0, u.Prompt-m.usage.Cached) + max(0, u.Tools)
				m.usage.Reasoning = max(0, u.Thoughts)
				answer := int64(0)
				if u.Answer != nil {
					answer = max(0, *u.Answer)
				}
				m.usage.Output = answer + m.usage.Reasoning
			}
		case "candidates":
			return elements(value, func(candidate []byte) error {
				return members(candidate, func(c member) error {
					if c.key == "finishReason" {
						m.ended = true
					}
					return nil
				})
			})
		case "promptFeedback": // the prompt was blocked, and there is no answer
			m.ended = true
		}
		return nil
	})
	m.heard = m.heard || told && (m.ended || !m.stream)
}
