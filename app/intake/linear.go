package intake

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/linear"
	"github.com/seed-bc0cc349/anvil/app/queue"
)

// PlaceLinear is Linear's name among the places.
const PlaceLinear = "linear"

// Codes of what a person is answered in Linear.
const (
	CodeLinearActor     anvil.Code = "LIN_ACTOR_DENIED"
	CodeLinearUnlinked  anvil.Code = "LIN_NOT_LINKED"
	CodeLinearAmbiguous anvil.Code = "LIN_REPO_AMBIGUOUS"
	CodeLinearStopped   anvil.Code = "LIN_STOPPED"
)

// LinearStore is what deciding in Linear reads and records.
type LinearStore interface {
	PlaceThread(ctx context.Context, place, thread string) (anvil.PlaceThread, error)
	KeepPlaceThread(ctx context.Context, t anvil.PlaceThread) error
	CurrentSession(ctx context.Context, repository int64, number int) (anvil.Session, error)
}

// LinearAPI is what deciding asks of Linear.
type LinearAPI interface {
	User(ctx context.Context, id string) (linear.User, error)
	Issue(ctx context.Context, id string) (linear.Issue, error)
}

// LinearHub is what deciding in Linear asks of GitHub.
type LinearHub interface {
	InstallationOf(ctx context.Context, owner, name string) (anvil.Repository, error)
	Permission(ctx context.Context, repo anvil.Repository, login string) (userID int64, role string, err error)
	Account(ctx context.Context, repo anvil.Repository, id int64) (anvil.Actor, error)
}

// LinearRepository is a repository, OWNER/NAME, with the projects, by name, and the teams,
// by key, whose issues are about it.
type LinearRepository struct {
	Name            string
	Projects, Teams []string
}

// Linear is the [Place] Linear. What people say in an agent session counts like a comment
// on the session's tracking issue: by whom is decided by the account at GitHub that they
// are linked to, and what that account may do is asked of GitHub each time.
type Linear struct {
	Store        LinearStore
	API          LinearAPI
	Hub          LinearHub
	Repositories []LinearRepository
	People       map[string]string // logins at GitHub, by user id
	// Track opens the tracking issue of a thread, or finds it.
	Track func(ctx context.Context, t anvil.PlaceThread, about Tracking) (issue int, err error)
	// Take does what a request asks for, if the person may; Stop stops what is under way.
	Take func(ctx context.Context, r Request, reader Reader, came time.Time) (anvil.Ruling, error)
	Stop func(ctx context.Context, c anvil.Command, came time.Time) (anvil.Ruling, error)
	Tell func(*anvil.Problem) string
	Now  func() time.Time
}

// Tracking is what a tracking issue tells.
type Tracking struct {
	Repository anvil.Repository
	Requester  anvil.Actor
	URL, Name  string
	Title      string
	Text       string
}

// Rule implements [Place].
func (l *Linear) Rule(ctx context.Context, d anvil.Delivery, reader Reader) (anvil.Ruling, error) {
	var e linearEvent
	if err := json.Unmarshal(d.Body, &e); err != nil {
		return anvil.Ruling{Decision: anvil.Ignored, Reason: ignored(CodePayload, "the payload is not one of Linear's").Reason}, nil
	}
	ruling, err := l.rule(ctx, d, e, reader)
	if at := linear.RetryAt(err, l.Now()); !at.IsZero() {
		return ruling, &queue.Later{At: at, Reason: err.Error()}
	}
	switch {
	case linear.AsError(err) != nil:
		ruling, err = l.refuse(e, linear.Problem(err)), nil
	case github.AsError(err) != nil && github.RetryAt(err, l.Now()).IsZero():
		ruling, err = l.refuse(e, github.Problem(err)), nil
	case err == nil && ruling.Decision == anvil.Ignored:
		// Who opens a session sees whether it is answered.
		ruling = anvil.Ruling{Decision: anvil.Refused, Reason: ruling.Reason, Reply: l.reply(e, "confused", ruling.Reason)}
	}
	return ruling, err
}

