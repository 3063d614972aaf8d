package egress

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// longestPath bounds what a GET can say by its address.
const longestPath = 4 << 10

// passed lists the headers of a request that a registry needs to answer it. What
// is not here (Authorization, Cookie, names that a program makes up) does not pass.
var passed = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "If-Match", "If-Modified-Since", "If-None-Match",
	"If-Range", "If-Unmodified-Since", "Range",
}

// transport reads from registries.
func (p *Proxy) transport(client *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			host, port, err := parseTarget(address)
			if err != nil {
				return nil, err
			}
			if port == "443" {
				return p.dial(ctx, host, port, mirror)
			}
			return p.dial(ctx, host, port, Public)
		},
		TLSClientConfig: client, TLSHandshakeTimeout: p.limits.Dial, ResponseHeaderTimeout: time.Minute,
		MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		DisableCompression: true, // bytes pass as they are
		Protocols:          http1(),
	}
}

// serveRegistry answers a request on a connection whose TLS was ended.
func (p *Proxy) serveRegistry(w http.ResponseWriter, r *http.Request) {
	host, _ := r.Context().Value(endedHost{}).(Host)
	p.read(w, r, host, "https")
}

// servePlain answers a request that is made of the proxy itself: for a page of
// plain HTTP elsewhere.
func (p *Proxy) servePlain(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.RequestURI, "http://")
	authority, _, _ := strings.Cut(rest, "/")
	authority, _, _ = strings.Cut(authority, "?")
	if !ok || r.URL == nil {
		p.refuse(w, Refusal{Host: r.Host, Why: "the request names no host"})
		return
	}
	if !strings.Contains(authority, ":") {
		authority += ":80"
	}
	host, port, err := parseTarget(authority)
	if err != nil {
		p.refuse(w, Refusal{Host: hostPart(authority), Port: port, Why: err.Error()})
		return
	}
	refusal := Refusal{Host: string(host), Port: port}
	switch {
	case port != "80":
		refusal.Why = "plain HTTP goes to port 80 only"
	case p.policy.registry[host].Plain:
		p.read(w, r, host, "http")
		return
	case p.policy.allows(host) || p.policy.registry[host].Host != "":
		refusal.Why = "HTTPS is needed: the host is spoken to by nothing else"
	default:
		refusal.Why = "HTTPS is needed, and the host is not on the list" // on it, HTTPS would be all that passes
	}
	p.refuse(w, refusal)
}

// read gets what r asks for from a registry.
func (p *Proxy) read(w http.ResponseWriter, r *http.Request, host Host, scheme string) {
	port := map[string]string{"https": "443", "http": "80"}[scheme]
	refusal := Refusal{Host: string(host), Port: port}
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		refusal.Why = fmt.Sprintf("the host is there to read from; %.10s is not allowed", r.Method)
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		refusal.Why = "the host is there to read from; a request has no body"
	case !sameHost(r.Host, host, port):
		refusal.Why = fmt.Sprintf("the request was for another host, %.80q", r.Host)
	case len(r.URL.RequestURI()) > longestPath:
		refusal.Why = "the address is too long"
	case r.Header.Get("Upgrade") != "":
		refusal.Why = "the host is there to read from; the protocol can't be changed"
	case p.spent():
		refusal.Why = "the run has used up its bytes"
	}
	if refusal.Why != "" {
		p.refuse(w, refusal)
		return
	}
	request := (&http.Request{
		Method: r.Method, Host: string(host), Header: http.Header{"User-Agent": {"anvil-egress"}},
		URL: &url.URL{Scheme: scheme, Host: string(host), Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery},
	}).WithContext(r.Context())
	request.URL.Host = net.JoinHostPort(string(host), port)
	for _, name := range passed {
		if v := r.Header.Get(name); v != "" {
			request.Header.Set(name, v)
		}
	}
	p.sent.Add(int64(len(request.URL.Path) + len(request.URL.RawQuery)))
	// A redirect is the program's to follow: the next host is looked at like any.
	answer, err := p.registry.RoundTrip(request)
	if err != nil {
		p.unreachable(w, refusal, err)
		return
	}
	defer answer.Body.Close()
	for name, values := range answer.Header {
		if !hopByHop[name] {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(answer.StatusCode)
	n, _ := io.Copy(w, io.LimitReader(answer.Body, max(0, p.limits.GotBytes-p.got.Load())))
	p.got.Add(n)
	if r.Method == http.MethodGet && answer.ContentLength > n {
		panic(http.ErrAbortHandler) // cut short: it must not look whole
	}
}

// hopByHop lists the headers that belong to one connection.
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Connection": true, "Te": true,
	"Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Alt-Svc": true,
}

// sameHost tells whether a Host header names the host of its connection.
func sameHost(header string, host Host, port string) bool {
	name := strings.TrimSuffix(header, ":"+port)
	return strings.EqualFold(name, string(host))
}
