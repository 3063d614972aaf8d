package lease

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/blob"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// holds returns a check that the request's lease token is the run's present one
// and the run is still its holder's.
func holds(r *http.Request) func(anvil.Run) error {
	return func(run anvil.Run) error {
		if !holdsToken(r, run) || run.State != anvil.Working && run.State != anvil.Stopping {
			return stale(run.State)
		}
		return nil
	}
}

// holdsToken reports whether the request's lease token is the run's present one.
func holdsToken(r *http.Request, run anvil.Run) bool {
	return subtle.ConstantTimeCompare([]byte(anvil.Fingerprint(bearer(r))), []byte(run.Lease.TokenHash)) == 1
}

func (s *Server) renew(r *http.Request) (any, error) {
	req, err := decode[runapi.RenewRequest](r, 4<<10)
	if err != nil {
		return nil, err
	}
	s.noticeSkew(r.PathValue("run"), req.Clock)
	allow := holds(r)
	run, err := s.Store.Amend(r.Context(), anvil.RunID(r.PathValue("run")), func(run *anvil.Run) error {
		if err := allow(*run); err != nil {
			return err
		}
		if run.State == anvil.Working { // a stopping run keeps its deadline
			run.Lease.ExpiresAt = s.Now().Add(s.Terms.Lease)
			run.Deadline = run.Lease.ExpiresAt
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer := runapi.RenewAnswer{ExpiresAt: run.Lease.ExpiresAt, Stop: run.State == anvil.Stopping, Waiting: run.Question != nil && run.Question.Answer == ""}
	for _, v := range run.Views {
		answer.Views = append(answer.Views, runapi.View(v))
	}
	if answer.Stop {
		answer.Reason = "a person asked to stop"
	}
	return answer, nil
}

// noticeSkew warns of a runner whose clock is off. The lease runs by our clock, so
// it costs nothing but confusing logs.
func (s *Server) noticeSkew(run string, clock time.Time) {
	if skew := s.Now().Sub(clock); !clock.IsZero() && skew.Abs() > 5*time.Minute {
		s.Log.Warn("a runner's clock is off", "code", "CLOCK_SKEW", "run", run, "skew", skew.Round(time.Second))
	}
}

// Caps on what a runner may say.
const (
	maxEvents    = 4 << 20
	maxEventText = 64 << 10
	maxAnswer    = 64 << 10
	maxVersion   = 100
)

func (s *Server) events(r *http.Request) (any, error) {
	req, err := decode[runapi.EventsRequest](r, maxEvents)
	if err != nil {
		return nil, err
	}
	id := anvil.RunID(r.PathValue("run"))
	events := make([]anvil.Event, len(req.Events))
	for i, e := range req.Events {
		events[i] = anvil.Event{Run: id, Source: anvil.FromRunner, Seq: e.Seq, At: e.At, Kind: cut(e.Kind, 40), Text: limit(e.Text, maxEventText), Data: e.Data}
		if e.Kind == runapi.KindEngine {
			events[i].Text = cut(e.Text, maxVersion)
		}
	}
	allow := holds(r)
	next, err := s.Store.Append(r.Context(), id, events, func(run anvil.Run) error {
		for i := range events {
			events[i].At = s.plausible(events[i].At, run)
		}
		return allow(run)
	})
	if err != nil {
		return nil, err
	}
	if n := len(events); n > 0 && events[n-1].Seq >= next {
		return nil, &runapi.Error{
			Code: runapi.CodeSeq, What: fmt.Sprintf("event %d is expected next.", next), Next: "Send the ones in between.",
			Expected: next, Status: http.StatusConflict,
		}
	}
	return runapi.EventsAnswer{Next: next}, nil
}

// plausible is a runner's time of an event, if it can be true, or else our own: a
// clock that is off would put the event out of its place in the story.
func (s *Server) plausible(at time.Time, run anvil.Run) time.Time {
	if now := s.Now(); at.After(now) || at.Before(run.ChangedAt) {
		return now
	}
	return at
}

// records are the artifacts that tell of a run, each bounded like its log.
var records = []string{runapi.ArtifactLog, runapi.ArtifactVerification, runapi.ArtifactStream, runapi.ArtifactDebug}

func (s *Server) artifact(r *http.Request) (any, error) {
	id, name := anvil.RunID(r.PathValue("run")), r.PathValue("name")
	most := s.Terms.LogBytes
	switch {
	case runapi.IsScreenshot(name):
		most = runapi.MaxScreenshotBytes
	case name == runapi.ArtifactBundle:
		most = s.Terms.BundleBytes
	case name == runapi.ArtifactCheckpoint:
		most = s.Terms.BundleBytes
	case name == runapi.ArtifactConversation:
		most = s.Terms.ConversationBytes
	case slices.Contains(records, name):
	default:
		return nil, artifactError(http.StatusBadRequest, "there is no artifact of this name.")
	}
	digest := r.Header.Get(runapi.HeaderDigest)
	if blob.Check(digest) != nil {
		return nil, artifactError(http.StatusBadRequest, "the header "+runapi.HeaderDigest+" does not name a digest.")
	}
	// Who may not hand it over is told before the bytes are taken.
	allow := holds(r)
	run, err := s.Store.Run(r.Context(), id)
	if err != nil {
		return nil, err
	}
	if err := allow(run); err != nil {
		return nil, err
	}
	if r.ContentLength > most {
		return nil, tooBig(name, most)
	}
	if name == runapi.ArtifactCheckpoint || name == runapi.ArtifactConversation {
		return s.archive(r, id, name, digest, most)
	}
	size, err := s.Blobs.PutExpect(r.Context(), r.Body, digest, most)
	if err != nil {
		return nil, notStored(err, name, most)
	}
	if err := s.Store.SaveArtifact(r.Context(), id, name, digest, size, allow); err != nil {
		return nil, err
	}
	return runapi.ArtifactAnswer{Digest: digest, Size: size}, nil
}

func artifactError(status int, what string) error {
	return &runapi.Error{Code: runapi.CodeArtifact, What: what, Next: "Use an anvil-runner of this server's version.", Status: status}
}

func (s *Server) finish(r *http.Request) (any, error) {
	req, err := decode[runapi.FinishRequest](r, 2<<20)
	if err != nil {
		return nil, err
	}
	ctx, id := r.Context(), anvil.RunID(r.PathValue("run"))
	run, err := s.Store.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	report := ReportOf(run, req)
	for i, r := range report.Refused {
		report.Refused[i].Operator = r.Allow != "" && !s.MayAllow(r.Allow)
	}
	if again, err := finishedBefore(run, report, r); err != nil {
		return nil, err
	} else if again {
		return s.soFar(ctx, id)
	}
	allow := holds(r)
	if err := allow(run); err != nil {
		return nil, err
	}
	story, err := s.Store.StoryOfRun(ctx, id)
	if err != nil {
		return nil, err
	}
	planned := story.Planning() && (req.Result == runapi.Proposed || req.Result == runapi.Unchanged) && strings.TrimSpace(report.Answer) != ""
	var to anvil.State
	var next []anvil.Job
	switch {
	case run.State == anvil.Stopping:
		to = anvil.Cancelled
	case run.Question != nil && run.Question.Answer == "":
		to = anvil.Waiting
	case overBudget(run) && (req.Result == runapi.Unchanged || req.Result == runapi.Failed || planned):
		to = anvil.Failed // an agent that had to stop in the middle has no result, but for a bundle
	case req.Result == runapi.Cancelled:
		to = anvil.Cancelled
	case planned:
		to = anvil.Waiting
	case req.Result == runapi.Unchanged:
		to = anvil.Unchanged
	case req.Result == runapi.Failed:
		to = anvil.Failed
	case req.Result == runapi.Proposed:
		to = anvil.Inspecting
		next = append(next, anvil.Job{Hop: anvil.HopInspect, Key: string(id)})
		if err := s.uploaded(ctx, id, runapi.ArtifactBundle, req.Bundle); err != nil {
			return nil, err
		}
		for i, picture := range report.Screenshots { // a digest alone could name somebody else's blob
			if err := s.uploaded(ctx, id, runapi.ScreenshotName(i+1), picture.Digest); err != nil {
				return nil, err
			}
		}
	default:
		return nil, &runapi.Error{Code: runapi.CodeBody, What: "there is no such result.", Status: http.StatusBadRequest}
	}
	state := run.State
	run, err = s.Store.Move(ctx, id, to, func(run *anvil.Run) error {
		if err := allow(*run); err != nil {
			return err
		}
		if run.State != state { // a stop came between reading and writing: look again
			return &runapi.Error{Code: runapi.CodeBusy, What: "the run changed just now.", Next: "Try again.", Status: http.StatusServiceUnavailable}
		}
		if to == anvil.Inspecting && overBudget(*run) {
			report.Over = run.Problem
		}
		run.Report = report
		run.Engine.Version = report.Engine.Version
		run.Problem = problemOf(*run, to, report)
		if planned && to == anvil.Waiting && run.Question == nil {
			run.Question = &anvil.Question{
				Text: report.Answer, AskedAt: s.Now(), Plan: anvil.ApprovalDigest(story.Task.Command.Prompt, run.BaseCommit, report.Answer, run.Rules),
			}
		}
		if to == anvil.Waiting {
			run.Deadline = s.Now().Add(s.Terms.AnswerWithin)
		}
		return nil
	}, next...)
	if err != nil {
		return nil, err
	}
	return s.soFar(ctx, id)
}

// soFar says what has become of a run that was handed back.
func (s *Server) soFar(ctx context.Context, id anvil.RunID) (runapi.FinishAnswer, error) {
	story, err := s.Store.StoryOfRun(ctx, id)
	if err != nil {
		return runapi.FinishAnswer{}, err
	}
	i := slices.IndexFunc(story.Runs, func(r anvil.Run) bool { return r.ID == id })
	if i < 0 {
		return runapi.FinishAnswer{}, anvil.ErrNotFound
	}
	state := story.Runs[i].State
	a := runapi.FinishAnswer{State: string(state), Settled: !state.Passing(), CostMicros: story.Usage.CostMicros}
	switch {
	case story.Task.Outcome != nil:
		a.Outcome = string(story.Task.Outcome.State)
	case a.Settled:
		a.Outcome = string(state)
	}
	if a.PullRequest = story.Session.PullRequest; a.PullRequest != 0 {
		a.Branch = story.Session.Branch
	}
	return a, nil
}

// uploaded returns an error unless the run uploaded an artifact that has the digest.
func (s *Server) uploaded(ctx context.Context, id anvil.RunID, name, digest string) error {
	stored, err := s.Store.Artifact(ctx, id, name)
	if err != nil && !errors.Is(err, anvil.ErrNotFound) {
		return err
	}
	if err != nil || stored != digest {
		return artifactError(http.StatusUnprocessableEntity, "the proposal's "+name+" was not uploaded.")
	}
	return nil
}

// finishedBefore reports whether this is a finish that was accepted before; another one
// of the same run is an error.
func finishedBefore(run anvil.Run, report *anvil.Report, r *http.Request) (bool, error) {
	if run.Report == nil {
		return false, nil
	}
	before := *run.Report
	before.Over = nil // no runner says that
	if holdsToken(r, run) && reflect.DeepEqual(normal(&before), normal(report)) {
		return true, nil
	}
	return false, stale(run.State)
}

// normal is a report in the form that storing it gives.
func normal(r *anvil.Report) (n anvil.Report) {
	b, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(b, &n)
	}
	if err != nil {
		panic("lease: a report is always JSON: " + err.Error())
	}
	return n
}

// ReportOf takes over what a runner hands back: text from outside, cut and made plain,
// and nothing that is better than its parts.
func ReportOf(run anvil.Run, req runapi.FinishRequest) *anvil.Report {
	report := &anvil.Report{
		Result: string(req.Result),
		Debug:  req.Debug,
		Answer: limit(req.Answer, maxAnswer),
		Engine: run.Engine,
		Head:   cut(req.Head, 64),
		Bundle: cut(req.Bundle, 80),
		Verification: anvil.Verification{
			Status: anvil.VerificationStatus(req.Verification.Status),
			Reason: cut(req.Verification.Reason, 500),
			Source: cut(req.Verification.Source, 100),
		},
	}
	if report.Engine.Version == "" { // what was told while it worked stays
		report.Engine.Version = cut(req.Engine.Version, maxVersion)
	}
	for _, r := range req.Refused[:min(len(req.Refused), 50)] {
		report.Refused = append(report.Refused, anvil.RefusedHost{Host: cut(r.Host, 130), Port: cut(r.Port, 5), Why: cut(r.Why, 200), Allow: cut(r.Allow, 255)})
	}
	if e := req.Environment; e != nil {
		report.Environment = &anvil.Environment{
			Path: cut(e.Path, 300), Name: cut(e.Name, 100), Key: cut(e.Key, 100), Image: cut(e.Image, 100), Warm: e.Warm, DurationMS: max(0, e.Milliseconds),
			Without: cut(e.Without, 200),
		}
	}
	report.Absent = anvil.Absent{
		Submodules: max(0, req.Absent.Submodules), Submodule: cut(req.Absent.Submodule, 300), LFS: max(0, req.Absent.LFS), Pointer: cut(req.Absent.Pointer, 300),
	}
	for _, name := range runapi.Spans { // those that we know, in their order, each once
		if i := slices.IndexFunc(req.Spans, func(s runapi.Span) bool { return s.Name == name }); i >= 0 {
			report.Spans = append(report.Spans, anvil.Span{Name: name, BeganMS: max(0, req.Spans[i].Began), DurationMS: max(0, req.Spans[i].Milliseconds)})
		}
	}
	for _, p := range req.Screenshots[:min(len(req.Screenshots), anvil.MaxScreenshots)] {
		report.Screenshots = append(report.Screenshots, anvil.Screenshot{Title: cut(p.Title, 200), Digest: cut(p.Digest, 80)})
	}
	switch report.Verification.Status {
	case anvil.Passed, anvil.NotPassed:
	default:
		report.Verification.Status = anvil.Unverified
	}
	for _, c := range req.Verification.Checks[:min(len(req.Verification.Checks), 50)] {
		check := anvil.Check{Name: cut(c.Name, 300), Status: anvil.NotPassed, ExitCode: c.ExitCode, DurationMS: c.DurationMS, OutputTail: limit(c.OutputTail, 4<<10)}
		if c.Status == runapi.VerifyPassed {
			check.Status = anvil.Passed
		} else if report.Verification.Status == anvil.Passed {
			report.Verification.Status = anvil.NotPassed // a sum cannot be better than its parts
		}
		switch before := anvil.VerificationStatus(c.Before); before {
		case anvil.Passed, anvil.NotPassed:
			check.Before = before
		}
		report.Verification.Checks = append(report.Verification.Checks, check)
	}
	if req.Problem != nil {
		report.Problem = anvil.Problemf(anvil.Code(code(req.Problem.Code)), cut(req.Problem.Next, 500), "%s", limit(req.Problem.What, 2000))
	}
	return report
}

// problemOf is why a run that its runner ended did not go on.
func problemOf(run anvil.Run, to anvil.State, report *anvil.Report) *anvil.Problem {
	switch {
	case to == anvil.Failed && overBudget(run):
		return run.Problem
	case to == anvil.Failed && report.Problem != nil:
		return report.Problem
	case to == anvil.Failed:
		return anvil.Problemf("RUN_FAILED", "See the workflow run's log, then comment /anvil retry.", "the run failed and did not say why")
	case to == anvil.Cancelled && run.StopRequestedAt.IsZero():
		return anvil.Problemf("RUN_CANCELLED", "Comment /anvil retry to start again.", "the workflow run was cancelled at GitHub or its runner was shut down")
	case to == anvil.Cancelled:
		return run.Problem // whoever asked for the stop may have said why
	}
	return nil
}

// overBudget reports whether the gateway stopped the run.
func overBudget(run anvil.Run) bool {
	return run.Problem != nil && run.Problem.Code == anvil.CodeBudgetExceeded
}
