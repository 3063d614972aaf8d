package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// Of tells a story as a document.
func Of(s anvil.Story) Document {
	run, command := s.Run(), s.Task.Command
	d := Document{
		Task: string(s.Task.ID), Phase: phaseOf(s), Attempt: run.Attempt,
		Issue: s.Session.Number(), InSlack: s.Session.Issue < 0, OnPull: command.Thread.PullRequest && s.Session.Issue == command.Thread.Issue, PullRequest: s.Session.PullRequest, Branch: sanitize.From(s.Session.Branch), Base: sanitize.From(run.BaseRef), BaseCommit: run.BaseCommit,
		Requester: person(command.Requester), Asked: sanitize.From(command.Prompt.Instruction), Handed: command.Wordless(), Subject: subject(s),
		Question: questionOf(run), Notices: noticesOf(s), Environment: environmentOf(run), Absent: absentOf(run), Debug: run.Report != nil && run.Report.Debug, Spans: spansOf(run), Cost: Usage(s.Usage),
		Answer: answerOf(run), Verification: verificationOf(run), Change: changeOf(run), Run: run.Placement.URL,
		PullURL: s.Effects["pull/"+string(s.Task.ID)].URL, Repository: s.Session.Repository.FullName(),
		Comment: s.Effects["comment/"+string(s.Task.ID)].URL, Places: places(s),
	}
	if e := s.Effects["push/"+string(s.Task.ID)]; e.State == anvil.Done {
		d.Published = e.URL
	}
	if e := s.Effects["screenshots/"+string(s.Task.ID)]; e.State == anvil.Done && run.Report != nil {
		for i, p := range run.Report.Screenshots {
			d.Screenshots = append(d.Screenshots, Picture{sanitize.From(p.Title), e.URL + "/" + anvil.ScreenshotFile(i+1) + "?raw=true"})
		}
	}
	if !s.Task.ClosedAt.IsZero() {
		d.Took = s.Task.ClosedAt.Sub(s.Task.CreatedAt)
	}
	if run.Engine.Name != "" {
		d.Engine = sanitize.From(Engine(run.Engine))
	}
	if run.Report != nil {
		d.Report = reportOf(run.Report.Answer)
		if run.Report.Over != nil {
			over := problem(run.Report.Over)
			d.Over = &over
		}
	}
	d.Lost, d.Earlier = lostOf(s), earlierOf(s)
	for _, r := range s.Runs {
		if q := r.Question; q != nil && q.Answer != "" {
			d.Exchanges = append(d.Exchanges, Exchange{sanitize.From(strings.TrimSpace(q.Text)), sanitize.From(q.Answer), person(q.Answerer)})
		}
	}
	if d.Phase == Open {
		d.Steps, d.Plan, d.Speech = journey(s), planOf(s), speechOf(s)
	}
	if !d.Phase.Ended() {
		d.Warnings, d.Wait = budgets(s)
	}
	if p := problemOf(s); p != nil {
		told := problem(p)
		d.Problem = &told
	}
	if d.Phase == Holding && run.Verdict != nil {
		for _, path := range run.Verdict.Protected {
			d.Held = append(d.Held, sanitize.From(path))
		}
		d.Patch = sanitize.From(run.Verdict.Patch)
	}
	if run.Verdict != nil && run.Verdict.Released != nil {
		d.ReleasedBy = person(run.Verdict.Released.By)
	}
	d.Refused, d.AllowHosts, d.AskOperator = refusedOf(run)
	d.Mark, d.Title = title(s, d)
	d.Actions = actions(s, d)
	return d
}

// IndependenceOf tells of an independent review as it is shown.
func IndependenceOf(i anvil.Independence) Independence {
	d := Independence{Session: string(i.Session.ID), PullRequest: i.Session.PullRequest, Head: i.Head, Closed: i.Closed, Next: i.Next}
	for _, a := range i.Involved {
		d.Involved = append(d.Involved, person(a))
	}
	if i.Approved != nil {
		who := person(*i.Approved)
		d.Approved = &who
	}
	return d
}

