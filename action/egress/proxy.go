package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a [Proxy] is made of.
type Config struct {
	Policy *Policy
	// Refused is told of each refusal once, from any goroutine. It must not block.
	Refused func(Refusal)
	// Upstream returns the proxy that the job itself must use to reach an address,
	// or nil. Nil: there is none.
	Upstream Upstream
	Limits   Limits
	// Resolve looks a name up, and Connect connects to an address that was checked.
	// Nil: the machine's own resolver, and TCP.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	Connect func(ctx context.Context, a netip.AddrPort) (net.Conn, error)
	// TLS is the client's side of TLS to registries. Nil: the machine's own roots.
	TLS *tls.Config
}

// Upstream says through which proxy an address is reached; nil for none.
type Upstream func(*url.URL) (*url.URL, error)

// Limits bound what one proxy does. Zero means the default.
type Limits struct {
	Connections int           // at a time; 256
	Header      time.Duration // until a request's header is there; 10 s
	Dial        time.Duration // until an allowed host is connected; 15 s
	Idle        time.Duration // without a byte in either direction; 5 min
	SentBytes   int64         // to all hosts together; 1 GiB
	GotBytes    int64         // from all hosts together; 50 GiB
}

func (l Limits) orDefault() Limits {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if l.Connections == 0 {
		l.Connections = 256
	}
	set(&l.Header, 10*time.Second)
	set(&l.Dial, 15*time.Second)
	set(&l.Idle, 5*time.Minute)
	if l.SentBytes == 0 {
		l.SentBytes = 1 << 30
	}
	if l.GotBytes == 0 {
		l.GotBytes = 50 << 30
	}
	return l
}

const maxHeaderBytes = 16 << 10

// Proxy is one egress proxy. It is made for one run.
type Proxy struct {
	policy   *Policy
	limits   Limits
	refusals refusals
	upstream Upstream
	resolve  func(ctx context.Context, host string) ([]netip.Addr, error)
	connect  func(ctx context.Context, a netip.AddrPort) (net.Conn, error)

	authority *authority
	outer     *http.Server // speaks to the programs inside
	reader    *http.Server // speaks to them as a registry, where TLS was ended
	ended     *handed      // its connections
	registry  *http.Transport

	sent, got atomic.Int64 // bytes so far

	life context.Context
	end  context.CancelFunc
	open sync.WaitGroup // connections that were taken over
}

// New returns a proxy that is not serving yet.
func New(c Config) (*Proxy, error) {
	a, err := newAuthority()
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		policy: c.Policy, limits: c.Limits.orDefault(), refusals: refusals{tell: c.Refused},
		upstream: c.Upstream, resolve: c.Resolve, connect: c.Connect, authority: a, ended: newHanded(),
	}
	if p.resolve == nil {
		p.resolve = resolve
	}
	if p.connect == nil {
		p.connect = connect
	}
	p.life, p.end = context.WithCancel(context.Background())
	p.registry = p.transport(c.TLS)
	p.outer = p.server(http.HandlerFunc(p.serve))
	p.reader = p.server(http.HandlerFunc(p.serveRegistry))
	p.reader.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, endedHost{}, c.(*endedConn).host)
	}
	go func() { _ = p.reader.Serve(p.ended) }()
	return p, nil
}

func (p *Proxy) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: p.limits.Header, IdleTimeout: p.limits.Idle, MaxHeaderBytes: maxHeaderBytes,
		BaseContext: func(net.Listener) context.Context { return p.life },
		// What a program says badly is its own affair.
		ErrorLog: log.New(io.Discard, "", 0),
		// No HTTP/2: one connection, one request at a time, all of it counted.
		Protocols: http1(),
		// OPTIONS * is refused like every other method.
		DisableGeneralOptionsHandler: true,
	}
}

func http1() *http.Protocols {
	var only http.Protocols
	only.SetHTTP1(true)
	return &only
}

// Serve serves l until Close.
func (p *Proxy) Serve(l net.Listener) error {
	err := p.outer.Serve(&bounded{Listener: l, free: make(chan struct{}, p.limits.Connections), life: p.life})
	if errors.Is(err, http.ErrServerClosed) || p.life.Err() != nil {
		return nil
	}
	return err
}

// Close ends the proxy with everything that passes through it.
func (p *Proxy) Close() error {
	p.end()
	err := errors.Join(p.outer.Close(), p.reader.Close())
	p.open.Wait()
	p.registry.CloseIdleConnections()
	return err
}

// Certificate returns, in PEM, the certificate of the authority that vouches for
// registries.
func (p *Proxy) Certificate() []byte { return p.authority.pem }

// Sent and Got return how many bytes went out and came in so far.
func (p *Proxy) Sent() int64 { return p.sent.Load() }
func (p *Proxy) Got() int64  { return p.got.Load() }

// bounded accepts no more connections at a time than it has room for.
type bounded struct {
	net.Listener
	free chan struct{}
	life context.Context
}

func (b *bounded) Accept() (net.Conn, error) {
	select {
	case b.free <- struct{}{}:
	case <-b.life.Done():
		return nil, net.ErrClosed
	}
	c, err := b.Listener.Accept()
	if err != nil {
		<-b.free
		return nil, err
	}
	return &counted{Conn: c, release: sync.OnceFunc(func() { <-b.free })}, nil
}

// counted gives its room back when it is closed.
type counted struct {
	net.Conn
	release func()
}

func (c *counted) Close() error {
	c.release()
	return c.Conn.Close()
}
