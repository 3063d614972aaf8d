package egress_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/egress"
)

// world is a proxy on a Unix socket, and an internet of one server that stands
// behind every public address.
type world struct {
	proxy  *egress.Proxy
	socket string
	server *httptest.Server // speaks TLS as allowed.example and its like
	plain  *httptest.Server
	roots  *x509.CertPool // of the server

	mu       sync.Mutex
	names    map[string][]string // what the resolver answers; each call takes one off, until one is left
	resolved []string            // what the resolver was asked
	dialed   []string            // which addresses were connected
	refused  []egress.Refusal
	requests []*http.Request // that the servers got
}

const publicAddress = "93.184.216.34"

func newWorld(t *testing.T, change func(*egress.Config)) *world {
	t.Helper()
	w := &world{names: map[string][]string{}, roots: x509.NewCertPool()}
	answer := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.requests = append(w.requests, r)
		w.mu.Unlock()
		fmt.Fprintf(rw, "%s %s%s %d", r.Method, r.Host, r.URL, len(body))
	})
	w.server = httptest.NewUnstartedServer(answer)
	w.server.Config.ErrorLog = log.New(io.Discard, "", 0) // many a handshake is broken off
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	w.plain = httptest.NewServer(answer)
	t.Cleanup(w.plain.Close)
	w.roots.AddCert(w.server.Certificate())
	c := egress.Config{
		Policy: policy(t, "allowed.example", ".below.example"),
		Refused: func(r egress.Refusal) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.refused = append(w.refused, r)
		},
		Resolve: w.resolve,
		Connect: func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
			w.mu.Lock()
			w.dialed = append(w.dialed, a.String())
			w.mu.Unlock()
			var d net.Dialer
			if a.Port() == 80 {
				return d.DialContext(ctx, "tcp", w.plain.Listener.Addr().String())
			}
			return d.DialContext(ctx, "tcp", w.server.Listener.Addr().String())
		},
		// httptest's certificate is for example.com.
		TLS: &tls.Config{RootCAs: w.roots, ServerName: "example.com"},
	}
	if change != nil {
		change(&c)
	}
	var err error
	if w.proxy, err = egress.New(c); err != nil {
		t.Fatal(err)
	}
	w.socket = filepath.Join(t.TempDir(), "proxy")
	l, err := net.Listen("unix", w.socket)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- w.proxy.Serve(l) }()
	t.Cleanup(func() {
		if err := w.proxy.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return w
}

// policy allows entries, and to read from registry.example and packages.example.
func policy(t *testing.T, allow ...string) *egress.Policy {
	t.Helper()
	p, err := egress.NewPolicy(allow, []egress.Registry{{Host: "registry.example"}, {Host: "packages.example", Plain: true}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) resolve(_ context.Context, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resolved = append(w.resolved, host)
	answers := w.names[host]
	if len(answers) == 0 {
		return []netip.Addr{netip.MustParseAddr(publicAddress)}, nil
	}
	if len(answers) > 1 {
		w.names[host] = answers[1:]
	}
	var all []netip.Addr
	for a := range strings.SplitSeq(answers[0], " ") {
		all = append(all, netip.MustParseAddr(a))
	}
	return all, nil
}

// client speaks through the proxy as a program inside does. It trusts both the
// server and the proxy's authority.
func (w *world) client() *http.Client {
	roots := w.roots.Clone()
	roots.AppendCertsFromPEM(w.proxy.Certificate())
	return &http.Client{Transport: &http.Transport{
		Proxy:             http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy"}),
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", w.socket) },
		TLSClientConfig:   &tls.Config{RootCAs: roots, InsecureSkipVerify: true}, // allowed.example has example.com's certificate
		DisableKeepAlives: true,
	}}
}

// raw sends bytes to the proxy and returns the connection and the first line that
// comes back.
func (w *world) raw(t *testing.T, send string) (net.Conn, *bufio.Reader, string) {
	t.Helper()
	conn, err := net.Dial("unix", w.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, send); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	line, _ := r.ReadString('\n')
	return conn, r, strings.TrimSpace(line)
}

// tunnel gets a tunnel to a target, past the empty line.
func (w *world) tunnel(t *testing.T, target string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, r, line := w.raw(t, "CONNECT "+target+" HTTP/1.1\r\nHost: "+target+"\r\n\r\n")
	if line != "HTTP/1.1 200 Connection established" {
		t.Fatalf("CONNECT %s: %s", target, line)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return conn, r
}

func (w *world) seen() (resolved, dialed []string, refused []egress.Refusal, requests []*http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.resolved...), append([]string(nil), w.dialed...), append([]egress.Refusal(nil), w.refused...), append([]*http.Request(nil), w.requests...)
}
