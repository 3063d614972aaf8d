package intake

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// snapshot takes the prompt from the signed texts, without what people cannot
// see in them and without what looks like a secret. What was taken out is listed, so
// that it is not lost silently.
func (r Reader) snapshot(c *anvil.Command, instruction string, i *issue) *anvil.Problem {
	var removed []anvil.RemovedHidden
	var secrets []string
	clean := func(where, text string) string {
		visible, gone := r.Clean(where, ownMarker.ReplaceAllString(text, ""))
		removed = append(removed, gone...)
		masked, kinds := r.Mask(visible)
		if len(kinds) > 0 {
			secrets = append(secrets, fmt.Sprintf("%s in the %s", strings.Join(kinds, ", "), where))
		}
		return strings.TrimSpace(masked)
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
	for _, line := range c.Options.Verify {
		// It is shown wherever the checks are, and without the secret it would be
		// another command.
		if _, kinds := r.Mask(line); len(kinds) > 0 {
			return anvil.Problemf(CodeSecret,
				"Rotate it now, for everybody who can read this thread could read it, and let the command take it from where your CI has it",
				"what looks like a secret stands in a verification command: %s", strings.Join(kinds, ", "))
		}
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
	if len(secrets) > 0 {
		c.Notices = append(c.Notices, anvil.Problemf(CodeSecret,
			"Rotate it now, for everybody who can read this thread could read it, and then take it out of the text",
			"what looks like a secret was kept from the agent: %s", strings.Join(secrets, "; ")))
	}
	return nil
}

// ownMarker is what package publish puts before and behind texts of ours, such as the
// description of a pull request. Nobody needs to be told that it is hidden there.
var ownMarker = regexp.MustCompile(`<!-- anvil:[a-z0-9/._-]{1,80}:[0-9a-f]{24} -->`)

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
