package notify

import (
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// title says in a few words where the task is, with a sign before it.
func title(s anvil.Story, d Document) (mark, words string) {
	switch d.Phase {
	case Done:
		switch {
		case d.Verification != nil && d.Verification.Status == NotPassed:
			return "⚠️", fmt.Sprintf("Pull request #%d is there%s, but its verification failed", d.PullRequest, d.after())
		case d.Verification != nil && d.Verification.Status == Unverified:
			return "☑️", fmt.Sprintf("Pull request #%d is there%s, and could not be verified", d.PullRequest, d.after())
		}
		return "✅", fmt.Sprintf("Pull request #%d is ready for you%s", d.PullRequest, d.after())
	case Answered:
		return "💬", "Answered, nothing to change" + d.after()
	case Stopped:
		return "⏹️", "Stopped" + d.after()
	case Failed:
		return "❌", "Could not finish" + d.after()
	case Holding:
		return "✋", "Held: a person has to look at this first"
	case Planned:
		return "📝", "A plan waits for approval"
	case Asking:
		return "❓", "The agent asks, and waits for an answer"
	}
	again := ""
	if d.Attempt > 1 {
		again = fmt.Sprintf(" (attempt %d)", d.Attempt)
	}
	switch s.Run().State {
	case anvil.Queued:
		return "⏳", "Queued" + again
	case anvil.Stopping:
		return "⏹️", "Stopping"
	case anvil.Inspecting:
		return "🔎", "Inspecting the change" + again
	case anvil.Delivering:
		return "📦", "Publishing the change" + again
	case anvil.Working:
		return "🔨", "Working on it" + again
	}
	return "🚀", "Starting a runner" + again
}

// after says how long an ended task took.
func (d Document) after() string {
	if d.Took == 0 {
		return ""
	}
	return " after " + duration(d.Took)
}

// What people can do, by the verb that they comment.
var (
	actStop   = Action{Verb: "stop", Button: true, Label: "Stop", Effect: "End the task; publish nothing"}
	actRetry  = Action{Verb: "retry", Button: true, Label: "Retry", Effect: "Ask once more with the same words"}
	actFix    = Action{Verb: "fix the failing checks", Button: true, Label: "Fix", Effect: "Ask the agent to make the checks pass"}
	actAnswer = Action{Verb: "WORDS", Label: "Answer", Effect: "Tell the agent what it wants to know"}
)

// actions are what makes sense in the state a task is in, the likeliest first.
func actions(s anvil.Story, d Document) []Action {
	switch d.Phase {
	case Asking:
		return []Action{actAnswer, actStop}
	case Planned:
		return []Action{{Verb: "approve " + d.Question.Plan, Button: true, Label: "Approve", Effect: "Carry out the plan"}, actStop}
	case Holding:
		return []Action{{Verb: fmt.Sprintf("release %.12s", d.Change.Tree), Button: true, Label: "Release", Effect: "Publish the change as it is"}, actStop}
	case Done:
		if d.Verification != nil && d.Verification.Status == NotPassed {
			return []Action{actFix, actRetry}
		}
		return nil
	case Failed, Stopped:
		return []Action{actRetry}
	case Open:
		if s.Run().State.CanMove(anvil.Stopping) || s.Run().State.CanMove(anvil.Cancelled) && s.Run().State != anvil.Stopping {
			return []Action{actStop}
		}
	}
	return nil
}
