package runner

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/action/verify"
	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// verified is what the checks were last run on, and how.
type verified struct {
	result *workspace.Result
	plan   verify.Plan
	took   time.Duration
}

// verify runs the project's checks on a fresh checkout of the result.
func (j *job) verify(work context.Context, w *workspace.Workspace, r *workspace.Result) (verify.Record, error) {
	defer j.spans.begin(runapi.SpanVerify)()
	start := time.Now()
	j.verified = verified{result: r}
	purpose := j.checkout()
	dir, err := w.Checkout(work, r, purpose)
	if err != nil {
		return verify.Record{}, &runapi.Error{Code: codeWorkspace, What: fmt.Sprintf("The result could not be checked out: %v.", err)}
	}
	plan := verify.Plan{Commands: j.assignment.Verify, Source: j.assignment.VerifySource}
	if len(plan.Commands) == 0 {
		plan = verify.Detect(dir)
	}
	tell := func(c runapi.Check) {
		j.log.Quote(fmt.Sprintf("%s: %s, exit code %d, %d ms", c.Name, c.Status, c.ExitCode, c.DurationMS))
		j.journal.add(runapi.KindCheck, j.fit(c.Name+": "+c.Status, maxText), mustJSON(c))
	}
	checked := start
	record, err := j.check(work, w, r, purpose, dir, plan, tell, func(c *surroundings, env []string) {
		checked = time.Now()
		j.takeScreenshots(work, c, env)
	})
	if err != nil {
		return record, err
	}
	j.verified.plan, j.verified.took = plan, checked.Sub(start)
	j.log.Say("Verification: %s. %s", record.Status, strings.TrimSpace(record.Reason+" ("+record.Source+")"))
	j.record = &record
	return record, nil
}

// checkout is the name of a tree for checks: each gets one, and a home, that nothing has
// touched.
func (j *job) checkout() string {
	j.checkouts++
	return fmt.Sprintf("verify-%d", j.checkouts)
}

// check runs a plan in surroundings of its own on a tree that was made for it, and then,
// in the same ones, what is to be done after it.
func (j *job) check(work context.Context, w *workspace.Workspace, r *workspace.Result, purpose, dir string, plan verify.Plan, tell func(runapi.Check),
	after func(*surroundings, []string)) (verify.Record, error) {
	c, err := j.surround(w, purpose, dir, w.BesideChecks(r), nil, nil)
	if err != nil {
		return verify.Record{}, err
	}
	defer func() { _ = c.Close() }()
	env, closeNetwork, err := j.network(c, c.home, c.env)
	if err != nil {
		return verify.Record{}, err
	}
	defer closeNetwork()
	record, err := j.setupChecks(work, c, env)
	if err != nil || record.Status != runapi.VerifyPassed {
		return record, err
	}
	bench := j.bench(c, env)
	bench.Done = tell
	if record, err = verify.Run(work, plan, bench); err != nil {
		return record, err
	}
	after(c, env)
	return record, nil
}

// compare runs the checks that were run last on the base commit too, if they were quick,
// so that people see what the change made of them. It is no check itself: what goes wrong
// leaves it unknown.
func (j *job) compare(work context.Context, w *workspace.Workspace, checks []runapi.Check) {
	most := time.Duration(j.assignment.Limits.CompareSeconds) * time.Second
	if len(checks) == 0 || j.verified.took == 0 || j.verified.took > most {
		return
	}
	defer j.spans.begin(runapi.SpanVerify)()
	limited, cancel := context.WithTimeout(work, 2*most)
	defer cancel()
	j.log.Say("The same checks on the base commit, to compare:")
	purpose := j.checkout()
	dir, err := w.CheckoutBefore(limited, j.verified.result, purpose)
	if err == nil {
		var record verify.Record
		tell := func(c runapi.Check) { j.log.Quote(fmt.Sprintf("%s: %s, exit code %d", c.Name, c.Status, c.ExitCode)) }
		record, err = j.check(limited, w, j.verified.result, purpose, dir, j.verified.plan, tell, func(*surroundings, []string) {})
		for i, c := range record.Checks {
			if err == nil && record.Status != runapi.VerifyUnverified && i < len(checks) && c.Name == checks[i].Name {
				checks[i].Before = c.Status
			}
		}
	}
	if err != nil && work.Err() == nil {
		j.warn("How the checks ended before the change is not known: %v", err)
	}
}
