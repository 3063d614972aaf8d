package intake

import (
	"regexp"
	"strings"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// linearEvent is what Linear tells of an agent session.
type linearEvent struct {
	Action  string `json:"action"` // created or prompted
	Session struct {
		ID      string       `json:"id"`
		URL     string       `json:"url"`
		Creator linearPerson `json:"creator"`
		Issue   struct {
			ID, Identifier, Title, Description, URL string
		} `json:"issue"`
		Comment struct {
			ID, Body, UserID string
		} `json:"comment"`
	} `json:"agentSession"`
	Activity struct {
		ID      string       `json:"id"`
		Signal  string       `json:"signal"`
		User    linearPerson `json:"user"`
		UserID  string       `json:"userId"`
		Content struct {
			Body string `json:"body"`
		} `json:"content"`
	} `json:"agentActivity"`
}

type linearPerson struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (e linearEvent) stops() bool { return e.Action == "prompted" && e.Activity.Signal == "stop" }

// person is the id of who did it; empty: it was no person.
func (e linearEvent) person() string {
	if e.Action == "prompted" {
		return e.Activity.UserID
	}
	if c := e.Session.Comment; c.ID != "" && c.UserID != e.Session.Creator.ID {
		return "" // whose words they are, and who made them count, is one person
	}
	return e.Session.Creator.ID
}

func (e linearEvent) url() string {
	if e.Session.Issue.URL != "" {
		return e.Session.Issue.URL
	}
	return e.Session.URL
}

func (e linearEvent) thread() anvil.PlaceThread {
	return anvil.PlaceThread{Place: PlaceLinear, Thread: e.Session.ID, URL: e.url(), Subject: e.Session.Issue.ID}
}

func (e linearEvent) origin() anvil.Origin {
	o := anvil.Origin{Place: PlaceLinear, Thread: e.Session.ID, Person: e.person()}
	switch {
	case e.Action == "prompted":
		o.Message = e.Activity.ID
	case e.asked().Words != "":
		o.Message = e.Session.Comment.ID
	}
	return o
}

// linearAsked is what somebody asked for. It is kept as it was where it can't be done at
// once.
type linearAsked struct {
	Words string `json:"words,omitempty"` // empty: what the issue asks for
	Title string `json:"title"`
	Text  string `json:"text"`
}

// mention is the agent's name before what is said to it.
var mention = regexp.MustCompile(`^\s*(?:@[\p{L}\p{N}_.-]+|\[@[^\]\n]*\]\([^)\n]*\))[ \t:,]*`)

func (e linearEvent) asked() linearAsked {
	words := e.Session.Comment.Body
	if e.Action == "prompted" {
		words = e.Activity.Content.Body
	}
	words = strings.TrimSpace(mention.ReplaceAllString(words, ""))
	if after, ok := strings.CutPrefix(words, trigger); ok && ends(after) {
		words = strings.TrimSpace(after)
	}
	i := e.Session.Issue
	return linearAsked{Words: words, Title: i.Title, Text: i.Description}
}

// linear makes a request of what was asked.
func (r Reader) linear(d anvil.Delivery, e linearEvent, asked linearAsked, thread anvil.Thread, who anvil.Actor) Request {
	c := anvil.Command{Delivery: d.ID, Thread: thread, Requester: who, Origin: e.origin(), Verb: anvil.VerbDo}
	c.Thread.Title, _ = r.Clean("issue title", thread.Title)
	c.Thread.Title, _ = r.Mask(c.Thread.Title)
	i := &issue{Title: asked.Title, Body: asked.Text}
	if asked.Words == "" {
		c.Origin.Message = ""
		problem := r.snapshot(&c, Instruction, i)
		return Request{Command: c, Refusal: refusal(d, problem)}
	}
	line, lines, _ := strings.Cut(asked.Words, "\n")
	said := r.say(spoken{line: line, lines: lines})
	c.Verb, c.Options, c.Argument = said.verb, said.options, said.about
	problem := said.problem
	if problem == nil && c.Verb.Instructs() {
		problem = r.snapshot(&c, said.text, i)
	}
	return Request{Command: c, Refusal: refusal(d, problem)}
}
