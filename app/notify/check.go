package notify

import (
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/github"
)

// CheckRun is the check run of a task: its live title while it is under way, then its
// verdict, and buttons for what can be done about it without words.
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
	b.WriteString(debugging(d))
	b.WriteString(cutShort(d))
	b.WriteString(held(d))
	b.WriteString(verification(d.Verification))
	b.WriteString(foldedPictures(d))
	b.WriteString(refused(d))
	b.WriteString(changed(d.Change))
	fmt.Fprintf(&b, "Asked for by %s%s.", d.Requester.Login, where(d))
	if d.Environment != nil {
		b.WriteString(" " + capital(d.Environment.told()) + ".")
	}
	if d.Cost != "" {
		b.WriteString(" The models took " + d.Cost + ".")
	}
	check.Summary, check.Annotations, check.Actions = b.String(), annotations(d), buttons(d)
	return check
}

// buttons are the actions that need no words. GitHub shows at most three, and gives
// their identifier back, which is read as a command is (package intake).
func buttons(d Document) (all []github.CheckAction) {
	for _, a := range d.Actions {
		identifier := a.Verb
		if strings.HasPrefix(a.Verb, "fix ") {
			identifier = "fix"
		}
		if a.Button && len(all) < 3 {
			all = append(all, github.CheckAction{Label: a.Label, Description: a.Effect, Identifier: identifier})
		}
	}
	return all
}

// Moved is the check run of a task whose change was published as another commit, on
// which its verdict stands.
func Moved(d Document) github.CheckRun {
	return github.CheckRun{
		Name: "anvil", ExternalID: d.Task, DetailsURL: d.Run, Status: "completed", Conclusion: "neutral", Title: fmt.Sprintf("Published as %.7s", d.Published),
		Summary: fmt.Sprintf("The change that was asked for here is commit %.12s, with a check run of its own.", d.Published),
	}
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
