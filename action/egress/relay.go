package egress

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// chunk is how much is passed on between two looks at the limits. What is passed on
// stays in the kernel, where the system can do that.
const chunk = 1 << 20

// relay passes bytes both ways until both sides have said all, one of them fails,
// nothing comes for too long, or the run's bytes are used up.
func (p *Proxy) relay(from *taken, to net.Conn) {
	var last atomic.Int64 // when a byte last passed, in either direction
	last.Store(time.Now().UnixNano())
	outer := from.Conn
	if c, ok := outer.(*counted); ok {
		outer = c.Conn // what the kernel knows
	}
	var both sync.WaitGroup
	way := func(dst, src net.Conn, n *atomic.Int64, limit int64) {
		if p.pass(dst, src, n, limit, &last) {
			if c, ok := dst.(interface{ CloseWrite() error }); ok && c.CloseWrite() == nil {
				return // it may still answer
			}
		}
		_ = dst.Close()
		_ = src.Close()
	}
	both.Go(func() { way(outer, to, &p.got, p.limits.GotBytes) })
	way(to, outer, &p.sent, p.limits.SentBytes)
	both.Wait()
}

// pass copies one way, and reports whether src said all.
func (p *Proxy) pass(dst, src net.Conn, count *atomic.Int64, limit int64, last *atomic.Int64) bool {
	for {
		room := limit - count.Load()
		if room <= 0 {
			return false
		}
		_ = src.SetReadDeadline(time.Now().Add(p.limits.Idle))
		n, err := io.Copy(dst, io.LimitReader(src, min(room, chunk)))
		count.Add(n)
		if n > 0 {
			last.Store(time.Now().UnixNano())
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if n == 0 && time.Since(time.Unix(0, last.Load())) >= p.limits.Idle {
				return false
			}
		case err != nil:
			return false
		case n == 0:
			return true
		}
	}
}
