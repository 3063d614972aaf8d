// Package runner leads one run through its life: claim, prepare, work, verify,
// report. The order of events and its reasons are told in package action.
//
// A [Config] is the job's environment and its edges; [Run] does everything and
// returns the exit code. Inside, a job holds what belongs to this job, and a
// journal numbers the run's events and sends them in order.
//
// Two contexts carry the run. The work context ends when the work should: by a
// stop, a signal or a lost lease, and its cause says which. The life context ends
// when nobody is to be told anything any more: with a lost lease at once, and a
// few seconds after a signal. Between the two ends lies the report.
package runner

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/action/agent"
	"github.com/seed-bc0cc349/anvil/action/confine"
	"github.com/seed-bc0cc349/anvil/action/devcontainer"
	"github.com/seed-bc0cc349/anvil/action/doctor"
	"github.com/seed-bc0cc349/anvil/action/imagecache"
	"github.com/seed-bc0cc349/anvil/action/joblog"
	"github.com/seed-bc0cc349/anvil/action/redact"
	"github.com/seed-bc0cc349/anvil/action/tool"
	"github.com/seed-bc0cc349/anvil/action/verify"
	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// Config is what a job gives its runner.
type Config struct {
	// Environ is the job's environment. The inputs are ANVIL_SERVER, ANVIL_TASK
	// and ANVIL_NONCE in it.
	Environ []string
	Out     io.Writer // the job's log
	// Signals delivers the requests of the system to end.
	Signals <-chan os.Signal
	// Supervisor is the command that stands between the runner and untrusted
	// programs; see confine.Plain.
	Supervisor []string
	// Self is anvil-runner as a file; see confine.Options.
	Self    string
	Version string // of anvil-runner
	// Secrets are kept from everything that leaves the runner, besides those it knows.
	Secrets []string
	// Tools are what this job can have that its machine lacks. Nil: what Anvil knows.
	Tools tool.Tools
	// Identity proves who this job is. Nil asks GitHub.
	Identity func(context.Context) (string, error)
	// Second is how long a second of the server's renewal interval lasts.
	// Zero means a second; tests are in a hurry.
	Second time.Duration
}

// Getenv reads the job's environment.
func (c Config) Getenv(name string) string {
	for i := len(c.Environ) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(c.Environ[i], name+"="); ok {
			return v
		}
	}
	return ""
}

// Exit codes of [Run].
const (
	HandedBack = 0 // or nothing to do
	NotHanded  = 1
)

// Run leads one run through its life and returns the exit code.
func Run(ctx context.Context, c Config) int {
	if c.Second == 0 {
		c.Second = time.Second
	}
	secrets := &redact.Set{}
	go redact.Ready()
	j := &job{
		Config:  c,
		secrets: secrets,
		log:     joblog.New(c.Out, c.Getenv, secrets, time.Now),
		started: time.Now(),
	}
	if c.Tools == nil {
		c.Tools = tool.Known()
	}
	j.tools = &tool.Box{Tools: c.Tools, Getenv: c.Getenv, Say: j.log.Say}
	j.spans = &spans{started: j.started}
	j.refused.tell = j.witnessRefusal
	files := guardStepFiles(c.Getenv)
	code := j.run(ctx)
	for _, name := range files.restore() {
		j.log.Warn("%s was written to during the run; that was undone.", name)
	}
	j.writeStep()
	return code
}

// job is one job at work.
type job struct {
	Config
	secrets *redact.Set
	log     *joblog.Log
	started time.Time

	client     *runapi.Client
	holder     *runapi.Holder
	assignment runapi.Assignment
	journal    *journal
	absent     runapi.Absent // of the repository
	without    string        // the same in words
	beside     string        // the submodules that were, in words
	conflicts  []string      // paths, of a merge
	phases     phases
	spans      *spans

	verified  verified               // what the checks were last run on
	checkouts int                    // for checks
	tools     *tool.Box              // that the machine lacks
	engine    agent.Engine           // of the assignment
	program   agent.Program          // its
	choice    *confine.Choice        // what untrusted programs run in
	cache     *imagecache.Cache      // nil without a dev container
	used      runapi.EnvironmentUsed // or left out; zero if there is none
	container devcontainer.Settings  // of the dev container
	place     string                 // where it expects the tree, besides confine's own
	folder    string                 // that its lifecycle commands run in
	refused   refusals               // by the egress proxies

	raw      *joblog.Clipped // the engine's own output; nil until it starts
	uploaded string          // digest of the bundle, as the server stored it
	saver    *saver          // nil until the engine is known
	changed  []workspace.Change
	views    []runapi.View  // that the agent wants a screenshot of
	pictures []picture      // of what was verified last
	record   *verify.Record // nil unless verification took place
	finish   runapi.FinishRequest
	answer   runapi.FinishAnswer // what the server made of it

	debugFile string // the debug package, if the job asked for it as a file
}

