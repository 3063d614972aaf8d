package githubtest

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// obj is a JSON object as GitHub sends it.
type obj = map[string]any

// world is all that the simulated GitHub knows. [Server.mu] guards it.
type world struct {
	lastID   map[string]int64 // by kind of thing
	accounts map[int64]*Account
	logins   map[string]int64 // lower case
	apps     map[int64]*App
	installs map[int64]*Installation
	tokens   map[string]*token
	codes    map[string]oauthCode // of people who signed in for an App
	repos    map[int64]*repository
	names    map[string]int64 // lower-case OWNER/NAME, today's and former ones
	runs     map[int64]*run
	sent     []*Delivery
	lastSent map[int64]chan struct{} // by App: closed when its latest delivery is done

	dispatch    DispatchMode
	limits      Limits
	allowances  map[int64]*allowance // by installation
	refusals    Refusals
	runnersHeld bool // jobs stay queued, as if no runner were online

	version  int64         // counts changes
	changing chan struct{} // closed at the next change, for those who watch
}

// firstIDs are well apart, so that an id of one kind never passes for another's,
// and those that are large on GitHub do not fit 32 bits here either.
var firstIDs = map[string]int64{
	"account": 60_000_000, "app": 1_200_000, "installation": 70_000_000, "repository": 900_000_000,
	"issue": 3_600_000_000, "comment": 3_700_000_000, "reaction": 350_000_000, "label": 8_000_000_000,
	"pull": 2_900_000_000, "check": 56_000_000_000, "suite": 48_000_000_000, "workflow": 190_000_000,
	"run": 19_000_000_000, "job": 54_000_000_000, "delivery": 180_000_000_000, "event": 1,
}

func newWorld(mode DispatchMode) world {
	return world{
		lastID:   map[string]int64{},
		accounts: map[int64]*Account{},
		logins:   map[string]int64{},
		apps:     map[int64]*App{},
		installs: map[int64]*Installation{},
		tokens:   map[string]*token{},
		codes:    map[string]oauthCode{},
		repos:    map[int64]*repository{},
		names:    map[string]int64{},
		runs:     map[int64]*run{},
		lastSent: map[int64]chan struct{}{},
		dispatch: mode,
		changing: make(chan struct{}),
	}
}

func (w *world) newID(kind string) int64 {
	if w.lastID[kind] == 0 {
		w.lastID[kind] = firstIDs[kind]
	}
	w.lastID[kind]++
	return w.lastID[kind]
}

// changed wakes up everybody who watches a page.
func (w *world) changed() {
	w.version++
	close(w.changing)
	w.changing = make(chan struct{})
}

// at formats a time as GitHub does.
func at(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// atOrNull is at, and null for a time that has not come.
func atOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return at(t)
}

// textOrNull is the text, and null for none.
func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// nodeID makes the opaque id that GraphQL would use.
func nodeID(kind string, id int64) string {
	var prefix strings.Builder
	for _, word := range strings.Split(kind, "-") {
		prefix.WriteString(strings.ToUpper(word[:1]))
	}
	return prefix.String() + "_" + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s:%d", kind, id))
}
