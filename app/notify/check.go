package notify

import (
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/github"
)

// CheckRun is the check run of a task: its live title while it is under way, then its
// verdict. It has no buttons: nobody would hear that one was pressed, and the comment
// names the commands.
func CheckRun(d Document) github.CheckRun {
	check := github.CheckRun{Name: "anvil", ExternalID: d.Task, DetailsURL: d.Run, Status: "in_progress", Title: d.Title}
	switch {
	case d.Phase.Ended():
		check.Status = "completed"
		check.Title, check.Conclusion = verdict(d)
	case d.Phase == Open && len(d.Steps) > 0 && !d.Steps[2].Done:
		check.Status = "queued"
	}
	var b strings.Builder
	switch d.Phase {
	case Open:
		b.WriteString(checklist(d.Steps) + "\n" + agentsPlan(d.Plan))
	case Asking, Planned:
		b.WriteString(pending(d))
	case Answered:
		b.WriteString(d.Answer.Markdown() + "\n\n")
	}
	if d.Problem != nil {
		b.WriteString(d.Problem.told() + "\n\n")
	}
	b.WriteString(held(d))
	b.WriteString(verification(d.Verification))
	b.WriteString(refused(d))
	b.WriteString(changed(d.Change))
	fmt.Fprintf(&b, "Asked for by %s%s.", d.Requester.Login, where(d))
	if d.Environment != nil {
		b.WriteString(" " + capital(d.Environment.told(d.Environment.Path.Code())) + ".")
	}
	if d.Cost != "" {
		b.WriteString(" The models took " + d.Cost + ".")
	}
	check.Summary, check.Annotations = b.String(), annotations(d)
	return check
}

// verdict sums an ended task up.
func verdict(d Document) (title, conclusion string) {
	switch {
	case d.Problem != nil:
		return d.Problem.Code, "neutral"
	case d.Phase == Answered:
		return "Nothing to change", "neutral"
	case d.Verification == nil:
		return "Stopped", "neutral"
	}
	v, passed := d.Verification, 0
	for _, c := range v.Checks {
		if c.Status == Passed {
			passed++
		}
	}
	switch v.Status {
	case Passed:
		return "Verified: " + count(passed, "check") + " passed", "success"
	case NotPassed:
		return fmt.Sprintf("%d of %s failed", len(v.Checks)-passed, count(len(v.Checks), "check")), "failure"
	}
	return "Could not verify: " + v.Reason.Line(100), "neutral"
}

func annotations(d Document) (all []github.Annotation) {
	for _, p := range d.Places {
		all = append(all, github.Annotation{Path: p.Path.Path(), Line: p.Line, Level: p.Level, Title: p.Title.Line(100), Message: p.Message.Line(500)})
	}
	return all
}
