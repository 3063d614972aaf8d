package intake

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

// said is a command as it was understood.
type said struct {
	verb    anvil.Verb
	options anvil.Options
	text    string         // the instruction of a verb that has one
	about   string         // what the verb is about, such as a tree
	problem *anvil.Problem // what was not understood
}

// verbs are the words that stand for themselves when they are alone on the line.
var verbs = map[string]anvil.Verb{
	"help":    anvil.VerbHelp,
	"status":  anvil.VerbStatus,
	"stop":    anvil.VerbStop,
	"retry":   anvil.VerbRetry,
	"handoff": anvil.VerbHandoff,
	"review":  anvil.VerbReview,
	"repair":  anvil.VerbRepair,
	"rebase":  anvil.VerbRebase,
	"approve": anvil.VerbApprove, // or with what is approved
	"release": anvil.VerbRelease, // with the tree that is released
}

// before are the verbs that stand before an instruction.
var before = map[string]anvil.Verb{
	"plan": anvil.VerbPlan,
	"new":  anvil.VerbNew,
}

var verbNames = []string{"help", "status", "stop", "retry", "plan", "approve", "release", "new", "review", "repair", "rebase", "handoff", "aside"}

// named is how a tree or a plan is named: the first digits of its digest.
var named = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

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
	out.verb, line = r.verb(line, &out)
	if !out.verb.Instructs() || out.problem != nil {
		return out
	}
	out.text = strings.TrimSpace(line + "\n" + lines)
	words := strings.Fields(line)
	switch {
	case out.text == "":
		out.problem = usageProblem()
	case out.verb == anvil.VerbDo && len(words) == 1 && strings.TrimSpace(lines) == "":
		if near := policy.Nearest(words[0], verbNames); near != "" {
			out.problem = anvil.Problemf(policy.CodeUnknown,
				"Write "+trigger+" "+near+" for that, or say in more words what to do. The verbs are: "+strings.Join(verbNames, ", "),
				"%s is close to the verb %s", policy.Shown(words[0]), near)
		}
	}
	return out
}

// verb returns the verb that line is, with options, filler or what it is about after
// it, or the verb that it begins with; else VerbDo. It comes with what is left of the
// line. Options that follow a verb are kept in out.
func (r Reader) verb(line string, out *said) (anvil.Verb, string) {
	first, rest := line, ""
	if end := strings.IndexFunc(line, unicode.IsSpace); end >= 0 {
		first, rest = line[:end], line[end:]
	}
	if verb, ok := before[strings.ToLower(first)]; ok {
		rest, out.problem = r.options(rest, &out.options)
		return verb, rest
	}
	verb, ok := verbs[word(first)]
	if !ok {
		return anvil.VerbDo, line
	}
	if verb == anvil.VerbRepair && strings.TrimSpace(rest) != "" {
		return anvil.VerbDo, line // repair something else than the checks
	}
	given := out.options
	rest, problem := r.options(rest, &given)
	about := ""
	for i, w := range strings.Fields(rest) {
		takes := verb == anvil.VerbApprove || verb == anvil.VerbRelease
		switch {
		case i == 0 && takes && named.MatchString(strings.ToLower(w)):
			about = strings.ToLower(w)
		case !filler[word(w)]:
			return anvil.VerbDo, line
		}
	}
	if verb == anvil.VerbRelease && about == "" && problem == nil {
		problem = anvil.Problemf(CodeUsage, "Write "+trigger+" release and the tree that the task's comment names", "the command does not say which change is released")
	}
	out.options, out.problem, out.about = given, problem, about
	return verb, rest
}

// isAside reports whether people talk among themselves.
func isAside(s spoken) bool {
	words := strings.Fields(s.line)
	return len(words) > 0 && word(words[0]) == "aside"
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
