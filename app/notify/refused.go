package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

// refused lists what a run was not allowed to reach, and the lines that would allow
// it. Which hosts are in it is up to the agent: the lines are an offer to people who
// know the host, and say what it means. What can be allowed comes first.
func refused(all []anvil.RefusedHost) string {
	if len(all) == 0 {
		return ""
	}
	const most = 15
	rank := func(r anvil.RefusedHost) int {
		if r.Allow != "" {
			return 0
		}
		return 1
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b anvil.RefusedHost) int { return cmp.Compare(rank(a), rank(b)) })
	var b strings.Builder
	var allow []string
	fmt.Fprintf(&b, "<details><summary>%s refused to the agent or the checks</summary>\n\n| host | why |\n|---|---|\n", places(len(all)))
	for i, r := range all {
		if i == most {
			fmt.Fprintf(&b, "| and %d more | |\n", len(all)-most)
			break
		}
		host := r.Host
		if r.Port != "" {
			host += ":" + r.Port
		}
		fmt.Fprintf(&b, "| %s | %s |\n", cell(host), cell(r.Why))
		if r.Allow != "" && policy.CheckHost(r.Allow) == "" {
			allow = append(allow, r.Allow)
		}
	}
	if len(allow) > 0 {
		b.WriteString("\nIf you know the host and want it reached, allow it on the default branch in `" + policy.Path +
			"`. Whatever is allowed can be told what the agent knows.\n\n```yaml\nnetwork:\n  allow:\n")
		for _, host := range allow {
			fmt.Fprintf(&b, "    - %s\n", host)
		}
		b.WriteString("```\n")
	}
	b.WriteString("\n</details>\n\n")
	return b.String()
}

func places(n int) string {
	if n == 1 {
		return "1 place in the network was"
	}
	return fmt.Sprintf("%d places in the network were", n)
}
