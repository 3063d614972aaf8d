package lease_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/lease"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

func upload(t *testing.T, h *runapi.Holder, name, content string) runapi.ArtifactAnswer {
	t.Helper()
	a, err := h.Upload(t.Context(), name, strings.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func events(at time.Time, seqs ...int64) (r runapi.EventsRequest) {
	for _, n := range seqs {
		r.Events = append(r.Events, runapi.Event{Seq: n, At: at, Kind: runapi.KindNote, Text: fmt.Sprint(n)})
	}
	return r
}

// told lists the runner's events of a run, in the order in which a story has them.
func told(w *world, run anvil.RunID) (all []anvil.Event) {
	w.t.Helper()
	story, err := w.store.StoryOfRun(w.t.Context(), run)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range story.Events {
		if e.Source == anvil.FromRunner && e.Run == run {
			all = append(all, e)
		}
	}
	return all
}

func texts(all []anvil.Event) string {
	var b []string
	for _, e := range all {
		b = append(b, e.Text)
	}
	return strings.Join(b, " ")
}

func TestNobodyActsWithoutALease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, _ := w.working("d")
	before := w.run(run)
	for name, h := range map[string]*runapi.Holder{
		"no token":      w.client.Holder(runapi.Assignment{Run: string(run)}),
		"a made-up one": w.client.Holder(runapi.Assignment{Run: string(run), LeaseToken: "anvil_lease_guess"}),
		"its hash":      w.client.Holder(runapi.Assignment{Run: string(run), LeaseToken: before.Lease.TokenHash}),
	} {
		for what, err := range everyPath(w, h) {
			refused(t, name+": "+what, err, "CB_STALE", 409)
		}
	}
	other, otherHolder := w.working("other")
	_ = otherHolder
	// The lease of one run is nothing in another's path.
	a, err := w.claim(other)
	if err != nil {
		t.Fatal(err)
	}
	a.Run = string(run)
	for what, err := range everyPath(w, w.client.Holder(a)) {
		refused(t, "another run's lease: "+what, err, "CB_STALE", 409)
	}
	a.Run = "nosuchtask.1"
	for what, err := range everyPath(w, w.client.Holder(a)) {
		refused(t, "no run: "+what, err, "CLAIM_NONCE", 403)
	}
	if after := w.run(run); !reflect.DeepEqual(before, after) {
		t.Errorf("the run was changed:\n%+v\n%+v", before, after)
	}
	// A run that was never claimed has no token; none must not fit it.
	queued := w.task("queued")
	for what, err := range everyPath(w, w.client.Holder(runapi.Assignment{Run: string(queued)})) {
		refused(t, "no lease at all: "+what, err, "CB_STALE", 409)
	}
}

func TestEventsComeOnceAndInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	now := w.clock.Now()
	for _, step := range []struct {
		send []int64
		next int64
		gap  bool
	}{
		{[]int64{1, 2}, 3, false},
		{[]int64{1, 2}, 3, false},  // the answer got lost
		{[]int64{2, 3}, 4, false},  // half of it is known
		{[]int64{6, 7}, 4, true},   // nothing after a gap
		{[]int64{4, 6}, 5, true},   // only what is in front of the gap
		{[]int64{0, -3}, 5, false}, // there are no such numbers: as good as known
		{nil, 5, false},            // how far are we?
		{[]int64{5, 6, 7}, 8, false},
	} {
		answer, err := h.Append(t.Context(), events(now, step.send...))
		if step.gap {
			if e := refused(t, fmt.Sprint(step.send), err, "CB_SEQ", 409); e.Expected != step.next {
				t.Errorf("%v: expects %d, want %d", step.send, e.Expected, step.next)
			}
		} else if err != nil || answer.Next != step.next {
			t.Errorf("%v: next is %d, %v; want %d", step.send, answer.Next, err, step.next)
		}
	}
	if got := texts(told(w, run)); got != "1 2 3 4 5 6 7" {
		t.Errorf("stored %s", got)
	}
}

