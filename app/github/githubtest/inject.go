package githubtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// inject lets faults act on the requests to next.
func (x *faults) inject(server context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := x.meet(r.Method, strings.TrimPrefix(r.URL.Path, "/api/v3"))
		if f == nil {
			next.ServeHTTP(w, r)
			return
		}
		rec, _ := w.(*recordingWriter)
		x.ledger.seen(r, func(e *Entry) { e.Fault = f.ID })
		switch f.Do {
		case DoStatus:
			x.hit(f)
			f.answer(w)
		case DoDrop:
			x.hit(f)
			rec.cut()
		case DoDelay:
			x.hit(f)
			select {
			case <-time.After(time.Duration(f.DelayMS) * time.Millisecond):
			case <-server.Done():
			}
			next.ServeHTTP(w, r)
		case DoStall:
			x.hit(f)
			x.hold(f, server)
			next.ServeHTTP(w, r)
		default:
			// The effect does not depend on whether the client is still there.
			answer := &heldAnswer{header: http.Header{}}
			next.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
			x.hit(f)
			switch f.Do {
			case DoAcceptDrop:
				rec.cut()
			case DoAcceptFail:
				f.answer(w)
			case DoAcceptStall:
				x.hold(f, r.Context(), server)
				answer.send(w, answer.body.Len())
			case DoTruncate:
				answer.header.Set("Content-Length", strconv.Itoa(answer.body.Len()))
				answer.send(w, answer.body.Len()/2)
				rec.cut()
			}
		}
	})
}

// answer is a DoStatus fault's answer.
func (f *fault) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	for k, v := range f.Header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(f.Status)
	body := f.Body
	if body == "" {
		body = fmt.Sprintf(`{"message":%q,"documentation_url":"https://docs.github.com/rest","status":"%d"}`,
			http.StatusText(f.Status), f.Status)
	}
	_, _ = io.WriteString(w, body)
}

// heldAnswer keeps an answer until it may go out.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header { return h.header }

func (h *heldAnswer) Write(b []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(b)
}

func (h *heldAnswer) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

func (h *heldAnswer) send(w http.ResponseWriter, n int) {
	for k, v := range h.header {
		w.Header()[k] = v
	}
	if h.status == 0 {
		h.status = http.StatusOK
	}
	w.WriteHeader(h.status)
	_, _ = w.Write(h.body.Bytes()[:n])
	_ = http.NewResponseController(w).Flush()
}

// matchPath matches element by element; a final ** takes the rest.
func matchPath(pattern, p string) bool {
	want, have := strings.Split(strings.Trim(pattern, "/"), "/"), strings.Split(strings.Trim(p, "/"), "/")
	for i, w := range want {
		if w == "**" && i == len(want)-1 {
			return true
		}
		if i >= len(have) {
			return false
		}
		if ok, err := path.Match(w, have[i]); err != nil || !ok {
			return false
		}
	}
	return len(want) == len(have)
}
