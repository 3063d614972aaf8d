package modeltest

import (
	"regexp"
	"strconv"
	"strings"
)

// conversation is what a request tells, whatever its protocol.
type conversation struct {
	Model   string
	Stream  bool
	Session string // as the agent names it, if it does
	Tools   []offer
	entries []entry
}

// offer is a tool that the request offers.
type offer struct {
	Namespace  string // "mcp__SERVER" where tools are grouped, else empty
	Name       string
	Freeform   bool // takes text, not JSON
	Properties map[string]property
}

// property is an argument of an offered tool.
type property struct {
	Type any `json:"type"` // a name or a list of names
}

// entry is one instruction or one tool result in the history.
type entry struct {
	instruction bool
	text        string
}

// Sight is what the model sees in the history that it was sent: what the texts of a
// script may use.
type Sight struct {
	Instruction  string   // the last one
	Instructions []string // all, in order
	Earlier      int      // how many came before the last one
	Outputs      []string // what tools gave since the last instruction
}

// Output is what the last tool gave.
func (s Sight) Output() string {
	if len(s.Outputs) == 0 {
		return ""
	}
	return s.Outputs[len(s.Outputs)-1]
}

// running is how Codex says that a command has not ended yet.
var running = regexp.MustCompile(`(?m)^Process running with session ID (\d+)`)

// see returns what the model sees, and the session number of a command that still runs;
// 0 if none does. Results that only say that something runs are left out.
func (c conversation) see() (s Sight, session int) {
	for _, e := range c.entries {
		if e.instruction {
			s.Instructions, s.Outputs, session = append(s.Instructions, e.text), nil, 0
			continue
		}
		if m := running.FindStringSubmatch(e.text); m != nil {
			session, _ = strconv.Atoi(m[1])
			continue
		}
		s.Outputs, session = append(s.Outputs, e.text), 0
	}
	if n := len(s.Instructions); n > 0 {
		s.Instruction, s.Earlier = s.Instructions[n-1], n-1
	}
	return s, session
}

// told adds a text that stands where a person's words stand. Agents put material of
// their own there too, in elements whose names they made up; it is left out.
func (c *conversation) told(text string) {
	text = strings.TrimSpace(text)
	for _, opening := range []string{
		"<environment_context>", "<user_instructions>", "<turn_aborted>", "<skill>", "<system-reminder>", "<local-command",
		"# AGENTS.md instructions", "[Request interrupted", "<session_context>",
	} {
		if strings.HasPrefix(text, opening) {
			return
		}
	}
	if text != "" {
		c.entries = append(c.entries, entry{instruction: true, text: unwrap(text)})
	}
}

// reminders are what Claude Code adds to a tool's result for its model.
var reminders = regexp.MustCompile(`(?s)\s*<system-reminder>.*?</system-reminder>\s*`)

// gave adds a tool's result.
func (c *conversation) gave(text string) {
	c.entries = append(c.entries, entry{text: reminders.ReplaceAllString(text, "")})
}

// unwrap takes the instruction out of Anvil's envelope; other text stays as it is.
func unwrap(text string) string {
	first, rest, _ := strings.Cut(text, "\n")
	boundary, found := strings.CutPrefix(first, "Anvil prompt, format 1, boundary ")
	if !found {
		return text
	}
	_, rest, found = strings.Cut(rest, "["+boundary+" instruction ")
	if !found {
		return text
	}
	size, rest, _ := strings.Cut(rest, " bytes]\n")
	n, err := strconv.Atoi(size)
	if err != nil || n < 0 || n > len(rest) {
		return text
	}
	return rest[:n]
}