func (l *Linear) rule(ctx context.Context, d anvil.Delivery, e linearEvent, reader Reader) (anvil.Ruling, error) {
	thread, err := l.Store.PlaceThread(ctx, PlaceLinear, e.Session.ID)
	if errors.Is(err, anvil.ErrNotFound) {
		thread, err = e.thread(), nil
	}
	if err != nil {
		return anvil.Ruling{}, err
	}
	if e.stops() {
		return l.stop(ctx, d, e, thread)
	}
	if !thread.StoppedAt.IsZero() && e.Action == "created" {
		return l.refuse(e, anvil.Problemf(CodeLinearStopped, "Say here what to do, to begin after all", "it was stopped before it began")), nil
	}
	user, problem, err := l.user(ctx, e)
	if problem != nil || err != nil {
		return l.refuse(e, problem), err
	}
	asked := e.asked()
	repo, known, err := l.repository(ctx, thread)
	if err != nil {
		return anvil.Ruling{}, err
	}
	if !known {
		var choices []string
		if asked, repo, choices, err = l.choose(ctx, e, &thread, asked); err != nil {
			return anvil.Ruling{}, err
		}
		if choices != nil {
			return l.ask(e, choices), nil
		}
	}
	who, problem, err := l.account(ctx, user, repo)
	if problem != nil || err != nil {
		return l.refuse(e, problem), err
	}
	request := reader.linear(d, e, asked, anvil.Thread{Repository: repo, Title: asked.Title}, who)
	if thread.Issue == 0 {
		// Nobody who may not write makes us write.
		id, role, err := l.Hub.Permission(ctx, repo, who.Login)
		if err != nil && !errors.Is(err, github.ErrNotFound) {
			return anvil.Ruling{}, err
		}
		if _, problem, decision := Judge(request, Permission{UserID: id, Level: role, Role: role}); decision != anvil.Accepted {
			return l.refuse(e, problem), nil
		}
		about := Tracking{Repository: repo, Requester: who, URL: e.url(), Name: e.Session.Issue.Identifier, Title: request.Command.Thread.Title, Text: request.Command.Prompt.IssueBody}
		if thread.Issue, err = l.Track(ctx, thread, about); err != nil {
			return anvil.Ruling{}, err
		}
		thread.Repository, thread.Request = repo.ID, ""
		if err := l.Store.KeepPlaceThread(ctx, thread); err != nil {
			return anvil.Ruling{}, err
		}
	}
	request.Command.Thread.Issue = thread.Issue
	return l.Take(ctx, request, reader, d.ReceivedAt)
}

// stop obeys at once, whoever of the session's people says so: that they can is what
// Linear promises them, nothing is made by it, and GitHub may be out of reach. Where
// nothing has begun, nothing will.
func (l *Linear) stop(ctx context.Context, d anvil.Delivery, e linearEvent, thread anvil.PlaceThread) (anvil.Ruling, error) {
	if person := e.person(); person != e.Session.Creator.ID {
		if user, err := l.API.User(ctx, person); err == nil && denied(user) != nil {
			return l.refuse(e, denied(user)), nil
		}
	}
	if thread.Issue == 0 {
		thread.StoppedAt, thread.Request = l.Now(), ""
		if err := l.Store.KeepPlaceThread(ctx, thread); err != nil {
			return anvil.Ruling{}, err
		}
		return anvil.Ruling{Decision: anvil.Accepted, Reply: l.reply(e, "+1", "Stopped. Nothing had begun, and nothing will.")}, nil
	}
	c := anvil.Command{
		Delivery: d.ID, Origin: e.origin(), Verb: anvil.VerbStop,
		Thread: anvil.Thread{Repository: anvil.Repository{ID: thread.Repository}, Issue: thread.Issue},
	}
	return l.Stop(ctx, c, d.ReceivedAt)
}

func (l *Linear) refuse(e linearEvent, p *anvil.Problem) anvil.Ruling {
	if p == nil {
		return anvil.Ruling{}
	}
	return anvil.Ruling{Decision: anvil.Refused, Reason: p.Error(), Reply: l.reply(e, "confused", l.Tell(p))}
}

// ask asks for one of several repositories.
func (l *Linear) ask(e linearEvent, choices []string) anvil.Ruling {
	p := anvil.Problemf(CodeLinearAmbiguous, "Choose one, or reply with its name", "it is not clear which repository this is about")
	ruling := l.refuse(e, p)
	ruling.Reply.Choices = choices
	return ruling
}

func (l *Linear) reply(e linearEvent, reaction, text string) *anvil.Reply {
	return &anvil.Reply{Origin: e.origin(), Reaction: reaction, Text: strings.TrimSpace(text)}
}
