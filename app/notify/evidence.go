package notify

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

var statusMark = map[anvil.VerificationStatus]string{anvil.Passed: "✅ passed", anvil.NotPassed: "❌ failed", anvil.Unverified: "⚪ not verified"}

// verification is the table of what was run to verify a change.
func verification(v anvil.Verification) string {
	if v.Status == anvil.Unverified || len(v.Checks) == 0 {
		reason := sanitize.Line(v.Reason, 300)
		if reason == "" {
			reason = "no reason was given"
		}
		return "**Could not verify**: " + stop(reason) + "\n\n"
	}
	var b strings.Builder
	b.WriteString("| verification | result | time |\n|---|---|---|\n")
	for _, c := range v.Checks {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(c.Name), statusMark[c.Status], duration(time.Duration(c.DurationMS)*time.Millisecond))
	}
	if v.Source != "" {
		fmt.Fprintf(&b, "\n<sub>%s</sub>\n", whose(v.Source))
	}
	b.WriteString("\n")
	for _, c := range v.Checks {
		if c.Status != anvil.Passed && c.OutputTail != "" {
			fmt.Fprintf(&b, "<details><summary>Output of the failed check</summary>\n\n%s\n\n</details>\n\n", sanitize.Fence(c.OutputTail))
		}
	}
	return b.String()
}

// whose says where the verification commands come from.
func whose(source string) string {
	if source == "command" {
		return "Commands as the comment gave them"
	}
	if file, ok := strings.CutPrefix(source, "detected: "); ok {
		return "Commands detected by " + code(file)
	}
	return "Commands of " + code(source)
}

// files is the list of what a change touches.
func files(v anvil.Verdict) string {
	const most = 30
	var b strings.Builder
	fmt.Fprintf(&b, "<details><summary>%s, +%d −%d</summary>\n\n", count(len(v.Files), "file"), v.Additions, v.Deletions)
	for i, f := range v.Files {
		if i == most {
			fmt.Fprintf(&b, "- and %d more\n", len(v.Files)-most)
			break
		}
		fmt.Fprintf(&b, "- %s %s +%d −%d\n", f.Status, code(f.Path), f.Additions, f.Deletions)
	}
	b.WriteString("\n</details>\n\n")
	return b.String()
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// code is text from outside as an inline code span that it cannot leave.
func code(text string) string {
	return "`" + strings.ReplaceAll(sanitize.Line(text, 200), "`", "'") + "`"
}

// cell is a code span for a table.
func cell(text string) string { return strings.ReplaceAll(code(text), "|", "\\|") }

func quote(text string) string {
	return "> " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n> ")
}

// cutLines keeps the first n lines.
func cutLines(text string, n int) string {
	lines := strings.SplitAfterN(text, "\n", n+1)
	if len(lines) > n {
		return strings.Join(lines[:n], "") + "…"
	}
	return text
}

// stop ends a sentence.
func stop(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, "…") || strings.ContainsAny(s[len(s)-1:], ".!?:`") {
		return s
	}
	return s + "."
}
