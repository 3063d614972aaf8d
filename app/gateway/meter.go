package gateway

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// maxHeld bounds what a meter keeps of an answer: one line of a stream, or a whole
// answer that is not streamed.
const maxHeld = 8 << 20

// meter reads from an answer, as it passes, how many tokens it took.
type meter struct {
	protocol protocol
	stream   bool
	status   int    // of the answer
	held     []byte // the line that is not at its end; or the whole answer
	lost     bool   // more than maxHeld: the line, or the answer, is given up
	lineEnd  bool   // the last byte ended a line

	bytes int64 // of the answer so far
	heard bool  // the provider has told the final usage
	ended bool  // the stream has come to its proper end
	usage anvil.Usage
	hour  int64 // the part of CacheWrite that is kept for an hour, which costs more
}

// write takes the next bytes of the answer.
func (m *meter) write(chunk []byte) {
	m.bytes += int64(len(chunk))
	if !m.stream {
		m.hold(chunk)
		return
	}
	if len(chunk) > 0 {
		m.lineEnd = chunk[len(chunk)-1] == '\n'
	}
	for len(chunk) > 0 {
		n := bytes.IndexByte(chunk, '\n')
		if n < 0 {
			m.hold(chunk)
			return
		}
		line := chunk[:n]
		if len(m.held) > 0 || m.lost {
			m.hold(line)
			line = m.held
		}
		if !m.lost {
			m.line(line)
		}
		m.held, m.lost = m.held[:0], false
		if cap(m.held) > 64<<10 {
			m.held = nil
		}
		chunk = chunk[n+1:]
	}
}

func (m *meter) hold(part []byte) {
	if m.lost || len(m.held)+len(part) > maxHeld {
		m.held, m.lost = nil, true
		return
	}
	m.held = append(m.held, part...)
}

var (
	dataField  = []byte("data:")
	usageKey   = []byte(`"usage"`)
	doneMark   = []byte("[DONE]")
	stopMark   = []byte(`"message_stop"`)
	finalMarks = [][]byte{[]byte(`"response.completed"`), []byte(`"response.incomplete"`), []byte(`"response.failed"`)}
)

// line takes one line of a stream. Of the many, only those that can tell the usage
// or the end are looked into; a quote inside what the model says is escaped, so
// its words can't pass for a key.
func (m *meter) line(line []byte) {
	value, ok := bytes.CutPrefix(line, dataField)
	if !ok {
		return
	}
	value = bytes.TrimSpace(value)
	switch {
	case bytes.Equal(value, doneMark):
		m.ended = true
	case m.protocol == generate:
		m.take(value)
	case m.protocol == messages && bytes.Contains(value, stopMark):
		m.ended = true
	case bytes.Contains(value, usageKey):
		m.take(value)
	}
	if m.protocol == responses {
		for _, mark := range finalMarks {
			if bytes.Contains(value[:min(len(value), 200)], mark) {
				m.ended = true
			}
		}
	}
}

// finish is told that the answer has come to its end.
func (m *meter) finish() {
	switch {
	case m.stream && len(m.held) > 0 && !m.lost:
		m.line(m.held)
	case !m.stream && !m.lost:
		m.take(m.held)
	}
	m.held = nil
}

// take reads the usage from a whole answer or from one event of a stream.
func (m *meter) take(object []byte) {
	if m.protocol == generate {
		m.takeGenerated(object)
		return
	}
	_ = members(object, func(f member) error {
		value := object[f.start:f.end]
		switch f.key {
		case "usage":
			m.tell(value, true)
		case "response", "message":
			return members(value, func(inner member) error {
				if inner.key == "usage" { // message_start tells what is known at the beginning
					m.tell(value[inner.start:inner.end], f.key == "response")
				}
				return nil
			})
		}
		return nil
	})
}

// told is a usage in any of the other three protocols.
type told struct {
	Input      *int64 `json:"input_tokens"`  // Responses (cached ones included), Messages (not included)
	Output     *int64 `json:"output_tokens"` //
	Prompt     *int64 `json:"prompt_tokens"` // Chat
	Completion *int64 `json:"completion_tokens"`
	CacheRead  *int64 `json:"cache_read_input_tokens"` // Messages
	CacheWrite *int64 `json:"cache_creation_input_tokens"`
	Creation   struct {
		Hour int64 `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
	InputDetails      details `json:"input_tokens_details"`
	PromptDetails     details `json:"prompt_tokens_details"`
	OutputDetails     details `json:"output_tokens_details"`
	CompletionDetails details `json:"completion_tokens_details"`
}

type details struct {
	Cached    int64 `json:"cached_tokens"`
	Reasoning int64 `json:"reasoning_tokens"`
}

// tell takes a usage over. What it does not name stays as an earlier one said.
func (m *meter) tell(value []byte, final bool) {
	var u told
	if bytes.Equal(value, []byte("null")) || json.Unmarshal(value, &u) != nil {
		return
	}
	set := func(to *int64, from *int64) {
		if from != nil {
			*to = max(*from, 0)
		}
	}
	if m.protocol == messages {
		set(&m.usage.Input, u.Input)
		set(&m.usage.Cached, u.CacheRead)
		set(&m.usage.CacheWrite, u.CacheWrite)
		set(&m.usage.Output, u.Output)
		m.hour = max(m.hour, min(u.Creation.Hour, m.usage.CacheWrite))
		m.usage.Reasoning = max(u.OutputDetails.Reasoning, 0)
		m.heard = m.heard || final && u.Output != nil
		return
	}
	set(&m.usage.Input, u.Input)
	set(&m.usage.Input, u.Prompt)
	set(&m.usage.Output, u.Output)
	set(&m.usage.Output, u.Completion)
	m.usage.Cached = max(0, min(max(u.InputDetails.Cached, u.PromptDetails.Cached), m.usage.Input))
	m.usage.Input -= m.usage.Cached
	m.usage.Reasoning = max(u.OutputDetails.Reasoning, u.CompletionDetails.Reasoning, 0)
	m.heard = m.heard || final && (u.Output != nil || u.Completion != nil)
}

// guess fills in what the provider did not tell, high rather than low: a call that
// is cut has to be paid all the same. A token of a stream takes far more than four
// bytes of it, but one of hidden reasoning takes none, so time counts too. It is
// never more than most, what the call could take at all.
func (m *meter) guess(sent int64, took time.Duration, most anvil.Usage) {
	if m.usage.Input+m.usage.Cached+m.usage.CacheWrite == 0 {
		m.usage.Input = min(sent/3+1, most.Input)
	}
	const perSecond = 100
	output := max(m.bytes/4, int64(took.Seconds()*perSecond))
	m.usage.Output = max(m.usage.Output, min(output, most.Output))
}
