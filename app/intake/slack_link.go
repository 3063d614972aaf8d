package intake

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/slack"
)

// linking does what somebody says about who they are at GitHub; is reports whether they
// say that. It is these words alone, said to the app: what goes on is an instruction.
func (p *Slack) linking(ctx context.Context, d anvil.Delivery, told slackTold, user slack.User) (_ anvil.Ruling, is bool, err error) {
	if told.Kind == slack.KindInteraction || told.Kind == slack.KindEvent && told.Type != "app_mention" && !told.Direct {
		return anvil.Ruling{}, false, nil
	}
	said := strings.ToLower(strings.TrimRight(told.words(), ".! "))
	if said != "link" && said != "unlink" {
		return anvil.Ruling{}, false, nil
	}
	if login := p.People[user.ID]; login != "" {
		return p.refuse(told, anvil.Problemf(CodeSlackLink, "Ask the operator to take "+user.ID+" out of slack.people if that is wrong", "you are %s at GitHub, because the operator says so", login)), true, nil
	}
	if said == "unlink" {
		if err := p.Store.Unlink(ctx, personOf(user)); err != nil {
			return anvil.Ruling{}, true, err
		}
		return anvil.Ruling{Decision: anvil.Accepted, Reply: p.reply(told, "eyes", "Anvil no longer knows who you are at GitHub. Tasks that you asked for go on; `/anvil link` makes you known again.")}, true, nil
	}
	if p.Offer == nil {
		return p.refuse(told, p.ask(user)), true, nil
	}
	address, err := p.offer(ctx, d, told, user)
	text := "[Say who you are at GitHub](" + address + "), by signing in there. The link is yours alone, and good for ten minutes: give it to nobody."
	return anvil.Ruling{Decision: anvil.Accepted, Reply: p.reply(told, "eyes", text)}, true, err
}

// unlinked tells somebody who is not known how to become so. What they asked for goes on
// then.
func (p *Slack) unlinked(ctx context.Context, d anvil.Delivery, told slackTold, user slack.User) (anvil.Ruling, error) {
	problem := p.ask(user)
	if p.Offer == nil {
		return p.refuse(told, problem), nil
	}
	address, err := p.offer(ctx, d, told, user)
	if err != nil {
		return anvil.Ruling{}, err
	}
	ruling := p.refuse(told, problem) // whose reason is logged, and says nothing of the link
	next := "[Say it by signing in there](" + address + ") within ten minutes; the link is yours alone, and `/anvil link` gets you another."
	if told.Kind == slack.KindEvent && told.Type != "agent_session_stopped" {
		if err := p.Store.Keep(ctx, personOf(user), d); err != nil {
			return anvil.Ruling{}, err
		}
		next += " What you asked for is kept for an hour, and goes on then."
	}
	problem.Next = ""
	ruling.Reply.Text = strings.TrimSpace(p.Tell(problem)) + " " + next
	return ruling, nil
}

func (p *Slack) ask(user slack.User) *anvil.Problem {
	return anvil.Problemf(CodeSlackUnlinked, "Ask the operator to add "+user.ID+" to slack.people, and say it again", "it is not known who you are at GitHub")
}

func (p *Slack) offer(ctx context.Context, d anvil.Delivery, told slackTold, user slack.User) (address string, err error) {
	return p.Offer(ctx, d.ID, anvil.LinkOffer{Person: personOf(user), Name: user.Name, Origin: told.origin()})
}

// linkedNow tells a person, where they asked for it, who they are from now on.
func (p *Slack) linkedNow(d anvil.Delivery) (anvil.Ruling, error) {
	var l anvil.Linked
	if err := json.Unmarshal(d.Body, &l); err != nil {
		return anvil.Ruling{}, err
	}
	text := "You are " + l.GitHub.Login + " at GitHub from now on. What you may do there is asked each time. `/anvil unlink` takes it back."
	return anvil.Ruling{Decision: anvil.Accepted, Reply: &anvil.Reply{Origin: l.Origin, Reaction: "eyes", Text: text}}, nil
}
