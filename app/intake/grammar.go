package intake

import (
	"strings"
	"unicode"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

// said is a command as it was understood.
type said struct {
	verb    anvil.Verb
	options anvil.Options
	text    string         // the instruction of VerbDo
	problem *anvil.Problem // what was not understood
}

// verbs are the words that stand for themselves when they are alone on the line.
var verbs = map[string]anvil.Verb{
	"help":   anvil.VerbHelp,
	"status": anvil.VerbStatus,
	"stop":   anvil.VerbStop,
	"retry":  anvil.VerbRetry,
}

var verbNames = []string{"help", "status", "stop", "retry"}

// filler are words that people put after a verb without meaning an instruction.
// "stop now" must stop, and "stop using tabs" must not.
var filler = map[string]bool{
	"please": true, "now": true, "it": true, "this": true, "that": true, "the": true, "task": true, "run": true,
	"again": true, "immediately": true, "thanks": true, "work": true, "me": true,
}

// say understands one command.
func (r Reader) say(s spoken) said {
	line, lines := strings.TrimSpace(s.line), s.lines
	if line == "" {
		// People also begin on the next line.
		line, lines, _ = strings.Cut(strings.TrimLeftFunc(lines, unicode.IsSpace), "\n")
		line = strings.TrimSpace(line)
	}
	var out said
	line, out.problem = r.options(line, &out.options)
	if out.problem != nil {
		out.verb = anvil.VerbDo
		return out
	}
	out.verb = r.verb(line, &out)
	if out.verb != anvil.VerbDo || out.problem != nil {
		return out
	}
	out.text = strings.TrimSpace(line + "\n" + lines)
	words := strings.Fields(line)
	switch {
	case out.text == "":
		out.problem = usageProblem()
	case len(words) == 1 && strings.TrimSpace(lines) == "":
		if near := policy.Nearest(words[0], verbNames); near != "" {
			out.problem = anvil.Problemf(policy.CodeUnknown,
				"Write "+trigger+" "+near+" for that, or say in more words what to do. The verbs are: "+strings.Join(verbNames, ", "),
				"%s is close to the verb %s", policy.Shown(words[0]), near)
		}
	}
	return out
}

// verb returns the verb that line is, with options and filler after it, or
// VerbDo. Options that follow a verb are kept in out.
func (r Reader) verb(line string, out *said) anvil.Verb {
	first, rest := line, ""
	if end := strings.IndexFunc(line, unicode.IsSpace); end >= 0 {
		first, rest = line[:end], line[end:]
	}
	verb, ok := verbs[word(first)]
	if !ok {
		return anvil.VerbDo
	}
	given := out.options
	rest, problem := r.options(rest, &given)
	for _, w := range strings.Fields(rest) {
		if !filler[word(w)] {
			return anvil.VerbDo
		}
	}
	out.options, out.problem = given, problem
	return verb
}

// word is w as it is compared: phones capitalise, and people end sentences.
func word(w string) string {
	return strings.TrimRightFunc(strings.ToLower(w), func(r rune) bool { return unicode.IsPunct(r) })
}

// usageProblem answers a command that says nothing to do.
func usageProblem() *anvil.Problem {
	return anvil.Problemf(CodeUsage,
		"For example: `"+strings.Join(examples, "`, `")+"`",
		"the command says nothing to do")
}

var examples = []string{
	trigger + " fix the failing test",
	trigger + ` base=release-1.4 verify="go test ./..." backport the fix`,
	trigger + " status",
}
