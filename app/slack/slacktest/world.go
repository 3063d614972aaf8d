package slacktest

import (
	"fmt"
	"strings"
	"time"
)

// obj is a JSON object as Slack sends it.
type obj = map[string]any

// world is all that the simulated Slack knows. [Server.mu] guards it.
type world struct {
	now  func() time.Time
	team Team
	app  App

	lastID   map[byte]int // by first letter
	lastTS   time.Time
	users    map[string]*User
	channels map[string]*Channel
	files    map[string]*File
	sessions map[string]*AgentSession // by channel and thread
	hooks    map[string]responseHook  // by secret part of the address
	paces    map[string]*allowance    // by channel
	sent     []*Delivery

	version  int64
	changing chan struct{} // closed at the next change
}

// Team is a workspace.
type Team struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Domain string `json:"domain"`
}

// elsewhere is the workspace that people of shared channels come from.
var elsewhere = Team{ID: "T0ELSEWHERE", Name: "Elsewhere", Domain: "elsewhere"}

func newWorld(manifest []byte, now func() time.Time) (world, error) {
	w := world{
		now: now, team: Team{ID: "T0ACME00001", Name: "Acme", Domain: "acme"},
		lastID: map[byte]int{}, users: map[string]*User{}, channels: map[string]*Channel{}, files: map[string]*File{},
		sessions: map[string]*AgentSession{}, hooks: map[string]responseHook{}, paces: map[string]*allowance{},
		changing: make(chan struct{}),
	}
	var err error
	if w.app, err = newApp(manifest); err != nil {
		return w, err
	}
	bot := &User{ID: w.newID('U'), Name: strings.ToLower(w.app.Name), RealName: w.app.Name, Team: w.team.ID, Bot: true}
	w.users[bot.ID] = bot
	w.app.BotUser, w.app.BotID, w.app.ID = bot.ID, w.newID('B'), w.newID('A')
	return w, nil
}

// newID returns the next id of a kind, by its first letter: U for a person, C for a
// channel, D for a direct message, F for a file.
func (w *world) newID(kind byte) string {
	w.lastID[kind]++
	return fmt.Sprintf("%c0SIM%05d", kind, w.lastID[kind])
}

// stamp returns the next message timestamp: a time of six digits after the point that
// is larger than every one before it.
func (w *world) stamp() string {
	t := w.now().Truncate(time.Microsecond)
	if !t.After(w.lastTS) {
		t = w.lastTS.Add(time.Microsecond)
	}
	w.lastTS = t
	return fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000)
}

// changed wakes up everybody who watches.
func (w *world) changed() {
	w.version++
	close(w.changing)
	w.changing = make(chan struct{})
}

// Changed returns a channel that is closed at the next change of anything.
func (s *Server) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changing
}