// A runner's clock may be wrong by hours. Its events stay in their order, and at
// times that can be true.
func TestEventsKeepTheirOrderWhateverTheClock(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{0, -3 * time.Minute, -time.Hour, time.Hour, -200 * 365 * 24 * time.Hour} {
		w := newWorld(t)
		run, h := w.working("d")
		began := w.clock.Now()
		for n := int64(1); n <= 10; n++ {
			w.clock.advance(time.Minute)
			if _, err := h.Append(t.Context(), events(w.clock.Now().Add(skew), n)); err != nil {
				t.Fatal(err)
			}
		}
		all := told(w, run)
		if got := texts(all); got != "1 2 3 4 5 6 7 8 9 10" {
			t.Errorf("off by %s: the story is %s", skew, got)
		}
		for _, e := range all {
			if e.At.Before(began) || e.At.After(w.clock.Now()) {
				t.Errorf("off by %s: event %d is at %s", skew, e.Seq, e.At)
			}
		}
		if skew == 0 && !all[4].At.Equal(began.Add(5*time.Minute)) {
			t.Errorf("a right clock is not believed: %s", all[4].At)
		}
	}
}

func TestWhatARunnerSaysIsCleanedAndCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	if _, err := h.Append(t.Context(), runapi.EventsRequest{Events: []runapi.Event{
		{Seq: 1, Kind: "note\n" + strings.Repeat("k", 100), Text: "\x1b[31mred\x1b[0m \x00and\u009b2J\tblack\r\nend"},
		{Seq: 2, Kind: "note", Text: strings.Repeat("é", 200<<10)},
	}}); err != nil {
		t.Fatal(err)
	}
	all := told(w, run)
	if all[0].Text != "red and\tblack\nend" || len(all[0].Kind) != 40 || strings.Contains(all[0].Kind, "\n") {
		t.Errorf("stored %q of kind %q", all[0].Text, all[0].Kind)
	}
	if s := all[1].Text; len(s) > 64<<10+10 || !strings.HasSuffix(s, "é\n[cut]") {
		t.Errorf("stored %d bytes that end in %q", len(s), s[len(s)-10:])
	}
}

func TestAnArtifactIsWhatItWasAnnouncedAs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	answer := upload(t, h, runapi.ArtifactBundle, "a bundle")
	if want := "sha256:" + digestOf("a bundle"); answer.Digest != want || answer.Size != 8 {
		t.Errorf("answered %+v", answer)
	}
	if again := upload(t, h, runapi.ArtifactBundle, "a bundle"); again != answer {
		t.Errorf("the second time %+v", again)
	}
	newer := upload(t, h, runapi.ArtifactBundle, "a better bundle")
	if got, err := w.store.Artifact(t.Context(), run, runapi.ArtifactBundle); err != nil || got != newer.Digest {
		t.Errorf("stored %s, %v", got, err)
	}
	b, err := w.blobs.Open(newer.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if content, _ := io.ReadAll(b); string(content) != "a better bundle" {
		t.Errorf("the bytes are %q", content)
	}
}

func TestArtifactsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.dispatched("d")
	a, err := w.claim(run)
	if err != nil {
		t.Fatal(err)
	}
	good := "sha256:" + digestOf("log")
	for _, test := range []struct {
		what, name, digest string
		content            io.Reader
		status             int
	}{
		{"an unknown name", "core-dump", good, strings.NewReader("log"), 400},
		{"a path", "..%2Flog", good, strings.NewReader("log"), 400},
		{"no digest", "log", "", strings.NewReader("log"), 400},
		{"no sha256", "log", "md5:900150983cd24fb0d6963f7d28e17f72", strings.NewReader("log"), 400},
		{"half a digest", "log", good[:20], strings.NewReader("log"), 400},
		{"an upper-case digest", "log", "sha256:" + strings.ToUpper(digestOf("log")), strings.NewReader("log"), 400},
		{"other bytes", "log", good, strings.NewReader("lög"), 422},
		{"no bytes", "log", good, strings.NewReader(""), 422},
		{"too many bytes", "log", "sha256:" + digestOf(strings.Repeat("x", logBytes+1)), strings.NewReader(strings.Repeat("x", logBytes+1)), 413},
		{"too many, not declared", "log", good, io.MultiReader(strings.NewReader(strings.Repeat("x", logBytes+1))), 413},
		{"a sixth picture", "screenshot-6", good, strings.NewReader("log"), 400},
		{"a picture of no number", "screenshot-01", good, strings.NewReader("log"), 400},
		{"a bundle with too many", "bundle", good, strings.NewReader(strings.Repeat("x", bundleCap+1)), 413},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "PUT", w.http.URL+"/api/v1/runs/"+string(run)+"/artifacts/"+test.name, test.content)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+a.LeaseToken)
		req.Header.Set(runapi.HeaderDigest, test.digest)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var e runapi.Error
		err = json.NewDecoder(res.Body).Decode(&e)
		res.Body.Close()
		if err != nil || res.StatusCode != test.status || e.Code != "CB_ARTIFACT" {
			t.Errorf("%s: %d %+v %v; want %d CB_ARTIFACT", test.what, res.StatusCode, e, err, test.status)
		}
	}
	if got, err := w.store.Artifact(t.Context(), run, "log"); err == nil {
		t.Errorf("a log is stored: %s", got)
	}
	// What is just not too big is taken.
	upload(t, w.client.Holder(a), runapi.ArtifactLog, strings.Repeat("x", logBytes))
}

