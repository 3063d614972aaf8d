package intake

import (
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Instruction is what the label and an assignment say, which have no words of
// their own.
const Instruction = "Do what this issue asks for."

// issue reads the label and the assignment. What counts is the person who set
// it: with it they adopt the issue's text, whoever wrote that.
func (r Reader) issue(d anvil.Delivery, p *payload) Reading {
	if p.Issue == nil {
		return ignored(CodeUnhandled, "the payload names no issue")
	}
	name := r.Self.Label
	if name == "" {
		name = "anvil"
	}
	switch {
	case p.Action == "labeled" && p.Label != nil && strings.EqualFold(p.Label.Name, name):
	case p.Action == "labeled":
		return ignored(CodeUnhandled, "another label than %s", name)
	case p.Action == "assigned" && p.Assignee != nil && r.Self.BotID != 0 && p.Assignee.ID == r.Self.BotID:
	case p.Action == "assigned":
		return ignored(CodeUnhandled, "assigned to somebody else")
	case p.Action == "opened" && len(find(p.Issue.Body).commands) > 0:
		return ignored(CodeNoCommand, "a command in an issue's own text is not run; comment it, or set the label %s", name)
	default:
		return ignored(CodeUnhandled, "this change of an issue opens no task")
	}
	c := r.command(d, p, p.Issue)
	c.Verb = anvil.VerbDo
	problem := unsupported(c, p)
	if problem == nil {
		problem = r.snapshot(&c, Instruction, p.Issue)
	}
	return pending(Request{Command: c, Refusal: refusal(d, problem)})
}
