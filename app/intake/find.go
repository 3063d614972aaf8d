package intake

import (
	"strings"
	"unicode"
)

// trigger is how a command begins. Case counts: /Anvil at the start of a sentence
// is prose.
const trigger = "/anvil"

// found is what a comment holds for us.
type found struct {
	commands []spoken
	miss     string // why there is none, for those who wonder
}

// spoken is a command as it was written.
type spoken struct {
	line  string // what follows the trigger on its line
	lines string // the lines after it, up to the next command
}

// find looks for commands in a comment.
func find(text string) found {
	// Most comments end here. The test is wider than the trigger for miss's sake.
	if !strings.Contains(strings.ToLower(visible(text)), trigger) {
		return found{miss: "no line begins with " + trigger}
	}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	lines := strings.Split(text, "\n")
	kinds := readBlocks(lines)
	inline(kinds)

	var at []int
	miss := ""
	for i, line := range lines {
		if what := notACommand(line, kinds[i].kind); what == "" {
			at = append(at, i)
		} else if miss == "" {
			miss = strings.TrimPrefix(what, "-")
		}
	}
	out := found{miss: miss}
	if miss == "" {
		out.miss = "no line begins with " + trigger
	}
	for n, i := range at {
		end := len(lines)
		if n+1 < len(at) {
			end = at[n+1]
		}
		out.commands = append(out.commands, spoken{
			line:  strings.TrimLeft(lines[i], " \t")[len(trigger):],
			lines: strings.Join(lines[i+1:end], "\n"),
		})
	}
	return out
}

// inline changes the kind of plain lines that begin inside inline code or HTML.
func inline(lines []blockLine) {
	for i := 0; i < len(lines); {
		n := i + 1
		if p := lines[i].paragraph; p > 0 {
			for n < len(lines) && lines[n].paragraph == p {
				n++
			}
			hide(lines[i:n])
		}
		i = n
	}
}

func hide(paragraph []blockLine) {
	if len(paragraph) == 1 {
		return
	}
	starts := make([]int, len(paragraph))
	var b strings.Builder
	candidate := false
	for i, l := range paragraph {
		starts[i] = b.Len()
		b.WriteString(l.text + "\n")
		candidate = candidate || strings.HasPrefix(l.text, trigger)
	}
	if !candidate {
		return
	}
	for _, s := range spans(strings.TrimSuffix(b.String(), "\n")) {
		for i, start := range starts {
			if paragraph[i].kind == plain && start > s.from && start < s.to {
				paragraph[i].kind = s.kind
			}
		}
	}
}

// notACommand says why line, which is of kind k, is not a command though it
// speaks of one; "-" if it does not even do that; "" if it is a command.
func notACommand(line string, k kind) string {
	text := strings.TrimLeft(line, " \t")
	if rest, ok := strings.CutPrefix(text, trigger); ok && ends(rest) {
		switch k { // a line that a tab indents is code
		case plain:
			return ""
		case quoted:
			return trigger + " stands in a quote"
		case code:
			return trigger + " stands in code"
		default:
			return trigger + " stands in HTML or another hidden part"
		}
	}
	seen := strings.TrimLeft(visible(line), " \t")
	lower := strings.ToLower(seen)
	switch {
	case !strings.Contains(lower, trigger):
		return "-"
	case strings.HasPrefix(strings.TrimLeft(seen, "> "), trigger) && strings.HasPrefix(seen, ">"):
		return trigger + " stands in a quote"
	case !strings.HasPrefix(lower, trigger):
		return trigger + " is not at the start of its line"
	case len(visible(text)) != len(text):
		return trigger + " has an invisible character in or before it"
	case !strings.HasPrefix(seen, trigger):
		return trigger + " is written with a capital letter"
	}
	return trigger + " is part of a longer word"
}

// ends reports whether a word ends before rest.
func ends(rest string) bool {
	if rest == "" {
		return true
	}
	for _, r := range rest {
		return unicode.IsSpace(r)
	}
	return false
}

// visible drops format characters, such as zero-width spaces and joiners.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}
