package hook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/slack"
)

// Slack is the door for what Slack tells, over HTTP or over a socket.
//
// An event is known by its event_id, for ever, however often and in whichever way it
// comes; an interaction or a command by its trigger. What cannot be for Anvil, such as
// talk outside of threads, is not even stored.
type Slack struct {
	secret []byte
	store  Store
	log    *slog.Logger
	now    func() time.Time
	room   *semaphore.Weighted // for bodies, in bytes
}

// NewSlack returns the door. Secret is the app's signing secret; without one nothing is
// taken over HTTP.
func NewSlack(secret string, store Store, now func() time.Time, log *slog.Logger) *Slack {
	return &Slack{secret: []byte(secret), store: store, log: log, now: now, room: semaphore.NewWeighted(roomBytes)}
}

const (
	slackWindow = 5 * time.Minute // what a signature's time may be off by
	maxSlack    = 1 << 20         // more than a payload of Slack's takes
)

func (h *Slack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	place := &place{room: h.room}
	defer place.leave()
	body, problem, status := h.check(w, r, place)
	if problem != nil {
		h.refuse(w, r, status, problem)
		return
	}
	told, problem := unwrapSlack(r.Header.Get("Content-Type"), body)
	if problem != nil {
		h.refuse(w, r, http.StatusBadRequest, problem)
		return
	}
	var outer struct{ Type, Challenge string }
	_ = json.Unmarshal(told.Payload, &outer) // unwrapSlack saw that it is JSON
	if told.Kind == slack.KindEvent && outer.Type == "url_verification" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		fmt.Fprint(w, outer.Challenge)
		return
	}
	said, err := h.take(r.Context(), told)
	if err != nil {
		h.refuse(w, r, http.StatusServiceUnavailable, anvil.Problemf("DB_UNAVAILABLE", "Slack sends it again; nothing was stored", "the delivery could not be stored").Because(err))
		return
	}
	if told.Kind != slack.KindEvent {
		w.WriteHeader(http.StatusOK) // whatever the body said, a person would see it
		return
	}
	answer(w, http.StatusOK, said)
}

// Take takes what came over a socket. An error means that it was not stored.
func (h *Slack) Take(ctx context.Context, t slack.Told) error {
	if problem := checkJSON(t.Payload); problem != nil {
		h.log.Warn("what Slack told is not read", "code", problem.Code)
		return nil // it would not be another one the next time
	}
	_, err := h.take(ctx, t)
	return err
}

func (h *Slack) take(ctx context.Context, t slack.Told) (Answer, error) {
	var outer struct{ Type string }
	if _ = json.Unmarshal(t.Payload, &outer); t.Kind == slack.KindEvent && outer.Type == "app_rate_limited" {
		h.log.Error("Slack holds back events of this workspace, because too many came in an hour: what is said there meanwhile is not heard", "code", "SLK_LIMITED")
		return Answer{Status: "ignored", Code: "SLK_LIMITED"}, nil
	}
	id := slackID(t)
	if id == "" {
		return Answer{Status: "ignored", Code: "WH_UNHANDLED"}, nil
	}
	event := "slack:" + t.Kind
	receipt, err := h.store.Receive(ctx, anvil.Delivery{ID: id, Event: event, Body: t.Payload, Known: string(id), ReceivedAt: h.now()},
		anvil.Job{Hop: anvil.HopDecide, Key: string(id)})
	if err != nil {
		return Answer{}, err
	}
	said := Answer{Status: "accepted", Delivery: string(id)}
	if receipt.Duplicate {
		said.Status, said.Task = "duplicate", string(receipt.Task)
	}
	h.log.Info("delivery stored", "delivery", id, "event", event, "status", said.Status)
	return said, nil
}

