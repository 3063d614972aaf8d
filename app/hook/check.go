package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// check verifies a request and returns its body, or what is wrong with it and
// the HTTP status for that. What the body takes is held until place is given back.
func (h *Handler) check(w http.ResponseWriter, r *http.Request, place *place) ([]byte, *anvil.Problem, int) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, anvil.Problemf("WH_METHOD", "This is a webhook address: GitHub calls it by itself.", "only POST is accepted here"), http.StatusMethodNotAllowed
	}
	for _, name := range []string{"X-GitHub-Event", "X-GitHub-Delivery"} {
		if problem := checkName(name, r.Header.Values(name)); problem != nil {
			return nil, problem, http.StatusBadRequest
		}
	}
	if kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" ||
		(params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8")) {
		return nil, anvil.Problemf("WH_TYPE", "Set the webhook's content type to application/json.", "the content type is not application/json"), http.StatusUnsupportedMediaType
	}
	signature, problem := parseSignature(r.Header)
	if problem != nil {
		return nil, problem, http.StatusUnauthorized
	}
	if r.ContentLength > MaxBody {
		return nil, tooBig, http.StatusRequestEntityTooLarge
	}
	// GitHub gives a delivery up after ten seconds: whoever is slower only holds memory.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(10 * time.Second)) // not every writer has deadlines
	body, err := place.read(http.MaxBytesReader(w, r.Body, MaxBody), r.ContentLength)
	if err != nil {
		if errors.Is(err, errFull) {
			return nil, busy, http.StatusServiceUnavailable
		}
		var over *http.MaxBytesError
		if errors.As(err, &over) {
			return nil, tooBig, http.StatusRequestEntityTooLarge
		}
		return nil, anvil.Problemf("WH_BODY", "Send the delivery again.", "the body could not be read").Because(err), http.StatusBadRequest
	}
	mac := hmac.New(sha256.New, h.secret)
	mac.Write(body)
	if !hmac.Equal(signature, mac.Sum(nil)) {
		return nil, badSignature, http.StatusUnauthorized
	}
	if problem := checkJSON(body); problem != nil {
		return nil, problem, http.StatusBadRequest
	}
	return body, nil, 0
}

var busy = anvil.Problemf("WH_BUSY", "Redeliver it in some seconds; nothing was stored.", "too many deliveries are on their way in at once")

var tooBig = anvil.Problemf("WH_TOO_BIG", "GitHub sends at most 25 MB.", "the body is larger than %d bytes", MaxBody)

// checkName refuses a header that is missing, or is not what GitHub writes there:
// one word of letters, digits, "-" and "_". These headers are not signed, and
// what they say goes into the log and the answer.
func checkName(name string, values []string) *anvil.Problem {
	const next = "Send the delivery again as GitHub made it."
	if len(values) == 0 || values[0] == "" {
		return anvil.Problemf("WH_HEADER", next, "the header %s is missing", name)
	}
	if !isName(values[0]) || len(values) > 1 {
		return anvil.Problemf("WH_HEADER", next, "the header %s is not a single name", name)
	}
	return nil
}

func isName(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	return s != "" && len(s) <= 100 && !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(letters, r) })
}

var badSignature = anvil.Problemf("WH_BAD_SIG", "Check that the webhook secret of the App and of this server are the same.", "the signature does not fit the body")

// parseSignature returns the decoded SHA-256 signature. GitHub writes it as
// "sha256=" and 64 lower-case hexadecimal digits; nothing else is accepted.
func parseSignature(header http.Header) ([]byte, *anvil.Problem) {
	given := header.Values("X-Hub-Signature-256")
	if len(given) == 0 {
		if header.Get("X-Hub-Signature") != "" {
			return nil, anvil.Problemf("WH_SHA1", "Send X-Hub-Signature-256.", "SHA-1 not accepted")
		}
		return nil, anvil.Problemf("WH_NO_SIG", "Set a webhook secret.", "X-Hub-Signature-256 missing")
	}
	digits, ok := strings.CutPrefix(given[0], "sha256=")
	if !ok || len(given) > 1 || len(digits) != hex.EncodedLen(sha256.Size) || digits != strings.ToLower(digits) {
		return nil, badSignature
	}
	signature, err := hex.DecodeString(digits)
	if err != nil {
		return nil, badSignature
	}
	return signature, nil
}
