package hook_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-bc0cc349/anvil/app/hook"
	"github.com/seed-bc0cc349/anvil/app/slack"
	"github.com/seed-bc0cc349/anvil/app/slack/slacktest"
)

const slackSecret = "slack signing secret"

var slackNow = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func slackDoor(s hook.Store) *hook.Slack {
	return hook.NewSlack(slackSecret, s, func() time.Time { return slackNow }, slog.New(slog.DiscardHandler))
}

// callSlack sends a body as Slack does, signed at a time.
func callSlack(s hook.Store, kind, body string, at time.Time, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/api/slack", strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	slacktest.Sign(r.Header, slackSecret, at, []byte(body))
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	slackDoor(s).ServeHTTP(w, r)
	return w
}

func slackEvent(id, inner string) string {
	return fmt.Sprintf(`{"type":"event_callback","team_id":"T1","event_id":%q,"event":{%s}}`, id, inner)
}

const mention = `"type":"app_mention","user":"U1","text":"<@U9> hello","channel":"C1","ts":"1.000001"`

func TestWhatIsNotSlacksIsRefusedAndNotStored(t *testing.T) {
	t.Parallel()
	const json = "application/json"
	event := slackEvent("Ev1", mention)
	for name, c := range map[string]struct {
		kind, body string
		at         time.Time
		change     func(*http.Request)
		status     int
		says       string
	}{
		"no signature":    {json, event, slackNow, func(r *http.Request) { r.Header.Del("X-Slack-Signature") }, 401, "SLK_SIG"},
		"other body":      {json, event, slackNow, func(r *http.Request) { r.Body = http.NoBody }, 401, "SLK_SIG"},
		"other secret":    {json, event, slackNow, func(r *http.Request) { slacktest.Sign(r.Header, "x", slackNow, []byte(event)) }, 401, "SLK_SIG"},
		"other time":      {json, event, slackNow, func(r *http.Request) { r.Header.Set("X-Slack-Request-Timestamp", fmt.Sprint(slackNow.Unix()-1)) }, 401, "SLK_SIG"},
		"no time":         {json, event, slackNow, func(r *http.Request) { r.Header.Del("X-Slack-Request-Timestamp") }, 401, "SLK_SIG"},
		"301 s old":       {json, event, slackNow.Add(-301 * time.Second), nil, 401, "SLK_STALE"},
		"301 s ahead":     {json, event, slackNow.Add(301 * time.Second), nil, 401, "skew -301 s"},
		"unsigned verify": {json, `{"type":"url_verification","challenge":"c"}`, slackNow, func(r *http.Request) { r.Header.Del("X-Slack-Signature") }, 401, "SLK_SIG"},
		"plain text":      {"text/plain", event, slackNow, nil, 400, "WH_TYPE"},
		"no JSON":         {json, `{"type":`, slackNow, nil, 400, "WH_JSON"},
		"twice":           {json, `{"type":"a","type":"b"}`, slackNow, nil, 400, "WH_JSON"},
		"no payload":      {"application/x-www-form-urlencoded", "payload=", slackNow, nil, 400, "WH_JSON"},
		"too big":         {json, strings.Repeat(" ", 1<<20) + event, slackNow, nil, 413, "WH_TOO_BIG"},
		"GET":             {json, event, slackNow, func(r *http.Request) { r.Method = "GET" }, 405, "WH_METHOD"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &tray{}
			w := callSlack(s, c.kind, c.body, c.at, c.change)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if len(s.got) > 0 {
				t.Errorf("it was stored: %v", s.got)
			}
		})
	}
}

func TestWhatSlackTellsIsTakenOnce(t *testing.T) {
	t.Parallel()
	const json, form = "application/json", "application/x-www-form-urlencoded"
	s := &tray{}
	if w := callSlack(s, json, `{"type":"url_verification","challenge":"c-1"}`, slackNow, nil); w.Code != 200 || w.Body.String() != "c-1" {
		t.Errorf("verified with %d %s", w.Code, w.Body)
	}
	for i, want := range []string{"accepted", "duplicate"} {
		at := slackNow.Add(time.Duration(i) * time.Minute)
		w := callSlack(s, json, slackEvent("Ev1", mention), at, func(r *http.Request) { r.Header.Set("X-Slack-Retry-Num", fmt.Sprint(i)) })
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%d: %d %s", i, w.Code, w.Body)
		}
	}
	// What came over the socket and over HTTP is one, too.
	if err := slackDoor(s).Take(t.Context(), slack.Told{Kind: slack.KindEvent, Payload: []byte(slackEvent("Ev1", mention))}); err != nil || len(s.got) != 1 {
		t.Errorf("%v, stored %d", err, len(s.got))
	}
	press := url.Values{"payload": {`{"type":"block_actions","trigger_id":"1.2.3"}`}}.Encode()
	command := url.Values{"command": {"/anvil"}, "text": {"help"}, "trigger_id": {"4.5.6"}}.Encode()
	for _, body := range []string{press, press, command, command} {
		if w := callSlack(s, form, body, slackNow, nil); w.Code != 200 || w.Body.Len() != 0 { // a person would see it
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if len(s.got) != 3 || len(s.jobs) != 3 {
		t.Errorf("stored %d with %d jobs", len(s.got), len(s.jobs))
	}
}

func TestTalkOfSlackIsNotStored(t *testing.T) {
	t.Parallel()
	for name, inner := range map[string]string{
		"in a channel": `"type":"message","channel_type":"channel","user":"U1","text":"hello","ts":"1.1"`,
		"of a bot":     `"type":"message","channel_type":"im","bot_id":"B1","text":"hello","ts":"1.1","thread_ts":"1.0"`,
		"an edit":      `"type":"message","subtype":"message_changed","channel_type":"im","thread_ts":"1.0"`,
		"of no use":    `"type":"team_join"`,
	} {
		s := &tray{}
		if w := callSlack(s, "application/json", slackEvent("Ev1", inner), slackNow, nil); w.Code != 200 || len(s.got) != 0 {
			t.Errorf("%s: %d, stored %d", name, w.Code, len(s.got))
		}
	}
}

// What Slack holds back is lost, so the operator hears of it, whichever way it was told.
func TestSlackHoldsEventsBack(t *testing.T) {
	t.Parallel()
	const body = `{"type":"app_rate_limited","team_id":"T1","minute_rate_limited":1,"api_app_id":"A1"}`
	var log bytes.Buffer
	s := &tray{}
	door := hook.NewSlack(slackSecret, s, func() time.Time { return slackNow }, slog.New(slog.NewTextHandler(&log, nil)))
	if err := door.Take(t.Context(), slack.Told{Kind: slack.KindEvent, Payload: []byte(body)}); err != nil {
		t.Error(err)
	}
	r := httptest.NewRequest("POST", "/api/slack", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	slacktest.Sign(r.Header, slackSecret, slackNow, []byte(body))
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	if w.Code != 200 || !strings.Contains(w.Body.String(), "SLK_LIMITED") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 2 || strings.Count(log.String(), "SLK_LIMITED") != 2 {
		t.Errorf("the operator is told %d times, want twice:\n%s", n, log.String())
	}
}

func TestSlackIsToldToComeAgain(t *testing.T) {
	t.Parallel()
	s := &tray{err: errors.New("the disk is full")}
	if w := callSlack(s, "application/json", slackEvent("Ev1", mention), slackNow, nil); w.Code != 503 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if err := slackDoor(s).Take(t.Context(), slack.Told{Kind: slack.KindEvent, Payload: []byte(slackEvent("Ev1", mention))}); err == nil {
		t.Error("what was not stored is acknowledged")
	}
}
