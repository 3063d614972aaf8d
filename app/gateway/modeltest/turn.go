package modeltest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"text/template"
	"time"
)

// Turn is one answer of the model.
type Turn struct {
	ID    string // of the answer, the same for the same history
	Model string
	Think string
	Text  string
	Call  *Call // nil: the answer ends what was asked
	Usage Usage

	script       string
	position     int
	conversation string // digest of what leads here, to count disturbances by
	fail         *Failure
	cut          *Cut
	slow         time.Duration
	hold         bool
}

// Call is a call of one of the tools that were offered.
type Call struct {
	ID        string
	Namespace string
	Name      string
	Freeform  bool
	Input     string // JSON arguments, or the text for a tool that takes text
}

// next returns the turn that follows in a conversation.
func next(scripts []Script, c conversation) (Turn, error) {
	sight, session := c.see()
	position := len(sight.Outputs)
	sum := sha256.Sum256([]byte(strings.Join(append(sight.Instructions, sight.Outputs...), "\x00")))
	t := Turn{
		ID: hex.EncodeToString(sum[:8]), Model: c.Model, Usage: usageAt(position), position: position,
		conversation: fmt.Sprint(c.Session, len(sight.Instructions), sight.Instruction, position),
	}
	script := pick(scripts, c.Model, sight.Instruction)
	if script == nil {
		t.Text = "No script matches this instruction."
		return t, nil
	}
	t.script = script.Name
	if script.Usage != nil {
		t.Usage = *script.Usage
	}
	callID := fmt.Sprintf("call_%d_%d_%d", len(sight.Instructions), position, len(c.entries))
	if session != 0 {
		t.Call = poll(c.Tools, session)
		t.Call.ID = callID
		return t, nil
	}
	var texts, thoughts []string
	acted := 0 // steps that call a tool, so far
	for _, step := range script.Steps {
		step, err := step.fill(sight)
		if err != nil {
			return t, fmt.Errorf("%s: %w", script.Name, err)
		}
		if !step.calls() {
			if acted == position {
				switch {
				case step.Say != "":
					texts = append(texts, step.Say)
				case step.Think != "":
					thoughts = append(thoughts, step.Think)
				}
				t.disturb(step)
			}
			continue
		}
		if acted++; acted <= position {
			continue
		}
		call, why := translate(step, c.Tools)
		if t.Call = call; call != nil {
			call.ID = callID
		} else {
			texts = append(texts, why)
		}
		break
	}
	t.Text, t.Think = strings.Join(texts, "\n\n"), strings.Join(thoughts, "\n\n")
	if t.Text == "" && t.Call == nil {
		t.Text = "Done."
	}
	return t, nil
}

// calls reports whether a step is a tool call.
func (s Step) calls() bool {
	return s.Shell != "" || s.Write != nil || len(s.Plan) > 0 || s.Tool != nil
}

func (t *Turn) disturb(s Step) {
	switch {
	case s.Fail != nil:
		t.fail = s.Fail
	case s.Cut != nil:
		t.cut = s.Cut
	case s.Slow != 0:
		t.slow = s.Slow
	case s.Hold:
		t.hold = true
	}
}

// fill executes the templates of a step's texts.
func (s Step) fill(sight Sight) (Step, error) {
	var err error
	fill := func(text string) string {
		if !strings.Contains(text, "{{") {
			return text
		}
		tmpl, parseErr := template.New("step").Parse(text)
		if parseErr != nil {
			err = parseErr
			return ""
		}
		var b strings.Builder
		if execErr := tmpl.Execute(&b, sight); execErr != nil {
			err = execErr
		}
		return b.String()
	}
	s.Say, s.Think, s.Shell = fill(s.Say), fill(s.Think), fill(s.Shell)
	if s.Write != nil {
		s.Write = &File{Path: fill(s.Write.Path), Content: fill(s.Write.Content)}
	}
	if s.Tool != nil {
		tool := *s.Tool
		tool.Arguments = map[string]any{}
		for name, value := range s.Tool.Arguments {
			if text, ok := value.(string); ok {
				value = fill(text)
			}
			tool.Arguments[name] = value
		}
		s.Tool = &tool
	}
	return s, err
}
