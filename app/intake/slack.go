package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/queue"
	"github.com/seed-bc0cc349/anvil/app/slack"
)

// PlaceSlack is Slack's name among the places.
const PlaceSlack = "slack"

// Codes of what a person is answered in Slack.
const (
	CodeSlackUnlinked anvil.Code = "SLK_UNLINKED"
	CodeSlackExternal anvil.Code = "SLK_EXTERNAL"
	CodeSlackNoRepo   anvil.Code = "SLK_NO_REPO"
	CodeSlackWhich    anvil.Code = "SLK_WHICH_REPO"
	CodeSlackChoice   anvil.Code = "SLK_CHOICE"
	CodeSlackLink     anvil.Code = "SLK_LINK"
)

// SlackStore is what deciding in Slack reads and records.
type SlackStore interface {
	PlaceThread(ctx context.Context, place, thread string) (anvil.PlaceThread, error)
	KeepPlaceThread(ctx context.Context, t anvil.PlaceThread) error
	CurrentSession(ctx context.Context, repository int64, number int) (anvil.Session, error)
	LatestTask(ctx context.Context, session anvil.SessionID) (anvil.TaskID, error)
	Story(ctx context.Context, id anvil.TaskID) (anvil.Story, error)
	PersonAt(ctx context.Context, p anvil.Person) (anvil.Actor, error)
	Unlink(ctx context.Context, p anvil.Person) error
	Keep(ctx context.Context, p anvil.Person, d anvil.Delivery) error
}

// SlackAPI is what deciding asks of Slack.
type SlackAPI interface {
	Self(ctx context.Context) (slack.Self, error)
	User(ctx context.Context, id string) (slack.User, error)
	Thread(ctx context.Context, channel, thread, before string) ([]slack.Said, error)
	Permalink(ctx context.Context, channel, ts string) (string, error)
	File(ctx context.Context, address string, limit int) ([]byte, error)
}

// SlackHub is what deciding in Slack asks of GitHub.
type SlackHub interface {
	InstallationOf(ctx context.Context, owner, name string) (anvil.Repository, error)
	Permission(ctx context.Context, repo anvil.Repository, login string) (userID int64, role string, err error)
	PermissionOf(ctx context.Context, repo anvil.Repository, who anvil.Actor) (now anvil.Actor, role string, err error)
}

// Slack is the [Place] Slack. What people say to the app in a thread counts like a comment
// on the thread's tracking issue. Who says it is decided by the account at GitHub that
// they signed in with, or that the operator names, by ids alone, and what that account may
// do is asked of GitHub each time.
type Slack struct {
	Store        SlackStore
	API          SlackAPI
	Hub          SlackHub
	Repositories []SlackRepository
	// People are logins at GitHub, by user id, as the operator says.
	People map[string]string
	// Offer returns an address at which a person says who they are at GitHub by signing in
	// there. It is for them alone. Nil: nobody can sign in at this server.
	Offer func(ctx context.Context, about anvil.DeliveryID, o anvil.LinkOffer) (address string, err error)
	// Track opens the tracking issue of a thread, or finds it.
	Track func(ctx context.Context, t anvil.PlaceThread, about SlackTracking) (issue int, err error)
	// Take does what a request asks for, if the person may.
	Take func(ctx context.Context, r Request, reader Reader, came time.Time) (anvil.Ruling, error)
	Tell func(*anvil.Problem) string
	Now  func() time.Time
}

// SlackTracking is what the tracking issue of a thread tells.
type SlackTracking struct {
	Repository anvil.Repository
	Requester  anvil.Actor
	URL        string
	Title      string
	Text       string
}

// slackAsked is what somebody asked for. It is kept as it was, context and all, where it
// can't be done at once.
type slackAsked struct {
	Words   string    `json:"words"`
	Context string    `json:"context,omitempty"` // what was said in the thread before
	Message string    `json:"message"`
	Person  string    `json:"person"`
	At      time.Time `json:"at"`
}

// Rule implements [Place].
func (p *Slack) Rule(ctx context.Context, d anvil.Delivery, reader Reader) (anvil.Ruling, error) {
	if d.Event == PlaceSlack+":"+anvil.EventLinked {
		return p.linkedNow(d)
	}
	told, err := parseSlack(d)
	if err != nil {
		return anvil.Ruling{Decision: anvil.Ignored, Reason: ignored(CodePayload, "the payload is not one of Slack's").Reason}, nil
	}
	ruling, err := p.rule(ctx, d, told, reader)
	if at := slack.RetryAt(err, p.Now()); !at.IsZero() {
		return ruling, &queue.Later{At: at, Reason: err.Error()}
	}
	switch {
	case slack.AsError(err) != nil:
		ruling, err = p.refuse(told, slack.Problem(err)), nil
	case github.AsError(err) != nil && github.RetryAt(err, p.Now()).IsZero():
		ruling, err = p.refuse(told, github.Problem(err)), nil
	}
	return ruling, err
}

