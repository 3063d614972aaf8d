package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// metrics are what is told about calls as they settle. Where OpenTelemetry's
// conventions for generative AI have a name, it is theirs, as Prometheus writes it;
// the labels too. Models and upstreams are those of the configuration, so nobody can
// make up new series.
type metrics struct {
	tokens   *prometheus.HistogramVec
	duration *prometheus.HistogramVec
	first    *prometheus.HistogramVec
	cost     *prometheus.CounterVec
	calls    *prometheus.CounterVec
}

// newMetrics registers them; with no registry, nothing is measured.
func newMetrics(registry prometheus.Registerer) *metrics {
	if registry == nil {
		return nil
	}
	labels := []string{"gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"}
	seconds := prometheus.ExponentialBuckets(0.01, 2, 14)
	m := &metrics{
		tokens: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gen_ai_client_token_usage", Help: "Tokens of a call, by type.", Buckets: prometheus.ExponentialBuckets(1, 4, 14),
		}, append(labels[:3:3], "gen_ai_token_type")),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gen_ai_client_operation_duration_seconds", Help: "From asking an upstream to the end of its answer.", Buckets: seconds,
		}, append(labels[:3:3], "error_type")),
		first: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gen_ai_server_time_to_first_token_seconds", Help: "From asking an upstream to the first bytes of its answer.", Buckets: seconds,
		}, labels),
		cost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "anvil_model_cost_usd_total", Help: "What calls cost by the configured prices.",
		}, labels[1:]),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "anvil_model_calls_total", Help: "Calls by what became of them; code says why one was refused or failed.",
		}, []string{"state", "code"}),
	}
	registry.MustRegister(m.tokens, m.duration, m.first, m.cost, m.calls)
	return m
}

// settled tells of a call that an upstream was asked for; first is zero if no answer
// began.
func (m *metrics) settled(row *anvil.ModelCall, took, first time.Duration) {
	if m == nil {
		return
	}
	const operation = "chat" // the conventions' name for all four protocols
	input := row.Usage.Input + row.Usage.Cached + row.Usage.CacheWrite
	m.tokens.WithLabelValues(operation, row.Upstream, row.Model, "input").Observe(float64(input))
	m.tokens.WithLabelValues(operation, row.Upstream, row.Model, "output").Observe(float64(row.Usage.Output))
	m.duration.WithLabelValues(operation, row.Upstream, row.Model, string(row.Code)).Observe(took.Seconds())
	if first > 0 {
		m.first.WithLabelValues(operation, row.Upstream, row.Model).Observe(first.Seconds())
	}
	m.cost.WithLabelValues(row.Upstream, row.Model).Add(float64(row.Usage.CostMicros) / 1e6)
	m.calls.WithLabelValues(string(row.State), string(row.Code)).Inc()
}

// refused tells of a call that never left the server.
func (m *metrics) refused(code anvil.Code) {
	if m != nil {
		m.calls.WithLabelValues(string(anvil.CallRefused), string(code)).Inc()
	}
}
