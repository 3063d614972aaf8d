package simulated

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// recorder notes what is answered while it passes.
type recorder struct {
	http.ResponseWriter
	status int
	n      int64
	cutOff bool // there was no answer
	sum    interface {
		io.Writer
		Sum([]byte) []byte
	}
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.n += int64(n)
	_, _ = w.sum.Write(b[:n])
	return n, err
}

// Hijack hands the connection over, to a WebSocket for instance.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, buffered, err
}

// cut resets the connection: the client gets no answer at all.
func (w *recorder) cut() {
	w.cutOff = true
	conn, _, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