func (p *Slack) rule(ctx context.Context, d anvil.Delivery, told slackTold, reader Reader) (anvil.Ruling, error) {
	self, err := p.API.Self(ctx)
	if err != nil {
		return anvil.Ruling{}, err
	}
	told.Bot = self.User
	thread, err := p.Store.PlaceThread(ctx, PlaceSlack, told.thread())
	if errors.Is(err, anvil.ErrNotFound) {
		thread, err = anvil.PlaceThread{Place: PlaceSlack, Thread: told.thread()}, nil
	}
	if err != nil {
		return anvil.Ruling{}, err
	}
	verb := ""
	switch reason, err := p.heard(ctx, told, thread); {
	case err != nil:
		return anvil.Ruling{}, err
	case told.Team != self.Team:
		return quiet("it comes from another workspace than the app's"), nil
	case reason != "":
		return quiet(reason), nil
	case told.Action != "" && told.Action != slack.ActionRepository:
		var ok bool
		if verb, ok = pressedVerb(told); !ok {
			return quiet("nothing follows from that button"), nil
		}
	case told.Type == "agent_session_stopped":
		verb = string(anvil.VerbStop)
	}
	user, problem, err := p.user(ctx, self, told)
	if problem != nil || err != nil {
		return p.refuse(told, problem), err
	}
	if ruling, is, err := p.linking(ctx, d, told, user); is || err != nil {
		return ruling, err
	}
	who, err := p.account(ctx, user)
	if errors.Is(err, anvil.ErrNotFound) {
		return p.unlinked(ctx, d, told, user)
	}
	if err != nil {
		return anvil.Ruling{}, err
	}
	if told.Kind == slack.KindCommand {
		return p.commanded(told, who), nil
	}
	asked := slackAsked{Words: told.words(), Message: told.Message, Person: told.User, At: d.ReceivedAt}
	if verb != "" {
		asked.Words = verb
	}
	if asked.Context, err = p.context(ctx, self, told); err != nil {
		return anvil.Ruling{}, err
	}
	files, err := p.files(ctx, told)
	if err != nil {
		return anvil.Ruling{}, err
	}
	asked.Context += files
	repo, problem, choices, err := p.repository(ctx, told, &thread, &asked)
	switch {
	case err != nil || problem != nil && choices == nil:
		return p.refuse(told, problem), err
	case problem != nil:
		ruling := p.refuse(told, problem)
		ruling.Reply.Choices = choices
		return ruling, nil
	}
	return p.take(ctx, d, told, thread, asked, repo, who, reader)
}

// take gives the request its issue, and hands it on.
func (p *Slack) take(ctx context.Context, d anvil.Delivery, told slackTold, thread anvil.PlaceThread, asked slackAsked, repo anvil.Repository, who anvil.Actor, reader Reader) (anvil.Ruling, error) {
	who, may, err := p.may(ctx, repo, who)
	if err != nil {
		return anvil.Ruling{}, err
	}
	request := reader.slack(d, told, asked, repo, who)
	// Nobody who may not write makes us write.
	if _, problem, decision := Judge(request, may); decision != anvil.Accepted {
		return p.refuse(told, problem), nil
	}
	if thread.Issue == 0 {
		if !request.Command.Verb.Instructs() {
			return p.refuse(told, anvil.Problemf(CodeNothing, "Mention Anvil here and say what to do", "there is no task in this thread yet")), nil
		}
		if thread.URL, err = p.API.Permalink(ctx, told.Channel, told.Thread); err != nil {
			return anvil.Ruling{}, err
		}
		if p.relays(repo) {
			if thread.Issue, err = p.Track(ctx, thread, SlackTracking{Repository: repo, Requester: who, URL: thread.URL, Title: request.Command.Thread.Title, Text: request.Command.Prompt.Instruction}); err != nil {
				return anvil.Ruling{}, err
			}
		} else {
			thread.Issue = anvil.Untracked(thread.Place, thread.Thread)
		}
		thread.Repository = repo.ID
	}
	thread.Request = ""
	if err := p.Store.KeepPlaceThread(ctx, thread); err != nil {
		return anvil.Ruling{}, err
	}
	request.Command.Thread.Issue = thread.Issue
	return p.Take(ctx, request, reader, d.ReceivedAt)
}

// relays reports whether what is asked for a repository in Slack gets a tracking issue there.
func (p *Slack) relays(repo anvil.Repository) bool {
	return !slices.ContainsFunc(p.Repositories, func(r SlackRepository) bool { return r.Untracked && strings.EqualFold(r.Name, repo.FullName()) })
}