func proposal(bundle string) runapi.FinishRequest {
	return runapi.FinishRequest{
		Result: runapi.Proposed, Answer: "I fixed it.", Head: strings.Repeat("b", 40), Bundle: bundle, Engine: runapi.EngineInfo{Version: "1.2"},
		Verification: runapi.Verification{Status: runapi.VerifyPassed, Source: "command", Checks: []runapi.Check{{Name: "make test", Status: runapi.VerifyPassed, DurationMS: 12, OutputTail: "ok"}}},
	}
}

func TestAFinishIsGivenOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	finish := proposal(upload(t, h, runapi.ArtifactBundle, "a bundle").Digest)
	first, err := h.Finish(t.Context(), finish)
	if err != nil || first.State != "inspecting" {
		t.Fatalf("answered %+v, %v", first, err)
	}
	r := w.run(run)
	if r.Report == nil || r.Report.Bundle != finish.Bundle || r.Report.Engine != (anvil.EngineInfo{Name: "sample", Kind: "command", Model: "small", Version: "1.2"}) || r.Engine.Version != "1.2" {
		t.Fatalf("the report is %+v", r.Report)
	}
	again, err := h.Finish(t.Context(), finish)
	if err != nil || again != first {
		t.Errorf("the second time %+v, %v", again, err)
	}
	for name, change := range map[string]func(*runapi.FinishRequest){
		"another answer": func(f *runapi.FinishRequest) { f.Answer = "I did not." },
		"another bundle": func(f *runapi.FinishRequest) { f.Bundle = "sha256:" + digestOf("evil") },
		"another head":   func(f *runapi.FinishRequest) { f.Head = strings.Repeat("c", 40) },
		"another result": func(f *runapi.FinishRequest) { f.Result = runapi.Cancelled },
		"another check":  func(f *runapi.FinishRequest) { f.Verification.Checks = nil },
	} {
		other := finish
		change(&other)
		_, err := h.Finish(t.Context(), other)
		refused(t, name, err, "CB_STALE", 409)
	}
	_, err = h.Upload(t.Context(), runapi.ArtifactBundle, strings.NewReader("evil"), 4)
	refused(t, "another bundle under the same name", err, "CB_STALE", 409)
	if after := w.run(run); !reflect.DeepEqual(r, after) {
		t.Errorf("the run was changed:\n%+v\n%+v", r, after)
	}
	if n := w.jobs.count(anvil.HopInspect, run); n != 1 {
		t.Errorf("%d inspections were woken, want 1", n)
	}
	// The server has gone on meanwhile: whoever asks with the first answer's lease
	// is told how far.
	w.move(run, anvil.Delivering, func(r *anvil.Run) { r.Verdict = &anvil.Verdict{Tree: "t"} })
	if again, err := h.Finish(t.Context(), finish); err != nil || again != (runapi.FinishAnswer{State: "delivering"}) {
		t.Errorf("later %+v, %v", again, err)
	}
	w.move(run, anvil.Succeeded, func(*anvil.Run) {})
	story, err := w.store.StoryOfRun(t.Context(), run)
	if err == nil {
		err = w.store.SetPullRequest(t.Context(), story.Session.ID, 9)
	}
	if err != nil {
		t.Fatal(err)
	}
	again, err = h.Finish(t.Context(), finish)
	if want := (runapi.FinishAnswer{State: "succeeded", Settled: true, Outcome: "succeeded", Branch: again.Branch, PullRequest: 9}); err != nil || again != want || again.Branch == "" {
		t.Errorf("at the end %+v, %v", again, err)
	}
}

