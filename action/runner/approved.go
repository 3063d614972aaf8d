package runner

import (
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// codePrompt says that the instruction is not what a person approved.
const codePrompt = "PROMPT_DIGEST"

// approved refuses a prompt that is not, byte for byte, the text that was taken when
// the instruction was given: it was changed in the database, or on its way.
func (j *job) approved() error {
	p := j.assignment.Prompt
	computed := p.ComputeDigest()
	if computed == p.Digest {
		j.log.Say("The prompt is as it was approved: sha256 %s.", short(computed))
		return nil
	}
	told := "has none"
	if p.Digest != "" {
		told = fmt.Sprintf("says %.12q", p.Digest)
	}
	return &runapi.Error{
		Code: codePrompt,
		What: fmt.Sprintf("The prompt is not the text that was approved: its digest is %s, and the assignment %s. The agent was not started.", short(computed), told),
		Next: "Find out who changed it: look at the task on Anvil's server and at what lies between it and the runner, then say /anvil retry.",
	}
}
