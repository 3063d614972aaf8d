package intake

import (
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// snapshot takes the prompt from the signed texts, without what people cannot
// see in them. What was taken out is listed, so that it is not lost silently.
func (r Reader) snapshot(c *anvil.Command, instruction string, i *issue) *anvil.Problem {
	var removed []anvil.RemovedHidden
	clean := func(where, text string) string {
		visible, gone := r.Clean(where, text)
		removed = append(removed, gone...)
		return strings.TrimSpace(visible)
	}
	prompt := anvil.Prompt{
		Instruction: clean("comment", instruction),
		IssueTitle:  clean("issue title", i.Title),
		IssueBody:   clean("issue body", i.Body),
	}
	if prompt.Instruction == "" {
		return usageProblem()
	}
	n := len(prompt.Instruction) + len(prompt.IssueTitle) + len(prompt.IssueBody)
	if r.PromptBytes > 0 && n > r.PromptBytes {
		return anvil.Problemf(CodePromptLong,
			"Shorten the issue or the comment, and put long logs in a file of the repository or a link",
			"the instruction, title and body are %d bytes together, of %d allowed", n, r.PromptBytes)
	}
	prompt.Removed = removed
	prompt.Digest = runapi.Prompt{
		Instruction: prompt.Instruction,
		IssueTitle:  prompt.IssueTitle,
		IssueBody:   prompt.IssueBody,
	}.ComputeDigest()
	c.Prompt = prompt
	if len(removed) > 0 {
		c.Notices = append(c.Notices, hiddenText(removed))
	}
	return nil
}

func hiddenText(removed []anvil.RemovedHidden) *anvil.Problem {
	total := 0
	var parts []string
	for _, h := range removed {
		total += h.Count
		parts = append(parts, fmt.Sprintf("%d × %s in the %s", h.Count, h.Kind, h.Where))
	}
	return anvil.Problemf(CodeHiddenText,
		"Look at the source of the text if you did not expect any; the agent does not see it",
		"%d hidden parts were taken out of the prompt: %s", total, strings.Join(parts, ", "))
}