func TestHowARunEnds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		finish  runapi.FinishRequest
		state   anvil.State
		problem anvil.Code
	}{
		{"an answer", runapi.FinishRequest{Result: runapi.Unchanged, Answer: "It is as it should be."}, anvil.Unchanged, ""},
		{"a failure", runapi.FinishRequest{Result: runapi.Failed, Problem: &runapi.Error{Code: "ENGINE_EXIT", What: "the agent ended with status 1"}}, anvil.Failed, "ENGINE_EXIT"},
		{"a failure without a word", runapi.FinishRequest{Result: runapi.Failed}, anvil.Failed, "RUN_FAILED"},
		{"a code that is none", runapi.FinishRequest{Result: runapi.Failed, Problem: &runapi.Error{Code: "<script>", What: "x"}}, anvil.Failed, "RUN_FAILED"},
		{"a signal", runapi.FinishRequest{Result: runapi.Cancelled}, anvil.Cancelled, "RUN_CANCELLED"},
	} {
		w := newWorld(t)
		run, h := w.working("d")
		answer, err := h.Finish(t.Context(), test.finish)
		if err != nil || answer.State != string(test.state) {
			t.Errorf("%s: %+v, %v", test.name, answer, err)
		}
		r := w.run(run)
		story, err := w.store.Story(t.Context(), r.Task)
		if err != nil || story.Task.Outcome == nil || story.Task.Outcome.State != test.state || len(story.Runs) != 1 {
			t.Errorf("%s: the task's outcome is %+v, %v", test.name, story.Task.Outcome, err)
		}
		if got := r.Problem; (got == nil) != (test.problem == "") || got != nil && got.Code != test.problem {
			t.Errorf("%s: the problem is %v", test.name, got)
		}
		if n := w.jobs.count(anvil.HopInspect, run); n != 0 {
			t.Errorf("%s: %d inspections were woken", test.name, n)
		}
	}
}

func TestAFinishThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	_, err := h.Finish(t.Context(), proposal("sha256:"+digestOf("never sent")))
	refused(t, "no bundle", err, "CB_ARTIFACT", 422)
	_, err = h.Finish(t.Context(), proposal(""))
	refused(t, "no digest", err, "CB_ARTIFACT", 422)
	upload(t, h, runapi.ArtifactLog, "a log")
	_, err = h.Finish(t.Context(), proposal("sha256:"+digestOf("a log")))
	refused(t, "a log for a bundle", err, "CB_ARTIFACT", 422)
	upload(t, h, runapi.ArtifactBundle, "a bundle")
	_, err = h.Finish(t.Context(), proposal("sha256:"+digestOf("another")))
	refused(t, "another bundle", err, "CB_ARTIFACT", 422)
	shown := proposal("sha256:" + digestOf("a bundle"))
	for what, digest := range map[string]string{"no picture": "", "a picture that was not sent": digestOf("secret"), "a log for a picture": digestOf("a log")} {
		shown.Screenshots = []runapi.Screenshot{{Title: "x", Digest: "sha256:" + digest}}
		_, err = h.Finish(t.Context(), shown)
		refused(t, what, err, "CB_ARTIFACT", 422)
	}
	_, err = h.Finish(t.Context(), runapi.FinishRequest{Result: "delivered"})
	refused(t, "no such result", err, "CB_BODY", 400)
	if r := w.run(run); r.State != anvil.Working || r.Report != nil {
		t.Errorf("the run is %s with report %+v", r.State, r.Report)
	}
	shown.Screenshots = []runapi.Screenshot{{Title: "x", Digest: upload(t, h, runapi.ScreenshotName(1), "a picture").Digest}}
	if _, err := h.Finish(t.Context(), shown); err != nil {
		t.Errorf("what is right is refused afterwards: %v", err)
	}
	if r := w.run(run); len(r.Report.Screenshots) != 1 || r.Report.Screenshots[0].Title != "x" {
		t.Errorf("the report shows %+v", r.Report.Screenshots)
	}
}

