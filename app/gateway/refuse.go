package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Codes of refusals; docs/errors.md says what to do about each. The status is the one
// that says what it is; heardBy may put another in its place.
const (
	CodePath     anvil.Code = "GW_PATH"     // 404 not a path of a model's interface
	CodeToken    anvil.Code = "GW_TOKEN"    // 401 not the token of the run
	CodeEnded    anvil.Code = "GW_ENDED"    // 400 the run is not working
	CodeWaiting  anvil.Code = "GW_WAITING"  // 400 the run has asked a person
	CodeModel    anvil.Code = "GW_MODEL"    // 403 not a model of the run
	CodeRequest  anvil.Code = "GW_REQUEST"  // 400 a body that is not passed on
	CodeTooBig   anvil.Code = "GW_TOO_BIG"  // 413
	CodeBusy     anvil.Code = "GW_BUSY"     // 429 too many calls at once
	CodeBudget   anvil.Code = "GW_BUDGET"   // 402 a budget is used up
	CodeUpstream anvil.Code = "GW_UPSTREAM" // 429, 502, 503 no upstream gave an answer
	CodeKey      anvil.Code = "GW_KEY"      // 400 an upstream refused our key
	CodeGone     anvil.Code = "GW_GONE"     // never told: the engine went away
	CodeStore    anvil.Code = "GW_STORE"    // 503 the database does not answer
)

// refusal is why a call is not answered by a model.
type refusal struct {
	status     int
	code       anvil.Code
	what       string // a sentence
	retryAfter time.Duration
	cause      error // for the log
}

func (r *refusal) Error() string { return string(r.code) + ": " + r.what }

func (r *refusal) Unwrap() error { return r.cause }

func refuse(status int, code anvil.Code, what string, args ...any) *refusal {
	return &refusal{status: status, code: code, what: fmt.Sprintf(what, args...)}
}

// heardBy is r with a status at which an engine of the kind stops. Clients take 402 and
// 403 for what they are and ask no more: Claude Code stops at once, while a 400 makes it
// try again with fewer optional fields. Codex is the exception: it repeats 402 and
// 403 five times, as if they passed, and stops at 400. The code in the body stays.
func (r *refusal) heardBy(kind string) *refusal {
	if kind == "codex" && (r.status == http.StatusPaymentRequired || r.status == http.StatusForbidden) {
		other := *r
		other.status = http.StatusBadRequest
		return &other
	}
	return r
}

func (r *refusal) because(err error) *refusal { r.cause = err; return r }

// write answers with r in the shape of the protocol.
func (r *refusal) write(w http.ResponseWriter, p protocol) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	if r.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((r.retryAfter+time.Second-1)/time.Second)))
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body(p)) // an engine that has gone reads nothing
}

// body is r as the provider of the protocol would tell it.
func (r *refusal) body(p protocol) []byte {
	if p == messages {
		return encode(map[string]any{"type": "error", "error": map[string]any{"type": r.anthropicType(), "message": r.Error()}})
	}
	if p == generate {
		return encode(map[string]any{"error": map[string]any{"code": r.status, "message": r.Error(), "status": r.googleStatus()}})
	}
	return encode(map[string]any{"error": map[string]any{
		"message": r.Error(), "type": r.openaiType(), "param": nil, "code": r.code,
	}})
}

// event is r as the last event of a stream that had begun.
func (r *refusal) event(p protocol) []byte {
	switch p {
	case messages:
		return fmt.Appendf(nil, "\n\nevent: error\ndata: %s\n\n", r.body(p))
	case responses:
		failed := encode(map[string]any{"type": "response.failed", "response": map[string]any{
			"object": "response", "status": "failed", "error": map[string]any{"code": r.code, "message": r.Error()},
		}})
		return fmt.Appendf(nil, "\n\nevent: response.failed\ndata: %s\n\n", failed)
	}
	return fmt.Appendf(nil, "\n\ndata: %s\n\n", r.body(p))
}

func (r *refusal) anthropicType() string {
	switch r.status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusPaymentRequired:
		return "billing_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	}
	if r.status >= 500 {
		return "api_error"
	}
	return "invalid_request_error"
}

func (r *refusal) openaiType() string {
	switch {
	case r.status == http.StatusTooManyRequests:
		return "rate_limit_error"
	case r.status == http.StatusPaymentRequired:
		return "insufficient_quota"
	case r.status == http.StatusForbidden:
		return "permission_error"
	case r.status >= 500:
		return "server_error"
	}
	return "invalid_request_error"
}

// googleStatus is the word that Google's APIs have for a status.
func (r *refusal) googleStatus() string {
	switch r.status {
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusPaymentRequired, http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	}
	if r.status >= 500 {
		return "INTERNAL"
	}
	return "INVALID_ARGUMENT"
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("gateway: strings are always JSON: " + err.Error())
	}
	return b
}
