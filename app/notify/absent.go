package notify

import (
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// Absent is what a run did not have of its repository, because it is kept elsewhere.
type Absent struct {
	Submodules, LFS    int
	Submodule, Pointer sanitize.Text // the first of them
}

// told is a paragraph for people who read what was made without it; empty if nothing was absent.
func (a Absent) told() string {
	var parts []string
	if a.LFS > 0 {
		parts = append(parts, some(a.LFS, "file", "that Git LFS keeps (of which only the pointer was there)", a.Pointer))
	}
	if a.Submodules > 0 {
		parts = append(parts, some(a.Submodules, "submodule", "(its directory was empty)", a.Submodule))
	}
	if len(parts) == 0 {
		return ""
	}
	return "Done without " + strings.Join(parts, ", and ") + ".\n\n"
}

// cutShort warns people that the agent would have gone on with what they read; empty if
// it was done.
func cutShort(d Document) string {
	if d.Over == nil {
		return ""
	}
	return fmt.Sprintf("> ⚠️ **%s**: %s\n\n", d.Over.Code, stopped(d.Over.What.Line(300), d.Over.Next.Line(300)))
}

// stopped says what became of an agent whose budget was used up.
func stopped(what, next string) string {
	return capital(stop(what)) + " The agent was stopped, and this is what it had made by then. " + stop(next)
}

// debugging tells whoever runs the server how to look into a failure.
func debugging(d Document) string {
	if d.Problem == nil || !d.Debug {
		return ""
	}
	return "The run left a debug package: `anvil show " + d.Task + " --debug FILE`, where the server runs.\n\n"
}

func some(n int, noun, about string, first sanitize.Text) string {
	if n == 1 {
		return fmt.Sprintf("1 %s %s: %s", noun, about, first.Code())
	}
	return fmt.Sprintf("%d %ss %s, such as %s", n, noun, about, first.Code())
}