// A runner cannot call a verification passed whose checks were not.
func TestAVerificationIsNoBetterThanItsChecks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	finish := runapi.FinishRequest{Result: runapi.Unchanged, Verification: runapi.Verification{Status: runapi.VerifyPassed, Checks: []runapi.Check{
		{Name: "a", Status: runapi.VerifyPassed}, {Name: "b", Status: "fine"},
	}}, Refused: append([]runapi.Refusal{{Host: "a\x1b[31m\nb", Port: "443", Why: "not on the list", Allow: "a.example"}, {Host: "b.may.example", Allow: "b.may.example"}}, make([]runapi.Refusal, 60)...)}
	if _, err := h.Finish(t.Context(), finish); err != nil {
		t.Fatal(err)
	}
	if v := w.run(run).Report.Verification; v.Status != anvil.NotPassed || v.Checks[0].Status != anvil.Passed || v.Checks[1].Status != anvil.NotPassed {
		t.Errorf("stored %+v", v)
	}
	r := w.run(run).Report.Refused
	if len(r) != 50 || r[0] != (anvil.RefusedHost{Host: "a b", Port: "443", Why: "not on the list", Allow: "a.example", Operator: true}) {
		t.Errorf("stored %d refusals, the first %+v", len(r), r[0])
	}
	if r[1] != (anvil.RefusedHost{Host: "b.may.example", Allow: "b.may.example"}) || r[2] != (anvil.RefusedHost{}) {
		t.Errorf("stored %+v", r[1:3])
	}
}

// What a runner says of its environment is kept, cut and on one line.
func TestAnEnvironmentIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	used := runapi.EnvironmentUsed{Path: "a\x1b[31m\nb", Key: strings.Repeat("k", 200), Image: "sha256:" + digestOf("an image"), Warm: true, Milliseconds: 3240}
	if _, err := h.Finish(t.Context(), runapi.FinishRequest{Result: runapi.Unchanged, Environment: &used}); err != nil {
		t.Fatal(err)
	}
	want := anvil.Environment{Path: "a b", Key: strings.Repeat("k", 100), Image: used.Image, Warm: true, DurationMS: 3240}
	if got := w.run(run).Report.Environment; got == nil || *got != want {
		t.Errorf("stored %+v, want %+v", got, want)
	}
}

// So is why it worked without the one that the repository has.
func TestAnEnvironmentThatWasLeftOutIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	used := runapi.EnvironmentUsed{Path: ".devcontainer.json", Without: "it can't\x1b[31m\n" + strings.Repeat("x", 500)}
	if _, err := h.Finish(t.Context(), runapi.FinishRequest{Result: runapi.Unchanged, Environment: &used}); err != nil {
		t.Fatal(err)
	}
	if got := w.run(run).Report.Environment; got == nil || !strings.HasPrefix(got.Without, "it can't xxx") || len(got.Without) > 210 {
		t.Errorf("stored %+v", got)
	}
}

// What a runner says of its time is kept: of each part that we know once, in order. So
// is what it did not have.
func TestTimesAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	said := []runapi.Span{{Name: "verify", Began: 900, Milliseconds: 40}, {Name: "<script>", Milliseconds: 1}, {Name: "claim", Began: -5, Milliseconds: -1}, {Name: "claim", Milliseconds: 9}}
	absent := runapi.Absent{Submodules: -1, LFS: 2, Pointer: "a\x1b[31m\nb"}
	for range 2 { // the answer to the first got lost
		if _, err := h.Finish(t.Context(), runapi.FinishRequest{Result: runapi.Unchanged, Spans: said, Absent: absent}); err != nil {
			t.Fatal(err)
		}
	}
	want := []anvil.Span{{Name: "claim"}, {Name: "verify", BeganMS: 900, DurationMS: 40}}
	if got := w.run(run).Report.Spans; !slices.Equal(got, want) {
		t.Errorf("stored %+v, want %+v", got, want)
	}
	if got := w.run(run).Report.Absent; got != (anvil.Absent{LFS: 2, Pointer: "a b"}) {
		t.Errorf("stored %+v", got)
	}
}

