package desk

import (
	"bytes"
	"encoding/json"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// maxHeld bounds what the meter keeps of an answer, in bytes.
const maxHeld = 8 << 20

// meter reads from an answer, as it passes, how many tokens it took, in any of the
// three protocols. It is the small brother of the server's: what an answer does not
// tell is not guessed.
type meter struct {
	stream bool
	held   []byte
	taken  told
}

func (m *meter) write(part []byte) {
	if len(m.held)+len(part) > maxHeld {
		m.held = nil
	}
	m.held = append(m.held, part...)
	for m.stream {
		n := bytes.IndexByte(m.held, '\n')
		if n < 0 {
			return
		}
		if value, ok := bytes.CutPrefix(m.held[:n], []byte("data:")); ok && bytes.Contains(value, []byte(`"usage"`)) {
			m.take(value)
		}
		m.held = m.held[n+1:]
	}
}

// told is a usage as providers write it; what an event leaves out stays.
type told struct {
	Input        int64 `json:"input_tokens"`
	Output       int64 `json:"output_tokens"`
	Prompt       int64 `json:"prompt_tokens"`
	Completion   int64 `json:"completion_tokens"`
	CacheRead    int64 `json:"cache_read_input_tokens"`
	CacheWrite   int64 `json:"cache_creation_input_tokens"`
	InputDetails struct {
		Cached int64 `json:"cached_tokens"`
	} `json:"input_tokens_details"`
	PromptDetails struct {
		Cached int64 `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
}

func (m *meter) take(object []byte) {
	var answer struct {
		Usage    json.RawMessage `json:"usage"`
		Response struct {
			Usage json.RawMessage `json:"usage"`
		} `json:"response"`
		Message struct {
			Usage json.RawMessage `json:"usage"`
		} `json:"message"`
	}
	if json.Unmarshal(object, &answer) != nil {
		return
	}
	for _, usage := range []json.RawMessage{answer.Message.Usage, answer.Response.Usage, answer.Usage} {
		if len(usage) > 0 {
			_ = json.Unmarshal(usage, &m.taken)
		}
	}
}

// usage is what the answer took, to be asked for at its end.
func (m *meter) usage() runapi.Spent {
	if !m.stream {
		m.take(m.held)
	}
	t := m.taken
	within := max(t.InputDetails.Cached, t.PromptDetails.Cached) // of the input, where it is counted so
	return runapi.Spent{
		Input: max(0, t.Input+t.Prompt-within), Cached: max(0, within+t.CacheRead),
		CacheWrite: max(0, t.CacheWrite), Output: max(0, t.Output+t.Completion),
	}
}
