package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// serve answers what a program inside asks.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		p.servePlain(w, r)
		return
	}
	// The target as it was sent: what a URL parser makes of it is another thing.
	host, port, err := parseTarget(r.RequestURI)
	if err != nil {
		p.refuse(w, Refusal{Host: hostPart(r.RequestURI), Port: port, Why: err.Error()})
		return
	}
	refusal := Refusal{Host: string(host), Port: port}
	allowed := p.policy.allows(host)
	_, readable := p.policy.registry[host]
	switch {
	case port != "443":
		refusal.Why = "only port 443 is open"
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		refusal.Why = "a CONNECT has no body"
	case !allowed && !readable:
		refusal.Why, refusal.Allow = "the host is not on the list", string(host)
	}
	if refusal.Why != "" {
		p.refuse(w, refusal)
		return
	}
	if p.spent() {
		refusal.Why = "the run has used up its bytes"
		p.refuse(w, refusal)
		return
	}
	if !allowed {
		p.take(w, func(c *taken) { p.endTLS(c, host) })
		return
	}
	to, err := p.dial(r.Context(), host, port, Public)
	if err != nil {
		p.unreachable(w, refusal, err)
		return
	}
	p.take(w, func(c *taken) {
		defer c.Close()
		defer to.Close()
		p.tunnel(c, to, refusal)
	})
}

// hostPart is a refused target as it may be shown: without a port, and without a user.
func hostPart(target string) string {
	if i := strings.LastIndexByte(target, ':'); i > 0 && !strings.HasSuffix(target, "]") {
		target = target[:i]
	}
	if i := strings.LastIndexByte(target, '@'); i >= 0 {
		target = "…" + target[i:] // what stands before it may be a password
	}
	return target
}

// refuse tells the program, and whoever watches, that it may not.
func (p *Proxy) refuse(w http.ResponseWriter, r Refusal) {
	p.refusals.add(r)
	w.Header().Set("Connection", "close")
	http.Error(w, "EGRESS_REFUSED: "+r.Why+". Only what the operator and .github/anvil.yml allow can be reached.", http.StatusForbidden)
}

// unreachable tells why an allowed host could not be connected.
func (p *Proxy) unreachable(w http.ResponseWriter, r Refusal, err error) {
	if errors.Is(err, errClosed) {
		r.Why = errClosed.Error()
		p.refuse(w, r)
		return
	}
	status := http.StatusBadGateway
	if errors.Is(err, context.DeadlineExceeded) {
		status = http.StatusGatewayTimeout
	}
	http.Error(w, "EGRESS_UNREACHABLE: "+err.Error(), status)
}

func (p *Proxy) spent() bool {
	return p.sent.Load() >= p.limits.SentBytes || p.got.Load() >= p.limits.GotBytes
}

// taken is a program's connection after its CONNECT was granted, with what it had
// sent too early in front.
type taken struct {
	net.Conn
	early []byte
}

func (t *taken) Read(b []byte) (int, error) {
	if len(t.early) > 0 {
		n := copy(b, t.early)
		t.early = t.early[n:]
		return n, nil
	}
	return t.Conn.Read(b)
}

// take answers a CONNECT with yes and hands the connection to use, which closes it.
func (p *Proxy) take(w http.ResponseWriter, use func(*taken)) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // the program is gone
	}
	p.open.Add(1)
	defer p.open.Done()
	stop := context.AfterFunc(p.life, func() { _ = conn.Close() })
	defer stop()
	early := make([]byte, buffered.Reader.Buffered())
	_, _ = io.ReadFull(buffered.Reader, early)
	_ = conn.SetDeadline(time.Now().Add(p.limits.Header))
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = conn.Close()
		return
	}
	use(&taken{Conn: conn, early: early})
}

// tunnel passes bytes both ways, once the first message has shown that it is TLS
// with the host that was asked for.
func (p *Proxy) tunnel(from *taken, to net.Conn, r Refusal) {
	hello, name, err := readHello(from)
	switch {
	case err != nil:
		r.Why = "what came over the connection was not TLS"
	case !strings.EqualFold(name, r.Host):
		r.Why = fmt.Sprintf("TLS was begun with another host, %.80q", name)
	}
	if r.Why != "" {
		p.refusals.add(r)
		return
	}
	stop := context.AfterFunc(p.life, func() { _ = to.Close() })
	defer stop()
	_ = from.SetDeadline(time.Time{})
	if _, err := to.Write(hello); err != nil {
		return
	}
	p.sent.Add(int64(len(hello)))
	p.relay(from, to)
}
