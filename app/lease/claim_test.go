package lease_test

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

func TestAClaimIsAnsweredWithAllThatARunNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.dispatched("d")
	w.amend(run, func(r *anvil.Run) {
		r.Rules.AllowHosts, r.Rules.Environment, r.Rules.Setup = []string{".repository.example"}, "go", []string{"make deps"}
	})
	got, err := w.claim(run)
	if err != nil {
		t.Fatal(err)
	}
	token := got.LeaseToken
	got.LeaseToken = ""
	want := runapi.Assignment{
		Run: string(run), Epoch: 1, ExpiresAt: w.clock.Now().Add(leaseFor), RenewEverySeconds: 15,
		Repository: runapi.Repository{ID: 7, FullName: "acme/web", CloneURL: "https://github.example/acme/web.git"},
		BaseRef:    "main", BaseCommit: strings.Repeat("a", 40), ReadToken: "ghs_read",
		Engine:       runapi.Engine{Name: "sample", Kind: "command", Command: []string{"agent"}, Model: "small"},
		Prompt:       runapi.Prompt{Instruction: "fix it", IssueNumber: 12, IssueTitle: "It is broken", IssueBody: "very", Digest: "d1"},
		Images:       runapi.ImageCache{DefaultBranch: "main"},
		Environment:  runapi.Environment{Name: "go"},
		Setup:        []string{"make deps"},
		Verify:       []string{"make test"},
		VerifySource: "command",
		Containment:  runapi.Containment{Network: "proxy", Allow: []string{"operator.example", ".repository.example"}},
		Limits:       runapi.Limits{WorkSeconds: 3600, VerifySeconds: 60, LogBytes: logBytes, BundleBytes: bundleCap, ConversationBytes: conversationCap},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	r := w.run(run)
	if r.State != anvil.Working || r.Lease.Epoch != 1 || r.Lease.Runner != "runner 1" || !r.Deadline.Equal(r.Lease.ExpiresAt) {
		t.Errorf("the run is %+v", r)
	}
	if r.Lease.TokenHash != digestOf(token) || len(token) < 30 {
		t.Error("the lease token is not stored as its hash, or is too short")
	}
	if r.Placement.URL != "https://github.example/told" {
		t.Errorf("the placement was lost: %+v", r.Placement)
	}
	if log := w.log.String(); strings.Contains(log, token) || strings.Contains(log, "ghs_read") || strings.Contains(log, nonce) {
		t.Errorf("a secret is in the log:\n%s", log)
	}
}

