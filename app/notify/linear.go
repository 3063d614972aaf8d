package notify

import (
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/linear"
)

// Linear is the task in an agent session of Linear's: activities that each stand there
// once, the plan, and where to look.
func Linear(d Document) linear.View {
	v := linear.View{Plan: linearPlan(d), Links: linearLinks(d), Stage: linear.Begun, Working: d.Phase == Open}
	say := func(key string, a linear.Activity) { v.Say = append(v.Say, linear.Said{Key: key, Activity: a}) }
	switch d.Phase {
	case Open:
		for _, n := range d.Notices {
			say("notice-"+n.Code, linear.Activity{Type: linear.Thought, Body: "⚠️ " + n.told()})
		}
		if !d.Wait.Empty() {
			say(fmt.Sprintf("wait-%d", d.Attempt), linear.Activity{Type: linear.Thought, Body: "⏳ It waits: " + stop(d.Wait.Line(300)), Fleeting: true})
		}
		for i, st := range d.Steps {
			if st.Now {
				say(fmt.Sprintf("step-%d-%d", d.Attempt, i), linear.Activity{Type: linear.Action, Action: st.Text, Parameter: d.Repository, Fleeting: !started(d)})
			}
		}
	case Asking:
		a := linear.Activity{Type: linear.Elicitation, Body: d.Question.Text.Head(60).Markdown() + "\n\n" + until("Reply with your words; anybody with write access to "+d.Repository+" may.", d)}
		for _, c := range d.Question.Choices {
			a.Choices = append(a.Choices, linear.Choice{Value: c.Line(300)})
		}
		say(fmt.Sprintf("ask-%d", d.Attempt), a)
	case Planned:
		say("plan-"+d.Question.Plan, linear.Activity{
			Type:    linear.Elicitation,
			Body:    d.Question.Text.Head(120).Markdown() + "\n\n" + until(fmt.Sprintf("To have this plan carried out, reply `approve %s`; to have it changed, say what is wrong with it. Nothing was changed yet.", d.Question.Plan), d),
			Choices: []linear.Choice{{Label: "Approve the plan", Value: "approve " + d.Question.Plan}, {Label: "Drop it", Value: "stop"}},
		})
	case Holding:
		tree := fmt.Sprintf("%.12s", d.Change.Tree)
		say("held-"+tree, linear.Activity{
			Type: linear.Elicitation, Body: linearHeld(d, tree),
			Choices: []linear.Choice{{Label: "Publish exactly this change", Value: "release " + tree}, {Label: "Drop it", Value: "stop"}},
		})
	case Failed:
		say("end", linear.Activity{Type: linear.Failure, Body: linearEnd(d)})
	default:
		say("end", linear.Activity{Type: linear.Response, Body: linearEnd(d)})
	}
	if d.Phase == Done {
		v.Stage = linear.Review
	}
	return v
}

// started reports whether a runner was asked for: before, what is said soon changes.
func started(d Document) bool { return d.Run != "" }

// linearPlan is the agent's plan, or else the task's journey; nothing once it ended,
// because a session's last activity says how.
func linearPlan(d Document) []linear.Step {
	all := d.Plan
	if len(all) == 0 {
		all = d.Steps
	}
	var steps []linear.Step
	for _, st := range all {
		step := linear.Step{Content: st.Text, Status: "pending"}
		switch {
		case st.Done:
			step.Status = "completed"
		case st.Now:
			step.Status = "inProgress"
		}
		steps = append(steps, step)
	}
	return steps
}

func linearLinks(d Document) []linear.Link {
	var all []linear.Link
	add := func(label, url string) {
		if url != "" {
			all = append(all, linear.Link{Label: label, URL: url})
		}
	}
	add(fmt.Sprintf("Session %s#%d", d.Repository, d.Issue), d.Comment)
	add(fmt.Sprintf("Pull request #%d", d.PullRequest), d.PullURL)
	add("Workflow run", d.Run)
	return all
}

// until adds by when somebody has to say something.
func until(text string, d Document) string {
	if !d.Question.Deadline.IsZero() {
		text += " Without an answer by " + d.Question.Deadline.UTC().Format("2 January, 15:04 UTC") + " it is given up."
	}
	return text
}

func linearHeld(d Document, tree string) string {
	var b strings.Builder
	if d.Problem != nil {
		b.WriteString(d.Problem.told() + "\n\n")
	}
	b.WriteString(cutShort(d))
	b.WriteString("The change touches files that decide what runs with secrets, who must review, or how agents behave:\n\n")
	for _, path := range d.Held {
		fmt.Fprintf(&b, "- %s\n", path.Code())
	}
	if !d.Patch.Empty() {
		b.WriteString("\n" + d.Patch.Fence() + "\n")
	}
	fmt.Fprintf(&b, "\nTo publish exactly this change, read it and reply `release %s`. To drop it, reply `stop`.", tree)
	return b.String()
}

// linearEnd tells how a task ended.
func linearEnd(d Document) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s %s**\n\n", d.Mark, d.Title)
	if d.PullURL != "" {
		fmt.Fprintf(&b, "[%s#%d](%s)", d.Repository, d.PullRequest, d.PullURL)
		if c := d.Change; c != nil {
			fmt.Fprintf(&b, ": %s, +%d −%d", count(len(c.Files), "file"), c.Additions, c.Deletions)
		}
		b.WriteString("\n\n")
	}
	if d.Problem != nil {
		b.WriteString(d.Problem.told() + "\n\n")
	}
	b.WriteString(cutShort(d))
	if !d.Answer.Empty() {
		b.WriteString(d.Answer.Markdown() + "\n\n")
	}
	if v := d.Verification; v != nil {
		if v.Status == Unverified {
			b.WriteString("**Could not verify**: " + stop(orElse(v.Reason.Line(300), "no reason was given")) + "\n\n")
		} else {
			for _, c := range v.Checks {
				fmt.Fprintf(&b, "- %s: %s, %s\n", c.Name.Code(), statusMark[c.Status], duration(c.Took))
			}
			b.WriteString("\n")
		}
	}
	if len(d.Refused) > 0 {
		fmt.Fprintf(&b, "%s refused in the network; the task's comment lists them.\n\n", count(len(d.Refused), "place"))
	}
	switch d.Phase {
	case Stopped:
		b.WriteString("Nothing was published. Reply `retry` to start again.\n\n")
	case Failed:
		b.WriteString("Reply `retry` to start again.\n\n")
	}
	if d.Cost != "" {
		b.WriteString("Models: " + d.Cost)
	}
	return strings.TrimSpace(b.String())
}
