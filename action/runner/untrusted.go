package runner

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/action/joblog"
)

const (
	maxText   = 4 << 10  // of an event or a problem
	maxAnswer = 32 << 10 // of the agent's last words
)

// safe makes untrusted text fit to leave the runner: cleaned first, so that a
// secret that was cut up by control characters is whole when it is looked for.
func (j *job) safe(text string) string { return j.secrets.String(joblog.Clean(text)) }

// fit is safe, cut to about limit bytes.
func (j *job) fit(text string, limit int) string {
	text = strings.TrimSpace(j.safe(text))
	if len(text) <= limit {
		return text
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + " […]"
}

// safeJSON makes every string in data safe. What is no JSON is dropped.
func (j *job) safeJSON(data json.RawMessage) json.RawMessage {
	if len(data) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // numbers pass as they are
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return mustJSON(j.safeValue(v))
}

func (j *job) safeValue(v any) any {
	switch v := v.(type) {
	case string:
		return j.safe(v)
	case []any:
		for i := range v {
			v[i] = j.safeValue(v[i])
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[j.safe(k)] = j.safeValue(e)
		}
		return out
	}
	return v
}

// mustJSON encodes what is known to be encodable.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs, maps and strings
	}
	return b
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
