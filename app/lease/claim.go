package lease

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

func (s *Server) claim(r *http.Request) (any, error) {
	ctx := r.Context()
	claims, err := s.Verifier.Verify(ctx, bearer(r))
	if err != nil {
		return nil, err
	}
	req, err := decode[runapi.ClaimRequest](r, 16<<10)
	if err != nil {
		return nil, err
	}
	story, err := s.Store.StoryOfRun(ctx, anvil.RunID(req.Run))
	if err != nil {
		return nil, err
	}
	run, err := runOf(story, req.Run)
	if err != nil {
		return nil, err
	}
	home, err := s.Place.Home(ctx, story.Session.Repository)
	if err != nil {
		return nil, err
	}
	if err := s.Place.check(claims, home); err != nil {
		return nil, err
	}
	if err := mayClaim(run, claims, req.Nonce); err != nil {
		return nil, err
	}
	if err := s.Place.mayStay(claims, req.Runner, home); err != nil {
		return nil, s.endFor(ctx, run, err)
	}
	s.noticeSkew(req.Run, req.Runner.Clock)
	// The token for reading comes before the lease: if GitHub has none to give,
	// nothing has happened yet and the runner asks again.
	readToken, _, err := s.GitHub.ReadToken(ctx, story.Session.Repository)
	if err != nil {
		return nil, fmt.Errorf("claim %s: %w", run.ID, err)
	}
	first, err := s.Store.UseToken(ctx, claims.JTI, claims.ExpiresAt)
	if err != nil {
		return nil, err
	}
	if !first {
		return nil, &runapi.Error{Code: runapi.CodeReplay, What: "this OIDC token was used before.", Next: "Ask GitHub for a fresh one.", Status: http.StatusConflict}
	}
	token := "anvil_lease_" + rand.Text()
	run, err = s.grant(ctx, run.ID, claims, req, token, s.placeOf(claims, home))
	if err != nil {
		return nil, err
	}
	s.Log.Info("run claimed", "run", run.ID, "epoch", run.Lease.Epoch, "workflow_run", claims.RunID, "runner", run.Lease.Runner)
	a := s.assignment(story, run, token, readToken)
	if a.Resume, err = s.resume(ctx, run); err != nil {
		return nil, err
	}
	return a, nil
}

// grant gives the lease to the workflow run that asks, if it is still to be had.
func (s *Server) grant(ctx context.Context, id anvil.RunID, claims github.Claims, req runapi.ClaimRequest, token string, place anvil.Placement) (anvil.Run, error) {
	lease := func(r *anvil.Run) error {
		if err := mayClaim(*r, claims, req.Nonce); err != nil {
			return err
		}
		r.Lease = anvil.Lease{
			Epoch:     r.Lease.Epoch + 1,
			TokenHash: anvil.Fingerprint(token),
			ExpiresAt: s.Now().Add(s.Terms.Lease),
			Runner:    cut(req.Runner.Name, 100),
		}
		if r.Placement.Guessed = false; r.Placement.WorkflowRun != claims.RunID {
			r.Placement = place
		}
		r.Deadline = r.Lease.ExpiresAt
		return nil
	}
	run, err := s.Store.Move(ctx, id, anvil.Working, lease)
	var moved *anvil.MoveError
	if errors.As(err, &moved) && moved.From == anvil.Working {
		// The same workflow run again: the answer to its first claim got lost.
		return s.Store.Amend(ctx, id, lease)
	}
	return run, err
}

// placeOf is where the run turns out to be, if its dispatch did not tell or the
// wrong workflow run was taken for it.
func (s *Server) placeOf(claims github.Claims, home anvil.Repository) anvil.Placement {
	return anvil.Placement{
		Provider: "actions", Repository: home.FullName(), Workflow: s.Place.Workflow, WorkflowRun: claims.RunID,
		URL: fmt.Sprintf("%s/actions/runs/%d", strings.TrimSuffix(s.GitHub.CloneURL(home), ".git"), claims.RunID),
	}
}