func TestAStopIsHeardAndEndsTheRunAsCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	bundle := upload(t, h, runapi.ArtifactBundle, "a bundle").Digest
	deadline := w.clock.Now().Add(45 * time.Second)
	w.move(run, anvil.Stopping, func(r *anvil.Run) { r.StopRequestedAt, r.Deadline = w.clock.Now(), deadline })
	w.clock.advance(10 * time.Second)
	answer, err := h.Renew(t.Context(), runapi.RenewRequest{Phase: "work"})
	if err != nil || !answer.Stop || answer.Reason == "" {
		t.Fatalf("renew answered %+v, %v", answer, err)
	}
	if r := w.run(run); !r.Deadline.Equal(deadline) {
		t.Errorf("a renewal moved the deadline of the stop to %s", r.Deadline)
	}
	// What there is may still be handed over.
	upload(t, h, runapi.ArtifactLog, "a log")
	if _, err := h.Append(t.Context(), events(w.clock.Now(), 1)); err != nil {
		t.Error(err)
	}
	// The agent was done in the same moment. That makes no difference.
	done, err := h.Finish(t.Context(), proposal(bundle))
	if err != nil || done.State != "cancelled" {
		t.Fatalf("finish answered %+v, %v", done, err)
	}
	if n := w.jobs.count(anvil.HopInspect, run) + w.jobs.count(anvil.HopDeliver, run); n != 0 {
		t.Error("a cancelled run is inspected")
	}
	story, err := w.store.StoryOfRun(t.Context(), run)
	if err != nil || story.Task.Outcome == nil || story.Task.Outcome.State != anvil.Cancelled {
		t.Errorf("the outcome is %+v, %v", story.Task.Outcome, err)
	}
	_, err = h.Renew(t.Context(), runapi.RenewRequest{})
	refused(t, "renew after it", err, "CB_STALE", 409)
}

func TestAHeartbeatThatIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, _ := w.working("d")
	res, err := http.Post(w.http.URL+"/api/v1/runs/"+string(run)+"/renew", "application/json", bytes.NewReader(bytes.Repeat([]byte(" "), 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 400 {
		t.Errorf("answered %d", res.StatusCode)
	}
}

// Callbacks arrive late, twice and in any order. As soon as a run is finished,
// none of them changes anything of it, and none is told that it did.
func TestAFinishedRunStaysAsItIs(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.reaper.Lease = 0 // no patience after its long absence
			run := w.dispatched("d")
			oldLease, err := w.claim(run)
			if err != nil {
				t.Fatal(err)
			}
			newLease, err := w.claim(run)
			if err != nil {
				t.Fatal(err)
			}
			old, h := w.client.Holder(oldLease), w.client.Holder(newLease)
			bundle := upload(t, h, runapi.ArtifactBundle, "a bundle").Digest
			ctx := t.Context()
			var calls []func() error
			for _, by := range []*runapi.Holder{old, h} {
				calls = append(calls,
					func() error { _, err := by.Renew(ctx, runapi.RenewRequest{Phase: "work"}); return err },
					func() error { _, err := by.Append(ctx, events(w.clock.Now(), 1, 2)); return err },
					func() error { _, err := by.Append(ctx, events(w.clock.Now(), 3)); return err },
					func() error { _, err := by.Upload(ctx, "log", strings.NewReader("log"), 3); return err },
					func() error { _, err := by.Upload(ctx, "bundle", strings.NewReader("evil"), 4); return err },
					func() error { _, err := by.Finish(ctx, proposal(bundle)); return err },
					func() error { _, err := by.Finish(ctx, runapi.FinishRequest{Result: runapi.Unchanged}); return err },
					func() error {
						_, err := by.Finish(ctx, runapi.FinishRequest{Result: runapi.Failed, Problem: &runapi.Error{Code: "X", What: "x"}})
						return err
					},
				)
			}
			calls = append(calls, calls...)
			calls = append(calls, calls[:len(calls)/2]...)
			calls = append(calls, func() error { _, err := w.claim(run); return err }, func() error { w.clock.advance(leaseFor); return w.reaper.Reap(ctx, "") })
			r := rand.New(rand.NewPCG(seed, 1))
			r.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })

			var finished anvil.Run
			var said []anvil.Event
			repeated := 0
			for _, call := range calls {
				err := call()
				now := w.run(run)
				if finished.ID == "" {
					if now.Report != nil || now.State.Ended() {
						finished, said = now, told(w, run)
					}
					continue
				}
				if !reflect.DeepEqual(now, finished) || !reflect.DeepEqual(told(w, run), said) {
					t.Fatalf("the run changed after it was finished:\n%+v\n%+v", finished, now)
				}
				if err == nil {
					repeated++ // the very finish once more, or the reaper, who has nothing to do
				}
			}
			if finished.ID == "" {
				t.Fatal("no order of these calls leaves a run unfinished")
			}
			if repeated > 3 {
				t.Errorf("%d calls were told that all is well; at most the two repetitions and the reaper may", repeated)
			}
			if n := w.jobs.count(anvil.HopInspect, run); n > 1 {
				t.Errorf("%d inspections were woken", n)
			}
		})
	}
}

