package egress

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// errClosed says that a name is allowed, and that none of its addresses is.
var errClosed = errors.New("the name has no address on the public internet")

// dial connects to an allowed host. The addresses are looked up once, and the one
// that is dialed is one that was checked by may.
func (p *Proxy) dial(ctx context.Context, host Host, port string, may func(netip.Addr) bool) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.limits.Dial)
	defer cancel()
	if p.upstream != nil {
		via, err := p.upstream(&url.URL{Scheme: "https", Host: net.JoinHostPort(string(host), port)})
		if err != nil {
			return nil, fmt.Errorf("the job's own proxy: %w", err)
		}
		if via != nil {
			return dialVia(ctx, via, host, port)
		}
	}
	addrs, err := p.resolve(ctx, string(host))
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		return nil, err
	}
	err = errClosed
	for _, a := range addrs {
		if a = a.Unmap(); !may(a) {
			continue
		}
		var conn net.Conn
		if conn, err = p.connect(ctx, netip.AddrPortFrom(a, uint16(number))); err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host+".") // absolute: no search list
}

func connect(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", a.String())
}

// dialVia connects through the proxy that the job itself has to use.
func dialVia(ctx context.Context, via *url.URL, host Host, port string) (net.Conn, error) {
	if via.Scheme != "http" {
		return nil, fmt.Errorf("the job's own proxy is %s://, and only http:// is supported", via.Scheme)
	}
	address := via.Host
	if via.Port() == "" {
		address = net.JoinHostPort(via.Hostname(), "80")
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("the job's own proxy: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	target := net.JoinHostPort(string(host), port)
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
	if u := via.User; u != nil {
		password, _ := u.Password()
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
	err = request.Write(conn)
	var answer *http.Response
	if err == nil {
		// Nothing follows the answer before the tunnel's first bytes, which are ours.
		answer, err = http.ReadResponse(bufio.NewReaderSize(conn, 4<<10), request)
	}
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answered %d", answer.StatusCode)
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("the job's own proxy: %w", err)
	}
	_ = conn.SetDeadline(time.Time{})
	return conn, nil
}
