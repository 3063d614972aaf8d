package runner

import (
	"context"
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/action/devcontainer"
	"github.com/seed-bc0cc349/anvil/action/joblog"
	"github.com/seed-bc0cc349/anvil/action/redact"
	"github.com/seed-bc0cc349/anvil/action/verify"
	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// codeSetup is a repository's setup that failed.
const codeSetup = "SETUP_FAILED"

// preparation is a part of what comes before the agent, and before the checks. Its
// commands come from the default branch and are as untrusted as the agent: they run in
// a confinement like its own, and reach what it reaches, but for models and tools.
type preparation struct {
	plan   verify.Plan
	about  []string // each command's, for people
	dir    string   // that they run in; empty: the tree
	broken string   // what it means for a change that they don't work with it
	code   string   // of a failure, and what to do
	next   string
}

// preparations are the dev container's lifecycle and the repository's setup, in this
// order. postAttachCommand is for editors, and none attaches here.
func (j *job) preparations() []preparation {
	lifecycle := preparation{
		plan: verify.Plan{Source: j.used.Path, Stop: true}, dir: j.folder, code: devcontainer.CodeLifecycle,
		broken: "the dev container's lifecycle commands do not work with the change",
		next:   "Correct it on the default branch: it can write to the tree, its home and /tmp, and what it needs beyond belongs into the image. If it needs a host, allow that by network.allow in .github/anvil.yml. Then say /anvil retry.",
	}
	for _, c := range j.container.Commands {
		lifecycle.plan.Commands = append(lifecycle.plan.Commands, c.Line())
		lifecycle.about = append(lifecycle.about, c.String())
	}
	setup := preparation{
		plan: verify.Plan{Commands: j.assignment.Setup, Source: ".github/anvil.yml", Stop: true}, code: codeSetup,
		broken: "the setup does not work with the change",
		next:   "Correct setup in .github/anvil.yml on the default branch, or allow the host that it needs by network.allow there; then say /anvil retry.",
	}
	for range setup.plan.Commands {
		setup.about = append(setup.about, "Setup")
	}
	return []preparation{lifecycle, setup}
}

// setup prepares the place where the agent will work.
func (j *job) setup(work context.Context, c *surroundings, env []string) error {
	for _, p := range j.preparations() {
		record, err := j.ready(work, c, env, p)
		if err != nil {
			return err
		}
		if record.Status != runapi.VerifyPassed {
			return &runapi.Error{Code: p.code, What: p.failure(record), Next: p.next}
		}
	}
	return nil
}

// setupChecks prepares the place where checks will run. What worked for the agent and
// does not now, does not work with the change: then the record is a failed one.
func (j *job) setupChecks(work context.Context, c *surroundings, env []string) (verify.Record, error) {
	for _, p := range j.preparations() {
		record, err := j.ready(work, c, env, p)
		if err != nil {
			return record, err
		}
		if record.Status != runapi.VerifyPassed {
			record.Status, record.Reason = runapi.VerifyFailed, p.broken
			return record, nil
		}
	}
	return verify.Record{Verification: runapi.Verification{Status: runapi.VerifyPassed}}, nil
}

// ready runs a preparation's commands, up to the first that fails.
func (j *job) ready(work context.Context, c *surroundings, env []string, p preparation) (verify.Record, error) {
	if len(p.plan.Commands) == 0 {
		return verify.Record{Verification: runapi.Verification{Status: runapi.VerifyPassed}}, nil
	}
	bench, n := j.bench(c, env), 0
	if p.dir != "" {
		bench.Dir = p.dir
	}
	bench.Done = func(c runapi.Check) {
		text := fmt.Sprintf("%s: %s: exit code %d, %d ms", p.about[n], c.Name, c.ExitCode, c.DurationMS)
		n++
		j.log.Quote(text)
		j.journal.quote(runapi.KindNote, j.fit(text, maxText), nil)
	}
	return verify.Run(work, p.plan, bench)
}

// failure says which command failed and how, with the end of what it printed.
func (p preparation) failure(r verify.Record) string {
	n := len(r.Checks)
	if n == 0 {
		return fmt.Sprintf("%s could not be prepared: %s.", p.plan.Source, r.Reason)
	}
	last := r.Checks[n-1]
	what := fmt.Sprintf("%s: %q ended with exit code %d", p.about[n-1], last.Name, last.ExitCode)
	if r.Reason != "" {
		what += ": " + r.Reason
	}
	what += "."
	if tail := strings.TrimSpace(last.OutputTail); tail != "" {
		what += "\n\n" + quoted(tail)
	}
	return what
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
