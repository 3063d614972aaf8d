package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// MaxBody is the largest payload GitHub sends: 25 MB.
const MaxBody = 25 << 20

// Store keeps what came in.
type Store interface {
	Receive(ctx context.Context, d anvil.Delivery, next ...anvil.Job) (anvil.Receipt, error)
}

// Handler is the webhook endpoint of GitHub.
type Handler struct {
	secret []byte
	store  Store
	log    *slog.Logger
	words  zerolog.Logger // what go-githubapp has to say
	now    func() time.Time
	room   *semaphore.Weighted // for bodies, in bytes
	door   http.Handler
}

// Events are the webhook events that Anvil subscribes to and stores.
var Events = []string{"issue_comment", "issues", "pull_request", "pull_request_review", "pull_request_review_comment", "check_run", "check_suite", "installation", "installation_repositories", "ping"}

// New returns the endpoint. An empty secret is refused: it would let anybody in.
func New(secret []byte, store Store, now func() time.Time, log *slog.Logger) (*Handler, error) {
	if len(secret) == 0 {
		return nil, anvil.Problemf("CFG_SECRET_EMPTY", "Set github.webhook_secret_file to the secret of the App.", "the webhook secret is empty")
	}
	h := &Handler{secret: bytes.Clone(secret), store: store, log: log, now: now, room: semaphore.NewWeighted(roomBytes)}
	h.words = zerologTo(log).Level(zerolog.WarnLevel) // at INFO it repeats what we say ourselves
	h.door = githubapp.NewEventDispatcher([]githubapp.EventHandler{subscribed{}}, string(secret),
		githubapp.WithScheduler(h),
		githubapp.WithErrorCallback(h.refuse),
		githubapp.WithResponseCallback(h.respond),
	)
	return h, nil
}

// subscribed names the events for go-githubapp. Its Handle is never reached: the
// scheduler stores the delivery, and the decide hop reads it.
type subscribed struct{}

func (subscribed) Handles() []string { return Events }

func (subscribed) Handle(context.Context, string, string, []byte) error {
	return errors.New("hook: deliveries are handled by the decide hop")
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	place := &place{room: h.room}
	defer place.leave()
	body, problem, status := h.check(w, r, place)
	if problem != nil {
		switch status {
		case http.StatusServiceUnavailable:
			w.Header().Set("Retry-After", "5")
			w.Header().Set("Connection", "close") // the rest of it is not read
		case http.StatusRequestEntityTooLarge:
			w.Header().Set("Connection", "close")
		}
		h.answerProblem(w, r, status, problem)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	h.door.ServeHTTP(w, r.WithContext(h.words.WithContext(r.Context())))
}

// codeConflict is the problem of a delivery id that comes with another body.
const codeConflict = "WH_GUID_CONFLICT"

// Schedule implements githubapp.Scheduler: it stores the delivery and its job,
// and has not returned before both are on disk.
func (h *Handler) Schedule(ctx context.Context, d githubapp.Dispatch) error {
	receipt, err := h.store.Receive(ctx, anvil.Delivery{
		ID:         anvil.DeliveryID(d.DeliveryID),
		Event:      d.EventType,
		Body:       d.Payload,
		ReceivedAt: h.now(),
	}, anvil.Job{Hop: anvil.HopDecide, Key: d.DeliveryID})
	if err != nil {
		return err
	}
	if receipt.Conflict {
		return anvil.Problemf(codeConflict, "Nothing was changed. If this was no test, somebody who knows the webhook secret is replaying deliveries: rotate it.",
			"this delivery id was used before for another body")
	}
	githubapp.SetResponder(ctx, func(w http.ResponseWriter, r *http.Request) {
		if receipt.Duplicate {
			h.log.Info("delivery known already", "delivery", d.DeliveryID, "event", d.EventType, "task", receipt.Task)
			answer(w, http.StatusOK, Answer{Status: "duplicate", Delivery: d.DeliveryID, Task: string(receipt.Task)})
			return
		}
		h.log.Info("delivery stored", "delivery", d.DeliveryID, "event", d.EventType)
		answer(w, http.StatusAccepted, Answer{Status: "accepted", Delivery: d.DeliveryID})
	})
	return nil
}

// Answer is the body that GitHub shows in its delivery log.
type Answer struct {
	Status   string     `json:"status"` // accepted, duplicate, ignored or refused
	Delivery string     `json:"delivery,omitempty"`
	Task     string     `json:"task,omitempty"`
	Code     anvil.Code `json:"code,omitempty"`
	Message  string     `json:"message,omitempty"`
}

func (h *Handler) respond(w http.ResponseWriter, r *http.Request, event string, handled bool) {
	if !handled {
		answer(w, http.StatusAccepted, Answer{Status: "ignored", Code: "WH_UNHANDLED", Message: "Anvil does not listen to this event.", Delivery: r.Header.Get("X-GitHub-Delivery")})
		return
	}
	if respond := githubapp.GetResponder(r.Context()); respond != nil {
		respond(w, r)
	}
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if p := anvil.AsProblem(err); p != nil && p.Code == codeConflict {
		h.answerProblem(w, r, http.StatusConflict, p)
		return
	}
	var invalid githubapp.ValidationError
	if errors.As(err, &invalid) { // our own checks let it pass and the library did not
		h.answerProblem(w, r, http.StatusBadRequest, anvil.Problemf("WH_BODY", "Send the delivery again as GitHub made it.", "the delivery is not valid").Because(err))
		return
	}
	h.answerProblem(w, r, http.StatusServiceUnavailable, anvil.Problemf("DB_UNAVAILABLE", "Redeliver it once the server is well again; nothing was stored.", "the delivery could not be stored").Because(err))
}

func (h *Handler) answerProblem(w http.ResponseWriter, r *http.Request, status int, p *anvil.Problem) {
	id := r.Header.Get("X-GitHub-Delivery")
	if !isName(id) {
		id = ""
	}
	level := slog.LevelWarn
	if status >= 500 || p.Code == codeConflict { // ours to repair, or somebody knows the secret
		level = slog.LevelError
	}
	h.log.Log(r.Context(), level, "delivery refused", "code", p.Code, "delivery", id, "status", status, "cause", p.Cause)
	told := *p
	if id != "" {
		told.IDs = []string{"delivery " + id}
	}
	answer(w, status, Answer{Status: "refused", Delivery: id, Code: p.Code, Message: told.Error()})
}

func answer(w http.ResponseWriter, status int, a Answer) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(a) // the caller may have gone: then nobody reads it
}
