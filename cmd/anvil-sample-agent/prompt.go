package main

import (
	"fmt"
	"regexp"
	"strings"
)

// instruction returns the block "instruction" of a prompt in Anvil's envelope, or
// the whole of a prompt in any other form.
func instruction(prompt string) string {
	first, rest, _ := strings.Cut(prompt, "\n")
	_, boundary, ok := strings.Cut(first, "boundary ")
	if !ok {
		return strings.TrimSpace(prompt)
	}
	_, block, ok := strings.Cut(rest, "["+boundary+" instruction ")
	if !ok {
		return ""
	}
	size, text, _ := strings.Cut(block, "]\n")
	var n int
	if _, err := fmt.Sscanf(size, "%d bytes", &n); err != nil || n < 0 || n > len(text) {
		return ""
	}
	return strings.TrimSpace(text[:n])
}

// wanted is what an instruction asks for.
type wanted struct {
	verb string // "write", "repair" or none
	path string
	text string
}

var (
	noteForm   = regexp.MustCompile(`(?is)\bnote:\s*(.+)$`)
	writeForm  = regexp.MustCompile(`(?is)\bwrite\s+(\S+):\s*(.+)$`)
	repairForm = regexp.MustCompile(`(?i)\b(fix|fixes|fixed|repair|test|tests|failing|broken)\b`)
)

// wish reads an instruction. It knows a few words and guesses nothing.
func wish(text string) wanted {
	if m := writeForm.FindStringSubmatch(text); m != nil {
		return wanted{verb: "write", path: m[1], text: m[2]}
	}
	if m := noteForm.FindStringSubmatch(text); m != nil {
		return wanted{verb: "write", text: m[1]}
	}
	if repairForm.MatchString(text) {
		return wanted{verb: "repair"}
	}
	return wanted{}
}
