package intake

import (
	"cmp"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// comment reads a comment on an issue or a pull request.
func (r Reader) comment(d anvil.Delivery, p *payload) Reading {
	if p.Issue == nil || p.Comment == nil || p.Comment.User == nil {
		return ignored(CodeUnhandled, "the payload names no issue or no comment")
	}
	switch p.Action {
	case "created":
		return r.created(d, p)
	case "edited":
		return r.edited(d, p)
	}
	return ignored(CodeUnhandled, "comments count when they are created, and this one was not")
}

func (r Reader) created(d anvil.Delivery, p *payload) Reading {
	if p.Sender.ID != p.Comment.User.ID {
		return ignored(CodeIdentity, "the sender is not the comment's author")
	}
	found := find(p.Comment.Body)
	if len(found.commands) == 0 {
		return ignored(CodeNoCommand, "%s", found.miss)
	}
	first := found.commands[0]
	if isAside(first) {
		return ignored(CodeNoCommand, "an aside is not heard")
	}
	c := r.command(d, p, p.Issue)
	c.Comment = p.Comment.ID
	said := r.say(first)
	c.Verb, c.Options, c.Argument = said.verb, said.options, said.about
	problem := said.problem
	if problem == nil {
		problem = unsupported(c, p)
	}
	if problem == nil && c.Verb.Instructs() {
		problem = r.snapshot(&c, said.text, p.Issue)
	}
	if len(found.commands) > 1 {
		c.Notices = append(c.Notices, anvil.Problemf(CodeMultiple,
			"Post each of the others as a comment of its own",
			"the comment has %d commands, and only the first one runs", len(found.commands)))
	}
	return pending(Request{Command: c, Refusal: refusal(d, problem)})
}

// edited tells an author who edits a command into their comment to post a new
// one. Everything else about edits is silence: the command was acted on when it
// was posted, or somebody else is editing.
func (r Reader) edited(d anvil.Delivery, p *payload) Reading {
	switch {
	case p.Sender.ID != p.Comment.User.ID:
		return ignored(CodeEdited, "somebody else edited the comment")
	case len(find(p.Comment.Body).commands) == 0:
		return ignored(CodeEdited, "an edited comment, without a command")
	case p.Changes.Body == nil:
		return ignored(CodeEdited, "an edited comment, and its text stayed as it was")
	case len(find(p.Changes.Body.From).commands) > 0:
		return ignored(CodeEdited, "the command was taken as it was posted; edits do not change it")
	}
	c := r.command(d, p, p.Issue)
	c.Comment = p.Comment.ID
	c.Verb = anvil.VerbHelp
	return pending(Request{Command: c, Refusal: refusal(d, anvil.Problemf(CodeEdited,
		"Post a new comment with the command",
		"a command that is edited into a comment is not run"))})
}

// unsupported says why c cannot be run where it stands, or nil. Asking about and
// stopping work is possible where starting it is not.
func unsupported(c anvil.Command, p *payload) *anvil.Problem {
	if p.Repository.Archived {
		return anvil.Problemf(CodeArchived, "Unarchive the repository first", "the repository is archived, so nothing can be changed in it")
	}
	starts := c.Verb.Instructs() || c.Verb == anvil.VerbRetry || c.Verb == anvil.VerbRebase || c.Verb == anvil.VerbRepair || c.Verb == anvil.VerbReview
	on := cmp.Or(p.Issue, p.PullRequest) // a review tells of the pull request alone
	switch {
	case on == nil:
	case c.Verb.Instructs() && c.Thread.PullRequest && on.State == "closed":
		return Unsupported("a closed pull request")
	case starts && on.State == "closed" && !c.Thread.PullRequest:
		return Unsupported("a closed issue")
	case starts && on.Locked:
		return Unsupported("a locked conversation")
	}
	return nil
}

// Unsupported is the answer to a command at a place where it cannot be run, such
// as "a closed issue".
func Unsupported(place string) *anvil.Problem {
	return anvil.Problemf(CodeTarget,
		"Commands that start work go on an open issue or pull request of the repository",
		"%s is not a place where work can be started", place)
}

// elsewhere reads comments that stand where no work can be started. There is an
// answer where there is a conversation to answer in.
func (r Reader) elsewhere(d anvil.Delivery, p *payload) Reading {
	if p.Action != "created" || p.Comment == nil || p.Comment.User == nil {
		return ignored(CodeUnhandled, "action %q of %s opens no task", p.Action, d.Event)
	}
	if p.Sender.ID != p.Comment.User.ID {
		return ignored(CodeIdentity, "the sender is not the comment's author")
	}
	found := find(p.Comment.Body)
	if len(found.commands) == 0 {
		return ignored(CodeNoCommand, "%s", found.miss)
	}
	switch d.Event {
	case "pull_request_review_comment":
		if p.PullRequest == nil {
			break
		}
		return r.onLine(d, p, found)
	case "commit_comment":
		return ignored(CodeTarget, "a commit is not a place where work can be started; issues are")
	}
	return ignored(CodeTarget, "a discussion is not a place where work can be started; issues are")
}
