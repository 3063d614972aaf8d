package slacktest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/simulated"
)

// Delivery is one thing that Slack tells the app.
type Delivery struct {
	ID       string          `json:"id"`   // event_id of an event; else random
	Kind     string          `json:"kind"` // events_api, interactive or slash_commands
	Type     string          `json:"type"` // of the event or interaction, such as app_mention
	Payload  json.RawMessage `json:"payload"`
	Attempts []Attempt       `json:"attempts"`
	Done     bool            `json:"done"` // acknowledged, or given up
}

// Attempt is one try to deliver.
type Attempt struct {
	At    time.Time `json:"at"`
	Via   string    `json:"via"` // http or socket
	Acked bool      `json:"acked"`
	// Why says what was wrong with it, in the words of Slack's retry reasons.
	Why string `json:"why,omitempty"`
	// Answer is what came back with the acknowledgement.
	Answer string `json:"answer,omitempty"`
}

// Kinds of deliveries, by their names in Socket Mode.
const (
	kindEvent       = "events_api"
	kindInteractive = "interactive"
	kindCommand     = "slash_commands"
)

// Deliveries lists what was delivered, or is on its way, in order.
func (s *Server) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Delivery
	for _, d := range s.sent {
		c := *d
		c.Attempts = slices.Clone(d.Attempts)
		all = append(all, c)
	}
	return all
}

// Settle waits until nothing is on its way to the app.
func (s *Server) Settle(ctx context.Context) error {
	for {
		s.mu.Lock()
		settled := !slices.ContainsFunc(s.sent, func(d *Delivery) bool { return !d.Done })
		changing := s.changing
		s.mu.Unlock()
		if settled {
			return nil
		}
		select {
		case <-changing:
		case <-ctx.Done():
			return fmt.Errorf("waiting for what is delivered: %w", ctx.Err())
		}
	}
}

// event sends the app an event that it is subscribed to. The lock is held.
func (s *Server) event(subscription string, inner obj, shared bool) {
	if !slices.Contains(s.app.Events, subscription) {
		return
	}
	id := "Ev" + rand.Text()[:9]
	kind, _ := inner["type"].(string)
	s.send(&Delivery{ID: id, Kind: kindEvent, Type: kind, Payload: encode(obj{
		"token": "verification", "team_id": s.team.ID, "context_team_id": s.team.ID, "context_enterprise_id": nil, "api_app_id": s.app.ID,
		"event": inner, "type": "event_callback", "event_id": id, "event_time": s.now().Unix(), "is_ext_shared_channel": shared,
		"authorizations": []obj{{"enterprise_id": nil, "team_id": s.team.ID, "user_id": s.app.BotUser, "is_bot": true, "is_enterprise_install": false}},
		"event_context":  "4-" + id,
	})})
}

func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("slacktest: " + err.Error())
	}
	return b
}

// send delivers in the background. The lock is held.
func (s *Server) send(d *Delivery) {
	s.sent = append(s.sent, d)
	s.changed()
	s.work.Go(func() { s.deliver(d) })
}

// deliver tries until the app acknowledges, or Slack would give up: events three times
// more, what a person waits for once.
func (s *Server) deliver(d *Delivery) {
	defer func() {
		s.mu.Lock()
		d.Done = true
		s.changed()
		s.mu.Unlock()
	}()
	again := s.opts.Retries
	if d.Kind != kindEvent {
		again = nil
	}
	why := ""
	for n := 0; n <= len(again); n++ {
		if n > 0 {
			select {
			case <-time.After(again[n-1]):
			case <-s.ctx.Done():
				return
			}
		}
		for range s.meet(d) {
			a := s.attempt(d, n, why)
			s.mu.Lock()
			d.Attempts = append(d.Attempts, a)
			s.changed()
			s.mu.Unlock()
			why = a.Why
		}
		if why == "" {
			return
		}
	}
}

// meet lets a fault act on a delivery, and says how often it is sent.
func (s *Server) meet(d *Delivery) int {
	f := s.faults.Meet(simulated.Deliver, d.Type)
	if f == nil {
		return 1
	}
	s.faults.Hit(f)
	switch f.Do {
	case simulated.DoStall:
		s.faults.Hold(f, s.ctx)
	case simulated.DoDuplicate:
		return 2
	case simulated.DoDrop:
		return 0
	}
	return 1
}

// attempt sends once and waits for the acknowledgement.
func (s *Server) attempt(d *Delivery, n int, before string) Attempt {
	s.mu.Lock()
	a := s.app
	s.mu.Unlock()
	at := Attempt{At: s.opts.Now(), Via: "http"}
	ctx, cancel := context.WithTimeout(s.ctx, s.opts.Patience)
	defer cancel()
	if a.Socket {
		at.Via = "socket"
		at.Answer, at.Why = s.sockets.send(ctx, d, n, before)
	} else {
		at.Answer, at.Why = s.post(ctx, a, d, n, before)
	}
	at.Acked = at.Why == ""
	s.log.Debug("delivery", "id", d.ID, "type", d.Type, "attempt", n, "acknowledged", at.Acked, "why", at.Why)
	return at
}

// mentions reports whether a text names the app's bot.
func (w *world) mentions(text string) bool { return strings.Contains(text, "<@"+w.app.BotUser+">") }
