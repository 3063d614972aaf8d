package github

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

var ask = DispatchRequest{Workflow: "anvil.yml", Ref: "main", Inputs: map[string]string{"task": "abcdefghjk.1", "nonce": "n", "server": "s"}}

func TestADispatchIsAnsweredWithItsRun(t *testing.T) {
	t.Parallel()
	var h *hub
	h = newHub(t, func(w http.ResponseWriter, r *http.Request) {
		says(200, `{"workflow_run_id":123,"run_url":"x","html_url":"`+h.URL+`/octo/hello/actions/runs/123"}`)(w, r)
	})
	got, err := h.app(t).Dispatch(t.Context(), hello, ask)
	want := anvil.Placement{Provider: "actions", Repository: "octo/hello", Workflow: "anvil.yml", WorkflowRun: 123, URL: h.URL + "/octo/hello/actions/runs/123"}
	if err != nil || got != want {
		t.Fatalf("got %+v, %v", got, err)
	}
	sent := h.calls()[0]
	if sent.String() != "POST /api/v3/repos/octo/hello/actions/workflows/anvil.yml/dispatches" {
		t.Error(sent)
	}
	body := decode(t, sent.body)
	if body["return_run_details"] != true || body["ref"] != "main" || body["inputs"].(map[string]any)["task"] != "abcdefghjk.1" {
		t.Errorf("sent %s", sent.body)
	}
}

func TestADispatchWithoutDetailsIsAccepted(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{"204": says(204, ""), "200 with nothing": says(200, ""), "200 without an id": says(200, "{}")} {
		h := newHub(t, answer)
		got, err := h.app(t).Dispatch(t.Context(), hello, ask)
		if err != nil || got.WorkflowRun != 0 || got.Workflow != "anvil.yml" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestAnAddressElsewhereIsNotShown(t *testing.T) {
	t.Parallel()
	h := newHub(t, says(200, `{"workflow_run_id":123,"html_url":"https://evil.example/run"}`))
	if got, err := h.app(t).Dispatch(t.Context(), hello, ask); err != nil || got.URL != "" || got.WorkflowRun != 123 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnOldServerIsAskedOnceMoreWithoutTheFieldAndNeverAgainWithIt(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]http.HandlerFunc{
		"422": says(422, message("Invalid request.\n\n\"return_run_details\" is not a permitted key.")),
		"400": says(400, message("unknown field return_run_details")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var started atomic.Int32
			h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
				var b bytes.Buffer
				_, _ = b.ReadFrom(r.Body)
				if strings.Contains(b.String(), "return_run_details") {
					refusal(w, r)
					return
				}
				started.Add(1)
				says(204, "")(w, r)
			})
			var logged bytes.Buffer
			a := h.app(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&logged, nil)) })
			for range 3 {
				if _, err := a.Dispatch(t.Context(), hello, ask); err != nil {
					t.Fatal(err)
				}
			}
			if n := started.Load(); n != 3 {
				t.Errorf("%d runs for 3 dispatches", n)
			}
			if n := len(h.calls()); n != 4 {
				t.Errorf("%d requests for 3 dispatches", n)
			}
			if n := strings.Count(logged.String(), "GHES_COMPAT"); n != 1 {
				t.Errorf("logged %d times: %s", n, &logged)
			}
		})
	}
}

func TestTheSecondTryOfAnOldServerMayBeUncertainToo(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			says(422, message(`"return_run_details" is not a permitted key.`))(w, r)
			return
		}
		hangUp(w, r)
	})
	if _, err := h.app(t).Dispatch(t.Context(), hello, ask); !errors.Is(err, ErrUncertain) || len(h.calls()) != 2 {
		t.Errorf("got %v after %d requests", err, len(h.calls()))
	}
}

