package intake

import (
	"context"
	"errors"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/slack"
)

// linked is who somebody in Slack is at GitHub. The id is 0 where only a login is known,
// which the operator vouches for.
type linked struct{ anvil.Actor }

// account is who somebody is at GitHub, or why they are not heard. Whom they look like in
// Slack is their own choice: ids decide, of the workspace as of the person.
func (p *Slack) account(ctx context.Context, self slack.Self, told slackTold) (linked, *anvil.Problem, error) {
	outsider := anvil.Problemf(CodeSlackExternal, "Ask a member of the workspace to say it", "people of other workspaces are not heard, whatever channel they share")
	if told.UserTeam != "" && told.UserTeam != self.Team {
		return linked{}, outsider, nil
	}
	user, err := p.API.User(ctx, told.User)
	switch {
	case err != nil:
		return linked{}, nil, err
	case user.Stranger:
		return linked{}, outsider, nil
	case user.Bot || user.Deleted || user.ID != told.User:
		return linked{}, anvil.Problemf(CodeSlackExternal, "Ask a person of the workspace to say it", "only people are heard, and only while they are in the workspace"), nil
	}
	if login := p.People[told.User]; login != "" {
		return linked{anvil.Actor{Login: login}}, nil, nil
	}
	return linked{}, anvil.Problemf(CodeSlackUnlinked,
		"Ask the operator to add "+told.User+" to slack.people, and say it again", "it is not known who you are at GitHub"), nil
}

// commanded answers a slash command.
func (p *Slack) commanded(told slackTold, who linked) anvil.Ruling {
	text := "You are " + who.Login + " at GitHub. Mention Anvil in a channel or write to it directly, and say what to do and where: " +
		"`fix the login redirect in OWNER/REPOSITORY`. In the thread, mention it again with `status`, `stop`, `retry` or more to do."
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