// heard says why something is not heard; empty: it is. Mentions and buttons are, and what
// the requester answers to the agent's question in its thread; other talk is people's own.
func (p *Slack) heard(ctx context.Context, told slackTold, thread anvil.PlaceThread) (string, error) {
	const talk = "people talk, and nobody spoke to Anvil"
	switch {
	case told.Kind != slack.KindEvent, told.Type == "app_mention", told.Type == "agent_session_stopped":
		return "", nil
	case told.Direct:
		return "", nil
	case told.mentions():
		return "the mention was told by an event of its own", nil
	case thread.Issue == 0:
		return talk, nil
	}
	session, err := p.Store.CurrentSession(ctx, thread.Repository, thread.Issue)
	if errors.Is(err, anvil.ErrNotFound) {
		return talk, nil
	}
	if err != nil {
		return "", err
	}
	id, err := p.Store.LatestTask(ctx, session.ID)
	if errors.Is(err, anvil.ErrNotFound) {
		return talk, nil
	}
	if err != nil {
		return "", err
	}
	story, err := p.Store.Story(ctx, id)
	if err != nil {
		return "", err
	}
	if story.Run().State != anvil.Waiting || story.Task.Command.Origin.Person != told.User {
		return talk, nil
	}
	if isAside(spoken{line: told.words()}) {
		return "an aside is not heard", nil
	}
	return "", nil
}

// pressedVerb is what a button says.
func pressedVerb(told slackTold) (string, bool) {
	verb, ok := strings.CutPrefix(told.Action, slack.ActionVerb)
	switch anvil.Verb(verb) {
	case anvil.VerbStop, anvil.VerbRetry:
		return verb, ok
	case anvil.VerbApprove, anvil.VerbRelease:
		return verb + " " + told.Value, ok && named.MatchString(told.Value)
	}
	return "", false
}

// slack makes a request of what was asked.
func (r Reader) slack(d anvil.Delivery, told slackTold, asked slackAsked, repo anvil.Repository, who anvil.Actor) Request {
	line, lines, _ := strings.Cut(asked.Words, "\n")
	title, _ := r.Clean("issue title", firstWords(asked.Words))
	title, _ = r.Mask(title)
	c := anvil.Command{
		Delivery: d.ID, Thread: anvil.Thread{Repository: repo, Title: title}, Requester: who, Origin: told.origin(), Verb: anvil.VerbDo,
	}
	c.Origin.Message = asked.Message
	said := r.say(spoken{line: line, lines: lines})
	c.Verb, c.Options, c.Argument = said.verb, said.options, said.about
	problem := said.problem
	if problem == nil && c.Verb.Instructs() {
		problem = r.snapshot(&c, said.text, &issue{Title: title, Body: asked.Context})
	}
	return Request{Command: c, Refusal: refusal(d, problem)}
}

// firstWords is a title for what has none.
func firstWords(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if runes := []rune(line); len(runes) > 100 {
		return string(runes[:99]) + "…"
	}
	return line
}

// context is what was said in the thread before, as it is now: later nobody may show it.
// What people of other workspaces said is left out.
func (p *Slack) context(ctx context.Context, self slack.Self, told slackTold) (string, error) {
	if told.Kind != slack.KindEvent || told.Message == told.Thread {
		return "", nil
	}
	before, err := p.API.Thread(ctx, told.Channel, told.Thread, told.Message)
	if err != nil && slack.RetryAt(err, p.Now()).IsZero() {
		return "", nil // the app may not read there: what was asked is said in its own words
	}
	var b strings.Builder
	for _, s := range before {
		if s.ByApp || s.Team != "" && s.Team != self.Team {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", s.User, fromSlack(s.Text))
	}
	text := b.String()
	if len(text) > mostContext { // the latest of it says most
		text = "…" + strings.ToValidUTF8(text[len(text)-mostContext:], "")
	}
	return text, err
}

// mostContext is how much of a thread goes with a request, in bytes.
const mostContext = 16 << 10

func quiet(reason string) anvil.Ruling {
	return anvil.Ruling{Decision: anvil.Ignored, Reason: ignored(CodeNoCommand, "%s", reason).Reason}
}

func (p *Slack) refuse(told slackTold, problem *anvil.Problem) anvil.Ruling {
	if problem == nil {
		return anvil.Ruling{}
	}
	return anvil.Ruling{Decision: anvil.Refused, Reason: problem.Error(), Reply: p.reply(told, "confused", p.Tell(problem))}
}

func (p *Slack) reply(told slackTold, reaction, text string) *anvil.Reply {
	return &anvil.Reply{Origin: told.origin(), Reaction: reaction, Text: strings.TrimSpace(text)}
}

// keep writes down what was asked until the repository is known.
func (p *Slack) keep(ctx context.Context, thread anvil.PlaceThread, asked slackAsked) error {
	text, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	thread.Request = string(text)
	return p.Store.KeepPlaceThread(ctx, thread)
}
