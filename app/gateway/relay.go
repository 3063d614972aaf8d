package gateway

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// buffers are what answers pass through. They are small: a thousand streams have
// one each.
var buffers = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

// passed are the headers of an answer that the engine sees. The others speak of our
// account, or of a connection that is not the engine's.
var passed = []string{"Content-Type", "Request-Id", "X-Request-Id", "Retry-After", "X-Should-Retry"}

// patience for the engine to take what is written, and how often it is renewed.
const (
	takeWithin = 2 * time.Minute
	renewEvery = 20 * time.Second
)

// pass passes an answer on to the engine as it comes, and meters it. It returns
// what went wrong.
func (g *Gateway) relay(w http.ResponseWriter, c *call, a *answer, buf []byte, m *meter) *refusal {
	defer a.Body.Close()
	// A provider that falls silent in the middle is given up.
	silent := time.AfterFunc(g.silence, func() {
		c.cut(refuse(http.StatusBadGateway, CodeUpstream, "upstream %s fell silent. Try again.", a.from.Name))
	})
	defer silent.Stop()
	h := w.Header()
	for _, name := range passed {
		if v := a.Header[name]; v != nil {
			h[name] = v
		}
	}
	h["Cache-Control"] = []string{"no-store"}
	if a.ContentLength >= 0 && !m.stream {
		h["Content-Length"] = []string{strconv.FormatInt(a.ContentLength, 10)}
	}
	out := http.NewResponseController(w)
	w.WriteHeader(a.StatusCode)

	var renewed time.Time
	n, held, err := len(a.first), 0, a.err
	for {
		if n > 0 {
			if now := time.Now(); now.Sub(renewed) > renewEvery {
				_ = out.SetWriteDeadline(now.Add(takeWithin)) // not every writer has deadlines
				renewed = now
			}
			m.write(buf[held : held+n])
			chunk := buf[:held+n]
			held = g.keys.Hide(chunk)
			if err != nil {
				held = 0 // nothing follows: it is no key
			}
			c.hear(chunk[:len(chunk)-held])
			if _, wrong := w.Write(chunk[:len(chunk)-held]); wrong != nil {
				return gone(c, wrong)
			}
			if m.stream {
				if wrong := out.Flush(); wrong != nil {
					return gone(c, wrong)
				}
			}
			copy(buf, chunk[len(chunk)-held:])
		}
		if err != nil {
			break
		}
		n, err = a.Body.Read(buf[held:])
		silent.Reset(g.silence)
	}
	m.finish()
	if errors.Is(err, io.EOF) && (!m.stream || m.ended || m.heard) {
		return nil
	}
	return g.cutOff(w, c, a, m, err)
}

// cutOff ends an answer that did not come to its end: a stream with an error in the
// provider's own shape, another by breaking the connection, because half an answer
// must not pass for a whole one.
func (g *Gateway) cutOff(w http.ResponseWriter, c *call, a *answer, m *meter, err error) *refusal {
	no := refuse(http.StatusBadGateway, CodeUpstream, "upstream %s cut its answer off. Try again.", a.from.Name).because(err)
	if c.ctx.Err() != nil {
		no = cutBy(c.ctx)
	}
	if !m.stream {
		c.broken = true
		return no
	}
	event := no.event(c.route.protocol)
	if m.lineEnd {
		event = event[1:] // the line has its end
	}
	_, _ = w.Write(event) // an engine that has gone reads nothing
	_ = http.NewResponseController(w).Flush()
	return no
}

// gone is an engine that no longer takes the answer, because it went away or was
// cut.
func gone(c *call, err error) *refusal {
	if c.ctx.Err() != nil {
		if r := cutBy(c.ctx); r.code != CodeGone {
			return r
		}
	}
	return refuse(http.StatusBadRequest, CodeGone, "the engine went away.").because(err)
}

// streams reports whether an answer is a stream of events.
func streams(a *answer) bool {
	return strings.HasPrefix(a.Header.Get("Content-Type"), "text/event-stream")
}
