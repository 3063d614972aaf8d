//go:build linux

package apptest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// sinks wait for what an agent may send, on every address that this machine has.
type sinks struct {
	tcp, udp         []string // addresses
	socket, abstract string
	// Upstream is the proxy that the job has to use for what it reaches outside.
	upstream string

	mu  sync.Mutex
	got []string // what arrived: where, and how it began
}

func openSinks(t *testing.T, dir string) *sinks {
	t.Helper()
	s := &sinks{socket: filepath.Join(dir, "sink"), abstract: "anvil-hostile-" + filepath.Base(dir) + fmt.Sprint(time.Now().UnixNano())}
	listen := func(network, address, name string) net.Listener {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go s.accept(l, name)
		return l
	}
	_, tcpPort, _ := net.SplitHostPort(listen("tcp", ":0", "TCP").Addr().String())
	listen("unix", s.socket, "the Unix socket")
	listen("unix", "@"+s.abstract, "the abstract socket")
	datagrams, err := net.ListenPacket("udp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { datagrams.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := datagrams.ReadFrom(b)
			if err != nil {
				return
			}
			s.note("UDP", string(b[:n]))
			_, _ = datagrams.WriteTo([]byte("!"), from)
		}
	}()
	_, udpPort, _ := net.SplitHostPort(datagrams.LocalAddr().String())
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLinkLocalUnicast() {
			s.tcp = append(s.tcp, net.JoinHostPort(ip.IP.String(), tcpPort))
			s.udp = append(s.udp, net.JoinHostPort(ip.IP.String(), udpPort))
		}
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.note("the job's proxy", r.Method+" "+r.RequestURI)
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(upstream.Close)
	s.upstream = upstream.URL
	return s
}

func (s *sinks) accept(l net.Listener, name string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
			line, _ := bufio.NewReader(c).ReadString('\n')
			s.note(name, line)
		}()
	}
}

func (s *sinks) note(where, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, fmt.Sprintf("%s: %.60q", where, what))
}

// arrived says what came to the sinks whose name begins with one of names.
func (s *sinks) arrived(names ...string) (bool, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, g := range s.got {
		for _, name := range names {
			if strings.HasPrefix(g, name) {
				all = append(all, g)
			}
		}
	}
	if len(all) == 0 {
		return false, "0 at the sinks"
	}
	return true, fmt.Sprintf("%d arrived, the first at %s", len(all), all[0])
}
