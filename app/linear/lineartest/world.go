package lineartest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// obj is a JSON object as Linear sends it.
type obj = map[string]any

// world is all that the simulated Linear knows. [Server.mu] guards it.
type world struct {
	now       func() time.Time
	workspace string // id of the organization
	agent     Agent

	users    map[string]*User
	teams    map[string]*Team
	projects map[string]*Project
	issues   map[string]*Issue
	sessions map[string]*AgentSession
	begun    []string          // ids of sessions, in order
	tokens   map[string]*token // by their text
	budget   budget
	sent     []*Delivery

	syncs    int64
	changing chan struct{} // closed at the next change
}

// Agent is the OAuth application that is installed.
type Agent struct {
	ClientID, ClientSecret, WebhookSecret string
	WebhookURL                            string
	User                                  string // id of the user that it acts as
	Scopes                                []string
}

// User is a member of the workspace, a guest, or an application.
type User struct {
	ID, Name, Email string
	Guest, App      bool
	Suspended       bool
	GitHubUserID    string // GitHub's id of the account that the person has connected
}

// Team has the states that its issues go through.
type Team struct {
	ID, Key, Name string
	States        []State
	issues        int
}

// State is one state of a team's workflow.
type State struct {
	ID, Name string
	Type     string // triage, backlog, unstarted, started, completed or canceled
	Position float64
}

// Project groups issues.
type Project struct{ ID, Name string }

// Issue is an issue.
type Issue struct {
	ID, Identifier     string
	Title, Description string
	Team, Project      string // ids; the project may be empty
	State              string // id
	Creator            string // id of the user, empty where an integration made it
	Delegate           string // id of the agent's user, if it is delegated
	Comments           []Comment
}

// Comment is a comment on an issue.
type Comment struct {
	ID, User, Body string
	At             time.Time
}

// AgentSession is the work of the agent on one request.
type AgentSession struct {
	ID, Issue, Creator string
	Status             string
	Plan               json.RawMessage
	ExternalURLs       []ExternalURL
	Activities         []Activity
	BegunAt            time.Time
}

// ExternalURL is where the work can be seen.
type ExternalURL struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

// Activity is one thing that was said in a session.
type Activity struct {
	ID, Session, User         string
	Type                      string
	Body                      string
	Action, Parameter, Result string
	Ephemeral                 bool
	Signal                    string
	SignalMetadata            json.RawMessage
	At                        time.Time
}

func newWorld(o Options) world {
	w := world{
		now: o.Now, workspace: newID(), users: map[string]*User{}, teams: map[string]*Team{}, projects: map[string]*Project{},
		issues: map[string]*Issue{}, sessions: map[string]*AgentSession{}, tokens: map[string]*token{}, changing: make(chan struct{}),
	}
	bot := &User{ID: newID(), Name: "Anvil", Email: "anvil@oauthapp.linear.app", App: true}
	w.users[bot.ID] = bot
	w.agent = Agent{
		ClientID: newID(), ClientSecret: "lin_client_" + rand.Text(), WebhookSecret: "lin_wh_" + rand.Text(), WebhookURL: o.WebhookURL, User: bot.ID,
		Scopes: []string{"read", "write", "app:assignable", "app:mentionable"},
	}
	return w
}

// newID returns a version 4 UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // does not fail
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// changed wakes up everybody who watches.
func (w *world) changed() {
	w.syncs++
	close(w.changing)
	w.changing = make(chan struct{})
}

// Changed returns a channel that is closed at the next change of anything.
func (s *Server) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changing
}

// Agent returns the installed agent.
func (s *Server) Agent() Agent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.agent
}

// Listen says where the agent takes webhooks.
func (s *Server) Listen(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agent.WebhookURL = url
}

// AddUser adds a user. What is empty gets a value.
func (s *Server) AddUser(u User) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.ID == "" {
		u.ID = newID()
	}
	if u.Email == "" {
		u.Email = u.Name + "@acme.example"
	}
	s.users[u.ID] = &u
	return u
}

// AddTeam adds a team with the states that Linear gives a new one, if it has none.
func (s *Server) AddTeam(t Team) Team {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.ID == "" {
		t.ID = newID()
	}
	if t.States == nil {
		for i, st := range []State{
			{Name: "Backlog", Type: "backlog"}, {Name: "Todo", Type: "unstarted"}, {Name: "In Progress", Type: "started"},
			{Name: "In Review", Type: "started"}, {Name: "Done", Type: "completed"}, {Name: "Canceled", Type: "canceled"},
		} {
			st.ID, st.Position = newID(), float64(i)
			t.States = append(t.States, st)
		}
	}
	s.teams[t.ID] = &t
	return t
}

// AddProject adds a project.
func (s *Server) AddProject(name string) Project {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &Project{ID: newID(), Name: name}
	s.projects[p.ID] = p
	return *p
}

// AddIssue adds an issue in the first state of its team, unless it names another.
func (s *Server) AddIssue(i Issue) Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	team := s.teams[i.Team]
	if team == nil {
		panic("lineartest: an issue needs a team")
	}
	team.issues++
	i.ID, i.Identifier = newID(), fmt.Sprintf("%s-%d", team.Key, team.issues)
	if i.State == "" {
		i.State = team.States[0].ID
	}
	s.issues[i.ID] = &i
	s.changed()
	return i
}

// Issue returns an issue by its id or its identifier, such as WEB-1.
func (s *Server) Issue(id string) (Issue, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.issue(id); i != nil {
		c := *i
		c.Comments = slices.Clone(i.Comments)
		return c, true
	}
	return Issue{}, false
}

func (w *world) issue(id string) *Issue {
	if i := w.issues[id]; i != nil {
		return i
	}
	for _, i := range w.issues {
		if strings.EqualFold(i.Identifier, id) {
			return i
		}
	}
	return nil
}

// StateOf returns the state that an issue is in.
func (s *Server) StateOf(issue string) State {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.issue(issue)
	return s.state(i)
}

func (w *world) state(i *Issue) State {
	states := w.teams[i.Team].States
	if n := slices.IndexFunc(states, func(st State) bool { return st.ID == i.State }); n >= 0 {
		return states[n]
	}
	return State{}
}

// Sessions returns all agent sessions, in the order in which they began.
func (s *Server) Sessions() []AgentSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]AgentSession, 0, len(s.begun))
	for _, id := range s.begun {
		c := *s.sessions[id]
		c.Activities, c.ExternalURLs = slices.Clone(c.Activities), slices.Clone(c.ExternalURLs)
		all = append(all, c)
	}
	return all
}

// Session returns a session by its id.
func (s *Server) Session(id string) (AgentSession, bool) {
	all := s.Sessions()
	n := slices.IndexFunc(all, func(a AgentSession) bool { return a.ID == id })
	if n < 0 {
		return AgentSession{}, false
	}
	return all[n], true
}
