package intake

import (
	"context"
	"errors"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/slack"
)

// user is who says something in Slack, or why they are not heard. Whom they look like in
// Slack is their own choice: ids decide, of the workspace as of the person.
func (p *Slack) user(ctx context.Context, self slack.Self, told slackTold) (slack.User, *anvil.Problem, error) {
	outsider := anvil.Problemf(CodeSlackExternal, "Ask a member of the workspace to say it", "people of other workspaces are not heard, whatever channel they share")
	if told.UserTeam != "" && told.UserTeam != self.Team {
		return slack.User{}, outsider, nil
	}
	user, err := p.API.User(ctx, told.User)
	switch {
	case err != nil:
		return slack.User{}, nil, err
	case user.Stranger:
		return slack.User{}, outsider, nil
	case user.Bot || user.Deleted || user.ID != told.User:
		return slack.User{}, anvil.Problemf(CodeSlackExternal, "Ask a person of the workspace to say it", "only people are heard, and only while they are in the workspace"), nil
	}
	return user, nil, nil
}

// account is who somebody is at GitHub, or [anvil.ErrNotFound]. The id is 0 where only a
// login is known, which the operator vouches for.
func (p *Slack) account(ctx context.Context, user slack.User) (anvil.Actor, error) {
	if login := p.People[user.ID]; login != "" {
		return anvil.Actor{Login: login}, nil
	}
	return p.Store.PersonAt(ctx, personOf(user))
}

func personOf(user slack.User) anvil.Person {
	return anvil.Person{Place: PlaceSlack, Team: user.Team, ID: user.ID}
}

// may says what somebody may do in a repository, and who they are now: a login can be
// changed, and then be somebody else's.
func (p *Slack) may(ctx context.Context, repo anvil.Repository, who anvil.Actor) (anvil.Actor, Permission, error) {
	if who.ID == 0 { // the operator named a login
		id, role, err := p.Hub.Permission(ctx, repo, who.Login)
		if err != nil && !isGone(err) {
			return who, Permission{}, err
		}
		who.ID = id
		return who, Permission{UserID: id, Level: role, Role: role}, nil
	}
	now, role, err := p.Hub.PermissionOf(ctx, repo, who)
	if err != nil || now.Bot {
		return who, Permission{}, err
	}
	return now, Permission{UserID: now.ID, Level: role, Role: role}, nil
}

// commanded answers a slash command.
func (p *Slack) commanded(told slackTold, who anvil.Actor) anvil.Ruling {
	text := "You are " + who.Login + " at GitHub. Mention Anvil in a channel or write to it directly, and say what to do and where: " +
		"`fix the login redirect in OWNER/REPOSITORY`. In the thread, mention it again with `status`, `stop`, `retry` or more to do."
	if p.Offer != nil && p.People[told.User] == "" {
		text += " `/anvil link` makes you somebody else at GitHub, `/anvil unlink` nobody."
	}
	return anvil.Ruling{Decision: anvil.Accepted, Reply: p.reply(told, "eyes", text)}
}

// named finds a repository by its full name. Not known is one that the App is not on.
func (p *Slack) named(ctx context.Context, full string) (repo anvil.Repository, known bool, err error) {
	owner, name, _ := strings.Cut(full, "/")
	repo, err = p.Hub.InstallationOf(ctx, owner, name)
	if isGone(err) {
		return repo, false, nil
	}
	return repo, err == nil, err
}

// sessionRepository is the one that a thread's issue is in.
func (p *Slack) sessionRepository(ctx context.Context, t anvil.PlaceThread) (anvil.Repository, bool, error) {
	session, err := p.Store.CurrentSession(ctx, t.Repository, t.Issue)
	if errors.Is(err, anvil.ErrNotFound) {
		return anvil.Repository{}, false, nil
	}
	return session.Repository, err == nil, err
}