// mayClaim reports whether the workflow run of claims may have the lease.
func mayClaim(run anvil.Run, claims github.Claims, nonce string) error {
	if run.Dispatch.NonceHash == "" || subtle.ConstantTimeCompare([]byte(anvil.Fingerprint(nonce)), []byte(run.Dispatch.NonceHash)) != 1 {
		return &runapi.Error{Code: runapi.CodeNonce, What: "the nonce is not the one of this run's dispatch.", Next: "Nothing to do: another workflow run has taken its place.", Status: http.StatusForbidden}
	}
	if claims.RunAttempt != 1 {
		return &runapi.Error{Code: runapi.CodeAttempt, What: fmt.Sprintf("this is attempt %d of the workflow run.", claims.RunAttempt), Next: "A run is not repeated by re-running its workflow: comment /anvil retry.", Status: http.StatusConflict}
	}
	known := run.Placement.WorkflowRun
	if known != 0 && known != claims.RunID && !run.Placement.Guessed {
		return &runapi.Error{Code: runapi.CodeTaken, What: "another workflow run was started for this.", Next: "Nothing to do.", Status: http.StatusConflict}
	}
	switch run.State {
	case anvil.Dispatching, anvil.Uncertain, anvil.Dispatched:
		return nil
	case anvil.Working:
		if known == claims.RunID {
			return nil
		}
		return &runapi.Error{Code: runapi.CodeTaken, What: "the run has a runner already.", Next: "Nothing to do.", Status: http.StatusConflict}
	}
	return stale(run.State)
}

// check compares what GitHub says of the asking job with what may ask. The
// subject's text is not looked at: its shape changed, and will again.
func (p Workplace) check(c github.Claims, home anvil.Repository) error {
	workflow, ref, _ := strings.Cut(c.WorkflowRef, "@")
	// The owner and name in front may be old ones of a renamed repository; its id
	// is what counts.
	parts := strings.SplitN(workflow, "/", 3)
	path := parts[len(parts)-1]
	branch := cmp.Or(p.Ref, home.DefaultBranch)
	for _, claim := range []struct {
		name      string
		got, want string
	}{
		{"repository_id", fmt.Sprint(c.RepositoryID), fmt.Sprint(home.ID)},
		{"event_name", c.EventName, "workflow_dispatch"},
		{"workflow_ref (file)", path, ".github/workflows/" + p.Workflow},
		{"workflow_ref (ref)", ref, "refs/heads/" + branch},
		{"ref", c.Ref, "refs/heads/" + branch},
	} {
		if claim.got != claim.want {
			return wrongClaim(claim.name, claim.got, claim.want)
		}
	}
	if len(p.RunnerEnvironments) > 0 && !slices.Contains(p.RunnerEnvironments, c.RunnerEnvironment) {
		return wrongClaim("runner_environment", c.RunnerEnvironment, strings.Join(p.RunnerEnvironments, " or "))
	}
	return nil
}

// mayStay refuses a machine that stays after its job where anybody's pull request can leave
// something on it. GitHub says of the machine whose it is; that it stays, the machine
// itself, which an earlier job may have taken over: the refusal is for operators who do not
// know, not against those who lie.
func (p Workplace) mayStay(c github.Claims, r runapi.RunnerInfo, home anvil.Repository) *runapi.Error {
	allowed := slices.ContainsFunc(p.MayStay, func(name string) bool { return strings.EqualFold(name, home.FullName()) })
	if c.RunnerEnvironment != "self-hosted" || !c.Public || r.Ephemeral || allowed {
		return nil
	}
	return &runapi.Error{
		Code: runapi.CodeStays, What: fmt.Sprintf("the self-hosted runner %s stays after its job, or can't tell, and %s is public: what anybody's pull request leaves on it would meet this run.", cut(r.Name, 100), home.FullName()),
		Next: "Register it as ephemeral (anvil-runner doctor tells more), or allow it by name in the server's dispatch.lasting_runners; then comment /anvil retry.", Status: http.StatusForbidden,
	}
}

// endFor ends a run that its own job has come for and may not have, and returns why.
func (s *Server) endFor(ctx context.Context, run anvil.Run, why *runapi.Error) error {
	_, err := s.Store.Move(ctx, run.ID, anvil.Failed, func(r *anvil.Run) error {
		r.Problem = anvil.Problemf(anvil.Code(why.Code), why.Next, "%s", why.What)
		return nil
	})
	var moved *anvil.MoveError
	if err != nil && !errors.As(err, &moved) {
		return err
	}
	return why
}

func wrongClaim(name, got, want string) error {
	return &runapi.Error{
		Code: runapi.CodeClaim, What: fmt.Sprintf("the token's claim %s is %q, expected %q.", name, cut(got, 120), want),
		Next: "Runs are claimed only by the configured workflow, started by this server.", Status: http.StatusForbidden,
	}
}

