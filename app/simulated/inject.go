package simulated

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// Inject lets faults act on the requests to next, whose paths are matched without
// prefix, until the server's context ends. It belongs inside of [Ledger.Record].
func (x *Faults) Inject(server context.Context, prefix string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := x.Meet(r.Method, strings.TrimPrefix(r.URL.Path, prefix))
		if f == nil {
			next.ServeHTTP(w, r)
			return
		}
		rec, _ := w.(*recorder)
		x.ledger.Note(r, func(e *Entry) { e.Fault = f.ID })
		switch f.Do {
		case DoStatus:
			x.Hit(f)
			x.answer(w, f)
		case DoDrop:
			x.Hit(f)
			rec.cut()
		case DoDelay:
			x.Hit(f)
			select {
			case <-time.After(time.Duration(f.DelayMS) * time.Millisecond):
			case <-server.Done():
			}
			next.ServeHTTP(w, r)
		case DoStall:
			x.Hit(f)
			x.Hold(f, server)
			next.ServeHTTP(w, r)
		default:
			// The effect does not depend on whether the client is still there.
			answer := &Held{}
			next.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
			x.Hit(f)
			switch f.Do {
			case DoAcceptDrop:
				rec.cut()
			case DoAcceptFail:
				x.answer(w, f)
			case DoAcceptStall:
				x.Hold(f, r.Context(), server)
				answer.Send(w)
			case DoTruncate:
				answer.Header().Set("Content-Length", strconv.Itoa(answer.body.Len()))
				answer.send(w, answer.body.Len()/2)
				rec.cut()
			}
		}
	})
}

// answer is a DoStatus fault's answer.
func (x *Faults) answer(w http.ResponseWriter, f *Met) {
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
		body = x.body(f.Status)
	}
	_, _ = io.WriteString(w, body)
}

// Held keeps an answer until it may go out.
type Held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *Held) Header() http.Header {
	if h.header == nil {
		h.header = http.Header{}
	}
	return h.header
}

func (h *Held) Write(b []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(b)
}

func (h *Held) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

// Send lets it go out.
func (h *Held) Send(w http.ResponseWriter) { h.send(w, h.body.Len()) }

func (h *Held) send(w http.ResponseWriter, n int) {
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

// Match reports whether a path matches a pattern, element by element; a final ** takes the
// rest.
func Match(pattern, p string) bool {
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
