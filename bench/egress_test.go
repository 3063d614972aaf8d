package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/egress"
)

const (
	allowedHost = "allowed.example"
	bigAnswer   = 256 << 20
)

// measureEgress lets the egress proxy and a bare CONNECT proxy, which asks nothing
// and counts nothing, carry the same to the same place in turns.
func measureEgress(t *testing.T, all *table) {
	hello := clientHello(t)
	origin := serveBytes(t, len(hello))
	policy, err := egress.NewPolicy([]string{allowedHost}, egress.Registries())
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := egress.New(egress.Config{
		Policy: policy,
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
		},
		Connect: func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", origin)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ours, bare := listen(t), listen(t)
	go func() { _ = proxy.Serve(ours) }()
	peer := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { carry(w, origin) })}
	go func() { _ = peer.Serve(bare) }()
	defer peer.Close()
	defer proxy.Close()

	through := func(proxy net.Listener, size int) time.Duration {
		began := time.Now()
		conn, err := net.Dial("tcp", proxy.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "CONNECT %s:443 HTTP/1.1\r\nHost: %[1]s:443\r\n\r\n", allowedHost)
		r := bufio.NewReader(conn)
		if answer, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect}); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatal(answer, err)
		}
		_, _ = conn.Write(hello)
		_, _ = fmt.Fprintf(conn, "%12d", size)
		if n, err := io.Copy(io.Discard, io.LimitReader(r, int64(size))); err != nil || n != int64(size) {
			t.Fatal(n, err)
		}
		return time.Since(began)
	}
	for _, m := range []struct {
		what         string
		size, rounds int
		speed        bool
	}{
		{"egress proxy: a connection to its first byte", 1, 400, false},
		{"egress proxy: 256 MiB through one connection", bigAnswer, 9, true},
	} {
		var mine, peers []time.Duration
		for i := range m.rounds + warmUp {
			a, b := through(ours, m.size), through(bare, m.size)
			if i >= warmUp {
				mine, peers = append(mine, a), append(peers, b)
			}
		}
		show := func(d time.Duration) string {
			if m.speed {
				return fmt.Sprintf("%.1f GB/s", float64(m.size)/1e9/d.Seconds())
			}
			return fmt.Sprintf("%.3f ms", ms(d))
		}
		all.add(t, row{what: m.what, measured: show(median(mine)), peer: "bare CONNECT proxy: " + show(median(peers)), ratio: ratio(mine, peers), limit: 1.3})
	}
}

// carry is the bare proxy: it joins the connection with one to the origin.
func carry(w http.ResponseWriter, origin string) {
	to, err := net.Dial("tcp", origin)
	if err != nil {
		return
	}
	defer to.Close()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(to, conn)
		_ = to.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(conn, to)
}

// serveBytes answers each connection with as many bytes as it asks for behind its
// first message.
func serveBytes(t *testing.T, hello int) string {
	l := listen(t)
	block := make([]byte, 1<<20)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				head := make([]byte, hello+12)
				var size int
				if _, err := io.ReadFull(conn, head); err != nil {
					return
				}
				if _, err := fmt.Sscan(string(head[hello:]), &size); err != nil {
					return
				}
				for size > 0 {
					n, err := conn.Write(block[:min(size, len(block))])
					if size -= n; err != nil {
						return
					}
				}
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return l.Addr().String()
}

// clientHello is the first message of TLS with the allowed host.
func clientHello(t *testing.T) []byte {
	here, there := net.Pipe()
	defer there.Close()
	go func() {
		_ = tls.Client(here, &tls.Config{ServerName: allowedHost}).Handshake()
	}()
	var hello bytes.Buffer
	head := make([]byte, 5)
	if _, err := io.ReadFull(io.TeeReader(there, &hello), head); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(&hello, there, int64(head[3])<<8|int64(head[4])); err != nil {
		t.Fatal(err)
	}
	return hello.Bytes()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