// lostOf lists the attempts before the present one that came to nothing.
func lostOf(s anvil.Story) (all []Lost) {
	for _, r := range s.Runs[:max(len(s.Runs)-1, 0)] {
		if r.State != anvil.Lost {
			continue // its question was answered
		}
		l := Lost{Attempt: r.Attempt, Run: r.Placement.URL}
		if r.Problem != nil {
			p := problem(r.Problem)
			l.Why = &p
		}
		all = append(all, l)
	}
	return all
}

// earlierOf tells how the session's earlier tasks ended.
func earlierOf(s anvil.Story) (all []Earlier) {
	for _, before := range s.Earlier {
		d := Of(before)
		asked := d.Asked
		if d.Handed || asked.Empty() {
			asked = d.Subject
		}
		all = append(all, Earlier{d.Mark, d.Title, d.Requester, asked, d.Problem, d.Comment})
	}
	return all
}

// phaseOf is how people look at a task's state.
func phaseOf(s anvil.Story) Phase {
	if o := s.Task.Outcome; o != nil {
		switch o.State {
		case anvil.Succeeded:
			return Done
		case anvil.Unchanged:
			return Answered
		case anvil.Cancelled:
			return Stopped
		}
		return Failed
	}
	switch s.Run().State {
	case anvil.Waiting:
		if q := s.Run().Question; q != nil && q.Plan != "" {
			return Planned
		}
		return Asking
	case anvil.Held:
		return Holding
	}
	return Open
}

func person(a anvil.Actor) Person { return Person{ID: a.ID, Login: sanitize.Line(a.Login, 60)} }

func problem(p *anvil.Problem) Problem {
	return Problem{Code: string(p.Code), What: sanitize.From(p.What), Next: sanitize.From(p.Next)}
}

func problemOf(s anvil.Story) *anvil.Problem {
	if s.Task.Outcome != nil {
		return s.Task.Outcome.Problem
	}
	if s.Run().State == anvil.Held {
		return s.Run().Problem
	}
	return nil
}

func noticesOf(s anvil.Story) (all []Problem) {
	for _, n := range slices.Concat(s.Task.Command.Notices, s.Run().Rules.Notices) {
		all = append(all, problem(n))
	}
	return all
}

// subject is one line for titles: the instruction if it is short enough to be one,
// else the issue's title.
func subject(s anvil.Story) sanitize.Text {
	c := s.Task.Command
	line := strings.TrimSpace(c.Prompt.Instruction)
	if line == "" || c.Wordless() || strings.Contains(line, "\n") || utf8.RuneCountInString(line) > maxSubject {
		line = c.Prompt.IssueTitle
	}
	return sanitize.From(line)
}

// maxSubject is how long a subject is at most, in characters.
const maxSubject = 72

func speechOf(s anvil.Story) (all []Said) {
	for _, e := range s.Events {
		if e.Run == s.Run().ID && e.Source == anvil.FromRunner && e.Kind == anvil.KindMessage && strings.TrimSpace(e.Text) != "" {
			all = append(all, Said{e.Seq, sanitize.From(e.Text)})
		}
	}
	return all
}

func questionOf(run anvil.Run) *Question {
	q := run.Question
	if q == nil || run.State != anvil.Waiting {
		return nil
	}
	asked := &Question{Text: sanitize.From(strings.TrimSpace(q.Text)), Deadline: run.Deadline, Plan: q.Plan[:min(len(q.Plan), 7)]}
	for _, c := range q.Choices {
		asked.Choices = append(asked.Choices, sanitize.From(c))
	}
	return asked
}

func answerOf(run anvil.Run) sanitize.Text {
	if run.Report == nil {
		return sanitize.Text{}
	}
	return sanitize.From(strings.TrimSpace(run.Report.Answer))
}

