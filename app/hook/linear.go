package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// EventLinear is the event of what happens in Linear's agent sessions, as deliveries
// have it.
const EventLinear = "linear:AgentSessionEvent"

// Linear is the webhook endpoint of Linear.
//
// What a delivery is known by, for ever, is in the signed body: the session that was
// created, or the activity of the person who said something. Linear's own id of a
// delivery is not signed, and each attempt has a time and a signature of its own. So a
// retry is a duplicate, and so is what somebody has captured and sends again under
// another id.
type Linear struct {
	secret []byte
	store  Store
	log    *slog.Logger
	now    func() time.Time
	room   *semaphore.Weighted // for bodies, in bytes
}

// NewLinear returns the endpoint. An empty secret is refused: it would let anybody in.
func NewLinear(secret string, store Store, now func() time.Time, log *slog.Logger) (*Linear, error) {
	if secret == "" {
		return nil, anvil.Problemf("CFG_LINEAR", "Set linear.webhook_secret_file to the signing secret of the application's webhooks.", "the webhook secret of Linear is empty")
	}
	return &Linear{secret: []byte(secret), store: store, log: log, now: now, room: semaphore.NewWeighted(roomBytes)}, nil
}

// What a body's time may be off by. Linear sends again for some seven hours, and signs
// the time of sending; an older one is nothing that Linear still sends.
const (
	oldestLinear = 8 * time.Hour
	futureLinear = 5 * time.Minute // clocks differ
)

func (h *Linear) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	place := &place{room: h.room}
	defer place.leave()
	body, problem, status := h.check(w, r, place)
	if problem != nil {
		h.refuse(w, r, status, problem)
		return
	}
	event, problem := h.read(body)
	if problem != nil {
		status := http.StatusBadRequest
		if problem.Code == "LIN_STALE" {
			status = http.StatusUnauthorized
		}
		h.refuse(w, r, status, problem)
		return
	}
	id := event.id()
	if id == "" {
		answer(w, http.StatusOK, Answer{Status: "ignored", Code: "WH_UNHANDLED", Message: "Anvil does not listen to this event."})
		return
	}
	next := []anvil.Job{{Hop: anvil.HopDecide, Key: string(id)}}
	if !event.stops() {
		next = append(next, anvil.Job{Hop: anvil.HopGreet, Key: string(id)})
	}
	receipt, err := h.store.Receive(r.Context(), anvil.Delivery{ID: id, Event: EventLinear, Body: body, Known: string(id), ReceivedAt: h.now()}, next...)
	if err != nil {
		h.refuse(w, r, http.StatusServiceUnavailable, anvil.Problemf("DB_UNAVAILABLE", "Linear sends it again; nothing was stored.", "the delivery could not be stored").Because(err))
		return
	}
	// Linear takes nothing but 200 for an answer.
	said := Answer{Status: "accepted", Delivery: string(id)}
	if receipt.Duplicate {
		said.Status, said.Task = "duplicate", string(receipt.Task)
	}
	h.log.Info("delivery stored", "delivery", id, "event", EventLinear, "status", said.Status)
	answer(w, http.StatusOK, said)
}

// check verifies a request and returns its body, or what is wrong with it and the HTTP
// status for that.
func (h *Linear) check(w http.ResponseWriter, r *http.Request, place *place) ([]byte, *anvil.Problem, int) {
	const next = "Send the delivery again as Linear made it"
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, anvil.Problemf("LIN_HEADER", "This is a webhook address: Linear calls it by itself", "only POST is accepted here"), http.StatusMethodNotAllowed
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, anvil.Problemf("LIN_HEADER", next, "the content type is not application/json"), http.StatusUnsupportedMediaType
	}
	if ids := r.Header.Values("Linear-Delivery"); len(ids) != 1 || !isName(ids[0]) {
		return nil, anvil.Problemf("LIN_HEADER", next, "the header Linear-Delivery is missing, or is not a single name"), http.StatusBadRequest
	}
	given := r.Header.Values("Linear-Signature")
	if len(given) == 0 {
		return nil, anvil.Problemf("LIN_NO_SIG", "Let Linear call this address by itself", "the delivery is not signed"), http.StatusUnauthorized
	}
	signature, err := hex.DecodeString(given[0])
	if err != nil || len(given) > 1 || len(signature) != sha256.Size {
		return nil, badLinearSignature, http.StatusUnauthorized
	}
	tooBig := anvil.Problemf("LIN_TOO_BIG", "Linear sends no such delivery", "the body is larger than %d bytes", maxLinear)
	body, problem, status := place.bounded(w, r, maxLinear, 5*time.Second, tooBig, next) // Linear waits no longer
	if problem != nil {
		return nil, problem, status
	}
	mac := hmac.New(sha256.New, h.secret)
	mac.Write(body)
	if !hmac.Equal(signature, mac.Sum(nil)) {
		return nil, badLinearSignature, http.StatusUnauthorized
	}
	if problem := checkJSON(body); problem != nil {
		return nil, problem, http.StatusBadRequest
	}
	return body, nil, 0
}

// maxLinear is more than a payload of Linear's takes.
const maxLinear = 5 << 20

var badLinearSignature = anvil.Problemf("LIN_BAD_SIG", "Check that linear.webhook_secret is the signing secret of the application's webhooks", "the signature does not fit the body")

// linearEvent is what the door looks at.
type linearEvent struct {
	Type      string `json:"type"`
	Action    string `json:"action"`
	Timestamp int64  `json:"webhookTimestamp"` // milliseconds
	Session   struct {
		ID string `json:"id"`
	} `json:"agentSession"`
	Activity struct {
		ID     string `json:"id"`
		Signal string `json:"signal"`
	} `json:"agentActivity"`
}

func (h *Linear) read(body []byte) (linearEvent, *anvil.Problem) {
	var e linearEvent
	if err := json.Unmarshal(body, &e); err != nil {
		return e, anvil.Problemf("WH_JSON", "Send the delivery again as Linear made it", "the payload is not one of Linear's").Because(err)
	}
	if at, now := time.UnixMilli(e.Timestamp), h.now(); at.Before(now.Add(-oldestLinear)) || at.After(now.Add(futureLinear)) {
		return e, anvil.Problemf("LIN_STALE", "Check the server's clock; what Linear still sends is newer", "the delivery was signed at another time")
	}
	return e, nil
}

// id is what the delivery is known by; empty: it is none of ours.
func (e linearEvent) id() anvil.DeliveryID {
	about := ""
	switch {
	case e.Type != "AgentSessionEvent" || !isName(e.Session.ID):
	case e.Action == "created":
		about = e.Session.ID
	case e.Action == "prompted":
		about = e.Activity.ID
	}
	if !isName(about) {
		return ""
	}
	return anvil.DeliveryID("linear:" + e.Session.ID + ":" + e.Action + ":" + about)
}

func (e linearEvent) stops() bool { return e.Action == "prompted" && e.Activity.Signal == "stop" }

func (h *Linear) refuse(w http.ResponseWriter, r *http.Request, status int, p *anvil.Problem) {
	level := slog.LevelWarn
	if status >= 500 {
		level = slog.LevelError
		w.Header().Set("Retry-After", "5")
	}
	h.log.Log(r.Context(), level, "delivery of Linear refused", "code", p.Code, "status", status, "cause", p.Cause)
	answer(w, status, Answer{Status: "refused", Code: p.Code, Message: p.Error()})
}
