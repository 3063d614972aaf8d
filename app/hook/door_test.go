package hook_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/hook"
)

const secret = "a secret of the App"

// shelf is a store that keeps what it is given, or fails.
type shelf struct {
	mu      sync.Mutex
	kept    []anvil.Delivery
	next    []anvil.Job
	receipt anvil.Receipt
	err     error
	wait    func() // called before anything is kept
}

func (s *shelf) Receive(_ context.Context, d anvil.Delivery, next ...anvil.Job) (anvil.Receipt, error) {
	if s.wait != nil {
		s.wait()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && s.receipt == (anvil.Receipt{}) {
		s.kept, s.next = append(s.kept, d), append(s.next, next...)
	}
	return s.receipt, s.err
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func door(t *testing.T, store hook.Store) (*hook.Handler, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	h, err := hook.New([]byte(secret), store, func() time.Time { return noon }, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return h, &log
}

func sign(body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// delivery is a request as GitHub makes it. An edit changes it afterwards.
func delivery(guid, event, body string, edits ...func(http.Header)) *http.Request {
	r := httptest.NewRequest("POST", "/api/github/hook", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", guid)
	r.Header.Set("X-Hub-Signature-256", sign(body))
	for _, edit := range edits {
		edit(r.Header)
	}
	return r
}

func set(name, value string) func(http.Header) {
	return func(h http.Header) { h.Set(name, value) }
}

func without(name string) func(http.Header) { return func(h http.Header) { h.Del(name) } }

func ask(t *testing.T, h http.Handler, r *http.Request) (int, hook.Answer) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var a hook.Answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("the answer is not JSON: %v: %q", err, w.Body)
	}
	return w.Code, a
}

const guid = "72d3162e-cc78-11e3-81ab-4c9367dc0958"

func TestWhatIsNotGitHubsIsRefusedAndNotStored(t *testing.T) {
	t.Parallel()
	const body = `{"action":"created","number":1}`
	old := hmac.New(sha1.New, []byte(secret))
	old.Write([]byte(body))
	sha1Signature := "sha1=" + hex.EncodeToString(old.Sum(nil))
	good := sign(body)

	type edit = func(http.Header)
	for _, test := range []struct {
		name   string
		body   string // instead of the usual one
		edits  []edit
		status int
		code   anvil.Code
		tells  string // what the message must hold
	}{
		{name: "no signature", edits: []edit{without("X-Hub-Signature-256")}, status: 401, code: "WH_NO_SIG", tells: "X-Hub-Signature-256"},
		{name: "another secret", edits: []edit{set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))}, status: 401, code: "WH_BAD_SIG", tells: guid},
		{name: "another body", body: `{"action":"deleted"}`, edits: []edit{set("X-Hub-Signature-256", good)}, status: 401, code: "WH_BAD_SIG"},
		{name: "SHA-1 only", edits: []edit{without("X-Hub-Signature-256"), set("X-Hub-Signature", sha1Signature)}, status: 401, code: "WH_SHA1", tells: "SHA-1 not accepted"},
		{name: "SHA-1 good, SHA-256 wrong", edits: []edit{set("X-Hub-Signature-256", "sha256=00"), set("X-Hub-Signature", sha1Signature)}, status: 401, code: "WH_BAD_SIG"},
		{name: "SHA-1 in the name of SHA-256", edits: []edit{set("X-Hub-Signature-256", sha1Signature)}, status: 401, code: "WH_BAD_SIG"},
		{name: "upper-case digits", edits: []edit{set("X-Hub-Signature-256", "sha256="+strings.ToUpper(good[7:]))}, status: 401, code: "WH_BAD_SIG"},
		{name: "upper-case scheme", edits: []edit{set("X-Hub-Signature-256", "SHA256="+good[7:])}, status: 401, code: "WH_BAD_SIG"},
		{name: "odd length", edits: []edit{set("X-Hub-Signature-256", good[:len(good)-1])}, status: 401, code: "WH_BAD_SIG"},
		{name: "truncated", edits: []edit{set("X-Hub-Signature-256", good[:len(good)-2])}, status: 401, code: "WH_BAD_SIG"},
		{name: "too long", edits: []edit{set("X-Hub-Signature-256", good+"00")}, status: 401, code: "WH_BAD_SIG"},
		{name: "empty digits", edits: []edit{set("X-Hub-Signature-256", "sha256=")}, status: 401, code: "WH_BAD_SIG"},
		{name: "empty", edits: []edit{set("X-Hub-Signature-256", "")}, status: 401, code: "WH_BAD_SIG"},
		{name: "no scheme", edits: []edit{set("X-Hub-Signature-256", good[7:])}, status: 401, code: "WH_BAD_SIG"},
		{name: "not hexadecimal", edits: []edit{set("X-Hub-Signature-256", "sha256="+strings.Repeat("g", 64))}, status: 401, code: "WH_BAD_SIG"},
		{name: "two signatures", edits: []edit{func(h http.Header) { h.Add("X-Hub-Signature-256", good) }}, status: 401, code: "WH_BAD_SIG"},

		{name: "plain text", edits: []edit{set("Content-Type", "text/plain")}, status: 415, code: "WH_TYPE"},
		{name: "form", edits: []edit{set("Content-Type", "application/x-www-form-urlencoded")}, status: 415, code: "WH_TYPE"},
		{name: "no type", edits: []edit{without("Content-Type")}, status: 415, code: "WH_TYPE"},
		{name: "another charset", edits: []edit{set("Content-Type", "application/json; charset=utf-16")}, status: 415, code: "WH_TYPE"},
		{name: "half a type", edits: []edit{set("Content-Type", "application/json; charset")}, status: 415, code: "WH_TYPE"},

		{name: "nothing", body: " ", status: 400, code: "WH_JSON", tells: "at byte 0"},
		{name: "cut off", body: `{"a":[1,`, status: 400, code: "WH_JSON", tells: "at byte"},
		{name: "cut off in a text", body: `{"a":"b`, status: 400, code: "WH_JSON"},
		{name: "no JSON", body: `action=created`, status: 400, code: "WH_JSON"},
		{name: "no comma", body: `{"a":[1 2]}`, status: 400, code: "WH_JSON", tells: "at byte 8"},
		{name: "comma at the end", body: `{"a":1,}`, status: 400, code: "WH_JSON"},
		{name: "wrong bracket", body: `{"a":[1}}`, status: 400, code: "WH_JSON"},
		{name: "NaN", body: `{"a":NaN}`, status: 400, code: "WH_JSON", tells: "at byte 5"},
		{name: "infinity", body: `{"a":-Infinity}`, status: 400, code: "WH_JSON"},
		{name: "control character", body: "{\"a\":\"\x01\"}", status: 400, code: "WH_JSON"},
		{name: "depth 10,000", body: `{"a":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, status: 400, code: "WH_JSON", tells: "too deep at byte"},
		{name: "depth of objects", body: strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), status: 400, code: "WH_JSON", tells: "too deep"},
		{name: "member twice", body: `{"action":"created","action":"deleted"}`, status: 400, code: "WH_JSON", tells: "given twice"},
		{name: "member twice, deep", body: `{"a":[{"b":{"c":1},"b":2}]}`, status: 400, code: "WH_JSON", tells: "given twice"},
		{name: "member twice, escaped", body: `{"a":1,"\u0061":2}`, status: 400, code: "WH_JSON", tells: "given twice"},
		{name: "two documents", body: `{"a":1}{"a":1}`, status: 400, code: "WH_JSON", tells: "follows"},
		{name: "something after", body: `{"a":1} x`, status: 400, code: "WH_JSON", tells: "follows"},
		{name: "an array", body: `[{"a":1}]`, status: 400, code: "WH_JSON", tells: "not an object"},
		{name: "a text", body: `"created"`, status: 400, code: "WH_JSON", tells: "not an object"},
		{name: "null", body: `null`, status: 400, code: "WH_JSON", tells: "not an object"},
		{name: "byte order mark", body: "\ufeff{}", status: 400, code: "WH_JSON"},
		{name: "invalid UTF-8", body: "{\"a\":\"\xff\"}", status: 400, code: "WH_UTF8"},
		{name: "UTF-8 of a surrogate", body: "{\"a\":\"\xed\xa0\x80\"}", status: 400, code: "WH_UTF8"},
		{name: "overlong UTF-8", body: "{\"a\":\"\xc0\xaf\"}", status: 400, code: "WH_UTF8"},
		{name: "NUL", body: "{\"a\":\"\x00\"}", status: 400, code: "WH_UTF8"},

		{name: "no event", edits: []edit{without("X-GitHub-Event")}, status: 400, code: "WH_HEADER", tells: "X-GitHub-Event is missing"},
		{name: "no delivery id", edits: []edit{without("X-GitHub-Delivery")}, status: 400, code: "WH_HEADER", tells: "X-GitHub-Delivery is missing"},
		{name: "an endless delivery id", edits: []edit{set("X-GitHub-Delivery", strings.Repeat("a", 101))}, status: 400, code: "WH_HEADER", tells: "X-GitHub-Delivery"},
		{name: "markup for a delivery id", edits: []edit{set("X-GitHub-Delivery", "<script>")}, status: 400, code: "WH_HEADER", tells: "X-GitHub-Delivery"},
		{name: "two delivery ids", edits: []edit{func(h http.Header) { h.Add("X-GitHub-Delivery", "other") }}, status: 400, code: "WH_HEADER", tells: "X-GitHub-Delivery"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store := &shelf{}
			h, _ := door(t, store)
			sent := body
			if test.body != "" {
				sent = test.body
			}
			r := delivery(guid, "issue_comment", sent, test.edits...)
			status, a := ask(t, h, r)
			if status != test.status || a.Code != test.code || !strings.Contains(a.Message, test.tells) {
				t.Errorf("answered %d %+v; want %d %s with %q", status, a, test.status, test.code, test.tells)
			}
			if a.Status != "refused" || strings.Contains(a.Message, secret) || strings.Contains(a.Message+a.Delivery, "<") {
				t.Errorf("the answer is %+v", a)
			}
			if len(store.kept)+len(store.next) != 0 {
				t.Errorf("stored %v and %v", store.kept, store.next)
			}
		})
	}
}

func TestOnlyPOSTIsADelivery(t *testing.T) {
	t.Parallel()
	store := &shelf{}
	h, _ := door(t, store)
	r := delivery(guid, "ping", "{}")
	r.Method = "GET"
	if status, a := ask(t, h, r); status != 405 || a.Code != "WH_METHOD" || len(store.kept) != 0 {
		t.Errorf("answered %d %+v", status, a)
	}
}

// The size is refused without taking what is too much: a declared one before its
// first byte, a chunked one at the first byte over.
func TestABodyThatIsTooBigIsNotRead(t *testing.T) {
	t.Parallel()
	store := &shelf{}
	h, _ := door(t, store)
	server := httptest.NewServer(h)
	defer server.Close()
	head := "POST / HTTP/1.1\r\nHost: anvil\r\nContent-Type: application/json\r\nX-GitHub-Event: ping\r\nX-GitHub-Delivery: " + guid +
		"\r\nX-Hub-Signature-256: " + sign("") + "\r\n"

	for name, send := range map[string]func(net.Conn){
		"declared": func(c net.Conn) { fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n", head, hook.MaxBody+1) },
		"chunked, endless": func(c net.Conn) {
			fmt.Fprintf(c, "%sTransfer-Encoding: chunked\r\n\r\n", head)
			chunk := fmt.Sprintf("%x\r\n%s\r\n", 1<<20, strings.Repeat(" ", 1<<20))
			for { // until the server has had enough
				if _, err := io.WriteString(c, chunk); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			sent := make(chan struct{})
			go func() { defer close(sent); send(conn) }()
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			var a hook.Answer
			if err := json.NewDecoder(res.Body).Decode(&a); err != nil || res.StatusCode != 413 || a.Code != "WH_TOO_BIG" || !res.Close {
				t.Errorf("answered %d %+v %v, closing %v; want 413 and the end", res.StatusCode, a, err, res.Close)
			}
			conn.Close()
			<-sent
		})
	}
	if len(store.kept) != 0 {
		t.Error("something was stored")
	}
}

func TestTheBiggestBodyIsTaken(t *testing.T) {
	t.Parallel()
	store := &shelf{}
	h, _ := door(t, store)
	body := `{"a":"` + strings.Repeat("x", hook.MaxBody-len(`{"a":""}`)) + `"}`
	if status, a := ask(t, h, delivery(guid, "ping", body)); status != 202 || len(store.kept) != 1 || len(store.kept[0].Body) != hook.MaxBody {
		t.Errorf("answered %d %+v", status, a)
	}
}

func TestADeliveryIsStoredAsItWasSignedWithItsJob(t *testing.T) {
	t.Parallel()
	store := &shelf{}
	h, _ := door(t, store)
	// Escaped NULs and half surrogate pairs are people's text: intake cleans them.
	const body = "{ \"action\" : \"created\",\n \"text\": \"\\u0000 \\ud800 é\", \"n\": 12345678901234567890 }"
	status, a := ask(t, h, delivery(guid, "issue_comment", body, set("Content-Type", "application/json; charset=UTF-8")))
	if status != 202 || a != (hook.Answer{Status: "accepted", Delivery: guid}) {
		t.Fatalf("answered %d %+v", status, a)
	}
	if len(store.kept) != 1 || string(store.kept[0].Body) != body || store.kept[0].ID != guid || store.kept[0].Event != "issue_comment" || !store.kept[0].ReceivedAt.Equal(noon) {
		t.Errorf("stored %+v", store.kept)
	}
	if want := (anvil.Job{Hop: anvil.HopDecide, Key: guid}); len(store.next) != 1 || store.next[0] != want {
		t.Errorf("woke %+v", store.next)
	}
}

func TestAnEventThatIsNotOursIsAcceptedAndForgotten(t *testing.T) {
	t.Parallel()
	store := &shelf{}
	h, _ := door(t, store)
	status, a := ask(t, h, delivery(guid, "star", `{"action":"created"}`))
	if status != 202 || a.Status != "ignored" || a.Code != "WH_UNHANDLED" || a.Delivery != guid || len(store.kept) != 0 {
		t.Errorf("answered %d %+v, stored %v", status, a, store.kept)
	}
}

// No 2xx may be on its way while the delivery is not on disk yet.
func TestNothingIsAcceptedBeforeItIsStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		written := make(chan struct{})
		store := &shelf{wait: func() { <-written }}
		h, _ := door(t, store)
		w := &watched{ResponseRecorder: httptest.NewRecorder()}
		go h.ServeHTTP(w, delivery(guid, "issue_comment", "{}"))
		synctest.Wait() // until nobody can go on without the store
		if w.touched {
			t.Error("an answer was begun before the delivery was stored")
		}
		close(written)
		synctest.Wait()
		if w.Code != 202 {
			t.Errorf("answered %d", w.Code)
		}
	})
}

type watched struct {
	*httptest.ResponseRecorder
	touched bool
}

func (w *watched) WriteHeader(status int) {
	w.touched = true
	w.ResponseRecorder.WriteHeader(status)
}

func (w *watched) Write(b []byte) (int, error) {
	w.touched = true
	return w.ResponseRecorder.Write(b)
}

func TestAStoreThatFailsMeansComeAgain(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"an error":   errors.New("disk I/O error"),
		"a problem":  anvil.Problemf("DB_FULL", "Make room.", "the disk is full"),
		"out of it":  context.Canceled,
		"many deep":  fmt.Errorf("store delivery: %w", fmt.Errorf("commit: %w", io.ErrShortWrite)),
		"over there": context.DeadlineExceeded,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, log := door(t, &shelf{err: err})
			status, a := ask(t, h, delivery(guid, "issue_comment", "{}"))
			if status != 503 || a.Code != "DB_UNAVAILABLE" || a.Status != "refused" {
				t.Errorf("answered %d %+v", status, a)
			}
			if strings.Contains(a.Message, err.Error()) {
				t.Errorf("the caller is told the cause: %q", a.Message)
			}
			if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=ERROR") || !strings.Contains(got, guid) {
				t.Errorf("the log should have one line with the cause, and has:\n%s", got)
			}
		})
	}
}

func TestAConflictIsRefusedAndAlarms(t *testing.T) {
	t.Parallel()
	h, log := door(t, &shelf{receipt: anvil.Receipt{Conflict: true}})
	status, a := ask(t, h, delivery(guid, "issue_comment", "{}"))
	if status != 409 || a.Code != "WH_GUID_CONFLICT" || !strings.Contains(a.Message, guid) {
		t.Errorf("answered %d %+v", status, a)
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=ERROR") {
		t.Errorf("logged:\n%s", got)
	}
}

func TestAnEmptySecretIsRefused(t *testing.T) {
	t.Parallel()
	_, err := hook.New(nil, &shelf{}, time.Now, slog.New(slog.DiscardHandler))
	if p := anvil.AsProblem(err); p == nil || p.Code != "CFG_SECRET_EMPTY" {
		t.Errorf("got %v", err)
	}
}