func TestWhyADispatchFailed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer   http.HandlerFunc
		accepted error
		code     anvil.Code
	}{
		"no such workflow":   {says(404, message("Not Found")), ErrNotAccepted, CodeNoWorkflow},
		"no trigger":         {says(422, message("Workflow does not have 'workflow_dispatch' trigger")), ErrNotAccepted, CodeNoWorkflow},
		"disabled":           {says(422, message("Cannot trigger a 'workflow_dispatch' on a disabled workflow")), ErrNotAccepted, CodeNoWorkflow},
		"no such branch":     {says(422, message("No ref found for: refs/heads/main")), ErrNotAccepted, CodeNoWorkflow},
		"an input too many":  {says(422, message(`Unexpected inputs provided: ["nonce"]`)), ErrNotAccepted, CodeInputs},
		"an input missing":   {says(422, message("Required input 'colour' not provided")), ErrNotAccepted, CodeInputs},
		"something else":     {says(422, message("Sorry")), ErrNotAccepted, CodeRefused},
		"no permission":      {says(403, message("Resource not accessible by integration")), ErrNotAccepted, CodePermission},
		"rate limit":         {says(429, "", "Retry-After: 3"), ErrNotAccepted, CodeRate},
		"server error":       {says(500, message("Failed to run workflow dispatch")), ErrUncertain, CodeUnavailable},
		"gateway timeout":    {says(504, "<html>"), ErrUncertain, CodeUnavailable},
		"connection cut":     {hangUp, ErrUncertain, CodeUnavailable},
		"answer cut":         {says(200, `{"workflow_run_id":12`), ErrUncertain, CodeBadResponse},
		"answer cut, length": {cutShort, ErrUncertain, CodeBadResponse},
		"renamed":            {says(307, message("Moved Permanently"), "Location: /api/v3/repositories/42/x"), ErrNotAccepted, CodeRenamed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, c.answer)
			_, err := h.app(t).Dispatch(t.Context(), hello, ask)
			if !errors.Is(err, c.accepted) {
				t.Errorf("got %v, want %v", err, c.accepted)
			}
			if p := Problem(err); p.Code != c.code {
				t.Errorf("got %s, want %s", p, c.code)
			}
			sent := slices.DeleteFunc(h.calls(), func(r request) bool { return r.method != http.MethodPost })
			if n := len(sent); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

func TestWhatGitHubWouldRefuseIsNotSent(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 26 {
		many[strings.Repeat("a", i+1)] = ""
	}
	for name, c := range map[string]struct {
		ask  DispatchRequest
		code anvil.Code
		says string
	}{
		"26 inputs":         {DispatchRequest{Workflow: "w.yml", Ref: "main", Inputs: many}, CodeInputs, "26"},
		"65,536 characters": {DispatchRequest{Workflow: "w.yml", Ref: "main", Inputs: map[string]string{"task": strings.Repeat("a", 65_532)}}, CodeInputs, "65536"},
		"a path":            {DispatchRequest{Workflow: "../../x", Ref: "main"}, CodeNoWorkflow, "x"},
		"no name":           {DispatchRequest{Ref: "main"}, CodeNoWorkflow, ""},
	} {
		h := newHub(t, says(204, ""))
		_, err := h.app(t).Dispatch(t.Context(), hello, c.ask)
		if p := Problem(err); !errors.Is(err, ErrNotAccepted) || p.Code != c.code || !strings.Contains(p.What, c.says) {
			t.Errorf("%s: got %v", name, err)
		}
		if len(h.calls()) != 0 {
			t.Errorf("%s: sent", name)
		}
	}
}

func TestARunIsFoundByItsWholeReference(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]bool{
		"abcdefghjk.1":                      true,
		"anvil abcdefghjk.1":                true,
		"anvil: [abcdefghjk.1] (octo/x#3)":  true,
		"abcdefghjk.12 then abcdefghjk.1 !": true,
		"abcdefghjk.12":                     false,
		"xabcdefghjk.1":                     false,
		"abcdefghjk.1.2":                    false,
		"abcdefghjk-1":                      false,
		"abcdefghjk.1ä":                     false,
		"äabcdefghjk.1":                     false,
		"ABCDEFGHJK.1":                      false,
		"":                                  false,
	} {
		if hasWord(title, "abcdefghjk.1") != want {
			t.Errorf("%q: want %t", title, want)
		}
	}
	if hasWord("anything", "") {
		t.Error("nothing is in everything")
	}
}

func TestOfSeveralRunsTheOldestIsFound(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
		full := make([]map[string]any, 100)
		for i := range full {
			full[i] = map[string]any{"id": 1000 + i, "display_title": "another"}
		}
		switch r.URL.Query().Get("page") {
		case "1":
			full[3] = map[string]any{"id": 900, "display_title": "abcdefghjk.1"}
			says(200, string(asJSON(map[string]any{"workflow_runs": full})))(w, r)
		default:
			says(200, `{"workflow_runs":[{"id":800,"name":"abcdefghjk.1"},{"id":1,"display_title":"abcdefghjk.11"}]}`)(w, r)
		}
	})
	since := time.Date(2026, 11, 22, 9, 0, 0, 0, time.FixedZone("", 3600))
	got, found, err := h.app(t).FindWorkflowRun(t.Context(), hello, "anvil.yml", "abcdefghjk.1", since)
	if err != nil || !found || got.WorkflowRun != 800 {
		t.Fatalf("got %+v, %t, %v", got, found, err)
	}
	q := h.calls()[0].query
	for _, part := range []string{"event=workflow_dispatch", "created=%3E%3D2026-11-22T07%3A55%3A00Z", "per_page=100"} {
		if !strings.Contains(q, part) {
			t.Errorf("asked with %q, want %q in it", q, part)
		}
	}
	_, found, err = h.app(t).FindWorkflowRun(t.Context(), hello, "anvil.yml", "zzzzzzzzzz.1", since)
	if err != nil || found {
		t.Errorf("found what is not there: %v", err)
	}
}

func TestCancellingWhatHasEndedIsNoError(t *testing.T) {
	t.Parallel()
	for status, ok := range map[int]bool{202: true, 409: true, 404: false, 500: false} {
		h := newHub(t, says(status, "{}"))
		if err := h.app(t).CancelWorkflowRun(t.Context(), hello, 5); (err == nil) != ok {
			t.Errorf("%d: %v", status, err)
		}
	}
}
