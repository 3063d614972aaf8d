package intake

import (
	"context"
	"fmt"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
)

// CodeOff says that the repository's rules switch something off.
const CodeOff anvil.Code = "RULES_OFF"

// review reads a review that asks for changes of a pull request of ours. What it says
// of single lines is not in the payload; the decider gets that.
func (r Reader) review(d anvil.Delivery, p *payload) Reading {
	switch {
	case p.Action != "submitted" || p.Review == nil || p.Review.User == nil || p.PullRequest == nil || p.PullRequest.User == nil:
		return ignored(CodeUnhandled, "this change of a review opens no task")
	case p.Sender.ID != p.Review.User.ID:
		return ignored(CodeIdentity, "the sender is not the review's author")
	case !strings.EqualFold(p.Review.State, "changes_requested"):
		return ignored(CodeUnhandled, "the review asks for no changes")
	case r.Self.BotID == 0 || p.PullRequest.User.ID != r.Self.BotID:
		return ignored(CodeUnhandled, "the review is of a pull request that is not this App's")
	}
	p.PullRequest.PullRequest = &struct{}{}
	c := r.command(d, p, p.PullRequest)
	c.Verb, c.Review = anvil.VerbReview, &anvil.Review{ID: p.Review.ID}
	c.Prompt = anvil.Prompt{Instruction: p.Review.Body} // raw, until it is taken up
	return pending(Request{Command: c, Refusal: refusal(d, unsupported(c, p))})
}

// onLine reads a command in a comment on a line of a pull request: the agent is told
// of which line it was said, and the thread is answered.
func (r Reader) onLine(d anvil.Delivery, p *payload, found found) Reading {
	first := found.commands[0]
	if isAside(first) {
		return ignored(CodeNoCommand, "an aside is not heard")
	}
	p.PullRequest.PullRequest, p.Issue = &struct{}{}, p.PullRequest
	c := r.command(d, p, p.PullRequest)
	said := r.say(first)
	c.Verb, c.Options, c.Argument = said.verb, said.options, said.about
	problem := said.problem
	if problem == nil {
		problem = unsupported(c, p)
	}
	if problem == nil && c.Verb.Instructs() {
		at := anvil.ReviewComment{ID: p.Comment.ID, Path: p.Comment.Path, Line: max(p.Comment.Line, p.Comment.OriginalLine), Hunk: p.Comment.Hunk, Body: said.text}
		if p.Comment.ReplyTo != 0 {
			at.ID = p.Comment.ReplyTo // the thread is answered, not the comment
		}
		c.Review = &anvil.Review{Comments: []anvil.ReviewComment{at}}
		problem = r.snapshot(&c, said.text+"\n\nThis was said of one line.\n\n"+point(at), p.PullRequest)
	}
	return pending(Request{Command: c, Refusal: refusal(d, problem)})
}

// review makes one task of a review with all its comments: at once where the rules say
// so, else when somebody asks for it.
func (d *Decider) review(ctx context.Context, c anvil.Command, reader Reader, latest anvil.Story) (anvil.Ruling, error) {
	repo, number, task := c.Thread.Repository, latest.Session.PullRequest, latest.Task.ID
	if number == 0 || number != c.Thread.Issue {
		return d.refuse(c, anvil.Problemf(CodeNothing, "Comment it on the pull request that Anvil opened", "there is no review here that could be taken up"), task), nil
	}
	by, words := c.Requester, c.Prompt.Instruction
	if c.Review == nil { // somebody asks for it
		all, err := d.GitHub.Reviews(ctx, repo, number)
		if err != nil {
			return anvil.Ruling{}, err
		}
		asks, ok := github.LatestRequest(all)
		if !ok {
			return d.refuse(c, anvil.Problemf(CodeNothing, "Comment /anvil and say what to do", "no review of this pull request asks for changes"), task), nil
		}
		// Anybody who may read may review; only who may write gives instructions.
		given, err := d.permission(ctx, anvil.Command{Thread: c.Thread, Requester: asks.Author})
		if err != nil {
			return anvil.Ruling{}, err
		}
		if given.UserID != asks.Author.ID || !given.MayWrite() {
			return d.refuse(c, anvil.Problemf(CodePermission, "Say in your own words what to do", "the review that asks for changes is by somebody without write access"), task), nil
		}
		by, words, c.Review = asks.Author, asks.Body, &anvil.Review{ID: asks.ID}
	} else if mode := latest.Run().Rules.OnReview; mode == "off" {
		return anvil.Ruling{Decision: anvil.Ignored, Reason: fmt.Sprintf("%s: on_review is off.", CodeOff), Task: task}, nil
	} else if mode != "auto" {
		reply := d.answer(c, "", "To have the agent take up this review, with all its comments as one task, comment `/anvil review`.")
		reply.Once = fmt.Sprintf("review/%d", c.Review.ID)
		return anvil.Ruling{Decision: anvil.Accepted, Task: task, Reply: reply}, nil
	}
	comments, err := d.GitHub.ReviewComments(ctx, repo, number, c.Review.ID)
	if err != nil {
		return anvil.Ruling{}, err
	}
	c.Review.Comments, c.Verb = comments, anvil.VerbDo
	about := &issue{Title: latest.Task.Command.Prompt.IssueTitle, Body: latest.Task.Command.Prompt.IssueBody}
	if problem := reader.snapshot(&c, toTakeUp(by, words, comments), about); problem != nil {
		return d.refuse(c, problem, task), nil
	}
	return d.open(ctx, c, reader.Offer)
}

// toTakeUp is a review as an instruction.
func toTakeUp(by anvil.Actor, words string, comments []anvil.ReviewComment) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The review by %s asks for changes. Take up each point, and say in your answer what you did about each.\n\n", by.Login)
	if words = strings.TrimSpace(words); words != "" {
		b.WriteString(words + "\n\n")
	}
	for i, c := range comments {
		fmt.Fprintf(&b, "%d. %s%s\n\n", i+1, point(c), strings.TrimSpace(c.Body))
	}
	return b.String()
}

// point says where a review comment stands.
func point(c anvil.ReviewComment) string {
	line := ""
	if c.Line > 0 {
		line = fmt.Sprintf(", line %d", c.Line)
	}
	return fmt.Sprintf("`%s`%s, where the diff is:\n\n```diff\n%s\n```\n\n", strings.ReplaceAll(c.Path, "`", "'"), line, strings.ReplaceAll(c.Hunk, "```", "~~~"))
}
