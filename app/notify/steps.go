package notify

import (
	"encoding/json"
	"fmt"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// reached is how far a run in each state has come on the way of steps: the index
// of the step that is under way.
var reached = map[anvil.State]int{
	anvil.Queued:      1,
	anvil.Dispatching: 2,
	anvil.Uncertain:   2,
	anvil.Dispatched:  2,
	anvil.Working:     3,
	anvil.Stopping:    3,
	anvil.Inspecting:  5,
	anvil.Delivering:  6,
}

// journey lists the steps of an open task.
func journey(s anvil.Story) []Step {
	run := s.Run()
	agent := "Agent at work"
	if run.Engine.Name != "" {
		agent += " (" + sanitize.Line(engineName(run), 80) + ")"
	}
	waiting := "Slot"
	if run.State == anvil.Queued {
		waiting = "Waiting for a slot"
		if s.Ahead > 0 {
			waiting += fmt.Sprintf(" (%d ahead)", s.Ahead)
		}
	}
	at := reached[run.State]
	if run.State == anvil.Working && atPhase(s) == "verify" {
		at = 4
	}
	all := []Step{
		{Text: "Accepted"}, {Text: waiting}, {Text: "Runner", Link: run.Placement.URL}, {Text: agent},
		{Text: "Verification"}, {Text: "Inspection"}, {Text: "Pull request"},
	}
	for i := range all {
		all[i].Done, all[i].Now = i < at, i == at
	}
	return all
}

// atPhase is the phase that the present run's runner said it is in.
func atPhase(s anvil.Story) string {
	name := ""
	for _, e := range s.Events {
		if e.Run == s.Run().ID && e.Source == anvil.FromRunner && e.Kind == "phase" {
			name = e.Text
		}
	}
	return name
}

// planOf lists the steps that the agent of the present run last reported. They stand
// in a list, where a line of text may be and Markdown may not.
func planOf(s anvil.Story) (all []Step) {
	var reported struct {
		Steps []struct {
			Text   string `json:"text"`
			Status string `json:"status"`
		} `json:"steps"`
	}
	for _, e := range s.Events {
		if e.Run != s.Run().ID || e.Source != anvil.FromServer || e.Kind != anvil.KindPlan {
			continue
		}
		reported.Steps = nil
		if json.Unmarshal(e.Data, &reported) != nil {
			return nil
		}
	}
	for _, r := range reported.Steps {
		all = append(all, Step{Text: sanitize.Line(r.Text, 200), Done: r.Status == "done", Now: r.Status == "in_progress"})
	}
	return all
}

func engineName(run anvil.Run) string {
	name := run.Engine.Name
	if run.Engine.Model != "" {
		name += ", " + run.Engine.Model
	}
	return name
}
