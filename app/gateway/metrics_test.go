package gateway

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	w := newWorld(t, with(costing(t, 100)), func(c *Config) { c.Metrics = registry })
	run := w.working("a", token)
	w.post(run, token, "v1/responses", ask)
	w.post(run, token, "v1/responses", `{"model":"huge"}`)
	w.http.Close() // waits until the calls have settled
	page := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_provider_name="one",gen_ai_request_model="large",gen_ai_token_type="output"} 100`,
		`gen_ai_client_operation_duration_seconds_count{error_type="",`, `gen_ai_server_time_to_first_token_seconds_count{`,
		`anvil_model_cost_usd_total{gen_ai_provider_name="one",gen_ai_request_model="large"} 0.005`,
		`anvil_model_calls_total{code="",state="settled"} 1`, `anvil_model_calls_total{code="GW_MODEL",state="refused"} 1`,
	} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("the page does not say %s:\n%s", want, page.Body)
		}
	}
	if strings.Contains(page.Body.String(), "huge") {
		t.Error("a run can make up series")
	}
}
