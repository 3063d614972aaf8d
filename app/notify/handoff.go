package notify

import (
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// Handoff is the answer to /anvil handoff: how a person goes on by hand.
func Handoff(d Document) string {
	var b strings.Builder
	if d.PullRequest == 0 {
		fmt.Fprintf(&b, "Nothing of this thread is published yet, so there is no branch to take over. %s", d.Title)
		if !d.Phase.Ended() {
			b.WriteString("; `/anvil stop` ends it.\n\nTo begin by hand under the name that the thread's branch will have:\n\n")
		} else {
			b.WriteString(".\n\nTo begin by hand:\n\n")
		}
		base := sanitize.From("origin/HEAD")
		if !d.Base.Empty() {
			base = d.Base.After("origin/")
		}
		fmt.Fprintf(&b, "```sh\ngit fetch origin\ngit switch -c %s %s\n```\n", d.Branch.Shell(), base.Shell())
		return b.String()
	}
	fmt.Fprintf(&b, "Pull request #%d is yours as much as Anvil's: what you push to its branch stays, and the next `/anvil …` goes on from it.\n\n", d.PullRequest)
	fmt.Fprintf(&b, "```sh\ngit fetch origin %[1]s\ngit switch %[1]s\n# work, commit\ngit push origin %[1]s\n```\n", d.Branch.Shell())
	if !d.Phase.Ended() {
		b.WriteString("\nA task is still under way: `/anvil stop` first, or its push finds yours in the way and is refused.\n")
	}
	return b.String()
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
