package hook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/hook"
	"github.com/seed-bc0cc349/anvil/app/linear/lineartest"
)

const linearSecret = "lin_wh_secret"

var linearNow = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// tray keeps what came in.
type tray struct {
	got  []anvil.Delivery
	jobs []anvil.Job
	err  error
}

func (s *tray) Receive(_ context.Context, d anvil.Delivery, next ...anvil.Job) (anvil.Receipt, error) {
	if s.err != nil {
		return anvil.Receipt{}, s.err
	}
	for _, old := range s.got {
		if old.ID == d.ID {
			return anvil.Receipt{Duplicate: true, Task: "7q2m9x1c4k"}, nil
		}
	}
	s.got, s.jobs = append(s.got, d), append(s.jobs, next...)
	return anvil.Receipt{}, nil
}

func linearBody(action, more string, at time.Time) string {
	return fmt.Sprintf(`{"type":"AgentSessionEvent","action":%q,"webhookTimestamp":%d,"agentSession":{"id":"s-1"}%s}`, action, at.UnixMilli(), more)
}

func callLinear(t *testing.T, s hook.Store, body string, change func(*http.Request)) (int, hook.Answer) {
	t.Helper()
	h, err := hook.NewLinear(linearSecret, s, func() time.Time { return linearNow }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/api/linear/hook", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("Linear-Delivery", "d-1")
	r.Header.Set("Linear-Signature", lineartest.Sign(linearSecret, []byte(body)))
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var a hook.Answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	return w.Code, a
}

// Row 40 of the bad input: what is not surely Linear's own and new is refused by name.
func TestLinearRefuses(t *testing.T) {
	t.Parallel()
	good := linearBody("created", "", linearNow)
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, c := range map[string]struct {
		body   string
		change func(*http.Request)
		status int
		code   anvil.Code
	}{
		"another secret":   {good, set("Linear-Signature", lineartest.Sign("other", []byte(good))), 401, "LIN_BAD_SIG"},
		"another body":     {good, set("Linear-Signature", lineartest.Sign(linearSecret, []byte(good+" "))), 401, "LIN_BAD_SIG"},
		"half a signature": {good, set("Linear-Signature", lineartest.Sign(linearSecret, []byte(good))[:32]), 401, "LIN_BAD_SIG"},
		"two signatures":   {good, func(r *http.Request) { r.Header.Add("Linear-Signature", "00") }, 401, "LIN_BAD_SIG"},
		"no signature":     {good, func(r *http.Request) { r.Header.Del("Linear-Signature") }, 401, "LIN_NO_SIG"},
		"no delivery id":   {good, func(r *http.Request) { r.Header.Del("Linear-Delivery") }, 400, "LIN_HEADER"},
		"another type":     {good, set("Content-Type", "text/plain"), 415, "LIN_HEADER"},
		"a look":           {good, func(r *http.Request) { r.Method = "GET" }, 405, "LIN_HEADER"},
		"yesterday's":      {linearBody("created", "", linearNow.Add(-9*time.Hour)), nil, 401, "LIN_STALE"},
		"tomorrow's":       {linearBody("created", "", linearNow.Add(6*time.Minute)), nil, 401, "LIN_STALE"},
		"without a time":   {`{"type":"AgentSessionEvent","action":"created","agentSession":{"id":"s"}}`, nil, 401, "LIN_STALE"},
		"no object":        {`[]`, nil, 400, "WH_JSON"},
		"a member twice":   {`{"type":"Issue","type":"AgentSessionEvent"}`, nil, 400, "WH_JSON"},
		"too big":          {`{"x":"` + strings.Repeat("x", 5<<20) + `"}`, nil, 413, "LIN_TOO_BIG"},
		"not UTF-8":        {"{\"x\":\"\xff\"}", nil, 400, "WH_UTF8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &tray{}
			if status, a := callLinear(t, s, c.body, c.change); status != c.status || a.Code != c.code {
				t.Errorf("it was answered with %d %s: %s", status, a.Code, a.Message)
			}
			if len(s.got) != 0 {
				t.Error("it was stored all the same")
			}
		})
	}
}

// A delivery is known by what is signed in it: a retry, and what is sent again under
// another id, are duplicates.
func TestLinearStoresOnce(t *testing.T) {
	t.Parallel()
	s := &tray{}
	for i, at := range []time.Time{linearNow, linearNow.Add(-time.Hour), linearNow.Add(time.Minute)} {
		status, a := callLinear(t, s, linearBody("created", "", at), func(r *http.Request) { r.Header.Set("Linear-Delivery", fmt.Sprint("d-", i)) })
		if want := map[bool]string{true: "accepted", false: "duplicate"}[i == 0]; status != 200 || a.Status != want {
			t.Errorf("attempt %d was answered with %d %s", i, status, a.Status)
		}
	}
	if len(s.got) != 1 || s.got[0].Event != hook.EventLinear || s.got[0].ID != "linear:s-1:created:s-1" || len(s.jobs) != 2 {
		t.Errorf("stored were %+v with %v", s.got, s.jobs)
	}
	activity := `,"agentActivity":{"id":"a-1","signal":"stop"}`
	if status, _ := callLinear(t, s, linearBody("prompted", activity, linearNow), nil); status != 200 || len(s.got) != 2 || len(s.jobs) != 3 {
		t.Errorf("a stop was answered with %d: %+v, %v", status, s.got, s.jobs)
	}
}

func TestLinearIgnoresOtherEvents(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		strings.Replace(linearBody("create", "", linearNow), "AgentSessionEvent", "Comment", 1), linearBody("archived", "", linearNow),
		linearBody("prompted", "", linearNow), strings.Replace(linearBody("created", "", linearNow), `"s-1"`, `"s/1"`, 1),
	} {
		s := &tray{}
		if status, a := callLinear(t, s, body, nil); status != 200 || a.Status != "ignored" || len(s.got) != 0 {
			t.Errorf("%s was answered with %d %s", body, status, a.Status)
		}
	}
}

// What is not stored is not answered with 200, so that Linear sends it again.
func TestLinearNotStored(t *testing.T) {
	t.Parallel()
	if status, a := callLinear(t, &tray{err: errors.New("disk full")}, linearBody("created", "", linearNow), nil); status != 503 || a.Code != "DB_UNAVAILABLE" {
		t.Errorf("it was answered with %d %s", status, a.Code)
	}
}
