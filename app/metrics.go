package app

import (
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/config"
)

// registryOf is where things are counted; nil if nobody wants to know.
func registryOf(cfg *config.Config) *prometheus.Registry {
	if cfg.MetricsListen == "" {
		return nil
	}
	return prometheus.NewRegistry()
}

// serveMetrics serves /metrics on an address of its own, until the function that it
// returns is called.
func serveMetrics(address string, registry *prometheus.Registry) (stop func(), err error) {
	if registry == nil {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, anvil.Problemf("CFG_VALUE", "Set metrics_listen to a free address, or leave it out.", "metrics_listen: the address %s cannot be used", address).Because(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Close
	return func() { server.Close() }, nil
}
