package slacktest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// ping is how often Slack pings a socket; clients give one up that is silent for longer
// than half a minute.
const ping = 5 * time.Second

// sockets are the app's connections by Socket Mode.
type sockets struct {
	mu      sync.Mutex
	tickets map[string]bool // of addresses that were given out and not yet used
	open    []*socket
	turn    int
	closed  bool
	change  chan struct{} // closed when a socket is opened or closed
	waiting map[string]chan string
}

// socket is one connection.
type socket struct {
	conn  *websocket.Conn
	mu    sync.Mutex // of writing
	ended chan struct{}
}

func (x *sockets) init() {
	x.tickets, x.waiting, x.change = map[string]bool{}, map[string]chan string{}, make(chan struct{})
}

func openConnection(c *call) (obj, error) {
	if !c.Server.app.Socket {
		return nil, fail("socket_mode_not_enabled")
	}
	ticket := rand.Text()
	c.sockets.mu.Lock()
	c.sockets.tickets[ticket] = true
	c.sockets.mu.Unlock()
	return obj{"url": "ws" + strings.TrimPrefix(c.URL, "http") + "/socket?ticket=" + ticket}, nil
}

// serveSocket holds a connection until it ends.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	x := &s.sockets
	x.mu.Lock()
	known := x.tickets[r.URL.Query().Get("ticket")] && !x.closed
	delete(x.tickets, r.URL.Query().Get("ticket"))
	x.mu.Unlock()
	if !known {
		http.Error(w, "this address is used up", http.StatusForbidden)
		return
	}
	// The ticket says who may connect; clients name an origin of Slack's.
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c := &socket{conn: conn, ended: make(chan struct{})}
	s.mu.Lock()
	app := s.app.ID
	s.mu.Unlock()
	_ = c.write(obj{
		"type": "hello", "num_connections": 1, "connection_info": obj{"app_id": app},
		"debug_info": obj{"host": "simulated", "approximate_connection_time": 18060},
	})
	x.add(c)
	defer x.remove(c)
	go c.pings()
	for {
		var ack struct {
			EnvelopeID string          `json:"envelope_id"`
			Payload    json.RawMessage `json:"payload"`
		}
		if err := conn.ReadJSON(&ack); err != nil {
			return
		}
		x.acknowledge(ack.EnvelopeID, string(ack.Payload))
	}
}

func (c *socket) write(v any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn.WriteJSON(v)
}

func (c *socket) pings() {
	ticker := time.NewTicker(ping)
	defer ticker.Stop()
	for {
		c.mu.Lock()
		err := c.conn.WriteControl(websocket.PingMessage, []byte("ping"), time.Now().Add(time.Second))
		c.mu.Unlock()
		if err != nil {
			return
		}
		select {
		case <-ticker.C:
		case <-c.ended:
			return
		}
	}
}

func (x *sockets) add(c *socket) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.open = append(x.open, c)
	close(x.change)
	x.change = make(chan struct{})
}

func (x *sockets) remove(c *socket) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, o := range x.open {
		if o == c {
			x.open = append(x.open[:i:i], x.open[i+1:]...)
			break
		}
	}
	close(c.ended)
	_ = c.conn.Close()
	close(x.change)
	x.change = make(chan struct{})
}

func (x *sockets) acknowledge(envelope, answer string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if waiting := x.waiting[envelope]; waiting != nil {
		waiting <- answer
		delete(x.waiting, envelope)
	}
}

// send sends a delivery over one of the sockets, taking turns, and waits for its
// acknowledgement until ctx ends.
func (x *sockets) send(ctx context.Context, d *Delivery, n int, before string) (answer, why string) {
	x.mu.Lock()
	if len(x.open) == 0 {
		x.mu.Unlock()
		return "", "connection_failed"
	}
	c := x.open[x.turn%len(x.open)]
	x.turn++
	envelope, acked := rand.Text(), make(chan string, 1)
	x.waiting[envelope] = acked
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		delete(x.waiting, envelope)
		x.mu.Unlock()
	}()
	message := obj{"envelope_id": envelope, "type": d.Kind, "payload": d.Payload, "accepts_response_payload": d.Kind != kindEvent}
	if d.Kind == kindEvent {
		message["retry_attempt"], message["retry_reason"] = n, before
	}
	if err := c.write(message); err != nil {
		return "", "connection_failed"
	}
	select {
	case answer = <-acked:
		return answer, ""
	case <-c.ended:
		return "", "connection_failed"
	case <-ctx.Done():
		return "", "timeout"
	}
}

// SocketsChanged returns a channel that is closed when the app opens or closes a socket.
func (s *Server) SocketsChanged() <-chan struct{} {
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	return s.sockets.change
}

// Connected waits until the app has a number of sockets open.
func (s *Server) Connected(ctx context.Context, n int) error {
	for {
		s.sockets.mu.Lock()
		have, change := len(s.sockets.open), s.sockets.change
		s.sockets.mu.Unlock()
		if have == n {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Disconnect asks the app to open its sockets anew and closes those that there are, as
// Slack does every few hours. Reason is refresh_requested or warning.
func (s *Server) Disconnect(reason string) { s.sockets.end(reason) }

func (x *sockets) end(reason string) {
	x.mu.Lock()
	open := append([]*socket(nil), x.open...)
	x.mu.Unlock()
	for _, c := range open {
		_ = c.write(obj{"type": "disconnect", "reason": reason, "debug_info": obj{"host": "simulated"}})
		_ = c.conn.Close()
	}
}

func (x *sockets) close() {
	x.mu.Lock()
	x.closed = true
	x.mu.Unlock()
	x.end("warning")
}