func TestWhoMayNotClaim(t *testing.T) {
	t.Parallel()
	type edit = func(*github.Claims)
	for _, test := range []struct {
		name   string
		edit   edit
		ask    func(*runapi.ClaimRequest)
		code   string
		status int
		tells  string
	}{
		{name: "another repository", edit: func(c *github.Claims) { c.RepositoryID = 8 }, code: "OIDC_CLAIM", status: 403, tells: `repository_id is "8", expected "7"`},
		{name: "a push", edit: func(c *github.Claims) { c.EventName = "push" }, code: "OIDC_CLAIM", status: 403, tells: `event_name is "push"`},
		{name: "another workflow", edit: func(c *github.Claims) { c.WorkflowRef = "acme/web/.github/workflows/evil.yml@refs/heads/main" }, code: "OIDC_CLAIM", status: 403, tells: "workflow_ref"},
		{name: "a workflow in another folder", edit: func(c *github.Claims) { c.WorkflowRef = "acme/web/x/.github/workflows/anvil.yml@refs/heads/main" }, code: "OIDC_CLAIM", status: 403, tells: "workflow_ref"},
		{name: "the workflow of another branch", edit: func(c *github.Claims) { c.WorkflowRef = "acme/web/.github/workflows/anvil.yml@refs/heads/evil" }, code: "OIDC_CLAIM", status: 403, tells: "workflow_ref"},
		{name: "the workflow of a tag", edit: func(c *github.Claims) { c.WorkflowRef = "acme/web/.github/workflows/anvil.yml@refs/tags/main" }, code: "OIDC_CLAIM", status: 403, tells: "workflow_ref"},
		{name: "no workflow", edit: func(c *github.Claims) { c.WorkflowRef = "" }, code: "OIDC_CLAIM", status: 403, tells: "workflow_ref"},
		{name: "another ref", edit: func(c *github.Claims) { c.Ref = "refs/heads/evil" }, code: "OIDC_CLAIM", status: 403, tells: `claim ref is`},
		{name: "a pull request's ref", edit: func(c *github.Claims) { c.Ref = "refs/pull/1/merge" }, code: "OIDC_CLAIM", status: 403, tells: `claim ref is`},
		{name: "a machine of one's own", edit: func(c *github.Claims) { c.RunnerEnvironment = "self-hosted" }, code: "OIDC_CLAIM", status: 403, tells: "runner_environment"},
		{name: "a re-run by hand", edit: func(c *github.Claims) { c.RunAttempt = 2 }, code: "ATTEMPT_MISMATCH", status: 409, tells: "attempt 2"},
		{name: "a copied nonce", edit: func(c *github.Claims) { c.RunID = 666 }, code: "CLAIM_TAKEN", status: 409},
		{name: "a guessed nonce", ask: func(r *runapi.ClaimRequest) { r.Nonce = "guess" }, code: "CLAIM_NONCE", status: 403},
		{name: "no nonce", ask: func(r *runapi.ClaimRequest) { r.Nonce = "" }, code: "CLAIM_NONCE", status: 403},
		{name: "the nonce's hash", ask: func(r *runapi.ClaimRequest) { r.Nonce = digestOf(nonce) }, code: "CLAIM_NONCE", status: 403},
		{name: "no such run", ask: func(r *runapi.ClaimRequest) { r.Run = "nosuchtask.1" }, code: "CLAIM_NONCE", status: 403},
		{name: "the next attempt, before there is one", ask: func(r *runapi.ClaimRequest) { r.Run = strings.TrimSuffix(r.Run, "1") + "2" }, code: "CLAIM_NONCE", status: 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			run := w.dispatched("d")
			request := asked(run)
			if test.ask != nil {
				test.ask(&request)
			}
			var edits []edit
			if test.edit != nil {
				edits = append(edits, test.edit)
			}
			_, err := w.client.Claim(t.Context(), with(w.tokens.mint(edits...)), request)
			if e := refused(t, test.name, err, test.code, test.status); !strings.Contains(e.What, test.tells) {
				t.Errorf("told %q, want %q in it", e.What, test.tells)
			}
			if r := w.run(run); r.State != anvil.Dispatched || r.Lease.Epoch != 0 {
				t.Errorf("the run is %s at epoch %d", r.State, r.Lease.Epoch)
			}
			if _, err := w.claim(run); err != nil {
				t.Errorf("the right one is refused afterwards: %v", err)
			}
		})
	}
}

// A renamed repository keeps its id, and its tokens have the new name.
func TestARenamedRepositoryClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.claim(w.dispatched("d"), func(c *github.Claims) {
		c.Repository, c.WorkflowRef = "new/name", "new/name/.github/workflows/anvil.yml@refs/heads/main"
	}); err != nil {
		t.Error(err)
	}
}

func TestATokenThatIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.dispatched("d")
	_, err := w.client.Claim(t.Context(), with("made up"), asked(run))
	refused(t, "made up", err, "OIDC_TOKEN", 401)
	_, err = w.client.Claim(t.Context(), with(""), asked(run))
	refused(t, "none", err, "OIDC_TOKEN", 401)
}

// The dispatch was asked for again, so only the second nonce counts.
func TestTheNonceOfAnEarlierDispatchIsWorthNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.task("d")
	w.intend(run, "the first nonce")
	w.move(run, anvil.Uncertain, nil)
	w.move(run, anvil.Dispatching, func(r *anvil.Run) { r.Dispatch.AskedAt = time.Time{} })
	w.amend(run, func(r *anvil.Run) {
		r.Dispatch = anvil.Dispatch{NonceHash: digestOf(nonce), AskedAt: w.clock.Now(), Times: 2}
	})
	old := asked(run)
	old.Nonce = "the first nonce"
	_, err := w.client.Claim(t.Context(), with(w.tokens.mint(func(c *github.Claims) { c.RunID = 1 })), old)
	refused(t, "superseded", err, "CLAIM_NONCE", 403)
	// The second one's job is quicker than the answer to its dispatch.
	if _, err := w.claim(run); err != nil {
		t.Fatal(err)
	}
	if p := w.run(run).Placement; p.WorkflowRun != workflow || p.URL != "https://github.example/acme/web/actions/runs/4711" {
		t.Errorf("nobody will find the workflow run: %+v", p)
	}
}

