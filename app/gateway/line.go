package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// newTransport makes connections to upstreams. silence is how long one may take to
// begin an answer.
func newTransport(silence time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return line{conn}, nil
		},
		ForceAttemptHTTP2: true, DisableCompression: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: silence, MaxResponseHeaderBytes: 64 << 10,
	}
}

// line is a connection to an upstream. Without TLS, and so without HTTP/2, the standard
// library would copy each request through memory that it makes anew: at a thousand
// calls a second that was most of what the collector had to do. A request is in memory
// as a whole, so what is left of it is written from there.
type line struct{ net.Conn }

// ReadFrom implements io.ReaderFrom.
func (l line) ReadFrom(r io.Reader) (int64, error) {
	if part, ok := r.(*io.LimitedReader); ok {
		if body, ok := part.R.(*sent); ok && int64(body.Len()) <= part.N {
			n, err := body.WriteTo(l.Conn)
			part.N -= n
			return n, err
		}
	}
	return io.Copy(l.Conn, r)
}
