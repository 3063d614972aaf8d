package egress

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"
)

// endedHost is the key under which a request of a connection whose TLS was ended
// finds the host that the connection is for.
type endedHost struct{}

// endedConn is a connection whose TLS was ended, and the registry that it is for.
type endedConn struct {
	*tls.Conn
	host   Host
	closed func()
}

func (c *endedConn) Close() error {
	err := c.Conn.Close()
	c.closed()
	return err
}

// endTLS speaks TLS to the program as host, and serves what it asks. It returns when
// the connection is over.
func (p *Proxy) endTLS(from *taken, host Host) {
	leaf, err := p.authority.leaf(host)
	if err != nil {
		_ = from.Close()
		return
	}
	conn := tls.Server(from, &tls.Config{
		Certificates: []tls.Certificate{*leaf}, NextProtos: []string{"http/1.1"},
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			if h.ServerName != "" && h.ServerName != string(host) {
				return nil, fmt.Errorf("not %s", host)
			}
			return nil, nil
		},
	})
	ctx, cancel := context.WithTimeout(p.life, p.limits.Header)
	err = conn.HandshakeContext(ctx)
	cancel()
	if err != nil {
		_ = conn.Close()
		return
	}
	_ = from.SetDeadline(time.Time{})
	over := make(chan struct{})
	c := &endedConn{Conn: conn, host: host, closed: sync.OnceFunc(func() { close(over) })}
	if !p.ended.hand(c) {
		_ = c.Close()
		return
	}
	<-over
}

// handed is a listener of connections that are handed to it.
type handed struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newHanded() *handed { return &handed{conns: make(chan net.Conn), done: make(chan struct{})} }

// hand gives c to whoever accepts, unless nobody will.
func (h *handed) hand(c net.Conn) bool {
	select {
	case h.conns <- c:
		return true
	case <-h.done:
		return false
	}
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handed) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

func (h *handed) Addr() net.Addr { return &net.UnixAddr{Name: "ended TLS", Net: "unix"} }
