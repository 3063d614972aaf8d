package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// request is a call's body and what its top level says.
type request struct {
	body    []byte
	buffer  *bytes.Buffer // that holds it
	open    atomic.Int64  // copies of it that an upstream's connection may still read
	model   string
	stream  bool
	output  int64 // the most tokens that it lets the model write; 0: not said
	answers int64 // how many it asks for, at least 1
	files   int64 // pictures and files in it, rather too many than too few

	modelAt member
	options member // stream_options, if there are any
	edits   []edit
}

// bodies are buffers for requests: at a thousand calls a second, making them anew
// would be most of the collector's work.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// done gives the body's buffer back, if nobody reads it any more.
func (q *request) done() {
	const most = 1 << 20
	if q.open.Load() == 0 && q.buffer.Cap() <= most {
		bodies.Put(q.buffer)
	}
}

// sent is a body on its way to an upstream. The connection closes it when it has read
// what it wants of it, which may be after the answer.
type sent struct {
	bytes.Reader
	request *request
	closed  atomic.Bool
}

func (q *request) send(body []byte) *sent {
	q.open.Add(1)
	s := &sent{request: q}
	s.Reset(body)
	return s
}

func (s *sent) Close() error {
	if !s.closed.Swap(true) {
		s.request.open.Add(-1)
	}
	return nil
}

// edit replaces a part of a body.
type edit struct {
	start, end int
	text       []byte
}

// read reads and understands the body of a call.
func (g *Gateway) read(r *http.Request, rt route) (*request, *refusal) {
	tooBig := refuse(http.StatusRequestEntityTooLarge, CodeTooBig, "the request has more than %d bytes. Send less of the conversation.", g.bodyBytes)
	if r.ContentLength > g.bodyBytes {
		return nil, tooBig
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, refuse(http.StatusUnsupportedMediaType, CodeRequest, "the body is compressed. Send it as it is.")
	}
	body := bodies.Get().(*bytes.Buffer)
	body.Reset()
	// The length is a promise; what is set aside for it at once is bounded.
	body.Grow(int(min(max(r.ContentLength, 0), 1<<20)) + bytes.MinRead)
	n, err := io.Copy(body, io.LimitReader(r.Body, g.bodyBytes+1))
	if n > g.bodyBytes {
		return nil, tooBig
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, CodeRequest, "the body could not be read to its end. Send it again.").because(err)
	}
	q := &request{body: body.Bytes(), buffer: body, answers: 1}
	understand := q.understand
	if rt.protocol == generate {
		understand = q.understandGenerate
	}
	if no := understand(rt, g.hosted); no != nil {
		return nil, no
	}
	return q, nil
}

// minded are the keys of a body's top level that matter here. A provider may read
// a key whatever its case and take either of two: so each may be there once, as it is
// spelt.
var minded = []string{
	"model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "max_output_tokens", "n", "tools",
	"previous_response_id", "conversation", "background", "service_tier", "speed", "mcp_servers", "web_search_options", "container", "prompt",
}

func (q *request) understand(rt route, hosted []string) *refusal {
	var no *refusal
	seen := map[string]bool{}
	var reading scan
	err := reading.members(q.body, func(m member) error {
		value := q.body[m.start:m.end]
		if i := slices.IndexFunc(minded, func(k string) bool { return strings.EqualFold(k, m.key) }); i < 0 {
			return nil
		} else if minded[i] != m.key || seen[m.key] {
			no = refuse(http.StatusBadRequest, CodeRequest, "the body has the key %s twice or in another spelling. Send it once.", minded[i])
			return no
		}
		seen[m.key] = true
		if string(value) == "null" {
			return nil
		}
		if no = q.take(rt, m, value, hosted); no != nil {
			return no
		}
		return nil
	})
	q.files = reading.pictures
	elsewhere := reading.named
	if rt.protocol == messages {
		elsewhere = reading.sourced
	}
	switch {
	case no != nil:
		return no
	case err != nil:
		return refuse(http.StatusBadRequest, CodeRequest, "the body is not a JSON object.")
	case q.model == "":
		return refuse(http.StatusBadRequest, CodeModel, "the body names no model. Set model.")
	case elsewhere && !slices.Contains(hosted, "web_fetch"):
		return refuse(http.StatusBadRequest, CodeRequest, "a picture or file is named by an address or an id, and the provider is not sent for it. Send its bytes in the request.")
	}
	return nil
}

