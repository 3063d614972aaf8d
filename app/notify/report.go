package notify

import (
	"regexp"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// Report is the agent's last answer in the parts that it is asked for (package agent).
// A part that it left out is empty.
type Report struct {
	Summary  sanitize.Text // what was changed and why
	DataFlow sanitize.Text // which way data go through what was changed
	Untested sanitize.Text // what no check covers, as the agent sees it
}

// heading is one of Markdown: its signs, and its words.
var heading = regexp.MustCompile(`^(#{1,6})\s+(.*?)[\s#:]*$`)

// reportOf takes an answer apart at the headings of its parts. A part ends with the next
// heading that is not below its own; what is in no part is the summary.
func reportOf(answer string) Report {
	var summary, flow, untested strings.Builder
	to, level, fence := &summary, 0, ""
	for line := range strings.Lines(answer) {
		bare := strings.TrimSpace(line)
		switch {
		case fence != "":
			if strings.HasPrefix(bare, fence) {
				fence = ""
			}
		case strings.HasPrefix(bare, "```"), strings.HasPrefix(bare, "~~~"):
			fence = bare[:3]
		default:
			if m := heading.FindStringSubmatch(bare); m != nil && (level == 0 || len(m[1]) <= level) {
				var part *strings.Builder
				switch strings.ToLower(m[2]) {
				case "what changed", "what changed and why", "summary":
					part = &summary
				case "data flow":
					part = &flow
				case "untested", "untested gaps", "not tested":
					part = &untested
				}
				to, level = &summary, 0
				if part != nil {
					to, level = part, len(m[1])
					continue
				}
			}
		}
		to.WriteString(line)
	}
	text := func(b strings.Builder) sanitize.Text { return sanitize.From(strings.TrimSpace(b.String())) }
	return Report{text(summary), text(flow), text(untested)}
}
