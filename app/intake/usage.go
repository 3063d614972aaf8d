package intake

import (
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/policy"
)

// Usage is the answer to help: Markdown, with three examples.
func Usage(offer policy.Offer) string {
	var b strings.Builder
	b.WriteString("Comment on an issue or a pull request with `/anvil` at the start of a line, and say what to do. ")
	b.WriteString("The change comes as a draft pull request, verified by the repository's own commands.\n\n")
	for _, e := range examples {
		fmt.Fprintf(&b, "    %s\n", e)
	}
	b.WriteString("\nAlone on the line, these are verbs: `status` says where the task is, `stop` stops it, ")
	b.WriteString("`retry` tries once more with the same words, `handoff` says how to go on by hand, `help` shows this text. ")
	b.WriteString("`repair` makes the failed checks of a pull request of its own pass, and `rebase` brings its branch up to date with its base, by a merge. ")
	b.WriteString("`approve` carries out the plan that waits; `release TREE` publishes the held change that is named.\n\n")
	b.WriteString("Before an instruction, `plan` asks for a plan that waits for approval, and `new` starts another session with a branch of its own. ")
	b.WriteString("What follows `aside` is not heard.\n\n")
	b.WriteString("Options come before the instruction, with double quotes around values that have spaces:\n\n")
	b.WriteString("- `base=BRANCH` starts from another branch than the default one\n")
	fmt.Fprintf(&b, "- `engine=NAME` chooses the agent: %s\n", engines(offer))
	b.WriteString("- `model=NAME` chooses its model")
	if models := offer.Models[offer.Default]; len(models) > 0 {
		fmt.Fprintf(&b, "; `%s` offers %s", offer.Default, listed(models))
	}
	b.WriteString("\n- `verify=\"COMMAND\"` replaces the verification commands; it may be given several times\n\n")
	b.WriteString("The instruction goes on over the following lines, to the end of the comment. ")
	b.WriteString("Commands in quotes and code are not run, and neither are edits: post a new comment instead.\n")
	return b.String()
}

func engines(offer policy.Offer) string {
	list := listed(offer.Engines())
	if offer.Default != "" {
		list += fmt.Sprintf(" (`%s` if you name none)", offer.Default)
	}
	return list
}

func listed(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return "`" + strings.Join(words, "`, `") + "`"
}
