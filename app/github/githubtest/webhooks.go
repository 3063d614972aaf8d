package githubtest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/seed-bc0cc349/anvil/app/simulated"
)

// Delivery is one attempt to deliver a webhook. A redelivery is another one with
// the same GUID.
type Delivery struct {
	ID           int64         `json:"id"`
	GUID         string        `json:"guid"`
	App          int64         `json:"app"`
	Event        string        `json:"event"`
	Action       string        `json:"action"`
	Installation int64         `json:"installation"`
	Repository   int64         `json:"repository"`
	Redelivery   bool          `json:"redelivery"`
	DeliveredAt  time.Time     `json:"delivered_at"`
	Duration     time.Duration `json:"duration_ns"`
	// Status is "pending", "OK" or what went wrong; StatusCode is the receiver's,
	// 0 while pending, and 502 or 504 if there was no answer.
	Status     string            `json:"status"`
	StatusCode int               `json:"status_code"`
	Headers    map[string]string `json:"headers"`
	Payload    json.RawMessage   `json:"payload"`
	Answer     string            `json:"answer"` // the beginning of its body
	answered   http.Header
	done       chan struct{}
}

// deliveryTimeout is how long GitHub waits for an answer.
const deliveryTimeout = 10 * time.Second

// inOrder is how long a delivery waits for the one before it to the same App. On
// GitHub there is no order at all; here a quick receiver sees one, so that tests
// can tell a story, and a slow one holds nothing up for long.
const inOrder = 500 * time.Millisecond

// newHookClient goes straight to the receiver and follows nothing.
func newHookClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 8, IdleConnTimeout: 5 * time.Second},
		Timeout:       deliveryTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Deliver sends any payload as a signed webhook of the event to an App, under a
// new GUID or the given one. It returns at once.
func (s *Server) Deliver(appID int64, event string, payload []byte, guid string) Delivery {
	return must(s.deliver(appID, event, payload, guid))
}

func (s *Server) deliver(appID int64, event string, payload []byte, guid string) (Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.apps[appID]
	if app == nil {
		return Delivery{}, notFound("App %d", appID)
	}
	if app.WebhookURL == "" {
		return Delivery{}, fmt.Errorf("App %s has no webhook URL", app.Slug)
	}
	if guid == "" {
		guid = newGUID()
	}
	var about struct {
		Action       string `json:"action"`
		Installation struct {
			ID int64 `json:"id"`
		} `json:"installation"`
		Repository struct {
			ID int64 `json:"id"`
		} `json:"repository"`
	}
	_ = json.Unmarshal(payload, &about) // what is no JSON may be sent too
	d := &Delivery{GUID: guid, App: appID, Event: event, Action: about.Action, Installation: about.Installation.ID,
		Repository: about.Repository.ID, Payload: payload}
	s.send(d)
	return d.copy(), nil
}

// Redeliver sends a delivery again, with the same GUID and payload.
func (s *Server) Redeliver(id int64) Delivery { return must(s.redeliverByID(id, 0)) }

func (s *Server) redeliverByID(id, app int64) (Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.sent {
		if d.ID == id && (app == 0 || d.App == app) {
			again := &Delivery{GUID: d.GUID, App: d.App, Event: d.Event, Action: d.Action, Installation: d.Installation,
				Repository: d.Repository, Redelivery: true, Payload: d.Payload}
			s.send(again)
			return again.copy(), nil
		}
	}
	return Delivery{}, notFound("delivery %d", id)
}

// Deliveries returns all attempts to deliver, in the order in which they began.
func (s *Server) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Delivery, 0, len(s.sent))
	for _, d := range s.sent {
		out = append(out, d.copy())
	}
	return out
}

func (d *Delivery) copy() Delivery { c := *d; return c }

// WaitDeliveries waits until no delivery is under way.
func (s *Server) WaitDeliveries(ctx context.Context) error {
	for {
		var pending chan struct{}
		s.mu.Lock()
		for _, d := range s.sent {
			if d.Status == "pending" {
				pending = d.done
				break
			}
		}
		s.mu.Unlock()
		if pending == nil {
			return nil
		}
		select {
		case <-pending:
		case <-ctx.Done():
			return fmt.Errorf("waiting for webhooks: %w", ctx.Err())
		}
	}
}

