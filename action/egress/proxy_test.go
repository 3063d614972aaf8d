package egress_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/action/egress"
)

func TestAllowedHostsPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, host := range []string{"allowed.example", "ALLOWED.example", "below.example", "a.below.example", "b.a.below.example"} {
		answer, err := w.client().Post("https://"+host+"/x?y", "text/plain", strings.NewReader("four"))
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if want := "POST " + host + "/x?y 4"; string(body) != want {
			t.Errorf("%s: %q, want %q", host, body, want)
		}
	}
	_, dialed, refused, _ := w.seen()
	if len(refused) > 0 || len(dialed) != 5 || dialed[0] != publicAddress+":443" {
		t.Errorf("dialed %v, refused %v", dialed, refused)
	}
	if w.proxy.Sent() == 0 || w.proxy.Got() == 0 {
		t.Error("no bytes were counted")
	}
}

// Nothing is looked up, let alone reached, for what is not allowed.
func TestTheRestIsRefusedBeforeItIsLookedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, target := range []string{
		"other.example:443", "allowed.example.evil.example:443", "evilallowed.example:443", "x.allowed.example:443", "below.example.evil.example:443", "evilbelow.example:443",
		"allowed.example:80", "allowed.example:22", "allowed.example:0", "allowed.example:00443", "allowed.example:65979", "allowed.example:-443", "allowed.example:", "allowed.example", ":443",
		"registry.example:80", "registry.example:8443", "allowed.example.:443", "allowed..example:443",
		"user@allowed.example:443", "allowed.example@evil.example:443", "evil.example:443@allowed.example:443", "allowed.example:443:443",
		"93.184.216.34:443", "1572395042:443", "0x5db8d822:443", "0135.0270.0330.042:443", "[2606:2800:220:1::1]:443", "127.0.0.1:443", "localhost:443",
		"169.254.169.254:443", "[fd00:ec2::254]:443", "metadata.google.internal:443", "all\u00f6wed.example:443", "allowed.example\u3002:443",
		"allowed.example%00.evil.example:443", "allowed.example%2eevil.example:443", "https://allowed.example:443", "allowed.example:443/x", "/allowed.example:443",
	} {
		_, _, line := w.raw(t, "CONNECT "+target+" HTTP/1.1\r\nHost: allowed.example:443\r\n\r\n")
		if !strings.HasPrefix(line, "HTTP/1.1 403") && !strings.HasPrefix(line, "HTTP/1.1 400") {
			t.Errorf("CONNECT %s: %q", target, line)
		}
	}
	for _, request := range []string{
		"CONNECT allowed.example\x00.evil.example:443 HTTP/1.1\r\nHost: allowed.example\r\n\r\n",
		"CONNECT allowed.example:443\x00 HTTP/1.1\r\nHost: allowed.example\r\n\r\n",
		"CONNECT evil.example:443 HTTP/1.1\r\nHost: allowed.example:443\r\n\r\n",
		"CONNECT allowed.example:443 HTTP/1.1\r\nHost: allowed.example:443\r\nContent-Length: 5\r\n\r\nhello",
		"CONNECT allowed.example:443 HTTP/1.1\r\nHost: allowed.example:443\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET http://allowed.example/ HTTP/1.1\r\nHost: allowed.example\r\n\r\n",
		"GET http://other.example/ HTTP/1.1\r\nHost: packages.example\r\n\r\n",
		"GET http://packages.example:8080/ HTTP/1.1\r\nHost: packages.example\r\n\r\n",
		"GET http://packages.example@evil.example/ HTTP/1.1\r\nHost: packages.example\r\n\r\n",
		"GET http://registry.example/ HTTP/1.1\r\nHost: registry.example\r\n\r\n",
		"GET https://registry.example/ HTTP/1.1\r\nHost: registry.example\r\n\r\n",
		"GET ftp://packages.example/ HTTP/1.1\r\nHost: packages.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: packages.example\r\n\r\n",
		"POST http://packages.example/ HTTP/1.1\r\nHost: packages.example\r\nContent-Length: 1\r\n\r\nx",
		"GET http://169.254.169.254/latest/meta-data/ HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n",
		"SSH-2.0-x\r\n\r\n", "\x16\x03\x01\x00\x05hello\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		_, _, line := w.raw(t, request)
		if strings.Contains(line, " 200") {
			t.Errorf("%q: %q", request, line)
		}
	}
	resolved, dialed, refused, requests := w.seen()
	if len(resolved)+len(dialed)+len(requests) > 0 {
		t.Errorf("looked up %v, dialed %v, %d requests", resolved, dialed, len(requests))
	}
	want := egress.Refusal{Host: "other.example", Port: "443", Why: "the host is not on the list", Allow: "other.example"}
	if !slices.Contains(refused, want) {
		t.Errorf("refused %+v", refused)
	}
	for _, r := range refused {
		if strings.Contains(r.Host, "user") || r.Allow != "" && r.Why != want.Why {
			t.Errorf("told: %+v", r)
		}
	}
}

