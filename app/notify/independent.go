package notify

import (
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/github"
)

// Independence is whether somebody who has no part in a pull request approved it.
type Independence struct {
	Session     string // its id
	PullRequest int
	Head        string // the commit that is to be approved
	Involved    []Person
	Approved    *Person // nil: nobody yet
	Closed      bool
	Next        string // the head that took Head's place; empty: none
}

// IndependentReview is the check run that waits for an independent review. Nobody is
// mentioned in it.
func IndependentReview(d Independence) github.CheckRun {
	check := github.CheckRun{Name: "independent review", ExternalID: d.Session, Status: "completed"}
	var logins []string
	for _, p := range d.Involved {
		logins = append(logins, p.Login)
	}
	asked := strings.Join(logins, ", ")
	switch {
	case d.Next != "":
		check.Conclusion, check.Title = "neutral", fmt.Sprintf("Replaced by %.7s", d.Next)
		check.Summary = fmt.Sprintf("Pull request #%d has another head now, and it is that one which has to be approved.", d.PullRequest)
	case d.Approved != nil:
		check.Conclusion, check.Title = "success", "Approved by "+d.Approved.Login
		check.Summary = fmt.Sprintf("%s, who has no part in this pull request, approved `%.12s`. Asked for by %s.", d.Approved.Login, d.Head, asked)
	case d.Closed:
		check.Conclusion, check.Title = "neutral", "Closed without an independent review"
		check.Summary = fmt.Sprintf("Pull request #%d is not open any more, and nobody who has no part in it approved `%.12s`.", d.PullRequest, d.Head)
	default:
		check.Status, check.Title = "in_progress", "Waits for somebody who did not ask for it"
		check.Summary = fmt.Sprintf("This stays open until a review approves `%.12s`, the head of pull request #%d, by somebody with write access who has no part in it.\n\n"+
			"Not counted: %s, who asked for it; Anvil and other bots; whoever is an author or co-author of one of its commits. "+
			"Another push, or a dismissed review, opens it again.", d.Head, d.PullRequest, asked)
	}
	return check
}