// Somebody started a workflow run of the same name, and it was taken for ours.
// The nonce has the last word.
func TestAGuessedPlacementYieldsToTheNonce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.task("d")
	w.intend(run, nonce)
	w.move(run, anvil.Dispatched, func(r *anvil.Run) {
		r.Placement = anvil.Placement{Provider: "actions", WorkflowRun: 666, URL: "https://github.example/evil", Guessed: true}
	})
	_, err := w.client.Claim(t.Context(), with(w.tokens.mint(func(c *github.Claims) { c.RunID = 666 })), runapi.ClaimRequest{Run: string(run), Nonce: "guess"})
	refused(t, "the impostor", err, "CLAIM_NONCE", 403)
	if _, err := w.claim(run); err != nil {
		t.Fatal(err)
	}
	if p := w.run(run).Placement; p.WorkflowRun != workflow || p.Guessed || strings.Contains(p.URL, "evil") {
		t.Errorf("the placement is %+v", p)
	}
	_, err = w.claim(run, func(c *github.Claims) { c.RunID = 666 })
	refused(t, "the impostor with the nonce", err, "CLAIM_TAKEN", 409)
}

func TestOfFiftyWorkflowRunsOneGetsTheLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.task("d")
	w.intend(run, nonce)
	w.move(run, anvil.Dispatched, func(r *anvil.Run) {
		r.Placement = anvil.Placement{Provider: "actions", WorkflowRun: 3, Guessed: true}
	})
	won, codes := race(w, run, func(i int) string {
		return w.tokens.mint(func(c *github.Claims) { c.RunID = int64(i + 1) })
	})
	if len(won) != 1 || codes["CLAIM_TAKEN"] != 49 {
		t.Fatalf("%d won, the others were told %v", len(won), codes)
	}
	if r := w.run(run); r.Lease.Epoch != 1 || r.Lease.TokenHash != digestOf(won[0].LeaseToken) {
		t.Errorf("the lease is not the winner's: %+v", r.Lease)
	}
	if n := w.jobs.count(anvil.HopInspect, run); n != 0 {
		t.Errorf("%d inspections were woken", n)
	}
}

func TestATokenIsGoodForOneClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.dispatched("d")
	token := w.tokens.mint()
	won, codes := race(w, run, func(int) string { return token })
	if len(won) != 1 || codes["OIDC_REPLAY"] != 49 {
		t.Fatalf("%d won, the others were told %v", len(won), codes)
	}
	if r := w.run(run); r.Lease.Epoch != 1 {
		t.Errorf("the epoch is %d", r.Lease.Epoch)
	}
	// Somebody found it in a log, later and for another run.
	_, err := w.client.Claim(t.Context(), with(token), asked(w.dispatched("other")))
	refused(t, "another run", err, "OIDC_REPLAY", 409)
}

// race lets fifty claim at once.
func race(w *world, run anvil.RunID, token func(i int) string) (won []runapi.Assignment, codes map[string]int) {
	codes = map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			a, err := w.client.Claim(w.t.Context(), with(token(i)), asked(run))
			mu.Lock()
			defer mu.Unlock()
			if e, ok := err.(*runapi.Error); ok {
				codes[e.Code]++
			} else if err != nil {
				w.t.Error(err)
			} else {
				won = append(won, a)
			}
		})
	}
	wg.Wait()
	return won, codes
}

