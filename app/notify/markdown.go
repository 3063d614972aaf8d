package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// What the places on GitHub have in common, as Markdown.

// checklist is a list of steps with boxes.
func checklist(all []Step) string {
	var b strings.Builder
	for _, st := range all {
		box, text := " ", st.Text
		if st.Done {
			box = "x"
		}
		if st.Link != "" {
			text += fmt.Sprintf(": [workflow run](%s)", st.Link)
		}
		if st.Now {
			text = "**" + text + "** …"
		}
		fmt.Fprintf(&b, "- [%s] %s\n", box, text)
	}
	return b.String()
}

// agentsPlan lists the steps that the agent reported, or is empty.
func agentsPlan(all []Step) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("The agent's plan:\n\n")
	for _, st := range all {
		box, text := " ", st.Text
		if st.Done {
			box = "x"
		}
		if st.Now {
			text += " …"
		}
		fmt.Fprintf(&b, "- [%s] %s\n", box, text)
	}
	return b.String() + "\n"
}

var statusMark = map[Verdict]string{Passed: "✅ passed", NotPassed: "❌ failed", Unverified: "⚪ not verified"}

// verification is the table of what was run to verify a change, or empty.
func verification(v *Verification) string {
	if v == nil {
		return ""
	}
	if v.Status == Unverified {
		reason := v.Reason.Line(300)
		if reason == "" {
			reason = "no reason was given"
		}
		return "**Could not verify**: " + stop(reason) + "\n\n"
	}
	var b strings.Builder
	if v.compared() {
		b.WriteString("| verification | before | after | time |\n|---|---|---|---|\n")
	} else {
		b.WriteString("| verification | result | time |\n|---|---|---|\n")
	}
	for _, c := range v.Checks {
		before := ""
		if v.compared() {
			before = " " + cmp.Or(statusMark[c.Before], "not known") + " |"
		}
		fmt.Fprintf(&b, "| %s |%s %s | %s |\n", cell(c.Name), before, statusMark[c.Status], duration(c.Took))
	}
	switch {
	case v.From == FromCommand:
		b.WriteString("\n<sub>Commands as the comment gave them</sub>\n")
	case v.From == Detected:
		fmt.Fprintf(&b, "\n<sub>Commands detected by %s</sub>\n", v.Source.Code())
	case !v.Source.Empty():
		fmt.Fprintf(&b, "\n<sub>Commands of %s</sub>\n", v.Source.Code())
	}
	b.WriteString("\n")
	for _, c := range v.Checks {
		if !c.Output.Empty() {
			fmt.Fprintf(&b, "<details><summary>Output of the failed check</summary>\n\n%s\n\n</details>\n\n", c.Output.Fence())
		}
	}
	return b.String()
}

// compared reports whether it is known of any check how it ended on the base commit.
func (v *Verification) compared() bool {
	return slices.ContainsFunc(v.Checks, func(c Check) bool { return c.Before != "" })
}

// changed is the list of what a change touches, or empty.
func changed(c *Change) string {
	const most = 30
	if c == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<details><summary>%s, +%d −%d</summary>\n\n", count(len(c.Files), "file"), c.Additions, c.Deletions)
	for i, f := range c.Files {
		if i == most {
			fmt.Fprintf(&b, "- and %d more\n", len(c.Files)-most)
			break
		}
		fmt.Fprintf(&b, "- %s %s +%d −%d\n", f.Status, f.Path.Code(), f.Additions, f.Deletions)
	}
	b.WriteString("\n</details>\n\n")
	return b.String()
}

// refused lists what a run was not allowed to reach, and the lines that would allow
// it, with what that means, or who can be asked to; or it is empty.
func refused(d Document) string {
	if len(d.Refused) == 0 {
		return ""
	}
	var b strings.Builder
	were := "places in the network were"
	if len(d.Refused) == 1 {
		were = "place in the network was"
	}
	fmt.Fprintf(&b, "<details><summary>%d %s refused to the agent or the checks</summary>\n\n| host | why |\n|---|---|\n", len(d.Refused), were)
	for i, r := range d.Refused {
		if i == mostRefused {
			fmt.Fprintf(&b, "| and %d more | |\n", len(d.Refused)-mostRefused)
			break
		}
		fmt.Fprintf(&b, "| %s | %s |\n", cell(r.Host), cell(r.Why))
	}
	if len(d.AllowHosts) > 0 {
		b.WriteString("\nIf you know the host and want it reached, allow it on the default branch in `" + rulesPath +
			"`. Whatever is allowed can be told what the agent knows.\n\n```yaml\nnetwork:\n  allow:\n")
		for _, host := range d.AllowHosts {
			fmt.Fprintf(&b, "    - %s\n", host)
		}
		b.WriteString("```\n")
	}
	if len(d.AskOperator) > 0 {
		b.WriteString("\nRepositories may not allow these themselves: with one of them in `" + rulesPath + "` every task would fail. If you know the host and want it reached, " +
			"ask the operator of this server, who can add it to `containment.allow`, or to `containment.repositories_may_allow` for you to allow it.\n\n")
		for _, host := range d.AskOperator {
			fmt.Fprintf(&b, "- `%s`\n", host)
		}
	}
	b.WriteString("\n</details>\n\n")
	return b.String()
}

// told is a problem as people read it.
func (p Problem) told() string {
	text := "**" + p.Code + "**: " + sentence(p.What, true)
	if !p.Next.Empty() {
		text += "\n\n" + sentence(p.Next, false)
	}
	return text
}

// sentence is text of a problem: one line, or Markdown in paragraphs of its own.
func sentence(text sanitize.Text, midLine bool) string {
	if text.Lines() == 1 {
		return stop(text.Line(1000))
	}
	if midLine {
		return "\n\n" + stop(text.Markdown())
	}
	return stop(text.Markdown())
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// told is an environment in a few words of Markdown.
func (e *Environment) told() string { return e.as(e.Path.Code(), e.Without.Line(200)) }

// plain is the same for a terminal.
func (e *Environment) plain() string { return e.as(e.Path.Plain(200), e.Without.Plain(200)) }

// as puts what is from outside into the words, in the form that is safe where they stand.
func (e *Environment) as(path, without string) string {
	if without != "" {
		return fmt.Sprintf("without the dev container %s: %s", path, without)
	}
	how := "cold"
	if e.Warm {
		how = "warm"
	}
	return fmt.Sprintf("dev container %s, %s, %s", path, how, duration(e.Took))
}

// cell is a code span for a table.
func cell(text sanitize.Text) string { return strings.ReplaceAll(text.Code(), "|", "\\|") }

func quote(text string) string {
	return "> " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n> ")
}

// stop ends a sentence.
func stop(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, "…") || strings.ContainsAny(s[len(s)-1:], ".!?:`") {
		return s
	}
	return s + "."
}

// duration is d as people say it.
func duration(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(1, int(d.Round(time.Second).Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}