// send starts a delivery. The caller holds mu.
func (s *Server) send(d *Delivery) {
	if s.ctx.Err() != nil {
		return
	}
	app := s.apps[d.App]
	d.ID, d.DeliveredAt, d.Status, d.done = s.newID("delivery"), s.now(), "pending", make(chan struct{})
	d.Headers = map[string]string{
		"Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/a1b2c3d", "Accept": "*/*",
		"X-GitHub-Event": d.Event, "X-GitHub-Delivery": d.GUID, "X-GitHub-Hook-ID": strconv.FormatInt(400_000_000+app.ID, 10),
		"X-GitHub-Hook-Installation-Target-ID": strconv.FormatInt(app.ID, 10), "X-GitHub-Hook-Installation-Target-Type": "integration",
	}
	if app.WebhookSecret != "" {
		one, two := hmac.New(sha1.New, []byte(app.WebhookSecret)), hmac.New(sha256.New, []byte(app.WebhookSecret))
		one.Write(d.Payload)
		two.Write(d.Payload)
		d.Headers["X-Hub-Signature"] = "sha1=" + hex.EncodeToString(one.Sum(nil))
		d.Headers["X-Hub-Signature-256"] = "sha256=" + hex.EncodeToString(two.Sum(nil))
	}
	s.sent = append(s.sent, d)
	before := s.lastSent[d.App]
	s.lastSent[d.App] = d.done
	url := app.WebhookURL
	s.work.Go(func() { s.carry(d, url, before) })
}

// carry brings a delivery to its receiver and writes down what came of it.
func (s *Server) carry(d *Delivery, url string, before chan struct{}) {
	defer close(d.done)
	if before != nil {
		select {
		case <-before:
		case <-time.After(inOrder):
		case <-s.ctx.Done():
		}
	}
	times := 1
	status, code, answered, body := "", 0, http.Header(nil), ""
	start := time.Now()
	f := s.faults.Meet(simulated.Deliver, d.Event)
	if f != nil {
		s.faults.Hit(f)
		switch f.Do {
		case DoDrop, DoStatus:
			status, code = "failed to connect to host", http.StatusBadGateway
		case DoDelay:
			select {
			case <-time.After(time.Duration(f.DelayMS) * time.Millisecond):
			case <-s.ctx.Done():
			}
		case DoStall:
			s.faults.Hold(f, s.ctx)
		case DoDuplicate:
			times = 2
		}
	}
	for range times {
		if code == 0 || times > 1 {
			status, code, answered, body = s.post(d, url)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d.Status, d.StatusCode, d.answered, d.Answer, d.Duration = status, code, answered, body, time.Since(start)
	s.changed()
}

func (s *Server) post(d *Delivery, url string) (status string, code int, answered http.Header, body string) {
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, url, bytes.NewReader(d.Payload))
	if err != nil {
		return "invalid URL", http.StatusBadGateway, nil, ""
	}
	for k, v := range d.Headers {
		// The spelling on the wire is GitHub's own.
		req.Header[k] = []string{v}
	}
	res, err := s.hooks.Do(req)
	if err != nil {
		s.log.Debug("webhook not delivered", "event", d.Event, "guid", d.GUID, "error", err)
		if t, is := err.(interface{ Timeout() bool }); is && t.Timeout() {
			return "timed out", http.StatusGatewayTimeout, nil, ""
		}
		return "failed to connect to host", http.StatusBadGateway, nil, ""
	}
	defer func() { _ = res.Body.Close() }()
	b, _ := io.ReadAll(io.LimitReader(res.Body, 8<<10))
	status = "OK"
	if res.StatusCode >= 300 {
		status = "Invalid HTTP Response: " + strconv.Itoa(res.StatusCode)
	}
	return status, res.StatusCode, res.Header, string(b)
}
