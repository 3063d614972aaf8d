package runner

import (
	"context"
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/verify"
	"github.com/seed-bc0cc349/anvil/action/workspace"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// verify runs the project's checks on a fresh checkout of the result.
func (j *job) verify(work context.Context, w *workspace.Workspace, r *workspace.Result) (verify.Record, error) {
	defer j.spans.begin(runapi.SpanVerify)()
	j.verified = r.Tree
	j.checkouts++
	purpose := fmt.Sprintf("verify-%d", j.checkouts) // each round gets a tree and a home that nothing has touched
	dir, err := w.Checkout(work, r, purpose)
	if err != nil {
		return verify.Record{}, &runapi.Error{Code: codeWorkspace, What: fmt.Sprintf("The result could not be checked out: %v.", err)}
	}
	plan := verify.Plan{Commands: j.assignment.Verify, Source: j.assignment.VerifySource}
	if len(plan.Commands) == 0 {
		plan = verify.Detect(dir)
	}
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
	if err != nil {
		return record, err
	}
	if record.Status == runapi.VerifyPassed {
		bench := j.bench(c, env)
		bench.Done = func(c runapi.Check) {
			j.log.Quote(fmt.Sprintf("%s: %s, exit code %d, %d ms", c.Name, c.Status, c.ExitCode, c.DurationMS))
			j.journal.add(runapi.KindCheck, j.fit(c.Name+": "+c.Status, maxText), mustJSON(c))
		}
		if record, err = verify.Run(work, plan, bench); err != nil {
			return record, err
		}
		j.takeScreenshots(work, c, env)
	}
	j.log.Say("Verification: %s. %s", record.Status, strings.TrimSpace(record.Reason+" ("+record.Source+")"))
	j.record = &record
	return record, nil
}
