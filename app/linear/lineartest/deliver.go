package lineartest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/seed-bc0cc349/anvil/app/simulated"
)

// Delivery is one thing that Linear tells the agent.
type Delivery struct {
	ID       string // Linear-Delivery, the same at each attempt
	Type     string // such as AgentSessionEvent
	Action   string // such as created
	Payload  obj    // without the timestamp
	Attempts []Attempt
	Done     bool // answered with 200, or given up
}

// Attempt is one try to deliver.
type Attempt struct {
	At     time.Time
	Status int    // 0: no answer
	Answer string // the body of the answer
	Body   []byte // what was sent
	Header http.Header
}

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

// Settle waits until nothing is on its way to the agent.
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

// Sign signs a body as Linear does.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// send delivers in the background. The lock is held.
func (s *Server) send(kind, action string, payload obj) {
	if s.agent.WebhookURL == "" {
		return
	}
	payload["type"], payload["action"], payload["createdAt"] = kind, action, stamp(s.now())
	payload["organizationId"], payload["webhookId"] = s.workspace, s.agent.ClientID
	d := &Delivery{ID: newID(), Type: kind, Action: action, Payload: payload}
	s.sent = append(s.sent, d)
	s.changed()
	s.work.Go(func() { s.deliver(d) })
}

func (s *Server) deliver(d *Delivery) {
	defer func() {
		s.mu.Lock()
		d.Done = true
		s.changed()
		s.mu.Unlock()
	}()
	for n := 0; n <= len(s.opts.Retries); n++ {
		if n > 0 {
			select {
			case <-time.After(s.opts.Retries[n-1]):
			case <-s.ctx.Done():
				return
			}
		}
		taken := false
		for range s.meet(d) {
			a := s.attempt(d)
			s.mu.Lock()
			d.Attempts = append(d.Attempts, a)
			s.changed()
			s.mu.Unlock()
			taken = a.Status == http.StatusOK
		}
		if taken {
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

// attempt sends once and waits for the answer.
func (s *Server) attempt(d *Delivery) Attempt {
	now := s.opts.Now()
	payload := obj{"webhookTimestamp": now.UnixMilli()}
	for k, v := range d.Payload {
		payload[k] = v
	}
	body, err := json.Marshal(payload)
	if err != nil {
		panic("lineartest: " + err.Error())
	}
	agent := s.Agent()
	at := Attempt{At: now, Body: body, Header: http.Header{
		"Content-Type": {"application/json; charset=utf-8"}, "User-Agent": {"Linear-Webhook"}, "Linear-Event": {d.Type}, "Linear-Delivery": {d.ID},
		"Linear-Signature": {Sign(agent.WebhookSecret, body)}, "Linear-Timestamp": {strconv.FormatInt(now.UnixMilli(), 10)},
	}}
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, agent.WebhookURL, bytes.NewReader(body))
	if err != nil {
		return at
	}
	req.Header = at.Header.Clone()
	resp, err := s.client.Do(req)
	if err != nil {
		return at
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	at.Status, at.Answer = resp.StatusCode, string(answer)
	s.log.Debug("delivery", "id", d.ID, "type", d.Type, "action", d.Action, "status", at.Status)
	return at
}
