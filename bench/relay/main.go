// Relay is a reverse proxy as anybody would write it with the standard library: what
// the gateway is measured beside.
//
//	relay ADDRESS TARGET
package main

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: relay ADDRESS TARGET")
	}
	target, err := url.Parse(args[1])
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64 // or most connections would be made anew
	transport.DisableCompression = true
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
	}
	return http.ListenAndServe(args[0], proxy)
}