// take looks at one key of the top level.
func (q *request) take(rt route, m member, value []byte, hosted []string) *refusal {
	wrong := refuse(http.StatusBadRequest, CodeRequest, "the value of %s is not what it should be.", m.key)
	switch m.key {
	case "model":
		if json.Unmarshal(value, &q.model) != nil || len(q.model) > 200 {
			return wrong
		}
		q.modelAt = m
	case "stream":
		if json.Unmarshal(value, &q.stream) != nil {
			return wrong
		}
	case "stream_options":
		q.options = m
	case "max_tokens", "max_completion_tokens", "max_output_tokens":
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || n < 0 {
			return wrong
		}
		q.output = max(q.output, n)
	case "n":
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || n < 1 || n > 128 {
			return wrong
		}
		q.answers = n
	case "tools":
		return q.takeTools(rt, m, value, hosted)
	case "background":
		if string(value) == "false" {
			return nil
		}
		return refuse(http.StatusBadRequest, CodeRequest, "background is not relayed: its answer would not be metered. Leave it out.")
	case "service_tier":
		if slices.Contains([]string{`"auto"`, `"default"`, `"flex"`, `"standard_only"`}, string(value)) {
			return nil
		}
		return refuse(http.StatusBadRequest, CodeRequest, "this service_tier is not relayed: it has another price. Leave it out.")
	case "speed":
		if string(value) == `"standard"` {
			return nil
		}
		return refuse(http.StatusBadRequest, CodeRequest, "this speed is not relayed: it has another price. Leave it out.")
	case "mcp_servers":
		if len(hosted) == 0 || !slices.Contains(hosted, "mcp") {
			q.edits = append(q.edits, edit{m.start, m.end, []byte("[]")})
		}
	case "web_search_options":
		if !slices.Contains(hosted, "web_search") {
			return refuse(http.StatusBadRequest, CodeRequest, "the provider's web search is not allowed. Leave web_search_options out.")
		}
	default: // previous_response_id, conversation, container, prompt
		return refuse(http.StatusBadRequest, CodeRequest, "%s is not relayed: what the provider keeps is shared by all runs. Send the whole conversation.", m.key)
	}
	return nil
}

// ownTools are the kinds of tools that the engine itself carries out. By any other
// the provider would act, and reach what the run's network does not.
var ownTools = []string{
	"function", "custom", "local_shell", "apply_patch", "namespace", "tool_search",
	"bash", "text_editor", "computer", "memory", "tool_search_tool",
}

// takeTools drops the tools that the provider carries out, except those that the
// operator allows.
func (q *request) takeTools(rt route, m member, value []byte, hosted []string) *refusal {
	kept, dropped, err := sortTools(rt, value, hosted, true)
	if err != nil {
		return refuse(http.StatusBadRequest, CodeRequest, "tools is not a list of tools.")
	}
	if dropped {
		text := append([]byte{'['}, bytes.Join(kept, []byte{','})...)
		q.edits = append(q.edits, edit{m.start, m.end, append(text, ']')})
	}
	return nil
}

// sortTools returns the tools of a list that may stay, and whether there are others. A
// namespace stays if all in it may; there is none within another.
func sortTools(rt route, list []byte, hosted []string, namespaces bool) (kept [][]byte, dropped bool, err error) {
	err = elements(list, func(tool []byte) error {
		kind, typed, foreign := "", false, false
		if err := members(tool, func(f member) error {
			switch {
			case f.key == "tools" && !namespaces:
				return errNotJSON
			case f.key == "tools":
				_, others, err := sortTools(rt, tool[f.start:f.end], hosted, false)
				foreign = foreign || others
				return err
			case !strings.EqualFold(f.key, "type"):
				return nil
			case f.key != "type" || typed: // of two, a provider may take the other one
				return errNotJSON
			}
			typed = true
			return json.Unmarshal(tool[f.start:f.end], &kind)
		}); err != nil {
			return err
		}
		if !foreign && (kind == "" && rt.protocol == messages || ofKind(kind, ownTools) || ofKind(kind, hosted)) {
			kept = append(kept, tool)
		} else {
			dropped = true
		}
		return nil
	})
	return kept, dropped, err
}

// ofKind reports whether a tool's type is one of the kinds, or a dated version of
// one, such as bash_20250124.
func ofKind(kind string, kinds []string) bool {
	return slices.ContainsFunc(kinds, func(k string) bool {
		rest, ok := strings.CutPrefix(kind, k)
		return ok && (rest == "" || strings.Trim(rest, "_0123456789") == "")
	})
}

// bodyFor is what goes to the upstream: the body with its name of the model, and with usage asked for.
func (q *request) bodyFor(rt route, model string) []byte {
	edits := slices.Clone(q.edits)
	if model != q.model && rt.protocol != generate {
		edits = append(edits, edit{q.modelAt.start, q.modelAt.end, encode(model)})
	}
	if rt.protocol == chat && q.stream {
		if q.options.end == 0 {
			open := bytes.IndexByte(q.body, '{') + 1
			edits = append(edits, edit{open, open, []byte(`"stream_options":{"include_usage":true},`)})
		} else {
			edits = append(edits, edit{q.options.start, q.options.end, withUsage(q.body[q.options.start:q.options.end])})
		}
	}
	if len(edits) == 0 {
		return q.body
	}
	slices.SortFunc(edits, func(a, b edit) int { return a.start - b.start })
	var out bytes.Buffer
	out.Grow(len(q.body) + 256)
	at := 0
	for _, e := range edits {
		out.Write(q.body[at:e.start])
		out.Write(e.text)
		at = e.end
	}
	out.Write(q.body[at:])
	return out.Bytes()
}

// withUsage is stream_options that ask for the usage. What is no object is left to
// the provider to refuse.
func withUsage(options []byte) []byte {
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(options, &fields) != nil {
		return options
	}
	fields["include_usage"] = json.RawMessage("true")
	return encode(fields)
}