// The answer to the first claim got lost on its way. The same workflow run asks
// again, and whoever has the older lease can do nothing with it any more.
func TestASecondClaimOfTheSameWorkflowRunFencesTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.dispatched("d")
	first, err := w.claim(run)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(30 * time.Second)
	second, err := w.claim(run)
	if err != nil {
		t.Fatal(err)
	}
	if second.Epoch != 2 || second.LeaseToken == first.LeaseToken || !second.ExpiresAt.Equal(w.clock.Now().Add(leaseFor)) {
		t.Errorf("the second lease is %+v", second)
	}
	for what, err := range everyPath(w, w.client.Holder(first)) {
		refused(t, what, err, "CB_STALE", 409)
	}
	if _, err := w.claim(run, func(c *github.Claims) { c.RunID = 5 }); err == nil {
		t.Error("another workflow run took over")
	}
	for what, err := range everyPath(w, w.client.Holder(second)) {
		if err != nil {
			t.Errorf("%s with the present lease: %v", what, err)
		}
	}
}

// everyPath tries all that a holder can do, the end last.
func everyPath(w *world, h *runapi.Holder) func(yield func(string, error) bool) {
	ctx := w.t.Context()
	return func(yield func(string, error) bool) {
		_, err := h.Renew(ctx, runapi.RenewRequest{Phase: "work"})
		if !yield("renew", err) {
			return
		}
		_, err = h.Append(ctx, runapi.EventsRequest{Events: []runapi.Event{{Seq: 1, At: w.clock.Now(), Kind: "note", Text: "hello"}}})
		if !yield("events", err) {
			return
		}
		_, err = h.Upload(ctx, runapi.ArtifactLog, strings.NewReader("log"), 3)
		if !yield("artifact", err) {
			return
		}
		_, err = h.Finish(ctx, runapi.FinishRequest{Result: runapi.Unchanged, Answer: "nothing to do"})
		yield("finish", err)
	}
}

func TestAClaimComesTooLate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		state anvil.State
		code  string
	}{{anvil.Stopping, "CB_STALE"}, {anvil.Lost, "ATTEMPT_LOST"}, {anvil.Failed, "CB_STALE"}} {
		w := newWorld(t)
		run := w.dispatched("d")
		w.move(run, test.state, func(r *anvil.Run) { r.Problem = anvil.Problemf("X", "", "x") })
		_, err := w.claim(run)
		if e := refused(t, string(test.state), err, test.code, 409); test.code == "CB_STALE" && !strings.Contains(e.What, string(test.state)) {
			t.Errorf("told %q", e.What)
		}
		if got := w.run(run); got.State != test.state || got.Lease.Epoch != 0 {
			t.Errorf("the run is %s", got.State)
		}
	}
}

func TestABodyThatIsNoClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.dispatched("d")
	for name, body := range map[string]string{
		"nothing": "", "no JSON": "run=1", "another type": `{"run":1}`, "two documents": `{}{}`, "enormous": `{"run":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", w.http.URL+runapi.PathClaim, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+w.tokens.mint())
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 400 || !strings.Contains(string(answer), "CB_BODY") {
			t.Errorf("%s: %d %s", name, res.StatusCode, answer)
		}
	}
	if got := w.run(run).State; got != anvil.Dispatched {
		t.Errorf("the run is %s", got)
	}
}

func TestAClockThatIsOffIsNoticedAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{-time.Hour, time.Hour, time.Minute} {
		t.Run(fmt.Sprint(skew), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			run := w.dispatched("d")
			request := asked(run)
			request.Runner.Clock = w.clock.Now().Add(skew)
			a, err := w.client.Claim(t.Context(), with(w.tokens.mint()), request)
			if err != nil {
				t.Fatal(err)
			}
			w.clock.advance(30 * time.Second)
			answer, err := w.client.Holder(a).Renew(t.Context(), runapi.RenewRequest{Phase: "work", Clock: w.clock.Now().Add(skew)})
			if err != nil || !answer.ExpiresAt.Equal(w.clock.Now().Add(leaseFor)) {
				t.Errorf("renewed until %s, %v", answer.ExpiresAt, err)
			}
			want := 2
			if skew.Abs() < 5*time.Minute {
				want = 0
			}
			if n := strings.Count(w.log.String(), "CLOCK_SKEW"); n != want {
				t.Errorf("the log names CLOCK_SKEW %d times, want %d", n, want)
			}
		})
	}
}