// What is asked for without TLS is told with no entry that would let it through: there is
// none. HTTPS is needed, and said to be.
func TestPlainHTTPCannotBeAllowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, host := range []string{"allowed.example", "other.example"} {
		if _, _, line := w.raw(t, "GET http://"+host+"/ HTTP/1.1\r\nHost: "+host+"\r\n\r\n"); !strings.HasPrefix(line, "HTTP/1.1 403") {
			t.Errorf("%s: %q", host, line)
		}
	}
	want := []egress.Refusal{
		{Host: "allowed.example", Port: "80", Why: "HTTPS is needed: the host is spoken to by nothing else"},
		{Host: "other.example", Port: "80", Why: "HTTPS is needed, and the host is not on the list"},
	}
	if _, _, refused, _ := w.seen(); !slices.Equal(refused, want) {
		t.Errorf("refused %+v", refused)
	}
}

// An allowed name that stands for an address of the machine or its site is not
// reached, and a name is looked up once.
func TestAddressesAreCheckedAndPinned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.names["allowed.example"] = []string{"127.0.0.1", "10.0.0.1 169.254.169.254 ::1 fd00:ec2::254 ::ffff:192.168.0.1", "127.0.0.1 " + publicAddress, publicAddress, "127.0.0.1"}
	w.names["registry.example"] = []string{"127.0.0.1", "169.254.169.254 100.100.100.200 ::1 fd00:ec2::254 0.0.0.0 224.0.0.1", "10.1.2.3"} // a mirror of the site
	w.names["packages.example"] = []string{"10.1.2.3"}                                                                                     // nobody vouches for it
	var got []string
	get := func(address string) {
		answer, err := w.client().Get(address)
		if err != nil {
			got = append(got, "refused")
			return
		}
		answer.Body.Close()
		got = append(got, answer.Status[:3])
	}
	for range 5 {
		get("https://allowed.example/")
	}
	for range 3 {
		get("https://registry.example/")
	}
	get("http://packages.example/")
	if want := "refused refused 200 200 refused 403 403 200 403"; strings.Join(got, " ") != want {
		t.Errorf("got %v", got)
	}
	resolved, dialed, refused, _ := w.seen()
	for _, a := range dialed {
		if a != publicAddress+":443" && a != "10.1.2.3:443" {
			t.Errorf("dialed %s", a)
		}
	}
	if n := len(resolved); n > 9 {
		t.Errorf("looked up %d times for 9 requests", n)
	}
	if !slices.ContainsFunc(refused, func(r egress.Refusal) bool {
		return r.Host == "allowed.example" && r.Why == "the name has no address on the public internet" && r.Allow == ""
	}) {
		t.Errorf("refused %+v", refused)
	}
}

// A tunnel to an allowed host carries TLS with that host, and nothing else.
func TestATunnelIsTLSWithItsHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for name, say := range map[string]func(net.Conn){
		"another host": func(c net.Conn) { _ = tls.Client(c, &tls.Config{ServerName: "hidden.example"}).Handshake() },
		"no host":      func(c net.Conn) { _ = tls.Client(c, &tls.Config{InsecureSkipVerify: true}).Handshake() },
		"plain HTTP":   func(c net.Conn) { _, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: allowed.example\r\n\r\n") },
		"SSH":          func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH\r\n") },
		"an endless hello": func(c net.Conn) {
			_, _ = c.Write(append([]byte{0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff}, bytes.Repeat([]byte{0}, 200<<10)...))
		},
	} {
		conn, r := w.tunnel(t, "allowed.example:443")
		say(conn)
		if b, err := r.Peek(1); err == nil {
			t.Errorf("%s: answered %q", name, b)
		}
	}
	_, _, refused, requests := w.seen()
	if len(requests) > 0 || len(refused) != 3 { // two of them twice
		t.Errorf("%d requests, refused %+v", len(requests), refused)
	}
}

// What a program sends together with its CONNECT is not lost.
func TestEarlyBytesPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	conn, err := net.Dial("unix", w.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	early := &glued{Conn: conn, front: []byte("CONNECT allowed.example:443 HTTP/1.1\r\nHost: allowed.example:443\r\n\r\n"), answer: len("HTTP/1.1 200 Connection established\r\n\r\n")}
	client := tls.Client(early, &tls.Config{ServerName: "allowed.example", InsecureSkipVerify: true})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
}

// glued sends a CONNECT in one write with what is written first, and skips its answer.
type glued struct {
	net.Conn
	front  []byte
	answer int
}

func (g *glued) Write(b []byte) (int, error) {
	if g.front == nil {
		return g.Conn.Write(b)
	}
	_, err := g.Conn.Write(append(g.front, b...))
	g.front = nil
	return len(b), err
}

func (g *glued) Read(b []byte) (int, error) {
	if g.answer > 0 {
		if _, err := io.ReadFull(g.Conn, make([]byte, g.answer)); err != nil {
			return 0, err
		}
		g.answer = 0
	}
	return g.Conn.Read(b)
}

func TestRefusalsAreToldOnceAndBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for i := range 120 {
		w.raw(t, fmt.Sprintf("CONNECT h%d.example:443 HTTP/1.1\r\n\r\n", i/2))
	}
	w.raw(t, "CONNECT "+strings.Repeat("long.", 2000)+"example:443 HTTP/1.1\r\n\r\n")
	if _, _, refused, _ := w.seen(); len(refused) != 50 || refused[49].Host != "h49.example" {
		t.Errorf("%d refusals were told, the last %+v", len(refused), refused[len(refused)-1])
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	gone := func(t *testing.T, r io.Reader) {
		t.Helper()
		if _, err := io.Copy(io.Discard, r); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
			t.Error(err)
		}
	}
	t.Run("a header that does not come", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *egress.Config) { c.Limits.Header = 50 * time.Millisecond })
		conn, _, _ := w.raw(t, "CONNECT allowed.example:443 HTTP/1.1\r\nX: ")
		gone(t, conn)
		_, r := w.tunnel(t, "allowed.example:443") // and says nothing
		gone(t, r)
		_, r = w.tunnel(t, "registry.example:443")
		gone(t, r)
	})
	t.Run("a long header", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		if _, _, line := w.raw(t, "CONNECT allowed.example:443 HTTP/1.1\r\nX: "+strings.Repeat("x", 21<<10)+"\r\n\r\n"); !strings.Contains(line, " 431 ") {
			t.Errorf("got %q", line)
		}
	})
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *egress.Config) { c.Limits.Idle = 50 * time.Millisecond })
		conn, _ := w.tunnel(t, "allowed.example:443")
		client := tls.Client(conn, &tls.Config{ServerName: "allowed.example", InsecureSkipVerify: true})
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		gone(t, client)
	})
	t.Run("connections", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *egress.Config) { c.Limits.Connections = 1 })
		first, _ := w.tunnel(t, "allowed.example:443")
		second, err := net.Dial("unix", w.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		if _, err := io.WriteString(second, "CONNECT other.example:443 HTTP/1.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		_ = second.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := second.Read(make([]byte, 1)); err == nil {
			t.Errorf("a second connection was served, %d bytes", n)
		}
		first.Close()
		_ = second.SetReadDeadline(time.Time{})
		if n, err := second.Read(make([]byte, 1)); err != nil || n != 1 {
			t.Errorf("the second connection is not served once the first is over: %v", err)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *egress.Config) { c.Limits.SentBytes = 256 << 10 })
		if answer, err := w.client().Post("https://allowed.example/", "", bytes.NewReader(make([]byte, 1<<20))); err == nil {
			answer.Body.Close()
			t.Error("1 MiB was sent with a limit of 256 KiB")
		}
		if sent := w.proxy.Sent(); sent > 256<<10+4<<10 {
			t.Errorf("%d bytes were sent", sent)
		}
		if _, _, line := w.raw(t, "CONNECT allowed.example:443 HTTP/1.1\r\n\r\n"); !strings.Contains(line, " 403 ") {
			t.Errorf("after the limit: %q", line)
		}
	})
}

// A job that has to use a proxy itself does so for everything.
func TestUpstream(t *testing.T) {
	t.Parallel()
	var w *world
	asked := make(chan string, 10)
	upstream := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked <- r.RequestURI + " " + r.Header.Get("Proxy-Authorization")
		if r.RequestURI == "below.example:443" {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		to, err := net.Dial("tcp", w.server.Listener.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		conn, _, _ := http.NewResponseController(rw).Hijack()
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, conn) }()
		_, _ = io.Copy(conn, to)
	}))
	defer upstream.Close()
	via, _ := url.Parse(upstream.URL)
	via.User = url.UserPassword("me", "it")
	w = newWorld(t, func(c *egress.Config) { c.Upstream = func(*url.URL) (*url.URL, error) { return via, nil } })
	for _, host := range []string{"allowed.example", "registry.example"} {
		answer, err := w.client().Get("https://" + host + "/")
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v, %v", host, answer, err)
		}
		answer.Body.Close()
		if got, want := <-asked, host+":443 Basic bWU6aXQ="; got != want {
			t.Errorf("upstream was asked %q, want %q", got, want)
		}
	}
	if _, _, line := w.raw(t, "CONNECT below.example:443 HTTP/1.1\r\n\r\n"); !strings.Contains(line, " 502 ") {
		t.Errorf("refused upstream: %q", line)
	}
	if resolved, dialed, _, _ := w.seen(); len(resolved)+len(dialed) > 0 {
		t.Errorf("looked up %v, dialed %v", resolved, dialed)
	}
}

// Close ends what passes through.
func TestCloseEndsTunnels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var all []net.Conn
	for _, target := range []string{"allowed.example:443", "registry.example:443"} {
		conn, _ := w.tunnel(t, target)
		client := tls.Client(conn, &tls.Config{ServerName: strings.TrimSuffix(target, ":443"), InsecureSkipVerify: true})
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		all = append(all, conn)
	}
	if err := w.proxy.Close(); err != nil {
		t.Fatal(err)
	}
	for _, conn := range all {
		_, _ = io.Copy(io.Discard, conn) // it ends
	}
}
