//go:build unix

package confine

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
)

// forward accepts connections on a TCP port of the loopback and joins each with
// one to a Unix socket, until the listener is closed.
func forward(l net.Listener, socket string) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close()
			to, err := net.Dial("unix", socket)
			if err != nil {
				return
			}
			defer to.Close()
			join(from, to)
		}()
	}
}

// join copies both ways until both are done; each side learns when the other has
// said all.
func join(a, b net.Conn) {
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			if c, ok := way[0].(interface{ CloseWrite() error }); ok {
				_ = c.CloseWrite()
			}
		})
	}
	both.Wait()
}

// Path is the same inside and outside.
func (p *Plain) Path(outside string) string { return outside }

// Give gives nothing: programs are the runner's own user.
func (p *Plain) Give(*os.File) error { return nil }

// Reach listens on a free port of the machine's loopback.
func (p *Plain) Reach(socket string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("reach %s: %w", socket, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listeners = append(p.listeners, l)
	go forward(l, socket)
	return l.Addr().String(), nil
}

// Close ends what Reach began.
func (p *Plain) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.listeners {
		_ = l.Close()
	}
	p.listeners = nil
	return nil
}