// check verifies a request and returns its body, or what is wrong with it and the HTTP
// status for that.
func (h *Slack) check(w http.ResponseWriter, r *http.Request, place *place) ([]byte, *anvil.Problem, int) {
	badSignature := anvil.Problemf("SLK_SIG", "Check that slack.signing_secret is the app's", "the signature is missing, or does not fit the body")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, anvil.Problemf("WH_METHOD", "This is an address for Slack, which calls it by itself", "only POST is accepted here"), http.StatusMethodNotAllowed
	}
	digits, ok := strings.CutPrefix(r.Header.Get("X-Slack-Signature"), "v0=")
	signature, err := hex.DecodeString(digits)
	if !ok || err != nil || len(signature) != sha256.Size || len(h.secret) == 0 || len(r.Header.Values("X-Slack-Signature")) > 1 {
		return nil, badSignature, http.StatusUnauthorized
	}
	stamp := r.Header.Get("X-Slack-Request-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return nil, badSignature, http.StatusUnauthorized
	}
	if skew := h.now().Sub(time.Unix(seconds, 0)); skew > slackWindow || skew < -slackWindow {
		return nil, anvil.Problemf("SLK_STALE", fmt.Sprintf("Check the server's clock (skew %.0f s)", skew.Seconds()), "the request was signed at another time"), http.StatusUnauthorized
	}
	tooBig := anvil.Problemf("WH_TOO_BIG", "Slack sends no such request", "the body is larger than %d bytes", maxSlack)
	body, problem, status := place.bounded(w, r, maxSlack, 3*time.Second, tooBig, "Send the request again") // Slack waits no longer
	if problem != nil {
		return nil, problem, status
	}
	mac := hmac.New(sha256.New, h.secret)
	fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	if !hmac.Equal(signature, mac.Sum(nil)) {
		return nil, badSignature, http.StatusUnauthorized
	}
	return body, nil, 0
}

// unwrapSlack finds out what a body is: events are JSON, interactions JSON in a form, and
// commands a form, of which JSON is made as a socket has it.
func unwrapSlack(contentType string, body []byte) (slack.Told, *anvil.Problem) {
	kind, _, _ := mime.ParseMediaType(contentType)
	t := slack.Told{Kind: slack.KindEvent, Payload: body}
	if kind == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return t, anvil.Problemf("WH_BODY", "Send the request again as Slack made it", "the form cannot be read").Because(err)
		}
		t = slack.Told{Kind: slack.KindInteraction, Payload: []byte(form.Get("payload"))}
		if form.Get("command") != "" {
			fields := map[string]string{}
			for name := range form {
				fields[name] = form.Get(name)
			}
			text, err := json.Marshal(fields)
			if err != nil {
				return t, anvil.Problemf("WH_BODY", "Send the request again as Slack made it", "the form cannot be read").Because(err)
			}
			t = slack.Told{Kind: slack.KindCommand, Payload: text}
		}
	} else if kind != "application/json" {
		return t, anvil.Problemf("WH_TYPE", "Send the request again as Slack made it", "the content type is neither JSON nor a form")
	}
	return t, checkJSON(t.Payload)
}

// slackID is what a thing that Slack tells is known by; empty: it is not for us.
func slackID(t slack.Told) anvil.DeliveryID {
	var p struct {
		EventID   string `json:"event_id"`
		TriggerID string `json:"trigger_id"`
		Type      string
		Event     struct {
			Type, Subtype string
			Thread        string `json:"thread_ts"`
			Channel       string `json:"channel_type"`
			Bot           string `json:"bot_id"`
		}
	}
	if json.Unmarshal(t.Payload, &p) != nil {
		return ""
	}
	if t.Kind != slack.KindEvent {
		if p.TriggerID == "" {
			return ""
		}
		sum := sha256.Sum256([]byte(p.TriggerID))
		return anvil.DeliveryID("slack:" + hex.EncodeToString(sum[:10]))
	}
	switch e := p.Event; {
	case !isName(p.EventID), e.Bot != "":
		return ""
	case e.Type == "app_mention", e.Type == "agent_session_stopped":
	case e.Type != "message", e.Subtype != "" && e.Subtype != "file_share", e.Thread == "" && e.Channel != "im":
		return ""
	}
	return anvil.DeliveryID("slack:" + p.EventID)
}

func (h *Slack) refuse(w http.ResponseWriter, r *http.Request, status int, p *anvil.Problem) {
	level := slog.LevelWarn
	if status >= 500 {
		level = slog.LevelError
	}
	h.log.Log(r.Context(), level, "request of Slack refused", "code", p.Code, "status", status, "cause", p.Cause)
	answer(w, status, Answer{Status: "refused", Code: p.Code, Message: p.Error()})
}
