package notify

import (
	"fmt"
	"strings"
)

// Plain tells a task to a terminal: one fact a line, nothing that a terminal obeys.
func Plain(d Document) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s", d.Title)
	if d.Asked.Empty() {
		line("  %s handed over issue %d: %s", d.Requester.Login, d.Issue, d.Subject.Plain(200))
	} else {
		line("  %s asked%s: %s", d.Requester.Login, where(d), d.Asked.Plain(200))
	}
	if d.PullRequest != 0 {
		line("  pull request #%d from %s", d.PullRequest, d.Branch.Plain(250))
	}
	if d.Run != "" {
		line("  workflow run %s", d.Run)
	}
	for _, st := range d.Steps {
		if st.Now {
			line("  now: %s", st.Text)
		}
	}
	if d.Question != nil {
		line("  the agent asks: %s", d.Question.Text.Plain(500))
	}
	if d.Problem != nil {
		line("  %s: %s %s", d.Problem.Code, stop(d.Problem.What.Plain(700)), stop(d.Problem.Next.Plain(300)))
	}
	if d.Over != nil {
		line("  %s: %s %s", d.Over.Code, stop(d.Over.What.Plain(300)), stop(d.Over.Next.Plain(300)))
	}
	for _, path := range d.Held {
		line("  held for %s", path.Path())
	}
	if v := d.Verification; v != nil {
		if v.Status == Unverified {
			line("  could not verify: %s", stop(v.Reason.Plain(300)))
		}
		for _, c := range v.Checks {
			line("  %s: %s, %s", c.Status, c.Name.Plain(120), duration(c.Took))
		}
	}
	if c := d.Change; c != nil {
		line("  %s, +%d −%d", count(len(c.Files), "file"), c.Additions, c.Deletions)
	}
	if len(d.Refused) > 0 {
		line("  %s refused in the network", count(len(d.Refused), "place"))
	}
	if d.Environment != nil {
		line("  %s", d.Environment.plain())
	}
	if d.Cost != "" {
		line("  models: %s", d.Cost)
	}
	for _, a := range d.Actions {
		line("  /anvil %s: %s", a.Verb, a.Effect)
	}
	return b.String()
}