func verificationOf(run anvil.Run) *Verification {
	if run.Report == nil || run.State == anvil.Unchanged || run.State == anvil.Waiting {
		return nil
	}
	told := run.Report.Verification
	v := &Verification{Status: Verdict(told.Status), Reason: sanitize.From(told.Reason), From: FromRules, Source: sanitize.From(told.Source)}
	file, detected := strings.CutPrefix(told.Source, "detected: ")
	switch {
	case told.Source == "command":
		v.From = FromCommand
	case detected:
		v.From, v.Source = Detected, sanitize.From(file)
	}
	for _, c := range told.Checks {
		check := Check{Name: sanitize.From(c.Name), Status: Verdict(c.Status), Took: time.Duration(c.DurationMS) * time.Millisecond, Before: Verdict(c.Before)}
		if c.Status != anvil.Passed {
			check.Output = sanitize.From(c.OutputTail)
		}
		v.Checks = append(v.Checks, check)
	}
	if v.Status != Passed && v.Status != NotPassed || len(v.Checks) == 0 {
		v.Status = Unverified
	}
	return v
}

func changeOf(run anvil.Run) *Change {
	if run.Verdict == nil {
		return nil
	}
	c := &Change{Tree: run.Verdict.Tree, Additions: run.Verdict.Additions, Deletions: run.Verdict.Deletions}
	for _, f := range run.Verdict.Files {
		c.Files = append(c.Files, File{Path: sanitize.From(f.Path), Status: f.Status, Additions: f.Additions, Deletions: f.Deletions})
	}
	return c
}

// environmentOf is what a run's programs ran in, if its runner told.
func environmentOf(run anvil.Run) *Environment {
	if run.Report == nil || run.Report.Environment == nil {
		return nil
	}
	e := run.Report.Environment
	return &Environment{Path: sanitize.From(e.Path), Warm: e.Warm, Took: time.Duration(e.DurationMS) * time.Millisecond, Without: sanitize.From(e.Without)}
}

// spansOf is how long the parts of a run took, if its runner told.
func spansOf(run anvil.Run) string {
	if run.Report == nil {
		return ""
	}
	return Spans(run.Report.Spans)
}

// Spans tells how long the parts of a run took, in one line.
func Spans(all []anvil.Span) string {
	var parts []string
	for _, s := range all {
		d := time.Duration(s.DurationMS) * time.Millisecond
		switch {
		case d < time.Second:
			parts = append(parts, fmt.Sprintf("%s %d ms", s.Name, s.DurationMS))
		case d < time.Minute:
			parts = append(parts, fmt.Sprintf("%s %.1f s", s.Name, d.Seconds()))
		default:
			parts = append(parts, s.Name+" "+d.Round(time.Second).String())
		}
	}
	return strings.Join(parts, ", ")
}

// Engine is an engine with its version and its model, as far as they are known. The
// version is text from a runner.
func Engine(e anvil.EngineInfo) string {
	return strings.Trim(strings.TrimSpace(e.Name+" "+e.Version)+", "+e.Model, ", ")
}

// absentOf is what a run's runner told that it did without.
func absentOf(run anvil.Run) Absent {
	if run.Report == nil {
		return Absent{}
	}
	a := run.Report.Absent
	return Absent{a.Submodules, a.LFS, sanitize.From(a.Submodule), sanitize.From(a.Pointer)}
}

// refusedOf lists what a run was not allowed to reach, what can be allowed first, and
// the entries that would allow it, by who may make them. Which hosts are in it is up to
// the agent: the entries are an offer to people who know the host.
func refusedOf(run anvil.Run) (all []RefusedHost, allow, ask []string) {
	if run.Report == nil {
		return nil, nil, nil
	}
	refused := slices.Clone(run.Report.Refused)
	slices.SortStableFunc(refused, func(a, b anvil.RefusedHost) int {
		return strings.Compare(fmt.Sprint(a.Allow == ""), fmt.Sprint(b.Allow == ""))
	})
	for i, r := range refused {
		host := r.Host
		if r.Port != "" {
			host += ":" + r.Port
		}
		all = append(all, RefusedHost{sanitize.From(host), sanitize.From(r.Why)})
		switch {
		case i >= mostRefused || r.Allow == "" || policy.CheckHost(r.Allow) != "":
		case r.Operator:
			ask = append(ask, r.Allow)
		default:
			allow = append(allow, r.Allow)
		}
	}
	return all, allow, ask
}

// mostRefused is how many refused hosts are told at most.
const mostRefused = 15
