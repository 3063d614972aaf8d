package runner

import (
	"context"
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/joblog"
	"github.com/seed-bc0cc349/anvil/action/redact"
	"github.com/seed-bc0cc349/anvil/action/verify"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// codeSetup is a repository's setup that failed.
const codeSetup = "SETUP_FAILED"

// setup runs the repository's setup commands where the agent will work. They come from
// the default branch and are as untrusted as the agent: they run in its confinement,
// and reach what it reaches, but for models and tools.
func (j *job) setup(work context.Context, c *surroundings, env []string) error {
	record, err := j.runSetup(work, c, env)
	if err != nil || record.Status == runapi.VerifyPassed {
		return err
	}
	what := "The setup could not be run: " + record.Reason + "."
	if n := len(record.Checks); n > 0 {
		last := record.Checks[n-1]
		what = fmt.Sprintf("%q ended with exit code %d.", last.Name, last.ExitCode)
		if tail := strings.TrimSpace(last.OutputTail); tail != "" {
			what += "\n\n" + quoted(tail)
		}
	}
	return &runapi.Error{Code: codeSetup, What: what, Next: "Correct setup in .github/anvil.yml on the default branch, or allow the host that it needs by network.allow there; then say /anvil retry."}
}

// runSetup runs the setup commands in a confinement, up to the first that fails.
func (j *job) runSetup(work context.Context, c *surroundings, env []string) (verify.Record, error) {
	if len(j.assignment.Setup) == 0 {
		return verify.Record{Verification: runapi.Verification{Status: runapi.VerifyPassed}}, nil
	}
	bench := j.bench(c, env)
	bench.Done = func(c runapi.Check) {
		text := fmt.Sprintf("Setup: %s: exit code %d, %d ms", c.Name, c.ExitCode, c.DurationMS)
		j.log.Quote(text)
		j.journal.quote(runapi.KindNote, j.fit(text, maxText), nil)
	}
	plan := verify.Plan{Commands: j.assignment.Setup, Source: ".github/anvil.yml", Stop: true}
	return verify.Run(work, plan, bench)
}

// bench is where a confinement's commands run, with what they print in the log.
func (j *job) bench(c *surroundings, env []string) verify.Bench {
	lines := redact.NewLines(j.secrets) // knows when it is in the middle of a private key
	return verify.Bench{
		Confine: c, Dir: c.Path(c.tree), Env: env, Limit: j.limits().verify, Grace: grace,
		Begin: func(command string) { j.log.Quote("$ " + command) },
		Line:  j.log.Quote,
		Clean: func(line string) string { return lines.Line(joblog.Clean(line)) },
	}
}

// quoted is output as a block of Markdown that ends where it ends.
func quoted(text string) string {
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}