func (j *job) run(ctx context.Context) int {
	// A signal before the claim: there is nothing to hand back.
	life, end := context.WithCancelCause(ctx)
	defer end(nil)
	work, stop := context.WithCancelCause(life)
	defer stop(nil)
	watching := make(chan struct{})
	defer close(watching)
	go j.watchSignals(watching, stop, end)

	claimed := j.spans.begin(runapi.SpanClaim)
	if err := j.claim(work); err != nil {
		return j.turnedAway(work, err)
	}
	claimed()

	background, endBackground := context.WithCancel(life)
	defer endBackground()
	j.journal = newJournal(j.holder, j.limits().events, func(err error) {
		j.log.Warn("The server takes no more events: %v", err)
		j.onRefusal(err, stop, end)
	})
	go j.journal.send(background)
	go j.renew(background, stop, end)

	j.finish = j.perform(work, life)
	for _, r := range j.refused.list() {
		j.finish.Refused = append(j.finish.Refused, runapi.Refusal{Host: j.fit(r.Host, 200), Port: r.Port, Why: j.fit(r.Why, 200), Allow: r.Allow})
	}
	j.finish.Absent = j.absent
	if j.used.Path != "" {
		j.finish.Environment = &j.used
	}
	return j.report(work, life)
}

// claim proves who this job is and gets its assignment.
func (j *job) claim(ctx context.Context) error {
	in, err := inputs(j.Getenv)
	if err != nil {
		return err
	}
	j.log.Secret(in.nonce)
	j.log.Secret(j.Secrets...)
	for _, name := range []string{"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_RUNTIME_TOKEN", "GITHUB_TOKEN"} {
		j.log.Secret(j.Getenv(name))
	}
	if j.client, err = runapi.NewClient(in.server); err != nil {
		return &runapi.Error{Code: codeInput, What: err.Error() + "."}
	}
	identity := func(ctx context.Context) (string, error) {
		if j.Identity != nil {
			return j.Identity(ctx)
		}
		token, err := j.identity(ctx, runapi.Audience(in.server))
		j.log.Secret(token)
		return token, err
	}
	request := runapi.ClaimRequest{
		Run: in.task, Nonce: in.nonce,
		Runner: runapi.RunnerInfo{
			Name: j.Getenv("RUNNER_NAME"), OS: runtime.GOOS, Arch: runtime.GOARCH, Version: j.Version, Clock: time.Now(),
			Ephemeral: doctor.Ephemeral(j.Environ),
		},
	}
	var a runapi.Assignment
	if err := j.insist(ctx, "claim the run", func() (err error) {
		a, err = j.client.Claim(ctx, identity, request)
		return err
	}); err != nil {
		return err
	}
	j.log.Secret(a.LeaseToken, a.ReadToken)
	j.log.Limit(j.limitsOf(a).log)
	j.assignment, j.holder = a, j.client.Holder(a)
	j.log.Say("Anvil run %s: %s on %s at %s, engine %s.", a.Run, a.Repository.FullName, a.BaseRef, short(a.BaseCommit), a.Engine.Name)
	return nil
}

// turnedAway tells why there is nothing to do, and whether that is a failure.
func (j *job) turnedAway(ctx context.Context, err error) int {
	var e *runapi.Error
	if errors.As(err, &e) {
		switch e.Code {
		case runapi.CodeTaken, runapi.CodeAttempt, runapi.CodeStale, runapi.CodeLost, runapi.CodeNonce:
			j.log.Say("Nothing to do for this job: %s", e.Error())
			return HandedBack
		}
	}
	if h := haltOf(ctx); h != nil {
		j.log.Say("Ended before the run was claimed: %s.", h.why)
		return NotHanded
	}
	j.log.Fail("%v", err)
	return NotHanded
}

func short(commit string) string { return commit[:min(len(commit), 12)] }
