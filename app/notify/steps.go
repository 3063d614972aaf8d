package notify

import (
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// step is one line of the journey that the comment shows.
type step struct {
	text string
	done bool
}

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
	anvil.Held:        6,
	anvil.Delivering:  6,
	anvil.Succeeded:   7,
}

// steps lists the journey of an open task.
func steps(s anvil.Story) []step {
	run := s.Run()
	runner := "Runner"
	if run.Placement.URL != "" {
		runner = fmt.Sprintf("Runner: [workflow run](%s)", run.Placement.URL)
	}
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
	if run.State == anvil.Working && phase(s) == "verify" {
		at = 4
	}
	all := []step{
		{text: "Accepted"}, {text: waiting}, {text: runner}, {text: agent},
		{text: "Verification"}, {text: "Inspection"}, {text: "Pull request"},
	}
	for i := range all {
		all[i].done = i < at
		if i == at {
			all[i].text = "**" + all[i].text + "** …"
		}
	}
	return all
}

// phase is the phase that the present run's runner said it is in.
func phase(s anvil.Story) string {
	name := ""
	for _, e := range s.Events {
		if e.Run == s.Run().ID && e.Source == anvil.FromRunner && e.Kind == "phase" {
			name = e.Text
		}
	}
	return name
}

func checklist(all []step) string {
	var b strings.Builder
	for _, st := range all {
		box := " "
		if st.done {
			box = "x"
		}
		fmt.Fprintf(&b, "- [%s] %s\n", box, st.text)
	}
	return b.String()
}

func engineName(run anvil.Run) string {
	name := run.Engine.Name
	if run.Engine.Model != "" {
		name += ", " + run.Engine.Model
	}
	return name
}
