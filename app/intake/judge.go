package intake

import (
	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

// Permission is GitHub's answer to the collaborator-permission call, asked for
// the requester's login.
type Permission struct {
	UserID int64 // user.id of the answer: whom it really speaks of
	// Level is the answer's permission: admin, write, read or none. For a custom
	// role it is the level that the role builds on.
	Level string
	// Role is the answer's role_name: admin, maintain, write, triage, read, or a
	// custom role's name. It is for people to read and permits nothing, because a
	// custom role can have any name.
	Role string
}

// MayWrite reports whether p permits to ask for work.
func (p Permission) MayWrite() bool {
	return policy.MayWrite(p.Level)
}

// Judge decides about a request. Accepted comes with the command alone. Refused
// comes with the problem that the requester is answered. Ignored comes with a
// problem that is only recorded.
//
// Every verb needs write permission, help and status too: an answer is a comment,
// and who may not write must not be able to fill a thread with them.
func Judge(request Request, p Permission) (anvil.Command, *anvil.Problem, anvil.Decision) {
	c := request.Command
	problem := func(code anvil.Code, next, what string, args ...any) *anvil.Problem {
		made := anvil.Problemf(code, next, what, args...)
		made.IDs = []string{"delivery " + string(c.Delivery)}
		return made
	}
	switch {
	case c.Requester.Bot || c.Requester.ID == 0:
		return c, problem(CodeBot, "", "the requester is not a person"), anvil.Ignored
	case p.UserID != c.Requester.ID:
		// The login was renamed or given to somebody else since the delivery.
		return c, problem(CodeIdentity, "Comment again if it was you",
			"GitHub answered about another account than the one that commented"), anvil.Ignored
	case !p.MayWrite():
		role := p.Role
		if role == "" {
			role = p.Level
		}
		if role == "" {
			role = "none"
		}
		return c, problem(CodePermission, "Ask somebody with write access to the repository to post the command",
			"commands need the role write, maintain or admin, and yours is %s", policy.Shown(role)), anvil.Refused
	case request.Refusal != nil:
		return c, request.Refusal, anvil.Refused
	}
	c.Role = p.Level
	return c, nil, anvil.Accepted
}