// interrupted is a store in which something happens once between a finish's
// reading and its writing.
type interrupted struct {
	lease.Store
	once    sync.Once
	happens func()
}

func (s *interrupted) Run(ctx context.Context, id anvil.RunID) (anvil.Run, error) {
	run, err := s.Store.Run(ctx, id)
	s.once.Do(s.happens)
	return run, err
}

func TestAStopInTheMomentOfTheFinishIsNotLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, h := w.working("d")
	bundle := upload(t, h, runapi.ArtifactBundle, "a bundle").Digest
	w.leases.Store = &interrupted{Store: w.store, happens: func() {
		w.move(run, anvil.Stopping, func(r *anvil.Run) { r.StopRequestedAt = w.clock.Now() })
	}}
	done, err := h.Finish(t.Context(), proposal(bundle)) // the client asks again by itself
	if err != nil || done.State != "cancelled" || w.jobs.count(anvil.HopInspect, run) != 0 {
		t.Errorf("answered %+v, %v", done, err)
	}
}

// A proposal that is there when the budget is used up, as after a repair that came to
// nothing, goes on to inspection, and the budget stands beside it. The finish may be asked
// for again, as ever.
func TestAProposalOutlivesItsBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run, holder := w.working("a")
	bundle := upload(t, holder, runapi.ArtifactBundle, "a bundle").Digest
	w.amend(run, func(r *anvil.Run) {
		r.Problem = anvil.Problemf(anvil.CodeBudgetExceeded, "Wait.", "the budget is used up")
	})
	for range 2 {
		if answer, err := holder.Finish(t.Context(), proposal(bundle)); err != nil || answer.State != string(anvil.Inspecting) {
			t.Fatalf("answered %+v, %v", answer, err)
		}
	}
	r := w.run(run)
	if r.State != anvil.Inspecting || r.Problem != nil || w.jobs.count(anvil.HopInspect, run) != 1 {
		t.Errorf("the run is %s with %v", r.State, r.Problem)
	}
	if over := r.Report.Over; over == nil || over.Code != anvil.CodeBudgetExceeded || over.What != "the budget is used up" {
		t.Errorf("the report says %+v", over)
	}
}

// An agent that the gateway stopped in the middle has no result otherwise: whatever its
// runner says, the run ends with the budget that is used up.
func TestARunThatIsOverItsBudgetFails(t *testing.T) {
	t.Parallel()
	for result, want := range map[runapi.Result]anvil.State{
		runapi.Unchanged: anvil.Failed, runapi.Failed: anvil.Failed, runapi.Cancelled: anvil.Cancelled,
	} {
		w := newWorld(t)
		run, holder := w.working("a")
		w.amend(run, func(r *anvil.Run) {
			r.Problem = anvil.Problemf(anvil.CodeBudgetExceeded, "Wait.", "the budget is used up")
		})
		if _, err := holder.Finish(t.Context(), runapi.FinishRequest{Result: result, Problem: &runapi.Error{Code: "ENGINE_FAILED", What: "it ended"}}); err != nil {
			t.Fatal(err)
		}
		if r := w.run(run); r.State != want || want == anvil.Failed && r.Problem.Code != anvil.CodeBudgetExceeded {
			t.Errorf("%s: the run is %s with %v", result, r.State, r.Problem)
		}
	}
}

// A runner is told whether the server relays model calls for its engine.
func TestAnAssignmentSaysWhetherModelsAreRelayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, relayed := range []bool{false, true} {
		w.leases.Relays = func(kind string) bool { return relayed && kind == "command" }
		a, err := w.claim(w.dispatched(fmt.Sprint(relayed)))
		if err != nil || a.Model != relayed {
			t.Errorf("the assignment says %v, want %v: %v", a.Model, relayed, err)
		}
	}
}