func (s *Server) assignment(story anvil.Story, run anvil.Run, token, readToken string) runapi.Assignment {
	repo := story.Session.Repository
	verify, source := run.Rules.Checks(story.Task.Command.Options)
	if source == "rules" {
		source = policy.Path
	}
	engine := s.Engines[run.Engine.Name]
	engine.Model = run.Engine.Model
	var merge *runapi.Merge
	if m := run.Merge; m != nil {
		merge = &runapi.Merge{Branch: story.Session.Branch, Head: m.Head, Ancestor: m.Ancestor}
	}
	return runapi.Assignment{
		Run: string(run.ID), Epoch: run.Lease.Epoch, LeaseToken: token, ExpiresAt: run.Lease.ExpiresAt,
		RenewEverySeconds: max(1, int(s.Terms.RenewEvery/time.Second)),
		Repository:        runapi.Repository{ID: repo.ID, FullName: repo.FullName(), CloneURL: s.GitHub.CloneURL(repo)},
		BaseRef:           run.BaseRef, BaseCommit: run.BaseCommit, Merge: merge, ReadToken: readToken,
		Engine: engine,
		Prompt: promptOf(story),
		Setup:  run.Rules.Setup, Screenshots: run.Rules.Screenshots, Sparse: run.Rules.Sparse, Verify: verify, VerifySource: source, Tools: s.Tools,
		RepairRounds: s.Terms.RepairRounds,
		Containment:  s.containment(run),
		Images:       s.images(repo),
		Environment:  s.environment(run),
		Model:        s.Relays != nil && s.Relays(engine.Kind),
		Limits: runapi.Limits{
			WorkSeconds: int(s.Terms.Work / time.Second), VerifySeconds: int(s.Terms.Verify / time.Second), CompareSeconds: int(s.Terms.Compare / time.Second),
			LogBytes: s.Terms.LogBytes, BundleBytes: s.Terms.BundleBytes,
			CheckpointSeconds: int(s.Terms.Checkpoint / time.Second), ConversationBytes: s.Terms.ConversationBytes,
		},
	}
}

// images is where the run keeps the images of environments.
func (s *Server) images(repo anvil.Repository) runapi.ImageCache {
	i := s.Images
	i.DefaultBranch = repo.DefaultBranch
	return i
}

// containment is the operator's, with the hosts that the repository allows itself.
// That it may was settled at dispatch.
func (s *Server) containment(run anvil.Run) runapi.Containment {
	c := s.Containment
	c.Allow = slices.Concat(c.Allow, run.Rules.AllowHosts)
	return c
}

// environment is the operator's, with the repository's choice among its dev containers.
func (s *Server) environment(run anvil.Run) runapi.Environment {
	e := s.Environment
	e.Name = run.Rules.Environment
	return e
}

// promptOf is the snapshot that intake took, and what was asked and answered since.
// Its digest is intake's as long as there was nothing.
func promptOf(story anvil.Story) runapi.Prompt {
	taken := story.Task.Command.Prompt
	p := runapi.Prompt{
		Instruction: taken.Instruction, IssueNumber: story.Session.Number(),
		IssueTitle: taken.IssueTitle, IssueBody: taken.IssueBody, Digest: taken.Digest,
	}
	for _, run := range story.Runs {
		if q := run.Question; q != nil && q.Answer != "" {
			p.Exchanges = append(p.Exchanges, runapi.Exchange{Question: q.Text, Answer: q.Answer})
		}
	}
	if story.Planning() {
		p.Instruction += planOnly
	}
	if len(p.Exchanges) > 0 || story.Planning() {
		p.Digest = p.ComputeDigest()
	}
	return p
}

// planOnly is what an agent is told that is to make a plan. Whatever it changes all
// the same is not published.
const planOnly = `

Make a plan for this and nothing else: read what you need, and change no file. End with the plan as your answer: the steps
in order, the files that you expect to change, how you will verify the result, what you are not sure about, and how much
work it will be. A person reads it and decides whether it is carried out.`

func runOf(story anvil.Story, id string) (anvil.Run, error) {
	for _, run := range story.Runs {
		if string(run.ID) == id {
			return run, nil
		}
	}
	return anvil.Run{}, anvil.ErrNotFound
}
