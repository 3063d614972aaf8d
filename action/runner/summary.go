package runner

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// writeStep writes the step's summary and outputs, if this step has files for them.
func (j *job) writeStep() {
	if j.assignment.Run == "" {
		return
	}
	if j.Getenv("GITHUB_STEP_SUMMARY") != "" {
		j.log.Actions().AddStepSummary(j.summary(time.Now()))
	}
	if j.Getenv("GITHUB_OUTPUT") != "" {
		j.log.Actions().SetOutput("task", j.assignment.Run)
		j.log.Actions().SetOutput("result", string(j.finish.Result))
		j.log.Actions().SetOutput("state", j.answer.State)
		j.log.Actions().SetOutput("outcome", j.answer.Outcome)
		j.log.Actions().SetOutput("branch", j.answer.Branch)
		pull, cost := "", ""
		if j.answer.State != "" {
			cost = fmt.Sprintf("%.4f", float64(j.answer.CostMicros)/1e6)
		}
		if n := j.answer.PullRequest; n != 0 {
			pull = strconv.Itoa(n)
		}
		j.log.Actions().SetOutput("pull-request", pull)
		j.log.Actions().SetOutput("cost", cost)
		j.log.Actions().SetOutput("debug", j.debugFile)
		if j.cache != nil {
			j.log.Actions().SetOutput("cache", j.cache.Account())
		}
	}
}

// summary tells the run on the workflow run's page.
func (j *job) summary(now time.Time) string {
	var b strings.Builder
	a, f := j.assignment, j.finish
	fmt.Fprintf(&b, "### Anvil run %s: %s\n\n", code(a.Run), f.Result)
	fmt.Fprintf(&b, "%s at %s, engine %s, %s in all.\n\n", code(a.Repository.FullName), code(short(a.BaseCommit)), code(a.Engine.Name), took(now.Sub(j.started)))
	switch {
	case j.used.Without != "":
		fmt.Fprintf(&b, "Environment: %s.\n\n", code(j.used.String()))
	case j.used.Image != "":
		fmt.Fprintf(&b, "Environment: %s, image %s.\n\n", code(j.used.String()), code(j.used.Image))
	}
	if j.cache != nil {
		if account := j.cache.Account(); account != "" {
			fmt.Fprintf(&b, "Image cache: %s.\n\n", code(account))
		}
	}
	if f.Problem != nil {
		fmt.Fprintf(&b, "%s\n\n", fenced(f.Problem.Error()))
	}
	b.WriteString("| Part | Began after | Took |\n|---|---|---|\n")
	for _, s := range j.spans.all() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", s.Name, took(time.Duration(s.Began)*time.Millisecond), took(time.Duration(s.Milliseconds)*time.Millisecond))
	}
	fmt.Fprintf(&b, "\n**Verification: %s**", f.Verification.Status)
	if f.Verification.Source != "" {
		fmt.Fprintf(&b, " (%s)", code(f.Verification.Source))
	}
	b.WriteString("\n\n")
	if f.Verification.Reason != "" {
		fmt.Fprintf(&b, "%s\n\n", fenced(f.Verification.Reason))
	}
	if len(f.Verification.Checks) > 0 {
		b.WriteString("| Check | Status | Time |\n|---|---|---|\n")
		for _, c := range f.Verification.Checks {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", code(c.Name), c.Status, took(time.Duration(c.DurationMS)*time.Millisecond))
		}
		b.WriteString("\n")
	}
	if n := len(j.changed); n > 0 {
		fmt.Fprintf(&b, "%s:\n\n", plural(n, "changed file"))
		for i, c := range j.changed {
			if i == 20 {
				fmt.Fprintf(&b, "- and %d more\n", n-i)
				break
			}
			fmt.Fprintf(&b, "- %s %s\n", c.Status, code(j.safe(c.Path)))
		}
		b.WriteString("\n")
	}
	if f.Answer != "" {
		fmt.Fprintf(&b, "The agent's answer:\n\n%s\n", fenced(f.Answer))
	}
	return b.String()
}

// code shows text in one line of Markdown, as it is and inert.
func code(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	text = strings.NewReplacer("|", "\\|", "`", "'").Replace(text)
	return "`" + text + "`"
}

// fenced shows text in a block of Markdown that it can't end.
func fenced(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "text\n" + text + "\n" + fence
}

func took(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return d.Round(time.Second).String()
}
