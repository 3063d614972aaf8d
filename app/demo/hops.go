package demo

import (
	"slices"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Hop is a step of a task's life and when it was reached, in milliseconds since
// the task's delivery arrived.
type Hop struct {
	Name string `json:"name"`
	AtMS int64  `json:"at_ms"`

	at     time.Time
	detail string
}

// hops lists what a task has been through so far, from its own records.
func hops(delivery anvil.Delivery, s anvil.Story) []Hop {
	all := []Hop{
		{Name: "receive", at: delivery.ReceivedAt, detail: "webhook verified, stored, answered"},
		{Name: "open", at: s.Task.CreatedAt, detail: "command of @" + s.Task.Command.Requester.Login + " accepted as task " + string(s.Task.ID)},
	}
	add := func(name string, at time.Time, detail string) {
		all = append(all, Hop{Name: name, at: at, detail: detail})
	}
	for _, e := range s.Events {
		run := runOf(s, e.Run)
		switch {
		case e.Source == anvil.FromServer && e.Kind == "state":
			switch anvil.State(e.Text) {
			case anvil.Dispatching:
				add("schedule", e.At, "got a slot")
			case anvil.Dispatched:
				add("dispatch", e.At, "workflow run "+run.Placement.URL)
			case anvil.Uncertain:
				add("dispatch", e.At, "no clear answer: looking before asking again")
			case anvil.Working:
				add("claim", e.At, "runner "+run.Lease.Runner+" proved itself by OIDC")
			case anvil.Inspecting:
				add("finish", e.At, "the runner handed over a bundle")
			case anvil.Held:
				add("inspect", e.At, "held: it touches protected files")
			case anvil.Delivering:
				add("inspect", e.At, "bundle checked in quarantine")
			case anvil.Succeeded:
				add("deliver", e.At, "branch pushed, read back, pull request and check run there")
			case anvil.Lost:
				add("reap", e.At, "the run was lost")
			case anvil.Unchanged, anvil.Failed, anvil.Cancelled:
				add("finish", e.At, "the run is "+e.Text)
			}
		case e.Source == anvil.FromRunner && e.Kind == "phase" && e.Text == "work":
			add("work", e.At, "engine "+run.Engine.Name+" at work")
		case e.Source == anvil.FromRunner && e.Kind == "phase" && e.Text == "verify":
			add("verify", e.At, "verification commands in a fresh worktree")
		}
	}
	if e, ok := s.Effects["reaction/"+string(s.Task.ID)]; ok && e.State == anvil.Done {
		add("conclude", e.ChangedAt, "comment and reaction say how it ended")
	}
	slices.SortStableFunc(all, func(a, b Hop) int { return a.at.Compare(b.at) })
	for i := range all {
		all[i].AtMS = all[i].at.Sub(delivery.ReceivedAt).Milliseconds()
	}
	return all
}

func runOf(s anvil.Story, id anvil.RunID) anvil.Run {
	for _, r := range s.Runs {
		if r.ID == id {
			return r
		}
	}
	return anvil.Run{}
}
