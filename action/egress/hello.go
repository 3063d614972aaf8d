package egress

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// errSeen ends a handshake that was begun only to read its first message.
var errSeen = errors.New("seen")

// longestHello bounds what is read to find the end of a first message.
const longestHello = 64 << 10

// readHello reads the first message of a TLS connection from the client's side, and
// returns its bytes and the name of the host that it asks for.
func readHello(from net.Conn) (hello []byte, name string, err error) {
	seen := &witness{Conn: from}
	err = tls.Server(seen, &tls.Config{
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			name = h.ServerName
			return nil, errSeen
		},
	}).Handshake()
	if errors.Is(err, errSeen) {
		return seen.read.Bytes(), name, nil
	}
	return nil, "", err
}

// witness keeps what is read, and swallows what is written.
type witness struct {
	net.Conn
	read bytes.Buffer
}

func (w *witness) Read(b []byte) (int, error) {
	if w.read.Len() > longestHello {
		return 0, errors.New("the first message does not end")
	}
	n, err := w.Conn.Read(b)
	w.read.Write(b[:n])
	return n, err
}

func (w *witness) Write(b []byte) (int, error)      { return len(b), nil }
func (w *witness) SetDeadline(time.Time) error      { return nil }
func (w *witness) SetWriteDeadline(time.Time) error { return nil }
func (w *witness) Close() error                     { return nil }
